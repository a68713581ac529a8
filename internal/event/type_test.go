package event_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/event"
)

// The types that were promised, and two by which sellers are told of more.
func TestTheCatalogue(t *testing.T) {
	t.Parallel()
	const promised = `boat.created/updated/deleted document.uploaded/processed/failed/deleted
		warranty.created/updated/expiring/expired/claimed/deleted certificate.expiring/expired maintenance.due/overdue/completed
		sale.initiated/package_generated/transferred/downloaded/undelivered/accepted/due/completed/tasks_due/cancelled listing.published/failed/stopped webhook.disabled backup.failed`
	var want, got []string
	for _, words := range strings.Fields(promised) {
		domain, verbs, _ := strings.Cut(words, ".")
		for verb := range strings.SplitSeq(verbs, "/") {
			want = append(want, domain+"."+verb)
		}
	}
	for _, x := range event.Types() {
		got = append(got, x.Name)
		if !regexp.MustCompile(`^[A-Z].*\.$`).MatchString(x.Description) {
			t.Errorf("%s: %q is no sentence", x.Name, x.Description)
		}
		if found, ok := event.TypeOf(x.Name); !ok || found.Description != x.Description {
			t.Errorf("%s is not found", x.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := event.TypeOf("boat"); ok {
		t.Error("part of a name finds a type")
	}
}

// Each type has its golden file: receivers are written against these. A field
// may be added, none may be taken away or renamed.
func TestTheExampleOfEachType(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, x := range event.Types() {
		path := filepath.Join("testdata", "types", x.Name+".golden.json")
		known[path] = true
		var got bytes.Buffer
		out := json.NewEncoder(&got)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		if err := out.Encode(x.Sample()); err != nil {
			t.Fatal(x.Name, err)
		}
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if diff := cmp.Diff(string(want), got.String()); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
	files, err := filepath.Glob("testdata/types/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !known[f] {
			t.Errorf("%s is of no type", f)
		}
	}
}

func TestWhoMayHearOfAnEvent(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, data string
		want       event.Audience
	}{
		{"boat.updated", `{"class":"personal"}`, event.Open}, // only papers have one
		{"warranty.expiring", `{}`, event.Open},
		{"sale.initiated", `{}`, event.Money},
		{"webhook.disabled", `{}`, event.Personal},
		{"backup.failed", `{}`, event.Operators},
		{"document.processed", `{"class":"open"}`, event.Open},
		{"document.failed", `{"class":"money"}`, event.Money},
		{"certificate.expired", `{"class":"personal"}`, event.Personal},
		{"document.processed", `{"class":"operators"}`, event.Personal},
		{"document.processed", `{}`, event.Personal},
		{"document.processed", `no JSON`, event.Personal},
		{"boat.painted", `{"class":"open"}`, event.Personal}, // of a later version, perhaps
	} {
		if got := (event.Envelope{Type: x.name, Data: json.RawMessage(x.data)}).Audience(); got != x.want {
			t.Errorf("%s %s: %s, want %s", x.name, x.data, got, x.want)
		}
	}
}
