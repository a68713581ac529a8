package webhook

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestTheScheduleOver75Hours makes every attempt of an endpoint that never
// answers, in virtual time.
func TestTheScheduleOver75Hours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		for attempt := 1; ; attempt++ {
			at = append(at, time.Since(began))
			pause, ok := wait(3, attempt, 0, 0)
			if !ok {
				break
			}
			time.Sleep(pause)
		}
		const m, h = time.Minute, time.Hour
		want := []time.Duration{
			0, time.Second, 3 * time.Second, 7 * time.Second, 5*m + 7*time.Second, 35*m + 7*time.Second, 2*h + 35*m + 7*time.Second,
			7*h + 35*m + 7*time.Second, 17*h + 35*m + 7*time.Second, 31*h + 35*m + 7*time.Second, 51*h + 35*m + 7*time.Second, 75*h + 35*m + 7*time.Second,
		}
		if !slices.Equal(at, want) {
			t.Errorf("attempts at %v", at)
		}
	})
}

func TestWaitsKeepTheirBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quick := rapid.IntRange(0, 30).Draw(t, "quick")
		attempt := rapid.IntRange(1, 45).Draw(t, "attempt")
		asked := time.Duration(rapid.Int64Range(0, int64(72*time.Hour)).Draw(t, "asked"))
		jitter := rapid.Float64Range(-1, 1).Draw(t, "jitter")
		s, more := step(quick, attempt)
		got, ok := wait(quick, attempt, asked, jitter)
		switch {
		case ok != more || more != (attempt <= quick+len(later)):
			t.Fatal("another number of attempts")
		case !ok:
		case got < min(asked, 2*s):
			t.Fatal("sooner than asked for", got)
		case got > 2*s, asked == 0 && (got < s*4/5 || got > s*6/5):
			t.Fatal("out of bounds", got, s)
		case attempt <= quick && s > 5*time.Minute:
			t.Fatal("a quick one is slow", s)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "99999999999999": 0,
		now.Add(time.Hour).Format(http.TimeFormat):  time.Hour,
		now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
