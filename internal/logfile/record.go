package logfile

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Record is a line of the log.
type Record struct {
	// Time is zero where the line names none.
	Time  time.Time
	Level slog.Level
	Msg   string
	Attrs []Attr
	// Raw is the line as it was written, without its end.
	Raw string
}

// Attr is what a record says beside its message, as it was written.
type Attr struct {
	Key string
	// Value is a string's text, and the JSON of anything else.
	Value string
}

// Parse reads a line. One that is no record of slog's is a message of its own:
// ERROR when a Go program died with it, INFO otherwise.
func Parse(line string) Record {
	line = strings.TrimRight(line, "\r\n")
	if r, ok := parseJSON([]byte(line)); ok {
		return r
	}
	r := Record{Level: slog.LevelInfo, Msg: strings.ToValidUTF8(line, "?"), Raw: line}
	if looksDying(line) {
		r.Level = slog.LevelError
	}
	return r
}

// parseJSON reads a record of slog's JSON handler; the order of what it says
// stays.
func parseJSON(line []byte) (r Record, ok bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return r, false
	}
	r.Raw = string(line)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return r, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil || !r.set(key.(string), value) {
			return r, false
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || d.More() {
		return r, false
	}
	return r, !r.Time.IsZero() && r.Msg != ""
}

// set takes one member of the object; the first of its name counts.
func (r *Record) set(key string, value json.RawMessage) bool {
	text, isText := "", value[0] == '"'
	if isText && json.Unmarshal(value, &text) != nil {
		return false
	}
	switch {
	case key == slog.TimeKey && r.Time.IsZero():
		t, err := time.Parse(time.RFC3339Nano, text)
		r.Time = t
		return err == nil
	case key == slog.LevelKey && isText:
		return r.Level.UnmarshalText([]byte(text)) == nil
	case key == slog.MessageKey && r.Msg == "" && isText:
		r.Msg = text
		return true
	case !isText:
		text = string(value)
	}
	r.Attrs = append(r.Attrs, Attr{key, text})
	return true
}

// looksDying says whether a line begins what the Go runtime prints when it ends
// a program.
func looksDying(line string) bool {
	for _, begin := range []string{"panic: ", "fatal error: ", "goroutine ", "runtime: ", "unexpected fault address", "[signal SIG", "SIGQUIT: ", "SIGABRT: "} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// String is the record for people: time, level, message, key=value.
func (r Record) String() string {
	var b strings.Builder
	at := "-"
	if !r.Time.IsZero() {
		at = r.Time.UTC().Format("2006-01-02 15:04:05.000")
	}
	b.WriteString(at + " " + r.Level.String() + strings.Repeat(" ", max(0, 6-len(r.Level.String()))) + printable(r.Msg))
	for _, a := range r.Attrs {
		b.WriteString(" " + printable(a.Key) + "=" + quoted(a.Value))
	}
	return b.String()
}

// quoted is a value that stays one word.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c == ' ' || c == '"' || c == '=' || !unicode.IsPrint(c) }) {
		return strconv.Quote(s)
	}
	return s
}

// printable is a text that moves no terminal's cursor.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t':
			return ' '
		case !unicode.IsPrint(c):
			return '?'
		}
		return c
	}, s)
}
