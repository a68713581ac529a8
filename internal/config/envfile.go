package config

import (
	"regexp"
	"strings"
)

// entry is one line KEY=VALUE of an env file.
type entry struct {
	name, value string
	line        int
}

type lineFlaw struct {
	line int
	flaw
}

var entryName = regexp.MustCompile(`^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*`)

// parseEnvFile reads KEY=VALUE lines: # begins a comment at the start of a line
// or after a space; 'single' quotes keep everything; "double" quotes know \n,
// \t, \", \\ and \$; quoted values may span lines. Nothing is expanded, so that
// a password with a dollar sign stays what it is.
func parseEnvFile(text string) ([]entry, []lineFlaw) {
	var entries []entry
	var flaws []lineFlaw
	seen := map[string]bool{}
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\ufeff")
	for line := 1; text != ""; {
		e, rest, f := nextEntry(text)
		switch {
		case f != nil:
			flaws = append(flaws, lineFlaw{line, *f})
		case e.name == "":
		case seen[e.name]:
			flaws = append(flaws, lineFlaw{line, flaw{"gives " + e.name + " a second time", "keep one of the two lines"}})
		default:
			seen[e.name] = true
			e.line = line
			entries = append(entries, e)
		}
		line += strings.Count(text[:len(text)-len(rest)], "\n")
		text = rest
	}
	return entries, flaws
}

// nextEntry takes one entry, comment or empty line off the text.
func nextEntry(text string) (entry, string, *flaw) {
	first, after, _ := strings.Cut(text, "\n")
	trimmed := strings.TrimLeft(first, " \t")
	if trimmed == "" || trimmed[0] == '#' {
		return entry{}, after, nil
	}
	m := entryName.FindStringSubmatch(trimmed)
	if m == nil {
		return entry{}, after, &flaw{"is not of the form NAME=VALUE", "write NAME=VALUE, or begin the line with #"}
	}
	value := text[len(first)-len(trimmed)+len(m[0]):]
	if value == "" || (value[0] != '"' && value[0] != '\'') {
		return entry{name: m[1], value: bare(trimmed[len(m[0]):])}, after, nil
	}
	quoted, rest, ok := unquote(value)
	if !ok {
		return entry{}, after, &flaw{"opens a quote that nothing closes", "close the quote"}
	}
	tail, after, _ := strings.Cut(rest, "\n")
	if tail = strings.TrimSpace(tail); tail != "" && tail[0] != '#' {
		return entry{}, after, &flaw{"has text after the closing quote", "put the whole value between the quotes"}
	}
	return entry{name: m[1], value: quoted}, after, nil
}

// bare is a value without quotes: it ends at a comment.
func bare(s string) string {
	if strings.HasPrefix(s, "#") {
		return ""
	}
	for _, mark := range []string{" #", "\t#"} {
		if i := strings.Index(s, mark); i >= 0 {
			s = s[:i]
		}
	}
	return strings.TrimSpace(s)
}

var escapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\"`, `"`, `\$`, "$")

// unquote takes a quoted value off the front of s.
func unquote(s string) (value, rest string, ok bool) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote && quote == '"':
			return escapes.Replace(s[1:i]), s[i+1:], true
		case s[i] == quote:
			return s[1:i], s[i+1:], true
		}
	}
	return "", "", false
}
