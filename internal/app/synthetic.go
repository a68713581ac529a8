package app

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"navidocs/internal/job"
	"navidocs/internal/ops"
)

// smokeArgs ask for the server to try itself.
type smokeArgs struct{}

// Kind implements job.Args.
func (smokeArgs) Kind() string { return "smoke.run" }

// smokeLimit bounds it: the next one is due soon.
const smokeLimit = 100 * time.Second

// tryMyself has the server tried again and again, if it is to be: so that a quiet
// installation is known to work before somebody needs it.
func (a *App) tryMyself() {
	a.Jobs.Register(job.Define(job.Options[smokeArgs]{Timeout: smokeLimit, MaxAttempts: 1}, func(ctx context.Context, _ *job.Job[smokeArgs]) error {
		a.synthetic(ctx)
		return nil // what did not hold is a measurement, and no job to be tried again
	}))
	if every := a.options.Config.SmokeEvery(); every > 0 {
		a.Jobs.Every(every, func() job.Args { return smokeArgs{} })
	}
}

// synthetic is one smoke test of the four suites, through all of the server but
// its socket.
func (a *App) synthetic(ctx context.Context) {
	client := &http.Client{Transport: inProcess{a.API.Handler()}}
	r, err := ops.Smoke(ctx, client, "http://navidocs", ops.SmokeOptions{Token: a.ProbeToken(), Only: ops.FourSuites()})
	if err != nil {
		return // the worker ends: this says nothing of the server
	}
	a.metrics.observeSmoke(r)
	if err := r.Err(); err != nil {
		a.options.Log.WarnContext(ctx, "smoke", "error", err)
	}
}

// smokeMetrics are absent until there was a smoke test.
type smokeMetrics struct {
	ok    *prometheus.GaugeVec
	suite *prometheus.GaugeVec
}

func newSmokeMetrics() smokeMetrics {
	return smokeMetrics{
		ok: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "navidocs_smoke_ok", Help: "1 when the newest smoke test of the server by itself found nothing wrong.",
		}, nil),
		suite: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "navidocs_smoke_seconds", Help: "How long each suite of the newest smoke test took that passed.",
		}, []string{"suite"}),
	}
}

// observeSmoke keeps how a smoke test went.
func (m *metrics) observeSmoke(r ops.SmokeReport) {
	m.smoke.ok.WithLabelValues().Set(number(r.OK))
	m.smoke.suite.Reset()
	for _, s := range r.Suites {
		if s.OK {
			m.smoke.suite.WithLabelValues(s.Name).Set(float64(s.Millis) / 1000)
		}
	}
}

// inProcess hands requests to a handler of this process, as from a unix socket.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := context.WithValue(req.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "@", Net: "unix"}))
	r := req.Clone(ctx)
	r.RequestURI, r.RemoteAddr, r.Host = req.URL.RequestURI(), "@", req.URL.Host
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &answerWriter{header: http.Header{}}
	p.handler.ServeHTTP(w, r)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: req,
	}, r.Body.Close()
}

// answerWriter keeps an answer.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answerWriter) Header() http.Header { return w.header }

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
