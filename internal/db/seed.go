package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// seed fills every table up to n rows, a table after those that it refers to.
func (s schema) seed(ctx context.Context, d *DB, n int) error {
	for _, t := range s.ordered() {
		if t.virtual || len(t.columns) == 0 {
			continue
		}
		have, err := One(ctx, d, Scalar[int], "SELECT count(*) FROM "+quote(t.name))
		if err != nil {
			return err
		}
		for i := have + 1; i <= n; i++ {
			if err := t.seedRow(ctx, d, i); err != nil {
				return fmt.Errorf("seed row %d of %s: %w", i, t.name, err)
			}
		}
	}
	return nil
}

// ordered puts each table after those that it refers to.
func (s schema) ordered() []*table {
	var out []*table
	seen := map[*table]bool{nil: true}
	var visit func(t *table)
	visit = func(t *table) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, r := range t.references {
			visit(s[r.target])
		}
		out = append(out, t)
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		visit(s[name])
	}
	return out
}

// seedRow adds row i. Where a check does not take our values, the columns that
// have a default keep it.
func (t *table) seedRow(ctx context.Context, d *DB, i int) error {
	values, err := t.values(ctx, d, i)
	if err != nil {
		return err
	}
	if err = t.insert(ctx, d, values); err == nil {
		return nil
	}
	for _, c := range t.columns {
		refers := slices.ContainsFunc(t.references, func(r reference) bool { return r.column == c.name })
		if c.standard != "" && c.key == 0 && !refers {
			delete(values, c.name)
		}
	}
	if again := t.insert(ctx, d, values); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

// values are those of row i, which refers to row i of other tables.
func (t *table) values(ctx context.Context, d *DB, i int) (map[string]any, error) {
	values := map[string]any{}
	for _, c := range t.columns {
		if c.given {
			continue
		}
		v, err := c.value(i)
		if err != nil {
			return nil, err
		}
		values[c.name] = v
	}
	for fk := range groups(t.references, func(r reference) string { return r.id }) {
		if fk[0].target == t.name { // the row itself
			for _, r := range fk {
				values[r.column] = values[r.targetColumn]
			}
			continue
		}
		row, err := targetRow(ctx, d, fk, i)
		if err != nil {
			return nil, err
		}
		for n, r := range fk {
			values[r.column] = row[n]
		}
	}
	return values, nil
}

// targetRow is the columns of row i that a foreign key refers to.
func targetRow(ctx context.Context, d *DB, fk []reference, i int) ([]any, error) {
	columns := make([]string, len(fk))
	for n, r := range fk {
		columns[n] = quote(r.targetColumn)
	}
	list := strings.Join(columns, ", ")
	return One(ctx, d, scanValues(len(fk)),
		"SELECT "+list+" FROM "+quote(fk[0].target)+" ORDER BY "+list+" LIMIT 1 OFFSET $1", i-1)
}

func (t *table) insert(ctx context.Context, d *DB, values map[string]any) error {
	var names, marks []string
	var args []any
	for _, name := range slices.Sorted(maps.Keys(values)) {
		args = append(args, values[name])
		names, marks = append(names, quote(name)), append(marks, fmt.Sprintf("$%d", len(args)))
	}
	query := "INSERT INTO " + quote(t.name) + " DEFAULT VALUES"
	if len(args) > 0 {
		query = "INSERT INTO " + quote(t.name) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	}
	return d.Transact(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// value is a simple positive one of the column's type, different in each row.
func (c column) value(i int) (any, error) {
	kind, _, _ := strings.Cut(c.kind, "(")
	kind, _, _ = strings.Cut(kind, " ")
	switch kind {
	case "text", "varchar", "character", "char", "":
		return fmt.Sprintf("%s %d", c.name, i), nil
	case "bigint", "integer", "int", "smallint":
		return int64(i), nil
	case "double", "real", "numeric", "float":
		return float64(i) + 0.5, nil
	case "boolean":
		return i%2 == 1, nil
	case "bytea", "blob":
		return []byte{byte(i)}, nil
	case "json", "jsonb":
		return fmt.Sprintf(`{"n": %d}`, i), nil
	case "date", "timestamp":
		return time.Date(2026, 1, i, 0, 0, 0, 0, time.UTC), nil
	}
	return nil, fmt.Errorf("there is no value for column %s of type %s", c.name, c.kind)
}

// quote makes a name safe in SQL.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// scanValues scans a row of n columns of any type.
func scanValues(n int) func(Row) ([]any, error) {
	return func(r Row) ([]any, error) {
		values, into := make([]any, n), make([]any, n)
		for i := range values {
			into[i] = &values[i]
		}
		return values, r.Scan(into...)
	}
}
