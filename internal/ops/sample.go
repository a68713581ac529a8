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

// ErrorShare is how many of the answers were errors of the server, 0 to 1.
func (s Sample) ErrorShare() float64 { return ratio(s.Errors, s.Requests) }

// FailureShare is how many of the attempts at jobs failed, 0 to 1.
func (s Sample) FailureShare() float64 { return ratio(s.Failures, s.Jobs) }

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// Count is how many were counted.
func (h Histogram) Count() float64 { return h[math.Inf(1)] }

// Above is how many took longer than a duration, interpolated within its bucket.
func (h Histogram) Above(d time.Duration) float64 {
	lower, below := 0.0, 0.0
	for _, upper := range slices.Sorted(maps.Keys(h)) {
		if upper >= d.Seconds() {
			within := (d.Seconds() - lower) / (upper - lower) // 0 in the bucket without an end
			return h.Count() - below - within*(h[upper]-below)
		}
		lower, below = upper, h[upper]
	}
	return 0
}

// P95 is how long 95 of 100 took at most, interpolated within its bucket as
// Prometheus does; false when nothing was counted.
func (h Histogram) P95() (time.Duration, bool) {
	rank := 0.95 * h.Count()
	if rank <= 0 {
		return 0, false
	}
	lower, below := 0.0, 0.0
	for _, upper := range slices.Sorted(maps.Keys(h)) {
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
