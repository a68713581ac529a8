package record

import (
	"bytes"
	"encoding/json"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Row is one row with its values by column: string, int64, float64 or bool, nil
// for none.
type Row struct {
	table  *Table
	values map[string]any
	before string
}

// Before is the id that the row had where it comes from.
func (r *Row) Before() string { return r.before }

// Text is a text, "" for none.
func (r *Row) Text(column string) string { s, _ := r.values[column].(string); return s }

// Int is a whole number or an instant in microseconds, 0 for none.
func (r *Row) Int(column string) int64 { n, _ := r.values[column].(int64); return n }

// Float is a number, nil for none.
func (r *Row) Float(column string) *float64 { return pointer[float64](r.values[column]) }

// IntPtr is a whole number, nil for none.
func (r *Row) IntPtr(column string) *int {
	if n, ok := r.values[column].(int64); ok {
		i := int(n)
		return &i
	}
	return nil
}

// TextPtr is a text, nil for none.
func (r *Row) TextPtr(column string) *string { return pointer[string](r.values[column]) }

// Bool is whether a value is there and true.
func (r *Row) Bool(column string) bool { b, _ := r.values[column].(bool); return b }

func pointer[T any](v any) *T {
	if x, ok := v.(T); ok {
		return &x
	}
	return nil
}

// Set changes a value, or gives one to a column of the table that does not
// travel.
func (r *Row) Set(column string, v any) { r.values[column] = v }

// Into reads the row into a struct by the names of its JSON members, which are
// those of the columns.
func (r *Row) Into(v any) error {
	var b bytes.Buffer
	if err := writeObject(&b, r.table.Columns, r); err != nil {
		return err
	}
	return json.Unmarshal(b.Bytes(), v)
}

// From sets the columns that a struct has as JSON members, each to what it is
// there; what is absent or null there stays.
func (r *Row) From(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for _, c := range r.table.Columns {
		raw, given := members[c.Name]
		if !given || string(raw) == "null" {
			continue
		}
		x, problem := c.Kind.parse(raw)
		if problem != "" {
			return r.Fault(c.Name, problem)
		}
		r.values[c.Name] = x
	}
	return nil
}

// Fault is an error about one column, in the words of message.
func (r *Row) Fault(column, message string) error {
	return fault.Fields(fault.Field{Location: column, Message: message, Value: fault.Echo(r.Text(column))})
}

// id is what others refer to, "" where nothing does.
func (r *Row) id() string {
	if c := r.table.Columns[0]; c.Kind.name == "id" {
		return r.Text(c.Name)
	}
	return ""
}

func (t *Table) key() []string {
	if t.Key != nil {
		return t.Key
	}
	return []string{"id"}
}

func (t *Table) scan(row db.Row) (*Row, error) {
	dests := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		dests[i] = c.Kind.dest()
	}
	if err := row.Scan(dests...); err != nil {
		return nil, err
	}
	r := &Row{table: t, values: make(map[string]any, len(dests))}
	for i, c := range t.Columns {
		r.values[c.Name] = value(dests[i])
	}
	return r, nil
}

// to is the table to which a value of a row refers, "" when it is no reference.
func (k Kind) to(r *Row) string {
	if k.by != "" {
		return k.tables[r.Text(k.by)]
	}
	return k.table
}
