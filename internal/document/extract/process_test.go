package extract

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hostile gives an Extractor whose children play the role.
func hostile(role string) *Extractor {
	o := options()
	o.Command = command(role)
	if role == "hang" || role == "mute" || role == "babble" {
		o.PageDeadline = 400 * time.Millisecond
	}
	if role == "eat" {
		o.MemoryLimit = 200 << 20
	}
	return New(o)
}

// outcome is what became of one page.
type outcome struct {
	Number int
	Reason string
}

func TestOneBadPageDoesNotSpoilTheOthers(t *testing.T) {
	t.Parallel()
	for role, reason := range map[string]string{
		"hang": ReasonTimeout, "eat": ReasonMemory, "exit": ReasonCrashed, "jump": ReasonCrashed, "babble": ReasonTimeout,
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			if role == "eat" && resident(1) == 0 {
				t.Skip("memory is not measured on this system")
			}
			var got []outcome
			err := hostile(role).Pages(t.Context(), "x", "x", 1, 4, func(p Page) error {
				got = append(got, outcome{p.Number, p.Reason})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := []outcome{{1, ""}, {2, reason}, {3, ""}, {4, ""}}
			if role == "babble" {
				got[1].Reason = reason // a bad frame or a late one, as it comes
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheLastPageMayBeBad(t *testing.T) {
	t.Parallel()
	var got []outcome
	err := hostile("exit").Pages(t.Context(), "x", "x", 2, 2, func(p Page) error {
		got = append(got, outcome{p.Number, p.Reason})
		return nil
	})
	if diff := cmp.Diff([]outcome{{2, ReasonCrashed}}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestFilesThatNeverOpenAreRefused(t *testing.T) {
	t.Parallel()
	e := hostile("mute")
	_, err := e.Inspect(t.Context(), "x", "x")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != ReasonTimeout {
		t.Errorf("Inspect: %v", err)
	}
	err = e.Pages(t.Context(), "x", "x", 1, 3, func(Page) error { return nil })
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != ReasonTimeout {
		t.Errorf("Pages: %v", err)
	}
}

func TestFilesThatKillEveryChildAreGivenUp(t *testing.T) {
	t.Parallel()
	pages := 0
	err := hostile("always").Pages(t.Context(), "x", "x", 1, 0, func(p Page) error {
		if pages++; p.Reason != ReasonCrashed {
			t.Errorf("page %d: reason %q", p.Number, p.Reason)
		}
		return nil
	})
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != ReasonCrashed || pages != maxDeaths {
		t.Errorf("%d pages, %v", pages, err)
	}
}

func TestChildrenThatCannotWorkAreNotTheFilesFault(t *testing.T) {
	t.Parallel()
	o := options()
	o.CacheDir = write(t, "file", nil) // no folder can be made there
	path := write(t, "manual.pdf", manual(t))
	_, inspect := New(o).Inspect(t.Context(), path, "application/pdf")
	pages := New(o).Pages(t.Context(), path, "application/pdf", 1, 0, nil)
	for _, err := range []error{inspect, pages, hostile("unable").Pages(t.Context(), "x", "x", 1, 0, nil)} {
		if _, refused := errors.AsType[*Refused](err); refused || err == nil {
			t.Errorf("got %v", err)
		}
	}
}

func TestMemoryIsWatchedWhileTheParentIsBusy(t *testing.T) {
	t.Parallel()
	if resident(1) == 0 {
		t.Skip("memory is not measured on this system")
	}
	c, err := hostile("eat").start(t.Context(), request{From: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	<-c.watched // nobody asks for a reply
	if c.overfed.Load() == 0 {
		t.Error("the child ended, but not for its memory")
	}
}

func TestCallersMayStop(t *testing.T) {
	t.Parallel()
	errEnough := errors.New("enough")
	err := hostile("exit").Pages(t.Context(), "x", "x", 1, 4, func(Page) error { return errEnough })
	if !errors.Is(err, errEnough) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = hostile("mute").Pages(ctx, "x", "x", 1, 4, func(Page) error { return nil })
	if err == nil {
		t.Error("a mute child succeeded")
	}
	cancel()
	if _, err = hostile("mute").Inspect(ctx, "x", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCancellingEndsAHangingChild(t *testing.T) {
	t.Parallel()
	o := options()
	o.Command, o.PageDeadline = command("hang"), time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	err := New(o).Pages(ctx, "x", "x", 1, 4, func(Page) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCommandsThatDoNotStart(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{nil, {"/nonexistent/program"}} {
		o := options()
		o.Command = command
		_, err := New(o).Inspect(t.Context(), "x", "x")
		if _, refused := errors.AsType[*Refused](err); err == nil || refused {
			t.Errorf("%v: %v", command, err)
		}
		if err := New(o).Pages(t.Context(), "x", "x", 1, 1, nil); err == nil {
			t.Errorf("%v succeeded", command)
		}
	}
}

func TestChildrenTakeRealFilesApart(t *testing.T) {
	t.Parallel()
	e := New(options())
	path := write(t, "manual.pdf", manual(t))
	info, err := e.Inspect(t.Context(), path, "application/pdf")
	if err != nil {
		t.Fatal(err)
	}
	if info.Pages != 3 || info.Title != "Engine manual" {
		t.Errorf("got %+v", info)
	}
	var numbers []int
	err = e.Pages(t.Context(), path, "application/pdf", 2, 9, func(p Page) error {
		numbers = append(numbers, p.Number)
		if p.Reason != "" || len(p.Screen) == 0 {
			t.Errorf("page %d: reason %q, %d bytes", p.Number, p.Reason, len(p.Screen))
		}
		return nil
	})
	if diff := cmp.Diff([]int{2, 3}, numbers); diff != "" || err != nil {
		t.Error(err, diff)
	}
	_, err = e.Inspect(t.Context(), write(t, "broken.pdf", []byte("%PDF-1.7 no more")), "application/pdf")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != ReasonBroken {
		t.Errorf("got %v", err)
	}
}

func TestMainEndsWithItsInput(t *testing.T) {
	t.Parallel()
	in, parent := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Main(t.Context(), in, io.Discard) }()
	q := request{Op: opPages, Path: write(t, "a.txt", []byte("hello")), MediaType: "text/plain"}
	if err := writeFrame(parent, q); err != nil {
		t.Fatal(err)
	}
	if err := parent.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := Main(t.Context(), broken{}, io.Discard); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// broken is a pipe that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var s tail
	for range stderrKept {
		if _, err := s.Write([]byte("word ")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Write([]byte("end")); err != nil {
		t.Fatal(err)
	}
	if got := s.String(); len(got) != stderrKept || got[len(got)-8:] != "word end" {
		t.Errorf("kept %d bytes", len(got))
	}
}
