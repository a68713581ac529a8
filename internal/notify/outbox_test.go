package notify_test

import (
	"bytes"
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"navidocs/internal/notify"
	"navidocs/internal/notify/notifytest"
)

func outbox(t *testing.T, dir string, log *slog.Logger) *notify.Outbox {
	t.Helper()
	o, err := notify.NewOutbox(dir, notify.EmailConfig{From: "docs@boats.example.com", Now: clock}, log)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOutboxConforms(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Harness {
		dir := filepath.Join(t.TempDir(), "outbox")
		return notifytest.Harness{
			Channel: notify.Email, Sender: outbox(t, dir, slog.New(slog.DiscardHandler)), To: "captain@example.org",
			Answer: func(a notifytest.Answer) bool { return a == notifytest.Accept },
			Arrivals: func() []notifytest.Arrival {
				files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
				if err != nil {
					t.Fatal(err)
				}
				var all []notifytest.Arrival
				for _, file := range newestLast(t, files) {
					content, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, open(t, content).arrival(t))
				}
				return all
			},
		}
	})
}

// newestLast is the order in which the files were last written.
func newestLast(t *testing.T, files []string) []string {
	t.Helper()
	written := func(file string) int64 {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime().UnixNano()
	}
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(written(a), written(b)) })
	return files
}

// TestOutboxSaysSoOnce: the log tells that mails are kept, not each of them.
func TestOutboxSaysSoOnce(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	dir := filepath.Join(t.TempDir(), "outbox")
	o := outbox(t, dir, slog.New(slog.NewTextHandler(&said, nil)))
	for range 3 {
		if r := o.Send(t.Context(), reminder()); r.Outcome != notify.Accepted || r.Reference != reminder().ID+".eml" {
			t.Fatalf("%+v", r)
		}
	}
	if strings.Count(said.String(), "\n") != 1 || strings.Contains(said.String(), "captain") {
		t.Errorf("the log says %s", &said)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestOutboxStaysInside: an id is no path.
func TestOutboxStaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := outbox(t, filepath.Join(dir, "outbox"), slog.New(slog.DiscardHandler))
	for _, id := range []string{"../evil", "/evil", "a/b", ".", "..", "", "a\x00b", strings.Repeat("x", 300)} {
		m := reminder()
		m.ID = id
		if r := o.Send(t.Context(), m); r.Outcome != notify.Accepted {
			t.Errorf("%q: %+v", id, r)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestOutboxOnAFullOrMissingDisk(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := outbox(t, file, slog.New(slog.DiscardHandler)).Send(t.Context(), reminder())
	if r.Outcome != notify.Deferred || r.Reason == "" {
		t.Errorf("%+v", r)
	}
}
