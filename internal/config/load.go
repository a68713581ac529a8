package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Source is where configuration comes from. Its zero value configures nothing,
// which works.
type Source struct {
	Environ  []string // NAME=VALUE, as from os.Environ
	EnvFiles []string // read in this order, a later file over an earlier one, the environment over all
	Home     string   // the working folder when empty
}

// Fault is one mistake in the configuration.
type Fault struct {
	Name    string // of the option
	Value   string // what was given; empty for secrets
	Source  string // "environment" or the file
	Problem string
	Remedy  string
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Name)
	if f.Value != "" {
		fmt.Fprintf(&b, "=%q", f.Value)
	}
	if f.Source != "" && f.Source != environment {
		fmt.Fprintf(&b, " (%s)", f.Source)
	}
	b.WriteString(" " + f.Problem)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	return b.String()
}

// Faults is every mistake at once, in the order of the table.
type Faults []Fault //nolint:errname // it is the list that is the error

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = "  " + fault.String()
	}
	noun := "1 mistake"
	if len(f) != 1 {
		noun = fmt.Sprintf("%d mistakes", len(f))
	}
	return "the configuration has " + noun + ":\n" + strings.Join(lines, "\n")
}

const environment = "environment"

// given is a value as somebody wrote it.
type given struct{ value, source string }

// loader gathers faults while it goes on.
type loader struct {
	home   string
	values map[string]given
	faults Faults
}

// Load reads the sources and checks everything. The error is of type Faults
// unless the home cannot be found.
func Load(s Source) (Config, error) {
	c, faults, err := Examine(s)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// Examine is Load for who wants to say what else is wrong: with faults the
// configuration lacks what they are about, and no server may be run on it.
func Examine(s Source) (Config, Faults, error) {
	home, err := filepath.Abs(s.Home)
	if err != nil {
		return Config{}, nil, fmt.Errorf("config.Load: %w", err)
	}
	l := &loader{home: home, values: map[string]given{}}
	options := Options()
	for _, path := range s.EnvFiles {
		l.readEnvFile(path, options)
	}
	for _, entry := range s.Environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			l.set(name, given{value, environment})
		}
	}
	c := Config{Home: home, origin: map[string]string{}}
	for _, o := range options {
		l.assign(&c, o)
	}
	l.checkKeys(c, options)
	l.checkTogether(c)
	return c, l.faults, nil
}

// set keeps a value; an empty one leaves the option as if it were not named.
func (l *loader) set(name string, g given) {
	g.value = strings.TrimSpace(g.value)
	if g.value == "" {
		delete(l.values, name)
		return
	}
	l.values[name] = g
}

func (l *loader) fault(f Fault) { l.faults = append(l.faults, f) }

func (l *loader) readEnvFile(path string, options []Option) {
	data, err := os.ReadFile(under(l.home, path))
	if err != nil {
		l.fault(Fault{Name: path, Problem: "cannot be read: " + reason(err), Remedy: "correct the path or the permissions"})
		return
	}
	entries, flaws := parseEnvFile(string(data))
	for _, f := range flaws {
		l.fault(Fault{Name: fmt.Sprintf("%s line %d", path, f.line), Problem: f.problem, Remedy: f.remedy})
	}
	known := knownNames(options)
	for _, e := range entries {
		if !slices.Contains(known, e.name) {
			l.fault(Fault{Name: e.name, Source: path, Problem: "is not a name that NaviDocs knows", Remedy: suggest(e.name, known)})
			continue
		}
		l.set(e.name, given{e.value, path})
	}
}

// assign finds the value of one option and puts it into its field.
func (l *loader) assign(c *Config, o Option) {
	g, ok := l.find(o)
	if ok {
		c.origin[o.Name] = g.source
	} else {
		g.value = o.Default
	}
	if g.value == "" {
		return
	}
	value, f := kinds[o.Kind](g.value, o, l.home)
	if isPlaceholder(g.value, o) {
		f = &flaw{"is a placeholder", "give the real value, or remove the line"}
	}
	if f != nil {
		if strings.Contains(strings.ToUpper(g.value), secretAgeKey) {
			o.Secrecy = Secret // pasted into the wrong place
		}
		l.fault(Fault{Name: o.Name, Value: printable(g.value, o), Source: g.source, Problem: f.problem, Remedy: f.remedy})
		return
	}
	reflect.ValueOf(c).Elem().FieldByIndex(o.index).Set(reflect.ValueOf(value))
}

// find looks under the name, the alias, and for secrets the file.
func (l *loader) find(o Option) (given, bool) {
	g, ok := l.values[o.Name]
	if !ok && o.Alias != "" {
		g, ok = l.values[o.Alias]
	}
	file, fromFile := l.values[o.FileName()]
	switch {
	case !fromFile:
		return g, ok
	case ok:
		l.fault(Fault{Name: o.Name, Source: g.source, Problem: "is given together with " + o.FileName(), Remedy: "keep one of the two"})
		return g, ok
	}
	data, err := os.ReadFile(under(l.home, file.value))
	if err != nil {
		l.fault(Fault{Name: o.FileName(), Value: file.value, Source: file.source, Problem: "cannot be read: " + reason(err), Remedy: "correct the path or the permissions"})
		return given{}, false
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		l.fault(Fault{Name: o.FileName(), Value: file.value, Source: file.source, Problem: "names an empty file", Remedy: "write the value into it"})
		return given{}, false
	}
	return given{text, file.value}, true
}

// checkKeys asks for keys that cannot be guessed where real papers lie. A
// password that another service gave is that service's affair.
func (l *loader) checkKeys(c Config, options []Option) {
	for _, o := range options {
		if !c.Production() || (o.Kind != "key" && o.Kind != "keys") {
			continue
		}
		for _, key := range split(show(o.Kind, reflect.ValueOf(c).FieldByIndex(o.index).Interface())) {
			if f := checkKey(key); f != nil {
				l.fault(Fault{Name: o.Name, Source: c.origin[o.Name], Problem: f.problem, Remedy: f.remedy})
				break
			}
		}
	}
}

// together lists options of which each needs all of the others: the first one
// that is missing is named.
var together = [][]string{
	{"TLS_CERT_FILE", "TLS_KEY_FILE"},
	{"SMTP_USER", "SMTP_PASSWORD"},
	{"DKIM_DOMAIN", "DKIM_SELECTOR", "DKIM_PRIVATE_KEY"},
	{"IMAP_HOST", "IMAP_USER", "IMAP_PASSWORD"},
	{"OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"},
	{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"},
}

func (l *loader) checkTogether(c Config) {
	has := func(name string) bool {
		return c.origin[name] != "" || l.values[name+"_FILE"].value != ""
	}
	for _, names := range together {
		set := slices.IndexFunc(names, has)
		unset := slices.IndexFunc(names, func(n string) bool { return !has(n) })
		if set >= 0 && unset >= 0 {
			l.fault(Fault{Name: names[unset], Problem: "is missing, and " + names[set] + " needs it", Remedy: "set both, or remove " + names[set]})
		}
	}
	if has("SMTP_HOST") && !has("SMTP_FROM") {
		l.fault(Fault{Name: "SMTP_FROM", Problem: "is missing, and SMTP_HOST needs it", Remedy: "give the sender's address"})
	}
}

var (
	angle  = regexp.MustCompile(`<[^<>@]*>`)
	filler = regexp.MustCompile(`(?i)^(change[-_ ]?(me|this|it)|replace[-_ ]?(me|this|with)|your[-_]|insert[-_]|todo$|fixme$|tbd$|x{3,}$|\*{3,}$|\.{3,}$|placeholder|example$|null$|undefined$)`)
)

// isPlaceholder reports whether a value was left as some template had it. In a
// secret only a whole value counts, since a good password may hold anything.
func isPlaceholder(value string, o Option) bool {
	if o.Secrecy == Secret {
		return filler.MatchString(value) || angle.FindString(value) == value
	}
	if u, err := url.Parse(value); err == nil && u.User != nil {
		if password, _ := u.User.Password(); filler.MatchString(password) {
			return true
		}
	}
	return filler.MatchString(value) || angle.MatchString(value)
}

// printable is the value as a fault may show it.
func printable(value string, o Option) string {
	if o.Secrecy != Public {
		return ""
	}
	if r := []rune(value); len(r) > 100 {
		return string(r[:100]) + "..."
	}
	return value
}

func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

func knownNames(options []Option) []string {
	var names []string
	for _, o := range options {
		names = append(names, o.Name)
		if o.Alias != "" {
			names = append(names, o.Alias)
		}
		if o.Secrecy != Public {
			names = append(names, o.FileName())
		}
	}
	return names
}

// suggest names the known name nearest to a mistyped one.
func suggest(name string, known []string) string {
	best, distance := "", max(2, len(name)/4)+1
	for _, candidate := range known {
		if d := edits(strings.ToUpper(name), candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return "remove it; navidocs doctor lists the names"
	}
	return "did you mean " + best + "?"
}

// edits is the Levenshtein distance of two names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
