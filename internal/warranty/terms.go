package warranty

import (
	_ "embed"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Term is what a maker promises for a product, as far as it was published: a
// proposal, which whoever keeps the warranty confirms against their papers.
type Term struct {
	ID                 string   `json:"id"`
	Product            string   `json:"product"`
	Maker              string   `json:"maker" doc:"'typical' is no maker's: what most give"`
	Coverage           string   `json:"coverage"`
	Months             int      `json:"months" doc:"0 when not stated"`
	HoursLimit         *float64 `json:"hours_limit"`
	MonthsAfterInvoice int      `json:"months_after_invoice" doc:"cover ends at the latest so long after the maker's invoice; 0 when not stated"`
	Limit              string   `json:"limit" doc:"what bounds the months, as the source says it"`
	Starts             string   `json:"starts"`
	Registration       string   `json:"registration"`
	Transferable       string   `json:"transferable"`
	TransferWindow     string   `json:"transfer_window"`
	TransferCost       string   `json:"transfer_cost"`
	Conditions         string   `json:"conditions"`
	Source             string   `json:"source"`
	Edition            string   `json:"edition" doc:"how old the terms are; empty when the source does not say"`

	// makers are the names by which an item's maker is known, in folded words;
	// none where the term is typical of all makers.
	makers [][]string
	// needs are words of which the item must have one.
	needs [][]string
	kinds []string
}

// The trade's table with three columns of ours: edition, what the maker's
// column says about the age of the terms; makers, the names that an item is
// compared with, which leave out regions and product lines; needs, the words
// that tell apart what one maker promises for products of one kind.
//
//go:embed seed/warranty_terms.csv
var termsCSV string

//go:embed seed/sources.csv
var sourcesCSV string

// seedRows reads an embedded table without its heading.
func seedRows(table string) [][]string {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		panic("warranty: embedded table: " + err.Error()) // tested
	}
	return rows[1:]
}

// Terms lists all that is known, as the trade's table orders it.
func Terms() []Term { return slices.Clone(allTerms()) }

var allTerms = sync.OnceValue(func() []Term {
	var terms []Term
	var above []string
	for _, r := range seedRows(termsCSV) {
		for i, cell := range r {
			if cell == "as above" {
				r[i] = above[i]
			}
		}
		above = r
		t := Term{
			ID: strings.Join(foldedWords(r[1]+" "+r[0]+" "+r[2]), "-"), Product: r[0], Coverage: r[2], Limit: r[4],
			Maker: strings.TrimSuffix(r[1], " ("+r[12]+")"), HoursLimit: hoursIn(r[4]), MonthsAfterInvoice: monthsAfterInvoice(r[4]),
			Starts: r[5], Registration: r[6], Transferable: r[7], TransferWindow: r[8], TransferCost: r[9], Conditions: r[10],
			Source: sourceNames(r[11]), Edition: r[12], makers: phrases(r[13]), needs: phrases(r[14]), kinds: productKinds(r[0]),
		}
		t.Months, _ = strconv.Atoi(r[3]) // empty means not stated
		terms = append(terms, t)
	}
	return terms
})

// hoursIn reads "2000 h whichever first".
func hoursIn(limit string) *float64 {
	number, rest, _ := strings.Cut(limit, " h")
	hours, err := strconv.ParseFloat(number, 64)
	if err != nil || rest != "" && !strings.HasPrefix(rest, " ") {
		return nil
	}
	return &hours
}

// monthsAfterInvoice reads "at most 66 months from the maker's invoice".
func monthsAfterInvoice(limit string) int {
	rest, found := strings.CutPrefix(limit, "at most ")
	number, _, _ := strings.Cut(rest, " months from ")
	if months, err := strconv.Atoi(number); found && err == nil {
		return months
	}
	return 0
}

// sourceNames writes the codes of sources out.
func sourceNames(codes string) string {
	var names []string
	for _, row := range seedRows(sourcesCSV) {
		if slices.Contains(strings.Fields(codes), row[0]) {
			names = append(names, row[1])
		}
	}
	return strings.Join(names, "; ")
}

// typical is whether a term is of no maker.
func (t Term) typical() bool { return len(t.makers) == 0 }

// Propose finds the terms that may hold for an item: its maker and model, and
// in words its name, its equipment's name, its system's number as a word of its
// own. The maker is looked for in maker and model, in words only when they name
// nobody known. Whatever is proposed is a guess and to be confirmed: the most
// particular maker first, what is typical of all makers last.
func Propose(maker, model string, words ...string) []Term {
	named := foldedWords(maker + " " + model)
	text := slices.Concat(named, foldedWords(strings.Join(words, " ")))
	if !slices.ContainsFunc(allTerms(), func(t Term) bool { return hasPhrase(named, t.makers) }) {
		named = text
	}
	ofMaker, typical := []Term{}, []Term{}
	for _, t := range allTerms() {
		switch {
		case t.typical():
			typical = append(typical, t)
		case hasPhrase(named, t.makers) && (len(t.needs) == 0 || hasPhrase(text, t.needs)):
			ofMaker = append(ofMaker, t)
		}
	}
	kinds := itemKinds(text, words, ofMaker)
	slices.SortStableFunc(ofMaker, func(a, b Term) int { return b.namedBy(text) - a.namedBy(text) })
	return slices.DeleteFunc(append(ofMaker, typical...), func(t Term) bool { return !overlap(t.kinds, kinds) })
}

// namedBy counts the words of the maker's column that the item has too.
func (t Term) namedBy(text []string) (n int) {
	for _, word := range foldedWords(t.Maker) {
		if slices.Contains(text, word) {
			n++
		}
	}
	return n
}
