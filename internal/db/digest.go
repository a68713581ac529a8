package db

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// TableDigest is what a table holds, in short.
type TableDigest struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
	// SHA256 is over all rows in the order of the primary key; empty when they
	// were only counted.
	SHA256 string `json:"sha256,omitempty"`
}

// Counts counts the rows of the tables that Digests hashes.
func Counts(ctx context.Context, d *DB, q Querier) (_ []TableDigest, err error) {
	defer fault.Wrap(&err, "count the rows")
	s, err := schemaOf(ctx, d)
	if err != nil {
		return nil, err
	}
	out := []TableDigest{}
	for _, t := range s.stored() {
		n, err := One(ctx, q, Scalar[int64], "SELECT count(*) FROM "+quote(t.name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		out = append(out, TableDigest{Name: t.name, Rows: n})
	}
	return out, nil
}

// Digests counts and hashes the rows of every table of ours, as q sees them;
// the job queue's tables and the search engine's inside are left out. The
// hashes of two engines cannot be compared.
func Digests(ctx context.Context, d *DB, q Querier) (_ []TableDigest, err error) {
	defer fault.Wrap(&err, "hash the tables")
	s, err := schemaOf(ctx, d)
	if err != nil {
		return nil, err
	}
	out := []TableDigest{}
	for _, t := range s.stored() {
		digest := TableDigest{Name: t.name}
		sum := sha256.New()
		err := t.each(ctx, q, t.columnNames(), func(row []any) error {
			digest.Rows++
			return hashRow(sum, row)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		digest.SHA256 = hex.EncodeToString(sum.Sum(nil))
		out = append(out, digest)
	}
	return out, nil
}

// stored are the tables that hold rows of their own, by name.
func (s schema) stored() (out []*table) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if t := s[name]; !t.virtual && len(t.columns) > 0 {
			out = append(out, t)
		}
	}
	return out
}

func (t *table) columnNames() (names []string) {
	for _, c := range t.columns {
		if !c.given || c.key > 0 { // what the database computes follows from the rest
			names = append(names, c.name)
		}
	}
	return names
}

// each reads columns of every row in the order of the primary key; the row is
// valid until f returns.
func (t *table) each(ctx context.Context, q Querier, columns []string, f func(row []any) error) (err error) {
	order := t.key()
	if len(order) == 0 {
		order = columns
	}
	rows, err := q.query(ctx, "SELECT "+quoted(columns)+" FROM "+quote(t.name)+" ORDER BY "+quoted(order))
	if err != nil {
		return mapError(err)
	}
	defer func() { err = errors.Join(err, mapError(rows.Close())) }()
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return mapError(err)
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return mapError(rows.Err())
}

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quote(name)
	}
	return strings.Join(all, ", ")
}

// hashRow adds each value with its type and length, so that no two different
// rows give the same bytes.
func hashRow(h hash.Hash, row []any) error {
	var head [9]byte
	for _, v := range row {
		var text []byte
		number := uint64(0)
		switch v := v.(type) {
		case nil:
			head[0] = 'n'
		case int64:
			head[0], number = 'i', uint64(v) //nolint:gosec // the bits count
		case float64:
			head[0], number = 'f', math.Float64bits(v)
		case bool:
			if head[0] = 'b'; v {
				number = 1
			}
		case string:
			head[0], number, text = 's', uint64(len(v)), []byte(v)
		case []byte:
			head[0], number, text = 'x', uint64(len(v)), v
		case time.Time:
			head[0], number = 't', uint64(v.UnixMicro()) //nolint:gosec // the bits count
		default:
			return fmt.Errorf("a value of type %T cannot be hashed", v)
		}
		binary.BigEndian.PutUint64(head[1:], number)
		h.Write(head[:])
		h.Write(text)
	}
	return nil
}

// RowKey names a row by the one column of its table's primary key.
type RowKey struct {
	Table, Column string
	Key           any
}

// Newest notes the row that was added last to each table, as far as the keys
// are ours: rising with time (UUID version 7, versions, sequences).
func Newest(ctx context.Context, d *DB, q Querier) (newest []RowKey, err error) {
	defer fault.Wrap(&err, "note the newest rows")
	s, err := schemaOf(ctx, d)
	if err != nil {
		return nil, err
	}
	for _, t := range s.stored() {
		key := t.key()
		if len(key) != 1 {
			continue
		}
		keys, err := Collect(ctx, q, Scalar[any], "SELECT max("+quote(key[0])+") FROM "+quote(t.name)+" HAVING count(*) > 0")
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			newest = append(newest, RowKey{t.name, key[0], k})
		}
	}
	return newest, nil
}

// Has reports whether a row is there.
func Has(ctx context.Context, q Querier, row RowKey) (bool, error) {
	n, err := One(ctx, q, Scalar[int], "SELECT count(*) FROM "+quote(row.Table)+" WHERE "+quote(row.Column)+" = $1", row.Key)
	return n > 0, err
}

// Difference is how many rows of a table two databases do not share.
type Difference struct {
	Table string `json:"table"`
	// Added are rows that only the first has, Changed those that differ in a
	// column that both know, Removed those that only the second has.
	Added   int64 `json:"added"`
	Changed int64 `json:"changed"`
	Removed int64 `json:"removed"`
	// Columns are those that only the first knows: their values are not compared.
	Columns []string `json:"columns,omitempty"`
}

// Compare tells what the database a holds and b does not, by table, without
// those that are equal. Columns that only one of them knows are not compared; a
// table that b does not have counts as added with all its rows, and so does one
// whose rows cannot be matched, without a key or with another one.
func Compare(ctx context.Context, a, b *DB) (_ []Difference, err error) {
	defer fault.Wrap(&err, "compare the databases")
	sa, err := schemaOf(ctx, a)
	if err != nil {
		return nil, err
	}
	sb, err := schemaOf(ctx, b)
	if err != nil {
		return nil, err
	}
	out := []Difference{}
	err = a.Snapshot(ctx, func(qa Querier, _ string) error {
		return b.Snapshot(ctx, func(qb Querier, _ string) error {
			for _, t := range sa.stored() {
				diff, err := compareTable(ctx, qa, qb, t, sb[t.name])
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				if diff.Added+diff.Changed+diff.Removed > 0 || len(diff.Columns) > 0 {
					out = append(out, diff)
				}
			}
			return nil
		})
	})
	return out, err
}

// compareTable goes through both tables in the order of their key at once.
func compareTable(ctx context.Context, qa, qb Querier, a, b *table) (d Difference, err error) {
	d.Table = a.name
	key := a.key()
	if b == nil || len(key) == 0 || !slices.Equal(key, b.key()) {
		d.Added, err = One(ctx, qa, Scalar[int64], "SELECT count(*) FROM "+quote(a.name))
		return d, err
	}
	var rest []string
	for _, c := range a.columnNames() {
		switch {
		case slices.Contains(key, c):
		case slices.Contains(b.columnNames(), c):
			rest = append(rest, c)
		default:
			d.Columns = append(d.Columns, c)
		}
	}
	columns := append(slices.Clone(key), rest...)
	next, stop := pull(ctx, qb, b, columns, len(key))
	defer stop()
	theirs, more, err := next()
	if err != nil {
		return d, err
	}
	err = a.each(ctx, qa, columns, func(row []any) (err error) {
		for more && compareKeys(theirs.key, row[:len(key)]) < 0 {
			d.Removed++
			if theirs, more, err = next(); err != nil {
				return err
			}
		}
		if !more || compareKeys(theirs.key, row[:len(key)]) > 0 {
			d.Added++
			return nil
		}
		if sum, err := sumOf(row); err != nil {
			return err
		} else if sum != theirs.sum {
			d.Changed++
		}
		theirs, more, err = next()
		return err
	})
	for more && err == nil {
		d.Removed++
		_, more, err = next()
	}
	return d, err
}

// keyed is a row in short.
type keyed struct {
	key []any
	sum [sha256.Size]byte
}

// pull reads a table a row at a time; stop must be called.
func pull(ctx context.Context, q Querier, t *table, columns []string, keys int) (next func() (keyed, bool, error), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	rows, ended := make(chan keyed, 256), make(chan error, 1)
	go func() {
		defer close(rows)
		ended <- t.each(ctx, q, columns, func(row []any) error {
			sum, err := sumOf(row)
			if err != nil {
				return err
			}
			select {
			case rows <- keyed{slices.Clone(row[:keys]), sum}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	next = func() (keyed, bool, error) {
		row, more := <-rows
		if more {
			return row, true, nil
		}
		err := <-ended
		ended <- nil // asked again, it has ended well
		return row, false, err
	}
	return next, func() {
		cancel()
		for range rows { // the reader must have let go of the connection
		}
	}
}

func sumOf(row []any) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	if err := hashRow(h, row); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// compareKeys orders keys as both engines do: numbers by value, text and bytes
// by their bytes.
func compareKeys(a, b []any) int {
	for i := range a {
		if c := compareValues(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// compareValues knows SQLite's order across kinds too, for its columns hold any:
// NULL, numbers, text, bytes.
func compareValues(a, b any) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(float64(x), number(b))
	case float64:
		return cmp.Compare(x, number(b))
	case bool:
		y, _ := b.(bool)
		return cmp.Compare(map[bool]int{true: 1}[x], map[bool]int{true: 1}[y])
	case time.Time:
		y, _ := b.(time.Time)
		return x.Compare(y)
	case string:
		y, _ := b.(string)
		return cmp.Compare(x, y)
	case []byte:
		y, _ := b.([]byte)
		return bytes.Compare(x, y)
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case int64, float64, bool, time.Time:
		return 1
	case string:
		return 2
	}
	return 3
}

func number(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	f, _ := v.(float64)
	return f
}
