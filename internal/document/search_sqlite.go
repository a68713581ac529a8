package document

import "strings"

// sqliteMatch is the FTS5 query of a search: the reader's scope and all terms.
// Every word consists of letters and digits only, quoted all the same.
func sqliteMatch(in scope, terms []term) string {
	parts := []string{"{scope} : (" + anyOf(in.any, `"`, " AND ", " OR ") + ")"}
	for _, w := range in.all {
		parts = append(parts, `{scope} : "`+w+`"`)
	}
	for _, t := range terms {
		part := `{body} : "` + strings.Join(t.words, " ") + `"`
		if t.prefix {
			part += " *"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " AND ")
}

func quoteAll(words []string, separator string) string {
	return `"` + strings.Join(words, `"`+separator+`"`) + `"`
}

// anyOf writes alternatives, each of words that must all be there.
func anyOf(all [][]string, quote, and, or string) string {
	out := make([]string, len(all))
	for i, words := range all {
		out[i] = "(" + quote + strings.Join(words, quote+and+quote) + quote + ")"
	}
	return strings.Join(out, or)
}

// sqliteGrams is the FTS5 query for words that share three letters with one.
func sqliteGrams(word string) string {
	runes := []rune(word)
	var grams []string
	for i := 0; i+3 <= len(runes); i++ {
		grams = append(grams, string(runes[i:i+3]))
	}
	return quoteAll(grams, " OR ")
}
