package ops

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Sample is what a server has counted since it started, as far as a release is
// judged by it.
type Sample struct {
	// Requests and Errors are the answers, and those with a status of 5xx.
	Requests, Errors float64
	// Short are the durations of answers that take a short time when all is well:
	// how many were at most so many seconds.
	Short Histogram
	// Jobs and Failures are the attempts at jobs, and those that failed.
	Jobs, Failures float64
	// Database and JobTimes are the durations of queries and transactions, and of
	// attempts at jobs that read no pages.
	Database, JobTimes Histogram
}

// Histogram counts what was at most each bound (seconds), cumulatively.
type Histogram map[float64]float64

// unjudged are routes whose answers say nothing of a release: they are asked by
// those who watch it.
var unjudged = []string{"GET /metrics", "GET /internal/status", "GET /livez", "GET /readyz", "GET /api/health", "POST /internal/probe/reset"}

// lasting are parts of the routes whose answers take as long as what they carry,
// or hash a password.
var lasting = []string{
	"POST /api/documents", "/content", "/progress", "/image", "/photos", "/stream", "/events", "/api/auth/login", "/api/auth/register",
	"/package", "/packages/", "/import", "/export", "/uploads", "/p/", "/feeds/", "/api/notifications/live",
}

// ReadSample reads a server's /metrics.
func ReadSample(r io.Reader) (Sample, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return Sample{}, fmt.Errorf("/metrics: %w", err)
	}
	return SampleOf(maps.Values(families)), nil
}

// SampleOf takes a sample from what was counted.
func SampleOf(families iter.Seq[*dto.MetricFamily]) Sample {
	s := Sample{Short: Histogram{}, Database: Histogram{}, JobTimes: Histogram{}}
	for f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "navidocs_http_request_duration_seconds":
				s.addRequests(m)
			case "navidocs_job_duration_seconds":
				s.addJobs(m)
			case "navidocs_db_duration_seconds":
				s.Database.add(m)
			}
		}
	}
	return s
}

func (s *Sample) addJobs(m *dto.Metric) {
	n := float64(m.GetHistogram().GetSampleCount())
	switch label(m, "outcome") {
	case "failed", "dead":
		s.Jobs, s.Failures = s.Jobs+n, s.Failures+n
	case "completed":
		s.Jobs += n
	default:
		return // told to stop, or called off: no verdict on the release
	}
	if label(m, "kind") != "document.pages" { // as long as its scans
		s.JobTimes.add(m)
	}
}

func (s *Sample) addRequests(m *dto.Metric) {
	route := label(m, "route")
	if slices.Contains(unjudged, route) {
		return
	}
	n := float64(m.GetHistogram().GetSampleCount())
	if s.Requests += n; strings.HasPrefix(label(m, "status"), "5") {
		s.Errors += n
	}
	if slices.ContainsFunc(lasting, func(part string) bool { return strings.Contains(route, part) }) {
		return
	}
	s.Short.add(m)
}

// add counts a metric in.
func (h Histogram) add(m *dto.Metric) {
	for _, b := range m.GetHistogram().GetBucket() {
		if !math.IsInf(b.GetUpperBound(), 1) { // which not every writer writes
			h[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
	}
	h[math.Inf(1)] += float64(m.GetHistogram().GetSampleCount())
}

func (h Histogram) since(earlier Histogram) Histogram {
	out := Histogram{}
	for bound, n := range h {
		out[bound] = n - earlier[bound]
	}
	return out
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// Since is what was counted after an earlier sample of the same process.
func (s Sample) Since(earlier Sample) Sample {
	return Sample{
		Requests: s.Requests - earlier.Requests, Errors: s.Errors - earlier.Errors, Jobs: s.Jobs - earlier.Jobs, Failures: s.Failures - earlier.Failures,
		Short: s.Short.since(earlier.Short), Database: s.Database.since(earlier.Database), JobTimes: s.JobTimes.since(earlier.JobTimes),
	}
}

func (h Histogram) count() float64 { return h[math.Inf(1)] }

// P95 is how long 95 of 100 took at most, interpolated within its bucket as
// Prometheus does; false when nothing was counted.
func (h Histogram) P95() (time.Duration, bool) {
	rank := 0.95 * h.count()
	if rank <= 0 {
		return 0, false
	}
	bounds := make([]float64, 0, len(h))
	for bound := range h {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	lower, below := 0.0, 0.0
	for _, upper := range bounds {
		if n := h[upper]; n >= rank {
			if math.IsInf(upper, 1) {
				return seconds(lower), true
			}
			return seconds(lower + (upper-lower)*(rank-below)/(n-below)), true
		}
		lower, below = upper, h[upper]
	}
	return seconds(lower), true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Gate judges a release that has just been promoted, by what it has counted
// since then and by how the one before it did on the same machine.
type Gate struct {
	// Before is what the old release counted in a time like this; it may be empty.
	Before Sample
	// MaxErrors is the share of answers that may be errors: 0.05.
	MaxErrors float64
	// Slack is how many times slower the machine is now than it was before; 0
	// means as fast as then.
	Slack float64
}

const (
	// enough is how many answers or jobs are needed to judge by them.
	enough = 20
	// slowest is how long 95 of 100 short answers may take on any machine.
	slowest = 200 * time.Millisecond
	// slower is how many times longer than under the old release they may take.
	slower = 1.5
	// failing is the share of jobs that may fail.
	failing = 0.2
)

// Judge returns why the release must go, or "". What is relative to the old
// release is not judged when the old one did too little to compare with: a slow
// machine is no fault of a release.
func (g Gate) Judge(now Sample) string {
	limit := g.MaxErrors
	if limit == 0 {
		limit = 0.05
	}
	if share := ratio(now.Errors, now.Requests); now.Requests >= enough && share > limit {
		return fmt.Sprintf("%.1f %% of %.0f answers are errors of the server (5xx), more than %.0f %%", 100*share, now.Requests, 100*limit)
	}
	if why := g.latency(now); why != "" {
		return why
	}
	share, was := ratio(now.Failures, now.Jobs), ratio(g.Before.Failures, g.Before.Jobs)
	if now.Jobs >= enough && share > max(failing, slower*was) {
		return fmt.Sprintf("%.0f %% of %.0f attempts at jobs failed; it was %.0f %% before", 100*share, now.Jobs, 100*was)
	}
	return ""
}

func (g Gate) latency(now Sample) string {
	if now.Short.count() < enough || g.Before.Short.count() < enough {
		return ""
	}
	p95, _ := now.Short.P95()
	was, _ := g.Before.Short.P95()
	limit := time.Duration(max(1, g.Slack) * float64(max(slowest, time.Duration(slower*float64(was)))))
	if p95 <= limit {
		return ""
	}
	return fmt.Sprintf("95 of 100 short answers take up to %s; the limit is %s, and it was %s before",
		p95.Round(time.Millisecond), limit.Round(time.Millisecond), was.Round(time.Millisecond))
}

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
