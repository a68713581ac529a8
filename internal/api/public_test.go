package api

import (
	"maps"
	"slices"
	"testing"

	"navidocs/internal/notify"
)

// Every language has every word, for every state that the page can show.
func TestPublicWords(t *testing.T) {
	t.Parallel()
	all := publicPage().words
	want := slices.Sorted(maps.Keys(all["en"]))
	for _, language := range notify.Languages {
		if got := slices.Sorted(maps.Keys(all[language])); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", language, got, want)
		}
		for name, text := range all[language] {
			if text == "" {
				t.Errorf("%s: %s is empty", language, name)
			}
		}
	}
	has := func(parts ...string) {
		if v := (publicView{Words: all["en"]}); v.Word(parts...) == "" {
			t.Errorf("there is no word for %q", parts)
		}
	}
	for _, state := range []string{"works", "degraded", "down", "maintenance"} {
		has("title", state)
		has("what", state)
	}
	for _, state := range []string{"works", "late", "full", "down"} {
		has("state", state)
	}
	for _, part := range []string{"database", "storage", "queue", "mail"} {
		has("part", part)
	}
	for _, kind := range []string{"deploy", "rollback"} {
		for _, outcome := range []string{"running", "cut_off", "committed", "refused", "stopped", "rolled_back", "held"} {
			has(kind, outcome)
		}
	}
}
