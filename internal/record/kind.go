package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/bundle"
	"navidocs/internal/db"
)

// Kind is what a value may be.
type Kind struct {
	name   string
	table  string            // of a reference
	by     string            // the column that says to which table
	tables map[string]string // by its value
	max    int
	low    float64
	high   float64
	values []string
}

// ID is the name of a row, unique in its file; another after an import.
func ID() Kind { return Kind{name: "id", max: 64} }

// Ref is the id of a row of another table.
func Ref(table string) Kind { return Kind{name: "reference", table: table, max: 64} }

// RefBy is the id of a row of the table that the value of a column stands for.
func RefBy(column string, tables map[string]string) Kind {
	return Kind{name: "reference", by: column, tables: tables, max: 64}
}

// Text has at most so many characters.
func Text(limit int) Kind { return Kind{name: "text", max: limit} }

// Choice is one of some words; "" among them is none.
func Choice(values ...string) Kind { return Kind{name: "choice", values: values} }

// Date is a calendar date, YYYY-MM-DD.
func Date() Kind { return Kind{name: "date"} }

// Time is an instant, RFC 3339 in UTC, to the microsecond.
func Time() Kind { return Kind{name: "time"} }

// Bool is true or false.
func Bool() Kind { return Kind{name: "bool"} }

// Int is a whole number between two, both included.
func Int(low, high int64) Kind { return Kind{name: "int", low: float64(low), high: float64(high)} }

// Float is a number between two, both included.
func Float(low, high float64) Kind { return Kind{name: "number", low: low, high: high} }

// JSON is a value that the domain checks, of at most so many bytes.
func JSON(limit int) Kind { return Kind{name: "json", max: limit} }

// Digest is a SHA-256 in 64 lower-case hexadecimal digits.
func Digest() Kind { return Kind{name: "sha256"} }

// String describes the kind to people.
func (k Kind) String() string {
	switch k.name {
	case "id":
		return "id"
	case "reference":
		if k.by != "" {
			var to []string
			for _, table := range k.tables {
				to = append(to, table)
			}
			slices.Sort(to)
			return "reference to " + strings.Join(to, " or ") + ", by " + k.by
		}
		return "reference to " + k.table
	case "text":
		return fmt.Sprintf("text of at most %d characters", k.max)
	case "choice":
		words := make([]string, len(k.values))
		for i, v := range k.values {
			words[i] = strconv.Quote(v)
		}
		return strings.Join(words, ", ")
	case "date":
		return "date, YYYY-MM-DD"
	case "time":
		return "instant, RFC 3339 in UTC"
	case "bool":
		return "true or false"
	case "int":
		return fmt.Sprintf("whole number, %.0f to %.0f", k.low, k.high)
	case "number":
		return "number, " + format(k.low) + " to " + format(k.high)
	case "json":
		return "JSON"
	}
	return "SHA-256, hexadecimal"
}

func format(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// dest is what a stored value of the kind is scanned into.
func (k Kind) dest() any {
	switch k.name {
	case "time", "int":
		return new(*int64)
	case "number":
		return new(*float64)
	case "bool":
		return new(*bool)
	}
	return new(*string)
}

// value is what was scanned, nil for NULL: a string, int64, float64 or bool.
func value(dest any) any {
	switch p := dest.(type) {
	case **int64:
		return deref(*p)
	case **float64:
		return deref(*p)
	case **bool:
		return deref(*p)
	case **string:
		return deref(*p)
	}
	return nil
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// plain is a stored value as it stands in JSON.
func (k Kind) plain(v any) any {
	switch x := v.(type) {
	case int64:
		if k.name == "time" {
			return db.Time(x).Format(time.RFC3339Nano)
		}
	case string:
		if k.name == "json" {
			return json.RawMessage(x)
		}
	}
	return v
}

// cell is a stored value as it stands in CSV: nothing that a spreadsheet takes
// for a formula.
func (k Kind) cell(v any) string {
	switch x := k.plain(v).(type) {
	case nil:
		return ""
	case json.RawMessage:
		return string(x)
	case float64:
		return format(x)
	case string:
		if k.name == "text" {
			return bundle.Cell(x)
		}
		return x
	default:
		return fmt.Sprint(x)
	}
}

// zero is the value of a column that is not there.
func (k Kind) zero() any {
	switch k.name {
	case "time", "int":
		return int64(0)
	case "number":
		return float64(0)
	case "bool":
		return false
	case "json":
		return "[]"
	}
	return ""
}

// parse reads a value from outside; problem says what is wrong with it.
func (k Kind) parse(raw []byte) (v any, problem string) {
	switch k.name {
	case "bool":
		return k.parseBool(raw)
	case "int", "number":
		return k.parseNumber(raw)
	case "json":
		var b bytes.Buffer
		if json.Compact(&b, raw) != nil || b.Len() > k.max {
			return nil, fmt.Sprintf("must be JSON of at most %d bytes", k.max)
		}
		return db.Text(b.String()), ""
	}
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return nil, "must be a text: " + k.String()
	}
	return k.parseText(s)
}

func (k Kind) parseBool(raw []byte) (any, string) {
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		return nil, "must be true or false"
	}
	return b, ""
}

func (k Kind) parseNumber(raw []byte) (any, string) {
	wrong := "must be a " + k.String()
	var n float64
	if json.Unmarshal(raw, &n) != nil || n < k.low || n > k.high {
		return nil, wrong
	}
	if k.name == "number" {
		return n, ""
	}
	var i int64
	if n != math.Trunc(n) || json.Unmarshal(raw, &i) != nil {
		return nil, wrong
	}
	return i, ""
}

func (k Kind) parseText(s string) (any, string) {
	if s != db.Text(s) {
		return nil, "must be UTF-8 without NUL"
	}
	switch k.name {
	case "id", "reference":
		if s == "" || len(s) > k.max {
			return nil, fmt.Sprintf("must be an id of 1 to %d bytes", k.max)
		}
	case "text":
		if utf8.RuneCountInString(s) > k.max {
			return nil, fmt.Sprintf("must have at most %d characters", k.max)
		}
	case "choice":
		if !slices.Contains(k.values, s) {
			return nil, "must be one of " + k.String()
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, "must be a calendar date, YYYY-MM-DD"
		}
	case "time":
		return parseTime(s)
	case "sha256":
		if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
			return nil, "must be a SHA-256 in 64 lower-case hexadecimal digits"
		}
	}
	return s, ""
}

// parseTime takes what time.RFC3339 does, in UTC; an instant outside of these
// years is a mistake.
func parseTime(s string) (any, string) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !strings.HasSuffix(s, "Z") || t.Year() < 1970 || t.Year() > 9999 {
		return nil, "must be an instant in UTC, such as 2026-05-01T08:00:00Z"
	}
	return db.Micros(t), ""
}
