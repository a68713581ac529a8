package warranty

import (
	"testing"
	"time"
)

// After a restore nobody is told again of what they may have been told of since
// the backup; what is still to come stays due.
func TestARestorePassesWhatIsDue(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		soon, later := b.ending("soon", 31), b.ending("later", 32)
		b.clock.Add(24 * time.Hour)
		if err := PassMissed(t.Context(), b.db); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			w    Warranty
			want map[int]string
		}{
			{soon, map[int]string{90: "passed", 30: "passed", 14: "due", 0: "due"}},
			{later, map[int]string{90: "passed", 30: "due", 14: "due", 0: "due"}},
		} {
			w, err := b.Warranty(t.Context(), b.ada, x.w.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, threshold := range w.Thresholds {
				if threshold.State != x.want[threshold.Days] {
					t.Errorf("%s, %d days: %s", w.ItemName, threshold.Days, threshold.State)
				}
			}
		}
	})
}
