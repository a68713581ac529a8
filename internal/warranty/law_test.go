package warranty

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"EU", "UK", "US", "maker", "private"}, Jurisdictions()); diff != "" {
		t.Error(diff)
	}
	for _, j := range Jurisdictions() {
		l, ok := LawOf(j)
		for _, text := range []string{l.Basis, l.Against, l.Time, l.Burden, l.KeyPoints, l.Source} {
			if !ok || text == "" || slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ;,()", r) }), "K") {
				t.Errorf("%s: %q", j, text)
			}
		}
	}
	if l, ok := LawOf("XX"); ok || l != (Law{}) {
		t.Error(l)
	}
	eu, _ := LawOf("EU")
	want := "2 years from delivery; some states longer (e.g. ES 3 years, unconfirmed); used goods may be agreed down to 1 year, unconfirmed"
	if eu.Time != want || eu.Burden != "reversed for 1 year (states may say 2), unconfirmed" || eu.Against != "seller (trader)" {
		t.Error(eu)
	}
}

func TestTheMakersGuaranteeComesOnTop(t *testing.T) {
	t.Parallel()
	for jurisdiction, want := range map[string]string{
		"EU": "EU maker", "UK": "UK maker", "US": "US maker", "maker": "maker", "private": "private", "XX": "", "": "",
	} {
		var got []string
		for _, l := range LawsFor(jurisdiction) {
			got = append(got, l.Jurisdiction)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", jurisdiction, s, want)
		}
	}
}

func TestSuggestLaw(t *testing.T) {
	t.Parallel()
	for country, want := range map[string]string{
		"ES": "EU", "fr": "EU", " de ": "EU", "GR": "EU", "MQ": "EU", "GB": "UK", "gb": "UK", "US": "US",
		"CH": "maker", "NO": "maker", "AU": "maker", "": "maker", "E": "maker", "AT BE": "maker", "Spain": "maker",
	} {
		if got := SuggestLaw(country, false); got != want {
			t.Errorf("%q: %s, want %s", country, got, want)
		}
		if got := SuggestLaw(country, true); got != "private" {
			t.Errorf("%q, sold in private: %s", country, got)
		}
	}
	for _, country := range strings.Fields(union) {
		if got := SuggestLaw(country, false); len(country) != 2 || got != "EU" {
			t.Error(country, got)
		}
	}
}

func TestExclusions(t *testing.T) {
	t.Parallel()
	Exclusions()[0] = "changed"
	if all := Exclusions(); len(all) != 7 || all[0] != "haul-out" {
		t.Error(all)
	}
}
