package warranty

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"

	"navidocs/internal/db"
	"navidocs/internal/fleet"
)

// By which words, in five languages, and under which systems an item is of a
// kind; a * stands for any beginning or end of a word. Three kinds are no
// product's: engine is one of which it is not said how it is fitted, craft is
// the boat where it may be said only in passing, none is what would mislead.
//
//go:embed seed/item_kinds.csv
var kindsCSV string

// kindPhrase is what makes an item of a kind.
type kindPhrase struct {
	kind  string
	words []string
}

// kindPhrases are the words of the embedded table, the longest phrases first.
var kindPhrases = sync.OnceValue(func() (all []kindPhrase) {
	for _, row := range seedRows(kindsCSV) {
		if row[1] == "system" {
			continue
		}
		for _, phrase := range phrases(row[2]) {
			all = append(all, kindPhrase{row[0], phrase})
		}
	}
	slices.SortStableFunc(all, func(a, b kindPhrase) int { return len(b.words) - len(a.words) })
	return all
})

// kindsBySystem are the kinds under each system; every system has a row.
var kindsBySystem = sync.OnceValue(func() map[string][]string {
	systems := map[string][]string{}
	for _, s := range fleet.Systems() {
		systems[s.Code] = nil
	}
	for _, row := range seedRows(kindsCSV) {
		if row[1] != "system" {
			continue
		}
		for code := range strings.SplitSeq(row[2], "|") {
			systems[code] = append(systems[code], row[0])
		}
	}
	return systems
})

// productKinds are the kinds of items that a product of the table of terms is
// of.
func productKinds(product string) []string {
	switch product {
	case "Outboard / inboard":
		return []string{"outboard", "inboard"}
	case "Inboard diesel", "Engine":
		return []string{"inboard"}
	case "Sails / canvas / standing rig":
		return []string{"rig"}
	case "Air conditioning / pumps / windlass / thrusters":
		return []string{"machinery"}
	case "Inflatable / tender":
		return []string{"tender"}
	}
	return []string{strings.ToLower(product)}
}

// itemKinds is what an item may be: what its words say, narrowed by its
// system; where neither is known, what its maker alone makes.
func itemKinds(text, given []string, ofMaker []Term) []string {
	said := settle(saidKinds(text))
	filed, known := systemKinds(given)
	switch {
	case len(said) > 0 && overlap(said, filed):
		return common(said, filed)
	case len(said) > 0:
		return said
	case known:
		return filed
	case len(ofMaker) == 0:
		return nil
	}
	only := ofMaker[0].kinds
	for _, t := range ofMaker[1:] {
		only = common(only, t.kinds)
	}
	return only
}

// saidKinds reads the words from left to right and takes the longest phrase at
// each place, so that a battery charger is no battery and a motor boat no
// motor.
func saidKinds(text []string) map[string]bool {
	kinds := map[string]bool{}
	for len(text) > 0 {
		took := 1
		for _, p := range kindPhrases() {
			if len(p.words) >= took && startsWith(text, p.words) {
				took = len(p.words)
				kinds[p.kind] = true
			}
		}
		text = text[took:]
	}
	delete(kinds, "none")
	return kinds
}

// settle lets the particular rule the general out. Of an engine alone it stays
// open how it is fitted; what is said to be an outboard is nothing else.
func settle(kinds map[string]bool) []string {
	rules := []struct {
		kind string
		out  []string
	}{
		{"outboard", []string{"engine", "inboard"}},
		{"genset", []string{"engine", "inboard"}},
		{"inboard", []string{"engine"}},
		{"power", []string{"battery"}},
	}
	for _, r := range rules {
		if kinds[r.kind] {
			for _, k := range r.out {
				delete(kinds, k)
			}
		}
	}
	if kinds["engine"] {
		delete(kinds, "engine")
		kinds["outboard"], kinds["inboard"] = true, true
	}
	if kinds["craft"] {
		delete(kinds, "craft")
		kinds["boat"] = kinds["boat"] || len(kinds) == 0
	}
	var out []string
	for k, is := range kinds {
		if is {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// systemKinds are the kinds under the systems whose numbers are given as words
// of their own; a model is often a number too. Known is whether there is one.
func systemKinds(given []string) (kinds []string, known bool) {
	for _, word := range given {
		filed, is := kindsBySystem()[strings.TrimSpace(word)]
		kinds, known = append(kinds, filed...), known || is
	}
	return kinds, known
}

// foldedWords cuts a text into its words, folded.
func foldedWords(s string) []string {
	return strings.FieldsFunc(db.Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}

// phrases reads a cell of alternatives; a phrase is a row of words, of which
// each may begin or end with a *.
func phrases(cell string) [][]string {
	var all [][]string
	for alternative := range strings.SplitSeq(cell, "|") {
		for i, word := range strings.Fields(alternative) {
			if i == 0 {
				all = append(all, nil)
			}
			last := &all[len(all)-1]
			if strings.Contains(word, "*") {
				*last = append(*last, word)
			} else {
				*last = append(*last, foldedWords(word)...)
			}
		}
	}
	return all
}

func hasPhrase(text []string, alternatives [][]string) bool {
	for i := range text {
		for _, phrase := range alternatives {
			if startsWith(text[i:], phrase) {
				return true
			}
		}
	}
	return false
}

func startsWith(text, phrase []string) bool {
	if len(text) < len(phrase) {
		return false
	}
	for i, want := range phrase {
		begin, end, open := strings.Cut(want, "*")
		if open && (len(text[i]) < len(begin)+len(end) || !strings.HasPrefix(text[i], begin) || !strings.HasSuffix(text[i], end)) || !open && text[i] != want {
			return false
		}
	}
	return true
}

func overlap(a, b []string) bool { return len(common(a, b)) > 0 }

// common keeps the order of a.
func common(a, b []string) []string {
	var out []string
	for _, v := range a {
		if slices.Contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}
