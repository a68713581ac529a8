package document

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// term is one thing that a page must contain: a word, a phrase, or either with
// its last word cut short (prefix).
type term struct {
	words  []string
	prefix bool
}

// maxTerms bounds a query; the rest is ignored, as is a word beyond 64 bytes.
const maxTerms = 16

// parseQuery reads what a person typed: words, "phrases", and prefixes with a
// star. A word that search cuts into several (E-4711) is a phrase.
func parseQuery(q string) []term {
	var out []term
	for len(out) < maxTerms {
		q = strings.TrimLeftFunc(q, unicode.IsSpace)
		if q == "" {
			break
		}
		var part string
		if q[0] == '"' {
			part, q, _ = strings.Cut(q[1:], `"`)
			if strings.HasPrefix(q, "*") {
				part, q = part+"*", q[1:]
			}
		} else {
			end := strings.IndexFunc(q, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
			if end < 0 {
				end = len(q)
			}
			part, q = q[:end], q[end:]
		}
		if t := parseTerm(part); len(t.words) > 0 {
			out = append(out, t)
		}
	}
	return out
}

func parseTerm(part string) term {
	t := term{prefix: strings.HasSuffix(part, "*")}
	for _, tok := range tokens(part) {
		if len(tok.word) <= 64 && len(t.words) < maxTerms {
			t.words = append(t.words, tok.word)
		}
	}
	return t
}

func (t term) String() string {
	s := strings.Join(t.words, " ")
	if len(t.words) > 1 {
		s = `"` + s + `"`
	}
	if t.prefix {
		s += "*"
	}
	return s
}

func termsString(ts []term) string {
	parts := make([]string, len(ts))
	for i, t := range ts {
		parts[i] = t.String()
	}
	return strings.Join(parts, " ")
}

// count says how often a folded body holds the term, and where first (-1).
func (t term) count(body string) (n, first int) {
	phrase := strings.Join(t.words, " ")
	first = -1
	for at := 0; ; {
		i := strings.Index(body[at:], phrase)
		if i < 0 {
			return n, first
		}
		start := at + i
		end := start + len(phrase)
		if (start == 0 || body[start-1] == ' ') && (t.prefix || end == len(body) || body[end] == ' ') {
			if first < 0 {
				first = start
			}
			n++
		}
		at = start + 1
	}
}

// matchesAt says whether the term begins at tokens[i].
func (t term) matchesAt(toks []token, i int) bool {
	if i+len(t.words) > len(toks) {
		return false
	}
	for k, w := range t.words {
		have := toks[i+k].word
		if have != w && !(t.prefix && k == len(t.words)-1 && strings.HasPrefix(have, w)) {
			return false
		}
	}
	return true
}

// distance is the number of insertions, deletions, changed letters and swapped
// neighbours between two words (optimal string alignment), or limit+1 when it
// is larger than limit.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d > limit || -d > limit {
		return limit + 1
	}
	before, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		best := cur[0]
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		before, prev, cur = prev, cur, before
	}
	return min(prev[len(y)], limit+1)
}

// tolerance is how many typing mistakes a word may hold.
func tolerance(word string) int {
	switch n := utf8.RuneCountInString(word); {
	case n < 4:
		return 0
	case n < 7:
		return 1
	}
	return 2
}
