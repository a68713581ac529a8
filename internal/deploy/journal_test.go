package deploy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/deploy"
	"navidocs/internal/fault"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestTheJournalKeepsRunsAsTheyEnded(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	j := deploy.JournalOf(state)
	if all, err := j.Runs(); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
	first := deploy.Run{ID: "a", Kind: "deploy", Outcome: deploy.Begun, Release: "1.0", At: noon}
	second := deploy.Run{ID: "b", Kind: "rollback", Outcome: deploy.Begun, At: noon.Add(time.Hour)}
	ended := first
	ended.Outcome, ended.EndedAt = deploy.Committed, new(noon.Add(time.Minute))
	for _, r := range []deploy.Run{first, ended, second} {
		if err := j.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	// A line that a loss of power cut off.
	f, err := os.OpenFile(filepath.Join(state, "deploys.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"c","ki`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Add(deploy.Run{ID: "d", Kind: "deploy", Outcome: deploy.Stopped, At: noon}); err != nil {
		t.Fatal(err)
	}
	all, err := j.Runs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		got = append(got, r.ID+" "+r.Standing(noon.Add(2*time.Minute)))
	}
	if want := "d stopped, b begun, a provisional"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if got := all[2].Standing(noon.Add(25 * time.Hour)); got != "successful" || all[2].Took() != time.Minute {
		t.Error(got, all[2].Took())
	}
}

func TestAnIncidentIsClosedWhenPeopleHaveWritten(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	s := deploy.IncidentsOf(state)
	in := deploy.Incident{At: noon, Duration: 2 * time.Second, Reason: "30.0 % of 20 answers are errors", Release: "1.4.0", Back: "1.3.2", Actions: []string{"promoted", "taken back"}}
	first, err := s.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	if first.ID != "INC-20260501-120000" || second.ID != "INC-20260501-120001" {
		t.Error(first.ID, second.ID)
	}
	text, err := s.Text(first.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Date: 2026-05-01 12:00:00 UTC", "Reason: 30.0 %", "Rolled back to: 1.3.2", "Data loss: 0 rows", "- taken back", "## Prevention"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if err := s.Close(first.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("it is closed without a cause: %v", err)
	}
	file := filepath.Join(state, "incidents", first.ID+".md")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "(to be written by a person)", "a wrong index")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(first.ID); err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if err != nil || len(all) != 2 || all[0].ID != second.ID || all[0].Status != "open" || all[1].Status != "closed" {
		t.Error(all, err)
	}
	for id, kind := range map[string]fault.Kind{"INC-20200101-000000": fault.NotFound, "../../etc/passwd": fault.Invalid} {
		if _, err := s.Text(id); !fault.Is(err, kind) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// The backup that was made when the previous release was replaced is bound, and
// that of a deploy in hand; those of deploys that came to nothing are not.
func TestTheBackupOfTheWayBackIsBound(t *testing.T) {
	t.Parallel()
	home, state := t.TempDir(), t.TempDir()
	j := deploy.JournalOf(state)
	bound := func(want ...string) {
		t.Helper()
		if ids, err := deploy.BoundBackups(home, state); err != nil || !slices.Equal(ids, want) {
			t.Errorf("%q, want %q, %v", ids, want, err)
		}
	}
	add := func(id string, o deploy.Outcome, previous, release, backup string) {
		t.Helper()
		if err := j.Add(deploy.Run{ID: id, Kind: "deploy", Outcome: o, Previous: previous, Release: release, Backup: backup, At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	bound()
	add("1", deploy.Committed, "one", "two", "first")
	add("2", deploy.Stopped, "two", "three", "second")
	bound() // no link names a release before
	if err := os.Symlink(filepath.Join("releases", "one"), filepath.Join(home, "previous")); err != nil {
		t.Fatal(err)
	}
	bound("first")
	add("3", deploy.RolledBack, "one", "three", "third")
	bound("first")
	add("4", deploy.Held, "two", "three", "fourth")
	bound("fourth", "first")
}
