package deploy

import (
	"math"
	"testing"
	"time"

	"navidocs/internal/ops"
)

// The answers of a server's first seconds, when its caches are empty, say nothing of
// how fast it is; its errors do.
func TestTheFirstAnswersAreNotJudgedByTheirTime(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int, answers, errors float64) moment {
		return moment{ops.Sample{Requests: answers, Errors: errors, Short: ops.Histogram{math.Inf(1): answers}}, noon.Add(time.Duration(seconds) * time.Second)}
	}
	x := &deploy{Deploy: &Deploy{Options: Options{Watch: time.Minute}}, promoted: at(0, 0, 0)}
	past := []moment{x.promoted, at(1, 100, 2)}
	if got := x.lately(past); got.Requests != 100 || got.Errors != 2 || got.Short.Count() != 0 {
		t.Errorf("after a second: %+v", got)
	}
	past = append(past, at(5, 150, 2), at(6, 190, 2))
	if got := x.lately(past); got.Requests != 190 || got.Short.Count() != 40 {
		t.Errorf("after six: %+v", got)
	}
	if got := x.lately(past[2:]); got.Requests != 40 || got.Short.Count() != 40 {
		t.Errorf("later: %+v", got)
	}
	x.Options.Watch = 3 * time.Second // two thirds of it are judged
	if got := x.lately(past); got.Short.Count() != 90 {
		t.Errorf("in a short watch: %+v", got)
	}
}
