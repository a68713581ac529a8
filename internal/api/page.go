package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"navidocs/internal/notify"
)

// page is one that the server draws for people without an account: no script, no
// other file.
type page struct {
	*template.Template

	// words are what it says, by language.
	words map[string]map[string]string
	// policy lets it have its own style and its own forms, and nothing else.
	policy string
}

// newPage reads a page that is embedded; a mistake in it is ours, and found by
// every test. Its forms are sent to forms (a source of Content-Security-Policy).
func newPage(html string, words []byte, forms string) page {
	p := page{Template: template.Must(template.New("page").Parse(html))}
	if err := json.Unmarshal(words, &p.words); err != nil {
		panic(err)
	}
	_, style, _ := strings.Cut(html, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	p.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'; form-action " + forms
	return p
}

// languageName is a language and what it calls itself.
type languageName struct{ Code, Name string }

// in chooses the first of the wanted languages that is ours, and returns its words
// and the names of all.
func (p page) in(wanted ...string) (code string, words map[string]string, all []languageName) {
	code = notify.Languages[0]
	if i := slices.IndexFunc(wanted, func(w string) bool { return slices.Contains(notify.Languages, w) }); i >= 0 {
		code = wanted[i]
	}
	for _, c := range notify.Languages {
		all = append(all, languageName{c, p.words[c]["lang"]})
	}
	return code, p.words[code], all
}

// preferred is the first of our languages that a browser names (RFC 9110, 12.5.4).
func preferred(accept string) string {
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return ""
	}
	for _, t := range tags {
		base, _ := t.Base()
		if slices.Contains(notify.Languages, base.String()) {
			return base.String()
		}
	}
	return ""
}
