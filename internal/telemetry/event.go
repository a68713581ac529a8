package telemetry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/getsentry/sentry-go"

	"navidocs/internal/fault"
)

// event makes a report of a failure.
func event(f Failure) *sentry.Event {
	e := sentry.NewEvent()
	e.Level = sentry.LevelError
	if f.Warning {
		e.Level = sentry.LevelWarning
	}
	e.Tags = maps.Clone(f.Tags)
	if e.Tags == nil {
		e.Tags = map[string]string{}
	}
	e.Tags["what"] = f.What
	e.Transaction = transaction(f)
	e.Message = f.What
	if f.Err == nil {
		e.Fingerprint = []string{f.What, e.Transaction}
		return e
	}
	frames := located(fault.Callers(f.Err))
	e.Tags["kind"] = kind(f.Err)
	e.Exception = []sentry.Exception{{Type: typeName(f.Err), Value: value(f.Err), Module: f.What}}
	at := ""
	if len(frames) > 0 {
		e.Exception[0].Stacktrace = &sentry.Stacktrace{Frames: frames}
		last := frames[len(frames)-1]
		at = last.Module + "." + last.Function
	}
	e.Fingerprint = []string{f.What, e.Transaction, e.Tags["kind"], e.Exception[0].Type, at}
	return e
}

// transaction is where a failure is counted: a route or a kind of job.
func transaction(f Failure) string {
	for _, tag := range []string{"route", "job"} {
		if f.Tags[tag] != "" {
			return f.Tags[tag]
		}
	}
	return f.What
}

// kind is the error's, in one word.
func kind(err error) string {
	if _, ok := errors.AsType[*fault.PanicError](err); ok {
		return "panic"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return fault.KindOf(err).String()
}

// typeName is the Go type of what an error goes back to.
func typeName(err error) string {
	if p, ok := errors.AsType[*fault.PanicError](err); ok {
		return fmt.Sprintf("%T", p.Value)
	}
	for {
		inner := errors.Unwrap(err)
		if several, ok := err.(interface{ Unwrap() []error }); ok && len(several.Unwrap()) > 0 {
			inner = several.Unwrap()[0]
		}
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}

// value is the text of a failure of the Go runtime, which names types and numbers
// alone; of anything else there is none.
func value(err error) string {
	p, ok := errors.AsType[*fault.PanicError](err)
	if !ok {
		return ""
	}
	if e, ok := p.Value.(runtime.Error); ok && strings.HasPrefix(fmt.Sprintf("%T", e), "runtime.") {
		return strings.TrimPrefix(e.Error(), "runtime error: ")
	}
	return ""
}

// located are the places in the code, the outermost first, without the runtime's.
func located(callers []uintptr) []sentry.Frame {
	var all []sentry.Frame
	if len(callers) == 0 {
		return nil
	}
	for frames := runtime.CallersFrames(callers); ; {
		f, more := frames.Next()
		module, function := split(f.Function)
		switch {
		case f.Function == "runtime.gopanic":
			all = nil // what lies above it dealt with the panic
		case module != "runtime":
			all = append(all, sentry.Frame{
				Module: module, Function: function, Filename: short(f.File), Lineno: f.Line, InApp: strings.HasPrefix(module, "navidocs/"),
			})
		}
		if !more {
			slices.Reverse(all)
			return all
		}
	}
}

// split tells a function's package from its name.
func split(function string) (module, name string) {
	slash := strings.LastIndexByte(function, '/') + 1
	first, rest, _ := strings.Cut(function[slash:], ".")
	return function[:slash] + first, rest
}

// short leaves out where the sources lay when the program was built.
func short(file string) string {
	parts := strings.Split(file, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// scrub makes a report of what we put into one alone: whatever the library or its
// surroundings have added is not sent.
func scrub(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
	clean := sentry.NewEvent()
	clean.EventID, clean.Timestamp, clean.Level, clean.Platform, clean.Sdk = e.EventID, e.Timestamp, e.Level, e.Platform, e.Sdk
	clean.Release, clean.Environment, clean.Transaction, clean.Message, clean.Fingerprint = e.Release, e.Environment, e.Transaction, e.Message, e.Fingerprint
	clean.Exception = e.Exception
	for _, known := range tags {
		if v, ok := e.Tags[known]; ok {
			clean.Tags[known] = v
		}
	}
	clean.Contexts = map[string]sentry.Context{"runtime": {"name": "go", "version": runtime.Version()}}
	return clean
}

// tags are the names that a report may have.
var tags = [...]string{"what", "kind", "method", "route", "status", "request_id", "job", "outcome", "attempt", "from", "to", "how"}
