package db

import (
	"strconv"
	"strings"
)

// Where builds a condition with rising $n placeholders; filters that were not
// given are simply not added (PostgreSQL cannot type a bare NULL parameter).
type Where struct {
	parts []string
	args  []any
}

// Add joins one condition with AND; each ? becomes the next placeholder.
func (w *Where) Add(cond string, args ...any) {
	w.parts = append(w.parts, w.bind(cond, args...))
}

// In adds `column IN (...)`; with no value it adds a condition that is never true.
func In[T any](w *Where, column string, values []T) {
	if len(values) == 0 {
		w.parts = append(w.parts, "1 = 0")
		return
	}
	w.Add(column+" IN ("+marks(len(values))+")", anys(values)...)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// InEither adds `(a IN (...) OR b IN (...))`; with no value at all it adds a
// condition that is never true.
func InEither[A, B any](w *Where, a string, as []A, b string, bs []B) {
	switch {
	case len(bs) == 0:
		In(w, a, as)
	case len(as) == 0:
		In(w, b, bs)
	default:
		w.Add("("+a+" IN ("+marks(len(as))+") OR "+b+" IN ("+marks(len(bs))+"))", append(anys(as), anys(bs)...)...)
	}
}

// Arg takes a value for use outside the condition (LIMIT, OFFSET) and returns
// its placeholder.
func (w *Where) Arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// SQL is the condition, "1 = 1" when nothing was added.
func (w *Where) SQL() string {
	if len(w.parts) == 0 {
		return "1 = 1"
	}
	return strings.Join(w.parts, " AND ")
}

// Args are the values in placeholder order.
func (w *Where) Args() []any { return w.args }

func (w *Where) bind(cond string, args ...any) string {
	var b strings.Builder
	for _, arg := range args {
		before, after, _ := strings.Cut(cond, "?")
		b.WriteString(before)
		b.WriteString(w.Arg(arg))
		cond = after
	}
	b.WriteString(cond)
	return b.String()
}
