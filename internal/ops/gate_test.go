package ops_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
			got := ops.Gate{Before: c.before, MaxErrors: c.max, Slack: c.slack}.Judge(c.now)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) || c.want != "" && got == "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestASampleIsReadFromMetrics(t *testing.T) {
	t.Parallel()
	const text = `# TYPE navidocs_http_request_duration_seconds histogram
navidocs_http_request_duration_seconds_bucket{method="GET",route="GET /api/boats",status="200",le="0.1"} 30
navidocs_http_request_duration_seconds_bucket{method="GET",route="GET /api/boats",status="200",le="+Inf"} 40
navidocs_http_request_duration_seconds_sum{method="GET",route="GET /api/boats",status="200"} 9
navidocs_http_request_duration_seconds_count{method="GET",route="GET /api/boats",status="200"} 40
navidocs_http_request_duration_seconds_bucket{method="GET",route="GET /api/boats",status="503",le="0.1"} 3
navidocs_http_request_duration_seconds_bucket{method="GET",route="GET /api/boats",status="503",le="+Inf"} 3
navidocs_http_request_duration_seconds_sum{method="GET",route="GET /api/boats",status="503"} 1
navidocs_http_request_duration_seconds_count{method="GET",route="GET /api/boats",status="503"} 3
navidocs_http_request_duration_seconds_bucket{method="POST",route="POST /api/documents",status="201",le="+Inf"} 5
navidocs_http_request_duration_seconds_sum{method="POST",route="POST /api/documents",status="201"} 60
navidocs_http_request_duration_seconds_count{method="POST",route="POST /api/documents",status="201"} 5
navidocs_http_request_duration_seconds_bucket{method="GET",route="GET /livez",status="200",le="+Inf"} 1000
navidocs_http_request_duration_seconds_sum{method="GET",route="GET /livez",status="200"} 1
navidocs_http_request_duration_seconds_count{method="GET",route="GET /livez",status="200"} 1000
# TYPE navidocs_db_duration_seconds histogram
navidocs_db_duration_seconds_bucket{kind="read",le="0.01"} 5
navidocs_db_duration_seconds_bucket{kind="read",le="+Inf"} 6
navidocs_db_duration_seconds_sum{kind="read"} 1
navidocs_db_duration_seconds_count{kind="read"} 6
# TYPE navidocs_job_duration_seconds histogram
navidocs_job_duration_seconds_bucket{kind="a",outcome="completed",le="+Inf"} 7
navidocs_job_duration_seconds_sum{kind="a",outcome="completed"} 1
navidocs_job_duration_seconds_count{kind="a",outcome="completed"} 7
navidocs_job_duration_seconds_bucket{kind="a",outcome="dead",le="+Inf"} 2
navidocs_job_duration_seconds_sum{kind="a",outcome="dead"} 1
navidocs_job_duration_seconds_count{kind="a",outcome="dead"} 2
navidocs_job_duration_seconds_bucket{kind="a",outcome="returned",le="+Inf"} 9
navidocs_job_duration_seconds_sum{kind="a",outcome="returned"} 1
navidocs_job_duration_seconds_count{kind="a",outcome="returned"} 9
`
	got, err := ops.ReadSample(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := ops.Sample{Requests: 48, Errors: 3, Jobs: 9, Failures: 2, Short: ops.Histogram{.1: 33, math.Inf(1): 43}, Database: ops.Histogram{.01: 5, math.Inf(1): 6}, JobTimes: ops.Histogram{math.Inf(1): 9}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	since := got.Since(ops.Sample{Requests: 8, Errors: 1, Short: ops.Histogram{.1: 3}})
	want = ops.Sample{Requests: 40, Errors: 2, Jobs: 9, Failures: 2, Short: ops.Histogram{.1: 30, math.Inf(1): 43}, Database: ops.Histogram{.01: 5, math.Inf(1): 6}, JobTimes: ops.Histogram{math.Inf(1): 9}}
	if d := cmp.Diff(want, since); d != "" {
		t.Error(d)
	}
	if _, err := ops.ReadSample(strings.NewReader("<html>")); err == nil {
		t.Error("a page is read as metrics")
	}
}

func TestP95IsInterpolated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		h    ops.Histogram
		want string
	}{
		{ops.Histogram{}, "0s false"},
		{ops.Histogram{.1: 90, .2: 100, math.Inf(1): 100}, "150ms true"},
		{ops.Histogram{.1: 10, math.Inf(1): 100}, "100ms true"},
	} {
		p95, ok := c.h.P95()
		if got := fmt.Sprint(p95, ok); got != c.want {
			t.Errorf("%v: got %s, want %s", c.h, got, c.want)
		}
	}
}
