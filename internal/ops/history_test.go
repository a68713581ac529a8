package ops_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/ops"
)

// A server answers ten times a second for two hours; in the last six minutes
// each tenth answer is an error.
func TestFiguresAreThoseOfTheLastHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := &ops.History{Now: time.Now, Take: func() (ops.Sample, error) {
			n := math.Floor(time.Since(start).Seconds() * 10)
			bad := max(0, n-(120-6)*600) / 10
			return ops.Sample{Requests: n, Errors: bad, Short: ops.Histogram{.1: n, math.Inf(1): n}, Jobs: n / 10, Failures: n / 100}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		if err := h.Run(ctx); err != nil {
			t.Fatal(err)
		}
		got, err := h.Figures()
		if err != nil {
			t.Fatal(err)
		}
		want := ops.Figures{Requests: 36000, Errors1h: .01, Errors5m: .1, Burn: 10, APIP95: 95, JobFailures: .1}
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) })); d != "" {
			t.Error(d)
		}
	})
}
