package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"navidocs/internal/fault"
)

// Incident is what is known of something that went wrong in production. What a
// person finds out is written into its file.
type Incident struct {
	ID       string // INC-YYYYMMDD-HHMMSS
	At       time.Time
	Duration time.Duration // how long users may have noticed it
	Reason   string        // what was found
	Release  string        // that ran into it
	Back     string        // that serves now; empty when none was taken back
	LostRows int
	Actions  []string
	Contacts string   // whom to call (OPERATOR_CONTACTS)
	Said     []string // the last lines of the log
}

var incidentText = template.Must(template.New("incident").Funcs(template.FuncMap{"utc": func(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }}).Parse(
	`# {{.ID}}

Status: open
Date: {{utc .At}}
Duration: {{.Duration}}
Reason: {{.Reason}}
Release: {{.Release}}
{{- if .Back}}
Rolled back to: {{.Back}}
{{- end}}
Data loss: {{.LostRows}} rows
{{- if .Contacts}}
Contacts: {{.Contacts}}
{{- end}}

## Actions
{{range .Actions}}
- {{.}}
{{- end}}
{{- if .Said}}

## Last lines of the log
{{range .Said}}
    {{.}}
{{- end}}
{{- end}}

## Root cause

(to be written by a person)

## Prevention

(to be written by a person)
`))

// Incidents are the incidents of an installation, a file each.
type Incidents struct{ dir string }

// IncidentsOf are those in a folder of state.
func IncidentsOf(state string) Incidents { return Incidents{filepath.Join(state, "incidents")} }

// Open writes an incident down and returns it with its id. Two of one second
// follow each other.
func (s Incidents) Open(i Incident) (_ Incident, err error) {
	defer fault.Wrap(&err, "open an incident")
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return i, err
	}
	for at := i.At.UTC(); ; at = at.Add(time.Second) {
		i.ID = "INC-" + at.Format("20060102-150405")
		var text bytes.Buffer
		if err := incidentText.Execute(&text, i); err != nil {
			return i, err
		}
		f, err := os.OpenFile(s.file(i.ID), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:forbidigo // in state/incidents
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return i, err
		}
		_, err = f.Write(text.Bytes())
		return i, errors.Join(err, f.Sync(), f.Close())
	}
}

func (s Incidents) file(id string) string { return filepath.Join(s.dir, id+".md") }

var incidentID = regexp.MustCompile(`^INC-\d{8}-\d{6}$`)

// Text is an incident's file as it is now.
func (s Incidents) Text(id string) (string, error) {
	if !incidentID.MatchString(id) {
		return "", fault.New(fault.Invalid, "%q is no incident: navidocs incident list names them", id)
	}
	text, err := os.ReadFile(s.file(id)) //nolint:forbidigo // in state/incidents
	if errors.Is(err, fs.ErrNotExist) {
		return "", fault.New(fault.NotFound, "there is no incident %s: navidocs incident list names them", id)
	}
	return string(text), err
}

// IncidentLine is an incident as lists show it.
type IncidentLine struct {
	ID     string `json:"id"`
	Status string `json:"status"` // open, closed
	Date   string `json:"date"`
	Reason string `json:"reason"`
	// Back is the release that serves again; empty when none was taken back.
	Back string `json:"back"`
}

// List names all incidents, the newest first.
func (s Incidents) List() ([]IncidentLine, error) {
	names, err := filepath.Glob(s.file("INC-*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	slices.Reverse(names)
	all := make([]IncidentLine, 0, len(names))
	for _, name := range names {
		id := strings.TrimSuffix(filepath.Base(name), ".md")
		text, err := s.Text(id)
		if err != nil {
			return nil, err
		}
		all = append(all, IncidentLine{ID: id, Status: field(text, "Status"), Date: field(text, "Date"), Reason: field(text, "Reason"), Back: field(text, "Rolled back to")})
	}
	return all, nil
}

func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// unwritten is what a person has to replace before an incident is closed.
const unwritten = "(to be written by a person)"

// Close marks an incident as closed; what people have to write must be there.
func (s Incidents) Close(id string) (err error) {
	defer fault.Wrap(&err, "close %s", id)
	text, err := s.Text(id)
	if err != nil {
		return err
	}
	if strings.Contains(text, unwritten) {
		return fault.New(fault.Conflict, "%s: write the root cause and the prevention in place of %q first", s.file(id), unwritten)
	}
	closed := strings.Replace(text, "\nStatus: open\n", "\nStatus: closed\n", 1)
	part := s.file(id) + ".part"
	if err := os.WriteFile(part, []byte(closed), 0o600); err != nil { //nolint:forbidigo // in state/incidents
		return err
	}
	if err := os.Rename(part, s.file(id)); err != nil {
		return fmt.Errorf("replace %s: %w", s.file(id), err)
	}
	return nil
}
