package document

import (
	"html"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/db"
	"navidocs/internal/fleet"
)

// snippetBytes is about how much of a page is shown around a hit.
const snippetBytes = 220

// snippet cuts the part of a text where most of the terms stand near each
// other and marks them. The result is HTML, everything else in it escaped.
func snippet(text string, terms []term) string {
	toks := tokens(text)
	marks := findMarks(toks, terms)
	if len(marks) == 0 {
		return html.EscapeString(clean(text[:cut(text, snippetBytes)]))
	}
	start, end := window(text, toks, marks)
	var b strings.Builder
	if start > 0 {
		b.WriteString("… ")
	}
	at := start
	for _, m := range marks {
		if m.start < at || m.end > end {
			continue
		}
		b.WriteString(html.EscapeString(spaced(text[at:m.start])))
		b.WriteString("<mark>" + html.EscapeString(text[m.start:m.end]) + "</mark>")
		at = m.end
	}
	b.WriteString(html.EscapeString(spaced(text[at:end])))
	if end < len(text) {
		b.WriteString(" …")
	}
	return strings.TrimSpace(b.String())
}

// mark is a stretch of text that a term found.
type mark struct {
	start, end, term int
}

func findMarks(toks []token, terms []term) []mark {
	var out []mark
	for i := range toks {
		for t, term := range terms {
			if term.matchesAt(toks, i) {
				out = append(out, mark{toks[i].start, toks[i+len(term.words)-1].end, t})
				break
			}
		}
	}
	return out
}

// window chooses where to cut: at the mark from which most different terms
// follow within the length, with some words before it.
func window(text string, toks []token, marks []mark) (start, end int) {
	best, bestTerms := 0, 0
	for i, m := range marks {
		seen := map[int]bool{}
		for _, n := range marks[i:] {
			if n.end-m.start > snippetBytes*2/3 {
				break
			}
			seen[n.term] = true
		}
		if len(seen) > bestTerms {
			best, bestTerms = i, len(seen)
		}
	}
	from := max(marks[best].start-snippetBytes/4, 0)
	start, end = from, min(from+snippetBytes, len(text))
	for _, t := range toks { // whole words only
		if t.start < start && t.end > start {
			start = t.start
		}
		if t.start < end && t.end > end {
			end = t.end
		}
	}
	for start > 0 && !utf8.RuneStart(text[start]) {
		start--
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return start, max(end, marks[best].end)
}

func cut(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

func clean(s string) string { return strings.Join(strings.Fields(s), " ") }

// spaced is clean that keeps a space at either end.
func spaced(s string) string {
	out := clean(s)
	if out == "" {
		if s != "" {
			return " "
		}
		return ""
	}
	if strings.IndexAny(s[:1], " \n\r\t") == 0 {
		out = " " + out
	}
	if strings.IndexAny(s[len(s)-1:], " \n\r\t") == 0 {
		out += " "
	}
	return out
}

func dayStart(d fleet.Date) int64 {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return 0
	}
	return db.Micros(t)
}
