package notify

import (
	"bufio"
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"navidocs/internal/fault"
)

//go:embed templates/*.txt
var files embed.FS

// Languages are those that everything is said in; the first is for people whose
// language is none of them.
var Languages = []string{"en", "fr", "de", "it", "es"}

// words is what a kind says in one language.
type words struct {
	// title is a subject line; text a paragraph; sms a whole text message.
	title, text, sms string
	// open is what the link of a letter is called; "" is as in every mail.
	open string
}

// book is a language's words by template, and what every mail says.
type book struct {
	words map[string]words
	mail  map[string]string
}

// books reads the embedded templates, once.
var books = sync.OnceValues(func() (map[string]book, error) { //nolint:gochecknoglobals // the words, read once
	all := map[string]book{}
	for _, language := range Languages {
		b, err := readBook("templates/" + language + ".txt")
		if err != nil {
			return nil, err
		}
		all[language] = b
	}
	return all, nil
})

// paragraph is what stands between the paragraphs of a text.
const paragraph = "\n\n"

// readBook reads sections "== name" of lines "key: words".
func readBook(file string) (b book, err error) {
	f, err := files.Open(file)
	if err != nil {
		return b, err
	}
	defer f.Close() //nolint:errcheck // embedded: it was read
	b = book{words: map[string]words{}, mail: map[string]string{}}
	section := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "== "); ok {
			section = name
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if line != "" && !ok {
			return b, fmt.Errorf("%s: %q is neither a section nor a line", file, line)
		}
		b.put(section, key, value)
	}
	return b, nil
}

func (b book) put(section, key, value string) {
	if section == "mail" {
		b.mail[key] = value
		return
	}
	w := b.words[section]
	switch key {
	case "title":
		w.title = value
	case "text": // once more is another paragraph
		if w.text != "" {
			w.text += paragraph
		}
		w.text += value
	case "line": // of the same paragraph
		w.text += "\n" + value
	case "open":
		w.open = value
	case "sms":
		w.sms = value
	default:
		return
	}
	b.words[section] = w
}

// bookIn is the book of a language, English when there is none.
func bookIn(language string) (book, error) {
	all, err := books()
	if b, ok := all[language]; ok {
		return b, err
	}
	return all[Languages[0]], err
}

// variable is the only thing that a template can ask for.
var variable = regexp.MustCompile(`\{\{ *([a-z_]+) *\}\}`)

// fill puts values in the place of their names. The result is plain text: who
// puts it into HTML escapes the whole.
func fill(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		return values[variable.FindStringSubmatch(name)[1]]
	})
}

// checkTemplate finds everything wrong with what an organization wrote.
func checkTemplate(template string, channel Channel, subject, body string) (faults []fault.Field) {
	k, ok := kindOf(template)
	if !ok {
		return []fault.Field{{Location: "body.event_type", Value: fault.Echo(template), Message: "must be one that people are told of: GET /api/notification-templates lists them"}}
	}
	known := k.variables()
	faults = append(faults, checkWords("body.subject", subject, known)...)
	faults = append(faults, checkWords("body.body", body, known)...)
	for _, name := range k.needs {
		if !strings.Contains(variable.ReplaceAllString(subject+"\n"+body, "{{$1}}"), "{{"+name+"}}") {
			faults = append(faults, fault.Field{Location: "body.body", Message: "lacks {{" + name + "}}, without which it says nothing"})
		}
	}
	if strings.TrimSpace(body) == "" {
		faults = append(faults, fault.Field{Location: "body.body", Message: "must not be empty"})
	}
	if channel != SMS && strings.TrimSpace(subject) == "" {
		faults = append(faults, fault.Field{Location: "body.subject", Message: "must not be empty"})
	}
	return faults
}

func checkWords(location, text string, known []string) (faults []fault.Field) {
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, m[1]) {
			faults = append(faults, fault.Field{Location: location, Value: m[0], Message: "is unknown here; known are " + strings.Join(known, ", ")})
		}
	}
	if rest := variable.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		faults = append(faults, fault.Field{Location: location, Message: "has {{ or }} that encloses no name: write {{name}}"})
	}
	return faults
}

var months = map[string][]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"fr": {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
	"de": {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	"it": {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"},
	"es": {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"},
}

// patterns are how a day, a month and a year are written.
var patterns = map[string]string{"en": "%d %s %d", "fr": "%d %s %d", "de": "%d. %s %d", "it": "%d %s %d", "es": "%d de %s de %d"}

// localized writes the dates among values as people of a language do.
func localized(values map[string]string, language string) map[string]string {
	if months[language] == nil {
		language = Languages[0]
	}
	out := maps.Clone(values)
	for name, v := range values {
		if t, err := time.Parse(time.DateOnly, v); err == nil {
			out[name] = fmt.Sprintf(patterns[language], t.Day(), months[language][t.Month()-1], t.Year())
		}
	}
	return out
}
