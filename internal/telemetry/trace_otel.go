//go:build otel

package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"navidocs/internal/fault"
)

// Tracing says whether this binary can send traces: it was built with -tags otel.
const Tracing = true

// Tracer sends traces of requests, write transactions and attempts at jobs. Its
// spans follow the conventions of OpenTelemetry, less whatever could name
// somebody: a route's pattern stands for the path, and an error for its kind.
// Nil sends none. Close it.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// OpenTraces begins to send, nil where nobody asks for it. An address that is none
// is Invalid. That the service does not answer hinders nobody.
func OpenTraces(ctx context.Context, o TraceOptions) (_ *Tracer, err error) {
	defer fault.Wrap(&err, "telemetry.OpenTraces")
	if !o.Wanted() {
		return nil, nil
	}
	address, headers := o.target()
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(address), otlptracehttp.WithTimeout(patient), otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
	}
	if headers != nil {
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "OTEL_EXPORTER_OTLP_ENDPOINT: nothing can be sent to %s", address)
	}
	of := resource.NewSchemaless(
		attribute.String("service.name", "navidocs"), attribute.String("service.version", o.Release),
		attribute.String("deployment.environment.name", o.Environment),
	)
	if o.Failed != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(o.Failed)) // the library knows one for the process alone
	}
	// What waits is bounded, and what comes beyond is left out.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(of))
	return &Tracer{provider, provider.Tracer("navidocs")}, nil
}

// Request begins the span of a request. What ends it takes the pattern that took
// it, "" for none.
func (t *Tracer) Request(ctx context.Context, method string) (context.Context, func(route string, status int)) {
	if t == nil {
		return ctx, func(string, int) {}
	}
	method = known(method)
	ctx, span := t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithNewRoot(), trace.WithAttributes(attribute.String("http.request.method", method)))
	return ctx, func(pattern string, status int) {
		if _, route, ok := strings.Cut(pattern, " "); ok {
			span.SetName(method + " " + route)
			span.SetAttributes(attribute.String("http.route", route))
		}
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// known is a method, or the convention's word for those that strangers invent.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// Transaction begins the span of a write transaction on an engine, with its
// waiting.
func (t *Tracer) Transaction(ctx context.Context, engine string) (context.Context, func(err error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, "transaction", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", engine)))
	return ctx, func(err error) { end(span, err) }
}

// Job begins the span of an attempt at a job.
func (t *Tracer) Job(ctx context.Context, name string, attempt int) (context.Context, func(outcome string, err error)) {
	if t == nil {
		return ctx, func(string, error) {}
	}
	ctx, span := t.tracer.Start(ctx, "job "+name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithNewRoot(),
		trace.WithAttributes(attribute.String("navidocs.job.kind", name), attribute.Int("navidocs.job.attempt", attempt)))
	return ctx, func(outcome string, err error) {
		span.SetAttributes(attribute.String("navidocs.job.outcome", outcome))
		end(span, err)
	}
}

// end ends a span, with the kind of an error and not a word of it.
func end(span trace.Span, err error) {
	if err != nil {
		span.SetAttributes(attribute.String("error.type", kind(err)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Close sends what waits, for as long as is said.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
