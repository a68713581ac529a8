package integration

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
)

// TestACalendarKeepsItsForm: RFC 5545, 3.1 and 3.3.11, for text that people write.
func TestACalendarKeepsItsForm(t *testing.T) {
	t.Parallel()
	summary := `Garantie; "Motor", links\rechts ` + strings.Repeat("ü€😀", 40)
	changed := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	all := []entry{
		{uid: "warranty-1", summary: summary, description: "one\ntwo: END:VEVENT\r\nBEGIN:VEVENT", day: "2028-02-29", changed: changed},
		{uid: "certificate-2", summary: "Life raft", description: "x", day: "2026-12-31", changed: changed},
	}
	text, err := layOut("Calypso, and more", 14, all)
	if err != nil {
		t.Fatal(err)
	}
	again, err := layOut("Calypso, and more", 14, all)
	if err != nil || !bytes.Equal(text, again) {
		t.Error("the same entries give other bytes")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%d octets: %q", len(line), line)
		}
	}
	cal, err := ics.ParseCalendar(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	events := cal.Events()
	if len(events) != 2 || events[0].Id() != "warranty-1@navidocs" || events[1].Id() != "certificate-2@navidocs" {
		t.Fatalf("%s", text)
	}
	if got := ics.FromText(events[0].GetProperty(ics.ComponentPropertySummary).Value); got != summary {
		t.Errorf("%q", got)
	}
	for _, want := range []string{
		"DTSTART;VALUE=DATE:20280229\r\n", "DTEND;VALUE=DATE:20280301\r\n", "DTSTAMP:20260501T080000Z\r\n", "TRIGGER:-P14D\r\n",
		"ACTION:DISPLAY\r\n", "X-WR-CALNAME:Calypso\\, and more\r\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if quiet, err := layOut("x", 0, all); err != nil || bytes.Contains(quiet, []byte("VALARM")) {
		t.Errorf("%s, %v", quiet, err)
	}
}

func TestACalendarSpeaksEveryLanguage(t *testing.T) {
	t.Parallel()
	if got := slices.Sorted(maps.Keys(wordsOf())); strings.Join(got, " ") != "de en es fr it" {
		t.Error(got)
	}
	for code, w := range wordsOf() {
		for _, text := range []string{w.Warranty, w.Certificate} {
			if got := say(text, "Raft", ""); strings.ContainsAny(got, "{}()") || !strings.Contains(got, "Raft") {
				t.Errorf("%s: %q", code, got)
			}
			if got := say(text, "Raft {boat}", "Calypso"); !strings.Contains(got, "Raft {boat}") || !strings.Contains(got, "(Calypso)") {
				t.Errorf("%s: %q", code, got)
			}
		}
		if w.Calendar == "" || w.Until == "" || w.Provider == "" {
			t.Errorf("%s: %+v", code, w)
		}
	}
}
