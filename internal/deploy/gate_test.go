package deploy_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"navidocs/internal/deploy"
	"navidocs/internal/ops"
)

// counted is a sample of requests that all took so long, with errors among them.
func counted(requests, errors float64, took time.Duration) ops.Sample {
	h := ops.Histogram{}
	for _, bound := range []float64{.1, .2, .5, 1, 2.5, 5} {
		if took.Seconds() <= bound {
			h[bound] = requests
		} else {
			h[bound] = 0
		}
	}
	h[math.Inf(1)] = requests
	return ops.Sample{Requests: requests, Errors: errors, Short: h}
}

// mostly is a sample of short answers, of which some took a second.
func mostly(n, slow float64) ops.Sample {
	return ops.Sample{Requests: n, Short: ops.Histogram{.1: n - slow, .2: n - slow, 1: n, math.Inf(1): n}}
}

func jobs(n, failed float64) ops.Sample { return ops.Sample{Jobs: n, Failures: failed} }

func TestTheGateJudgesARelease(t *testing.T) {
	t.Parallel()
	const fast, slow, slower = 50 * time.Millisecond, 400 * time.Millisecond, 900 * time.Millisecond
	for name, c := range map[string]struct {
		before, now ops.Sample
		max, slack  float64
		want        string // a part of why it must go; "" when it may stay
	}{
		"all is well":                         {before: counted(100, 0, fast), now: counted(100, 0, fast)},
		"nobody came":                         {},
		"too few to judge":                    {now: counted(19, 19, fast)},
		"the twentieth is enough":             {now: counted(20, 2, fast), want: "10.0 % of 20 answers"},
		"five in a hundred may fail":          {now: counted(100, 5, fast)},
		"six may not":                         {now: counted(100, 6, fast), want: "6.0 % of 100 answers"},
		"a stricter limit":                    {now: counted(100, 2, fast), max: 0.01, want: "more than 1 %"},
		"slower than the old one":             {before: counted(100, 0, fast), now: counted(100, 0, slow), want: "the limit is 200ms"},
		"a machine that others have slowed":   {before: counted(100, 0, fast), now: counted(100, 0, slow), slack: 3},
		"two of twenty are slow by chance":    {before: counted(100, 0, fast), now: mostly(20, 2)},
		"seven of twenty are not":             {before: counted(100, 0, fast), now: mostly(20, 7), want: "the limit is 200ms"},
		"nor are twenty of a hundred":         {before: counted(100, 0, fast), now: mostly(100, 20), want: "the limit is 200ms"},
		"a slow machine":                      {before: counted(100, 0, slow), now: counted(100, 0, slow)},
		"slow, and then slower":               {before: counted(100, 0, slow), now: counted(100, 0, slower), want: "before"},
		"slow, and nothing to compare with":   {before: counted(5, 0, slow), now: counted(100, 0, slower)},
		"jobs that fail":                      {before: jobs(50, 0), now: jobs(40, 20), want: "50 % of 40 attempts"},
		"jobs that failed before as well":     {before: jobs(50, 25), now: jobs(40, 20)},
		"a few jobs fail":                     {now: jobs(19, 19)},
		"errors that were there all the time": {before: counted(100, 10, fast), now: counted(100, 10, fast), want: "10.0 %"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := deploy.Gate{Before: c.before, MaxErrors: c.max, Slack: c.slack}.Judge(c.now)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) || c.want != "" && got == "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
