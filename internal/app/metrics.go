package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"navidocs/internal/db"
)

// metrics are what is counted as it happens. What strangers choose freely is no
// label: each value would be a time series of its own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	jobs     *prometheus.HistogramVec
	smoke    smokeMetrics
	// The two of the database, found once: it is asked often.
	reads, writes prometheus.Observer
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), smoke: newSmokeMetrics(),
		requests: histogram("navidocs_http_request_duration_seconds", "How long answers took, by route and status.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5, 10}, "method", "route", "status"),
		jobs: histogram("navidocs_job_duration_seconds", "How long attempts at jobs took, by kind and outcome.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}, "kind", "outcome"),
	}
	database := histogram("navidocs_db_duration_seconds", "How long the database took: a query, or a whole write transaction with its waiting.",
		[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}, "kind")
	m.reads, m.writes = database.WithLabelValues(db.Read), database.WithLabelValues(db.Write)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "navidocs_build_info", Help: "1, with the release that runs.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.jobs, m.smoke.ok, m.smoke.suite, database, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// observeHTTP counts an answer.
func (m *metrics) observeHTTP(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// observeDB counts a query or a transaction.
func (m *metrics) observeDB(kind string, took time.Duration) {
	if kind == db.Write {
		m.writes.Observe(took.Seconds())
		return
	}
	m.reads.Observe(took.Seconds())
}

// observeJob counts an attempt at a job.
func (m *metrics) observeJob(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(took.Seconds())
}
