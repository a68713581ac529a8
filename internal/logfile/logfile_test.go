package logfile_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/logfile"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// opened is a log in a folder of its own.
func opened(t *testing.T) (f *logfile.File, path string) {
	t.Helper()
	path = logfile.Path(t.TempDir())
	f, err := logfile.Open(path, clock)
	if err != nil {
		t.Fatal(err)
	}
	return f, path
}

// have are the records of a log, a line each.
func have(t *testing.T, path string, q logfile.Query) (all []string) {
	t.Helper()
	q.Level = min(q.Level, slog.LevelDebug)
	err := logfile.Read(path, q, func(r logfile.Record) error {
		all = append(all, fmt.Sprint(r.Time.Format("15:04"), " ", r.Level, " ", r.Msg))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// What two servers print at once, in pieces of any size, is kept line by line; a
// panic is an error to its last line.
func TestEveryLineIsARecord(t *testing.T) {
	t.Parallel()
	f, path := opened(t)
	one, two := f.Stream(), f.Stream()
	text := `{"time":"2026-05-04T11:00:00Z","level":"WARN","msg":"slow","route":"/api/boats"}` + "\n\n" +
		"QUEUE_PREFIX has no effect\r\npanic: no more\n\ngoroutine 1 [running]:\nmain.main()\n" +
		`{"time":"2026-05-04T13:00:00Z","level":"INFO","msg":"started again"}` + "\nafter it\n"
	for i := range text {
		if _, err := io.WriteString(one, text[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if i%40 == 0 {
			fmt.Fprint(two, "wo\nt")
		}
	}
	f.Close(time.Minute)
	var got []string
	for _, line := range have(t, path, logfile.Query{}) {
		if !strings.HasSuffix(line, " INFO wo") && !strings.HasSuffix(line, " INFO two") {
			got = append(got, line)
		}
	}
	want := []string{
		"11:00 WARN slow", "12:00 INFO QUEUE_PREFIX has no effect", "12:00 ERROR panic: no more", "12:00 ERROR goroutine 1 [running]:",
		"12:00 ERROR main.main()", "13:00 INFO started again", "12:00 INFO after it",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// disk fails or hangs as it is told.
type disk struct {
	mu     sync.Mutex
	text   strings.Builder
	fails  bool
	hangs  chan struct{} // when set, a write waits for its end
	called chan struct{}
}

func (d *disk) Write(b []byte) (int, error) {
	if d.called != nil {
		d.called <- struct{}{}
	}
	if d.hangs != nil {
		<-d.hangs
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails {
		n := min(5, len(b))
		d.text.Write(b[:n])
		return n, errors.New("no space left on device")
	}
	return d.text.Write(b)
}

func (d *disk) Close() error { return nil }

func (d *disk) fail(yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = yes
}

// A full disk fails nobody; how much it lost is told when it has room again, and
// a line that was cut off spoils none that follows.
func TestFullDiskLosesLinesAlone(t *testing.T) {
	t.Parallel()
	d := &disk{}
	f := logfile.Start(d, clock)
	s := f.Stream()
	say := func(text string) {
		if n, err := io.WriteString(s, text+"\n"); n != len(text)+1 || err != nil {
			t.Error(n, err)
		}
		f.Flush(time.Minute)
	}
	say("before")
	d.fail(true)
	say("lost")
	say("lost as well")
	d.fail(false)
	say("after")
	say("at last")
	f.Close(time.Minute)
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(path, []byte(d.text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range have(t, path, logfile.Query{}) {
		if !strings.Contains(line, "{") { // the piece of the first that was lost
			got = append(got, line)
		}
	}
	if diff := cmp.Diff([]string{"12:00 INFO before", "12:00 WARN log lines were lost", "12:00 INFO after", "12:00 INFO at last"}, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(d.text.String(), `"lines":2`) || strings.Count(d.text.String(), "were lost") != 1 {
		t.Error(d.text.String())
	}
}

// A disk that hangs holds nobody up and fills no memory; nor does it hold up the
// end.
func TestHangingDiskHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d := &disk{hangs: make(chan struct{}), called: make(chan struct{}, 1000)}
	f := logfile.Start(d, clock)
	s := f.Stream()
	fmt.Fprintln(s, "first")
	<-d.called
	line := strings.Repeat("x", 1<<10)
	for range 3 * logfile.MostWaiting >> 10 {
		fmt.Fprintln(s, line)
	}
	f.Flush(time.Millisecond)
	close(d.hangs)
	f.Close(time.Minute)
	if n := d.text.Len(); n > 2*logfile.MostWaiting || n < logfile.MostWaiting/2 {
		t.Errorf("%d bytes were kept", n)
	}
	if !strings.Contains(d.text.String(), "log lines were lost") {
		t.Error("nobody is told of the lost ones")
	}
}

// The same with a real device that is full.
func TestFullDevice(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("SKIPPED: no /dev/full")
	}
	path := logfile.Path(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	f, err := logfile.Open(path, clock)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Stream()
	for range 1000 {
		if _, err := fmt.Fprintln(s, "a line"); err != nil {
			t.Fatal(err)
		}
	}
	f.Close(time.Minute)
}

// A log goes on where it was, also when its last line was cut off.
func TestGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	f, path := opened(t)
	fmt.Fprintln(f.Stream(), "one")
	f.Close(time.Minute)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, `{"time":"2026-05-04T11`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err = logfile.Open(path, clock); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f.Stream(), "two")
	f.Close(time.Minute)
	if diff := cmp.Diff([]string{"12:00 INFO one", `12:00 INFO {"time":"2026-05-04T11`, "12:00 INFO two"}, have(t, path, logfile.Query{})); diff != "" {
		t.Error(diff)
	}
}

// What a line of 20 MB leaves of it is cut off, and the next one is whole.
func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	f, path := opened(t)
	s := f.Stream()
	fmt.Fprintln(s, strings.Repeat("é", 10<<20))
	fmt.Fprintln(s, "short")
	f.Close(time.Minute)
	all := have(t, path, logfile.Query{})
	if len(all) != 2 || len(all[0]) > 100<<10 || all[1] != "12:00 INFO short" {
		t.Errorf("%d lines", len(all))
	}
}
