package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/fault"
)

// Problem is every error's answer (RFC 9457).
type Problem struct {
	Type      string        `json:"type" doc:"a URI naming the kind of problem" example:"about:blank"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail" doc:"what went wrong and what to do, for people"`
	Instance  string        `json:"instance,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
	Errors    []fault.Field `json:"errors,omitempty" doc:"every fault of the input"`
	// ID is the thing in the way of a conflict.
	ID     string `json:"id,omitempty" doc:"on a conflict, the id of what is in the way"`
	Reason string `json:"reason,omitempty" doc:"for programs: totp_required and totp_wrong when signing in"`
	InBin  *bool  `json:"in_bin,omitempty" doc:"on a duplicate, whether the first one is in the bin"`

	headers http.Header
	cause   error
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// Unwrap gives the cause, for the log.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statuses maps kinds to answers, once.
var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError, fault.Invalid: http.StatusBadRequest, fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict, fault.Gone: http.StatusGone,
	fault.Stale: http.StatusPreconditionFailed, fault.TooLarge: http.StatusRequestEntityTooLarge, fault.Unsupported: http.StatusUnsupportedMediaType,
	fault.RateLimited: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable, fault.Full: http.StatusInsufficientStorage,
}

// problem turns any error into its answer. What carries no kind is internal,
// and its text stays here.
func problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind == fault.Internal && e.Message == "" {
		e = fault.New(fault.Internal, "something went wrong on our side; the request id helps to find out what")
	}
	if errors.Is(err, context.Canceled) {
		e = fault.New(fault.Unavailable, "the request was given up")
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		e = fault.New(fault.TooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	}
	p := newProblem(statuses[e.Kind], e.Message)
	p.Errors, p.cause = e.Fields, err
	p.of(ctx)
	p.describe(e)
	return p
}

func newProblem(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, headers: http.Header{}}
}

// of names the request that the problem answers.
func (p *Problem) of(ctx context.Context) {
	info := requestOf(ctx)
	p.RequestID, p.Instance = info.id, info.path
}

// describe adds what an error's details say.
func (p *Problem) describe(e *fault.Error) {
	if id, ok := e.Details["id"]; ok {
		p.ID = asString(id)
	}
	if reason, ok := e.Details["reason"].(string); ok {
		p.Reason = reason
	}
	if inBin, ok := e.Details["in_bin"].(bool); ok {
		p.InBin = &inBin
	}
	if seconds, ok := e.Details["retry_after"].(int); ok {
		p.headers.Set("Retry-After", strconv.Itoa(seconds))
	} else if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		p.headers.Set("Retry-After", "5")
	}
	if p.Status == http.StatusUnauthorized {
		p.headers.Set("WWW-Authenticate", `Bearer realm="navidocs"`)
	}
}

func asString(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.Trim(string(b), `"`)
}

// humaErrorOf is humaError for a request that is known.
func humaErrorOf(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
	err := humaError(status, message, errs...)
	if p, ok := errors.AsType[*Problem](err); ok {
		p.of(ctx.Context())
	}
	return err
}

// humaError makes the framework's own errors ours: rules and syntax are both
// 400, every fault is listed, and no secret or long value is echoed.
func humaError(status int, message string, errs ...error) huma.StatusError {
	if status == http.StatusUnprocessableEntity {
		status, message = http.StatusBadRequest, "some values cannot be accepted"
	}
	if status == http.StatusUnsupportedMediaType {
		message = "send JSON, with Content-Type: application/json"
	}
	p := newProblem(status, message)
	for _, err := range errs {
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[*fault.Error](err); ok {
			p.Errors = append(p.Errors, e.Fields...)
			continue
		}
		detail := &huma.ErrorDetail{Message: err.Error()}
		if d, ok := err.(huma.ErrorDetailer); ok {
			detail = d.ErrorDetail()
		}
		p.Errors = append(p.Errors, fault.Field{Location: detail.Location, Message: detail.Message, Value: echo(detail.Location, detail.Value)})
	}
	return p
}

// echo gives back a scalar of at most 100 characters that is no secret; a whole
// body that could not be read may hold one.
func echo(location string, value any) any {
	if location == "body" {
		return nil
	}
	for _, secret := range []string{"password", "token", "secret", "code"} {
		if strings.Contains(strings.ToLower(location), secret) {
			return nil
		}
	}
	switch v := value.(type) {
	case string:
		if utf8.RuneCountInString(v) <= 100 {
			return v
		}
	case bool, int, int64, float64, json.Number:
		return v
	}
	return nil
}

// writeProblem answers outside the framework.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.of(r.Context())
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) //nolint:errcheck // the reader is gone
}
