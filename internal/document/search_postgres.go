package document

import "strings"

// postgresMatch is the tsquery of a search: the reader's scope and all terms.
// Every word consists of letters and digits only, quoted all the same.
func postgresMatch(in scope, terms []term) string {
	parts := []string{"(" + anyOf(in.any, "'", " & ", " | ") + ")"}
	for _, w := range in.all {
		parts = append(parts, "'"+w+"'")
	}
	for _, t := range terms {
		part := "'" + strings.Join(t.words, "' <-> '") + "'"
		if t.prefix {
			part += ":*"
		}
		parts = append(parts, "("+part+")")
	}
	return strings.Join(parts, " & ")
}
