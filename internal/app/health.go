package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"navidocs/internal/api"
	"navidocs/internal/fault"
)

// probeTimeout bounds each part of the health check.
const probeTimeout = 2 * time.Second

// Health looks at every part. It is down when nothing can be served, degraded
// when something that people will miss does not work.
func (a *App) Health(ctx context.Context) api.Health {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	h := api.Health{
		Status: "ok", Timestamp: a.options.Now().UTC().Format(time.RFC3339), Version: a.version(), DeployedAt: a.options.Config.App.Time,
		Database: "connected", Redis: "disabled", Storage: "ok", Workers: "running",
	}
	if err := a.kv.Ping(ctx); a.options.Config.Storage.Redis != "" {
		if h.Redis = "connected"; err != nil {
			h.Redis, h.Status = "disconnected", "degraded"
		}
	}
	if err := a.Store.Ping(ctx); err != nil {
		if h.Storage, h.Status = "unavailable", "degraded"; fault.Is(err, fault.Full) {
			h.Storage = "full"
		}
	}
	if err := a.DB.Ping(ctx); err != nil {
		h.Database, h.Workers, h.Status = "disconnected", "stopped", "down"
		return h
	}
	if !a.Jobs.Working(ctx) {
		h.Workers, h.Status = "stopped", "degraded"
	}
	h.Queue, _ = a.Jobs.Depth(ctx) // a failing database has been told above
	h.Paused, _ = a.Jobs.Paused(ctx)
	return h
}

// metrics are what Prometheus reads.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "navidocs_http_request_duration_seconds", Help: "How long answers took, by route and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5, 10},
	}, []string{"method", "route", "status"})}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe counts an answer. What strangers choose freely is no label: each
// value would be a time series of its own.
func (m *metrics) observe(method, route string, status int, took time.Duration) {
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

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
