package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"navidocs/internal/fault"
)

// maxRow bounds what one row may take in its file, so that a file of strangers
// takes no more memory than that.
const maxRow = 4 << 20

// path is the table's data file.
func (t *Table) path() string { return "data/" + t.File + ".json" }

// read gives the rows of a data file one by one, each value of its kind. What is
// wrong is Invalid and names file, row, column and value.
func (t *Table) read(from io.Reader, f func(n int, r *Row) error) error {
	bound := &bounded{r: from}
	d := json.NewDecoder(bound)
	bound.until = maxRow
	if err := t.token(d, 0, '['); err != nil {
		return err
	}
	n := 0
	for d.More() {
		n++
		bound.until = d.InputOffset() + maxRow
		r, err := t.readRow(d, n)
		if err != nil {
			return err
		}
		if err := f(n, r); err != nil {
			return err
		}
	}
	bound.until = d.InputOffset() + maxRow
	if err := t.token(d, n, ']'); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return t.refuse(n, "", "nothing may follow the rows", nil)
	}
	return nil
}

// token demands the next one.
func (t *Table) token(d *json.Decoder, n int, want rune) error {
	got, err := d.Token()
	if err != nil {
		return t.unreadable(n, err)
	}
	if got != json.Delim(want) {
		return t.refuse(n, "", "must be an array of objects", nil)
	}
	return nil
}

// unreadable is an error of reading: a broken form is the file's fault, and so
// is a row without end.
func (t *Table) unreadable(n int, err error) error {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case errors.Is(err, errTooLong):
		return t.refuse(n, "", fmt.Sprintf("is longer than %d MiB", maxRow>>20), nil)
	case syntax, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return t.refuse(n, "", "is not JSON", nil)
	}
	return err
}

func (t *Table) readRow(d *json.Decoder, n int) (*Row, error) {
	if err := t.token(d, n, '{'); err != nil {
		return nil, err
	}
	r := &Row{table: t, values: map[string]any{}}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, t.unreadable(n, err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, t.unreadable(n, err)
		}
		if err := t.take(r, n, fmt.Sprint(key), raw); err != nil {
			return nil, err
		}
	}
	if err := t.token(d, n, '}'); err != nil {
		return nil, err
	}
	for _, c := range t.Columns {
		if _, given := r.values[c.Name]; given {
			continue
		}
		if !c.Private {
			return nil, t.refuse(n, c.Name, "is missing", nil)
		}
		if r.values[c.Name] = nil; !c.Null {
			r.values[c.Name] = c.Kind.zero()
		}
	}
	return r, nil
}

// take puts one member of an object into a row.
func (t *Table) take(r *Row, n int, name string, raw json.RawMessage) error {
	c, known := t.column(name)
	if !known {
		return t.refuse(n, name, "is not a column: it may be of a newer NaviDocs", nil)
	}
	if _, twice := r.values[name]; twice {
		return t.refuse(n, name, "is there twice", nil)
	}
	if string(raw) == "null" {
		if !c.Null {
			return t.refuse(n, name, "must have a value", nil)
		}
		r.values[name] = nil
		return nil
	}
	v, problem := c.Kind.parse(raw)
	if problem != "" {
		return t.refuse(n, name, problem, raw)
	}
	r.values[name] = v
	return nil
}

func (t *Table) column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// refuse is the fault of a row; n is its number from 1, 0 the file's as a whole.
func (t *Table) refuse(n int, column, message string, raw []byte) error {
	at := t.path()
	if n > 0 {
		at += fmt.Sprintf(", row %d", n)
	}
	if column != "" {
		at += ", " + column
	}
	f := fault.Field{Location: at, Message: message}
	if shown := fault.Echo(string(raw)); raw != nil && shown != nil {
		f.Message, f.Value = fmt.Sprintf("%s, not %s", message, shown), shown
	}
	return fault.Fields(f)
}

// faulted locates what a domain's rules find wrong with a row.
func (t *Table) faulted(n int, r *Row, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) == 0 {
		return fault.Because(err, fault.KindOf(err), "%s, row %d: %s", t.path(), n, fault.Message(err))
	}
	f := e.Fields[0]
	column := strings.TrimPrefix(f.Location, "body.")
	var raw []byte
	if v := r.values[column]; v != nil {
		raw = []byte(fmt.Sprintf("%q", fmt.Sprint(v)))
	}
	return t.refuse(n, column, f.Message, raw)
}

var errTooLong = errors.New("too long a row")

// bounded fails when more is read than the row in hand may take. A decoder reads
// ahead, but at most as much again as it holds.
type bounded struct {
	r           io.Reader
	done, until int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.done > b.until {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), 64<<10)])
	b.done += int64(n)
	return n, err
}
