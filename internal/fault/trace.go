package fault

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// String is the kind's name, for logs and reports.
func (k Kind) String() string {
	names := [...]string{
		"internal", "invalid", "unauthenticated", "forbidden", "not found", "conflict", "gone", "stale", "too large", "unsupported", "rate limited", "unavailable", "full",
	}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return names[k]
}

// wrapped is what Wrap makes of an error: it knows in which function.
type wrapped struct {
	doing string
	cause error
	at    uintptr
}

func (w *wrapped) Error() string { return w.doing + ": " + w.cause.Error() }

// Unwrap implements errors.Unwrap.
func (w *wrapped) Unwrap() error { return w.cause }

// PanicError is a panic that was recovered.
type PanicError struct {
	Value   any
	callers []uintptr
	stack   string
}

// Panicked makes an error of what recover returned. Call it in the function that
// recovered.
func Panicked(value any) *PanicError {
	callers := make([]uintptr, 64)
	return &PanicError{value, callers[:runtime.Callers(2, callers)], string(debug.Stack())}
}

// Error is the value and the stack, for the log alone.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.stack) }

// Callers says where err came from, as runtime.Callers does: the stack of a panic,
// else the functions that wrapped it, the innermost first. It holds no values.
func Callers(err error) []uintptr {
	if p, ok := errors.AsType[*PanicError](err); ok {
		return p.callers
	}
	var found []uintptr
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // each level is looked at
		case *wrapped:
			found = append([]uintptr{e.at}, found...)
			err = e.cause
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return found
			}
			err = all[0]
		default:
			err = errors.Unwrap(err)
		}
	}
	return found
}
