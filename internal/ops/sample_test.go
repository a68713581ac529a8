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

func TestAboveIsInterpolated(t *testing.T) {
	t.Parallel()
	h := ops.Histogram{.1: 90, .2: 100, math.Inf(1): 110}
	for d, want := range map[time.Duration]float64{50 * time.Millisecond: 65, 100 * time.Millisecond: 20, 150 * time.Millisecond: 15, 200 * time.Millisecond: 10, time.Second: 10} {
		if got := h.Above(d); math.Abs(got-want) > 1e-9 {
			t.Errorf("above %s: got %v, want %v", d, got, want)
		}
	}
}
