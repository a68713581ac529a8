// Package fault gives every error of NaviDocs a kind and a message that is
// safe to show to its reader; the cause stays inside, for the log alone.
//
// What a kind means on the wire is decided once, in package api.
package fault

import (
	"errors"
	"fmt"
	"runtime"
	"unicode/utf8"
)

// Kind says what went wrong in terms a caller can act on.
type Kind int

// The kinds. Anything that carries none is Internal.
const (
	Internal Kind = iota
	Invalid
	Unauthenticated
	Forbidden
	NotFound
	Conflict
	Gone
	Stale // the row changed since the caller read it
	TooLarge
	Unsupported
	RateLimited
	Unavailable
	Full // no room left to store what was sent
)

// Field is one fault of one input: where, what, and the offending scalar.
// Value is left nil for secrets and for anything longer than 100 characters.
type Field struct {
	Location string `json:"location"`
	Message  string `json:"message"`
	Value    any    `json:"value,omitempty"`
}

// Error is an error with a kind. Message is safe for users.
type Error struct {
	Kind    Kind
	Message string
	Fields  []Field
	// Details are extra members of the answer, such as the id in the way.
	Details map[string]any
	cause   error
}

func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Unwrap gives the cause, which users never see.
func (e *Error) Unwrap() error { return e.cause }

// With adds one member to the answer and returns the error.
func (e *Error) With(key string, value any) *Error {
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	e.Details[key] = value
	return e
}

// New makes an error of a kind; the message is safe for users.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Because makes an error of a kind around a cause that only the log sees.
func Because(cause error, kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), cause: cause}
}

// Fields makes an Invalid error that lists every fault of an input at once.
func Fields(fields ...Field) *Error {
	e := &Error{Kind: Invalid, Message: "some values cannot be accepted", Fields: fields}
	if len(fields) == 1 {
		e.Message = fields[0].Location + ": " + fields[0].Message
	}
	return e
}

// FieldsOf are the faults that err lists, none when it lists none.
func FieldsOf(err error) []Field {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fields
	}
	return nil
}

// KindOf returns the kind of err, Internal when it carries none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Wrap prefixes *err with what was being done; for `defer fault.Wrap(&err, ...)`.
func Wrap(err *error, format string, args ...any) {
	if *err == nil {
		return
	}
	var at [1]uintptr
	runtime.Callers(2, at[:])
	*err = &wrapped{fmt.Sprintf(format, args...), *err, at[0]}
}

// Echo is a text as a Field's Value: itself when it is short enough to be
// given back, else nothing.
func Echo(s string) any {
	if utf8.RuneCountInString(s) > 100 {
		return nil
	}
	return s
}

// Message is what users may read of err.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "something went wrong on the server; its log says what"
}
