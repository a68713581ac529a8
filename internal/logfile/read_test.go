package logfile_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
	"navidocs/internal/logfile"
)

func line(hour int, level, msg string) string {
	return fmt.Sprintf(`{"time":"2026-05-04T%02d:00:00Z","level":%q,"msg":%q,"n":%d}`+"\n", hour, level, msg, hour)
}

// kept is a log with two older files, one of them compressed.
func kept(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "navidocs.log")
	oldest, err := os.OpenFile(filepath.Join(dir, "navidocs-2026-05-02T00-00-00.000-time.log.gz"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(oldest)
	if _, err := z.Write([]byte(line(1, "ERROR", "One"))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	oldest.Close()
	for name, text := range map[string]string{
		"navidocs-2026-05-03T00-00-00.000-size.log": line(2, "INFO", "two") + "a tail without an end",
		"navidocs.log": line(3, "WARN", "three") + "panic: in between\n" + line(4, "DEBUG", "four") + line(5, "ERROR", "five") + `{"half`,
		"navidocs.txt": line(9, "ERROR", "of somebody else"), "other-1.log": line(9, "ERROR", "as well"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, at := range map[string]int{"navidocs-2026-05-02T00-00-00.000-time.log.gz": 1, "navidocs-2026-05-03T00-00-00.000-size.log": 2} {
		when := time.Date(2026, 5, 4, at, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestReadFilters(t *testing.T) {
	t.Parallel()
	path := kept(t)
	at := func(hour int) time.Time { return time.Date(2026, 5, 4, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		query logfile.Query
		want  string
	}{
		"all":           {logfile.Query{Level: slog.LevelDebug}, "One,two,a tail without an end,three,panic: in between,four,five"},
		"from info on":  {logfile.Query{}, "One,two,a tail without an end,three,panic: in between,five"},
		"errors":        {logfile.Query{Level: slog.LevelError}, "One,panic: in between,five"},
		"since":         {logfile.Query{Level: slog.LevelDebug, Since: at(3)}, "three,panic: in between,four,five"},
		"text":          {logfile.Query{Grep: "oNe"}, "One"},
		"an attribute":  {logfile.Query{Grep: `"n":2`}, "two"},
		"the last":      {logfile.Query{Level: slog.LevelDebug, Last: 2}, "four,five"},
		"last errors":   {logfile.Query{Level: slog.LevelError, Last: 2}, "panic: in between,five"},
		"more than all": {logfile.Query{Level: slog.LevelError, Last: 200}, "One,panic: in between,five"},
	} {
		var got []string
		if err := logfile.Read(path, c.query, func(r logfile.Record) error { got = append(got, r.Msg); return nil }); err != nil {
			t.Error(name, err)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ",")); diff != "" {
			t.Error(name, diff)
		}
	}
	if err := logfile.Read(filepath.Join(t.TempDir(), "log", "x.log"), logfile.Query{}, nil); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// Who follows reads every line once, whatever file it is in.
func TestFollowGoesOverToTheNextFile(t *testing.T) {
	t.Parallel()
	path := kept(t)
	ctx, stop := context.WithCancel(t.Context())
	tick, got, ended := make(chan time.Time), make(chan string, 100), make(chan error, 1)
	go func() {
		ended <- logfile.Follow(ctx, path, logfile.Query{Last: 1}, tick, func(r logfile.Record) error {
			got <- r.Msg
			return nil
		})
	}()
	write := func(name, text string) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	look := func() []string {
		tick <- noon
		tick <- noon // the second is taken when the first was dealt with
		var all []string
		for {
			select {
			case m := <-got:
				all = append(all, m)
			default:
				return all
			}
		}
	}
	if all := look(); !slices.Equal(all, []string{"five"}) {
		t.Error(all)
	}
	write(path, "\n"+line(6, "INFO", "six")+`{"time":"2026-05-04T07:00:00Z","level":"INFO",`)
	if all := look(); !slices.Equal(all, []string{`{"half`, "six"}) {
		t.Error(all)
	}
	write(path, `"msg":"seven"}`+"\n")
	if all := look(); !slices.Equal(all, []string{"seven"}) {
		t.Error(all)
	}
	write(path, line(8, "INFO", "eight"))
	if err := os.Rename(path, filepath.Join(filepath.Dir(path), "navidocs-2026-05-05T00-00-00.000-size.log")); err != nil {
		t.Fatal(err)
	}
	write(path, line(9, "INFO", "nine"))
	if all := look(); !slices.Equal(all, []string{"eight", "nine"}) {
		t.Error(all)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A record for people stays on its line and leaves the terminal alone.
func TestRecordForPeople(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"time":"2026-05-04T11:00:00.1234Z","level":"WARN","msg":"slow","route":"GET /x","n":1.5,"ok":true,"who":null,"at":{"a":[1]},"id":"7"}`: `2026-05-04 11:00:00.123 WARN  slow route="GET /x" n=1.5 ok=true who=null at="{\"a\":[1]}" id=7`,
		`{"time":"2026-05-04T11:00:00+02:00","level":"ERROR+1","msg":"a\u001b[2Jb","\u001bk":"\u001b]0;x"}`:                                      `2026-05-04 09:00:00.000 ERROR+1a?[2Jb ?k="\x1b]0;x"`,
		"panic: oh\x1b[2J\tno": "- ERROR panic: oh?[2J no",
		"{}":                   "- INFO  {}",
	} {
		if got := logfile.Parse(given).String(); got != want {
			t.Errorf("%s\n%s", got, want)
		}
	}
}

// Whatever a line holds: it is kept as it is, is shown on one line without
// control characters, and what slog wrote is read as it was.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		line(3, "WARN", "three"), "panic: x", "", "{", `{"time":1}`, `{"msg":"x","time":"2026-05-04T11:00:00Z","level":"INFO","msg":"y"} x`, `{"a":{"b":[1,2]},"time":"x"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := logfile.Parse(text)
		if r.Raw != strings.TrimRight(text, "\r\n") {
			t.Errorf("%q became %q", text, r.Raw)
		}
		if shown := r.String(); strings.ContainsFunc(shown, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			t.Errorf("%q", shown)
		}
		var b strings.Builder
		h := slog.NewJSONHandler(&b, nil)
		record := slog.NewRecord(noon, slog.LevelWarn, text+".", 0)
		record.AddAttrs(slog.String("text", text))
		if err := h.Handle(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		r = logfile.Parse(b.String())
		if valid := strings.ToValidUTF8(text, "\ufffd"); !r.Time.Equal(noon) || r.Level != slog.LevelWarn || strings.ReplaceAll(r.Msg, "\ufffd", "") != strings.ReplaceAll(valid, "\ufffd", "")+"." || len(r.Attrs) != 1 {
			t.Errorf("%s: %+v", b.String(), r)
		}
	})
}
