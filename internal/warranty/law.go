package warranty

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Law is what a claim rests on: wording for templates, no legal advice. Forms
// print that they are templates, to be checked.
type Law struct {
	Jurisdiction string `json:"jurisdiction"`
	Basis        string `json:"basis"`
	Against      string `json:"against"`
	Time         string `json:"time"`
	Burden       string `json:"burden" doc:"who has to prove that the fault was there from the start"`
	KeyPoints    string `json:"key_points"`
	Source       string `json:"source"`
}

// The jurisdictions that are no country's: the guarantee that a maker gives by
// itself, and a sale between private people.
const (
	makerLaw   = "maker"
	privateLaw = "private"
)

//go:embed seed/claim_law.csv
var lawCSV string

var laws = sync.OnceValue(func() []Law {
	var all []Law
	for _, r := range seedRows(lawCSV) {
		all = append(all, Law{
			Jurisdiction: r[0], Basis: r[1], Against: r[2], Time: spellDoubt(r[3]), Burden: spellDoubt(r[4]), KeyPoints: spellDoubt(r[5]),
			Source: sourceNames(r[6]),
		})
	}
	return all
})

// spellDoubt writes out the table's mark for what no source confirms: a K after
// the words that it doubts.
func spellDoubt(s string) string {
	const doubt = ", unconfirmed"
	if text, marked := strings.CutSuffix(s, " K"); marked {
		s = text + doubt
	}
	return strings.NewReplacer(" K;", doubt+";", " K)", doubt+")").Replace(s)
}

// Jurisdictions lists what LawOf knows: EU, UK, US, maker and private.
func Jurisdictions() []string {
	var all []string
	for _, l := range laws() {
		all = append(all, l.Jurisdiction)
	}
	return all
}

// LawOf is the law of a jurisdiction; false when there is no such one.
func LawOf(jurisdiction string) (Law, bool) {
	i := slices.IndexFunc(laws(), func(l Law) bool { return l.Jurisdiction == jurisdiction })
	if i < 0 {
		return Law{}, false
	}
	return laws()[i], true
}

// LawsFor is all that a claim in a jurisdiction rests on, in the order in which
// the form prints it: the law itself and, as it comes on top of any but a
// private sale, the maker's guarantee. It is empty for an unknown one.
func LawsFor(jurisdiction string) []Law {
	own, ok := LawOf(jurisdiction)
	if !ok {
		return nil
	}
	maker, ok := LawOf(makerLaw)
	if !ok || jurisdiction == makerLaw || jurisdiction == privateLaw {
		return []Law{own}
	}
	return []Law{own, maker}
}

// union are the countries of the European Union (ISO 3166), with those regions
// of France that have codes of their own and are part of it (TFEU, article 355).
const union = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK GF GP MF MQ RE YT"

// SuggestLaw is the jurisdiction of a claim by the country where it was
// delivered and by who sold it; the maker's guarantee where no law is known. It
// is a suggestion: whoever claims chooses.
func SuggestLaw(country string, privateSeller bool) string {
	country = strings.ToUpper(strings.TrimSpace(country))
	switch {
	case privateSeller:
		return privateLaw
	case country == "GB":
		return "UK"
	case country == "US":
		return "US"
	case slices.Contains(strings.Fields(union), country):
		return "EU"
	}
	return makerLaw
}

// Exclusions lists what most warranties do not pay, for a claim to say so that
// nobody is surprised.
func Exclusions() []string {
	return []string{"haul-out", "launch", "storage", "transport", "travel", "loss of use", "consequential loss"}
}
