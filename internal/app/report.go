package app

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"navidocs/internal/api"
	"navidocs/internal/config"
	"navidocs/internal/job"
	"navidocs/internal/telemetry"
)

// lastReports is how long the end waits for failures that are on their way.
const lastReports = 2 * time.Second

// Reports begins to tell of failures as the configuration says: nil where it names
// nobody to tell.
func Reports(c config.Config, version string) (*telemetry.Reporter, error) {
	return telemetry.Open(telemetry.Options{DSN: c.Telemetry.SentryDSN, Release: version, Environment: c.App.Env})
}

// CloseReports sends what waits.
func CloseReports(ctx context.Context, r *telemetry.Reporter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReports)
	defer cancel()
	r.Close(ctx)
}

func (a *App) openReports(ctx context.Context) (err error) {
	a.reports, err = Reports(a.options.Config, a.version())
	if a.reports != nil {
		a.closers = append(a.closers, func() error { CloseReports(ctx, a.reports); return nil })
	}
	if err != nil {
		return err
	}
	o := traces(a.options.Config, a.version())
	o.Failed = func(err error) { a.options.Log.Warn("traces cannot be sent", "error", err) }
	if a.tracer, err = telemetry.OpenTraces(ctx, o); a.tracer != nil {
		a.closers = append(a.closers, func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReports)
			defer cancel()
			if err := a.tracer.Close(ctx); err != nil { // a server stops whether they were sent or not
				a.options.Log.Warn("the last traces were not sent")
			}
			return nil
		})
	}
	return err
}

func traces(c config.Config, version string) telemetry.TraceOptions {
	return telemetry.TraceOptions{Endpoint: c.Telemetry.OTLPEndpoint, NewRelic: c.Telemetry.NewRelicLicense, Release: version, Environment: c.App.Env}
}

// Untraced is what is said at the start, and before a deploy, where traces are asked
// for that this binary cannot send; "" otherwise.
func Untraced(c config.Config) string { return telemetry.Untraced(traces(c, "")) }

func (a *App) traceTransaction(ctx context.Context) (context.Context, func(err error)) {
	return a.tracer.Transaction(ctx, string(a.DB.Engine))
}

// reportRequest tells of an answer that nobody wanted.
func (a *App) reportRequest(f api.Failure) {
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, f.Method) {
		f.Method = "other" // anybody may call it as they like
	}
	a.reports.Report(telemetry.Failure{What: "request", Err: f.Err, Tags: map[string]string{
		"method": f.Method, "route": f.Route, "status": strconv.Itoa(f.Status), "request_id": f.RequestID,
	}})
}

// reportJob tells of a job that failed: as a warning while it is tried again.
func (a *App) reportJob(kind, outcome string, attempt int, err error) {
	a.reports.Report(telemetry.Failure{What: "job", Warning: outcome != job.OutcomeDead, Err: err, Tags: map[string]string{
		"job": kind, "outcome": outcome, "attempt": strconv.Itoa(attempt),
	}})
}
