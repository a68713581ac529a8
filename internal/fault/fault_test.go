package fault_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

func TestKindsTravelThroughWrapping(t *testing.T) {
	t.Parallel()
	err := func() (err error) {
		defer fault.Wrap(&err, "sale.Transfer %s", "x")
		return fault.Because(io.ErrUnexpectedEOF, fault.Conflict, "the sale %s is over", "x")
	}()
	if !fault.Is(err, fault.Conflict) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if want := "sale.Transfer x: the sale x is over: unexpected EOF"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	for name, other := range map[string]error{"nil": nil, "plain": io.EOF, "wrapped": fmt.Errorf("x: %w", io.EOF)} {
		if fault.Is(other, fault.Conflict) || fault.KindOf(other) != fault.Internal {
			t.Error(name, "has a kind")
		}
	}
	if fault.Is(nil, fault.Internal) {
		t.Error("no error is internal")
	}
}

// Where an error came from is known without a word of what it says.
func TestCallersNameTheFunctions(t *testing.T) {
	t.Parallel()
	inner := func() (err error) {
		defer fault.Wrap(&err, "inner")
		return errors.Join(io.EOF, io.ErrShortWrite)
	}
	outer := func() (err error) {
		defer fault.Wrap(&err, "outer")
		return fmt.Errorf("between: %w", inner())
	}
	names := func(err error) (all []string) {
		frames := runtime.CallersFrames(fault.Callers(err))
		for {
			f, more := frames.Next()
			all = append(all, strings.TrimPrefix(f.Function, "navidocs/internal/fault_test.TestCallersNameTheFunctions."))
			if !more {
				return all
			}
		}
	}
	if diff := cmp.Diff([]string{"func1", "func2"}, names(fmt.Errorf("x: %w", outer()))); diff != "" {
		t.Error(diff)
	}
	panicked := func() (err error) {
		defer func() { err = fault.Panicked(recover()) }()
		nothing(t)["x"] = 1
		return nil
	}
	if all := strings.Join(names(panicked()), " "); !strings.Contains(all, "runtime.gopanic") || !strings.Contains(all, " func4 ") {
		t.Error(all)
	}
	if text := panicked().Error(); !strings.HasPrefix(text, "panic: assignment to entry in nil map\ngoroutine ") {
		t.Error(text)
	}
	if fault.Callers(nil) != nil || fault.Callers(io.EOF) != nil {
		t.Error("nothing has no callers")
	}
}

// nothing is a map that nothing can be put into.
func nothing(t *testing.T) map[string]int {
	t.Helper()
	return nil
}

func TestKindsHaveNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Full; k++ {
		seen[k.String()] = true
	}
	if len(seen) != int(fault.Full)+1 || fault.Full.String() != "full" || fault.Kind(99).String() != "kind 99" {
		t.Error(seen)
	}
}

func TestWrapLeavesSuccessAlone(t *testing.T) {
	t.Parallel()
	var err error
	fault.Wrap(&err, "nothing")
	if err != nil {
		t.Error(err)
	}
}

func TestFieldsListEveryFault(t *testing.T) {
	t.Parallel()
	one := fault.Fields(fault.Field{Location: "body.name", Message: "is required"})
	two := fault.Fields(fault.Field{Location: "a"}, fault.Field{Location: "b"})
	if one.Message != "body.name: is required" || one.Kind != fault.Invalid || len(two.Fields) != 2 {
		t.Errorf("%+v %+v", one, two)
	}
	got := two.With("id", "7").With("in_bin", true).Details
	if diff := cmp.Diff(map[string]any{"id": "7", "in_bin": true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEchoGivesBackShortTextsOnly(t *testing.T) {
	t.Parallel()
	if fault.Echo("é") != any("é") || fault.Echo(strings.Repeat("é", 100)) == nil || fault.Echo(strings.Repeat("é", 101)) != nil {
		t.Error("the limit is 100 characters")
	}
}
