//go:build !otel

package telemetry

import "context"

// Tracing says whether this binary can send traces: it was not built with -tags
// otel.
const Tracing = false

// Tracer sends traces. Nil sends none.
type Tracer struct{}

// OpenTraces returns nil: there is nothing to send them with.
func OpenTraces(context.Context, TraceOptions) (*Tracer, error) { return nil, nil }

// Request begins the span of a request.
func (t *Tracer) Request(ctx context.Context, _ string) (context.Context, func(route string, status int)) {
	return ctx, func(string, int) {}
}

// Transaction begins the span of a write transaction.
func (t *Tracer) Transaction(ctx context.Context, _ string) (context.Context, func(err error)) {
	return ctx, func(error) {}
}

// Job begins the span of an attempt at a job.
func (t *Tracer) Job(ctx context.Context, _ string, _ int) (context.Context, func(outcome string, err error)) {
	return ctx, func(string, error) {}
}

// Close sends what waits.
func (t *Tracer) Close(context.Context) error { return nil }
