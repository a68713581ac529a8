package wire

import (
	"html"
	"slices"
	"strings"

	markup "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// HTML is a plain text as paragraphs.
func HTML(text string) string {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(Plain(text), "\n\n") {
		if paragraph != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(paragraph), "\n", "<br>") + "</p>")
		}
	}
	return b.String()
}

// Heading is a title of HTML.
func Heading(title string) string { return "<h3>" + html.EscapeString(Line(title)) + "</h3>" }

// Text is what HTML says, as plain text; scripts and styles say nothing.
func Text(s string) string {
	return Plain(cut(s)[0].text.String())
}

// Titled is a text with a title.
type Titled struct{ Title, Text string }

// Split is the text before the first heading, and those below each.
func Split(s string) (lead string, below []Titled) {
	for i, c := range cut(s, atom.H3) {
		switch {
		case c.head:
			below = append(below, Titled{Title: Line(c.text.String())})
		case i == 0:
			lead = Plain(c.text.String())
		default: // there is one behind each heading
			below[len(below)-1].Text = Plain(c.text.String())
		}
	}
	return lead, below
}

// Section is HTML that begins with a title in bold letters.
func Section(s string) Titled {
	pieces := cut(s, atom.Strong, atom.B, atom.H1, atom.H2, atom.H3, atom.H4)
	var t Titled
	if len(pieces) > 1 && Line(pieces[0].text.String()) == "" {
		t.Title = Line(pieces[1].text.String())
		pieces = pieces[2:]
	}
	var b strings.Builder
	for _, c := range pieces {
		b.WriteString(c.text.String())
	}
	t.Text = Plain(b.String())
	return t
}

type piece struct {
	head bool
	text strings.Builder
}

// cut reads HTML to pieces of text: what lies within one of the heads is a piece of
// its own.
func cut(s string, heads ...atom.Atom) []*piece {
	pieces := []*piece{{}}
	inside, mute := atom.Atom(0), atom.Atom(0)
	z := markup.NewTokenizer(strings.NewReader(s))
	for {
		kind := z.Next()
		if kind == markup.ErrorToken {
			return pieces
		}
		tag := z.Token()
		last := pieces[len(pieces)-1]
		switch {
		case mute != 0:
			if kind == markup.EndTagToken && tag.DataAtom == mute {
				mute = 0
			}
		case kind == markup.TextToken:
			last.text.WriteString(spaces.Replace(tag.Data))
		case kind == markup.StartTagToken && silent(tag.DataAtom):
			mute = tag.DataAtom
		case kind == markup.StartTagToken && inside == 0 && slices.Contains(heads, tag.DataAtom):
			inside = tag.DataAtom
			pieces = append(pieces, &piece{head: true})
		case kind == markup.EndTagToken && inside != 0 && tag.DataAtom == inside:
			inside = 0
			pieces = append(pieces, &piece{})
		default:
			last.text.WriteString(gap(tag.DataAtom))
		}
	}
}

// spaces are what HTML shows as one.
var spaces = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ", "\f", " ")

func silent(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Title, atom.Noscript, atom.Iframe, atom.Template, atom.Object, atom.Svg:
		return true
	default:
		return false
	}
}

// gap is what a tag parts its neighbours by.
func gap(a atom.Atom) string {
	switch a {
	case atom.P, atom.Div, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Section,
		atom.Article, atom.Blockquote, atom.Pre, atom.Dl, atom.Hr, atom.Header, atom.Footer:
		return "\n\n"
	case atom.Br, atom.Li, atom.Tr, atom.Dt, atom.Dd:
		return "\n"
	case atom.Td, atom.Th:
		return " "
	default:
		return ""
	}
}
