package vault

import (
	"context"
	"strconv"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Column is where sealed values lie. Whoever seals values names its columns, so that
// they are found when the master key changes.
type Column struct {
	Kind    string // what people call its values
	Table   string
	Key     []string // the columns of the primary key, each of them text
	Column  string   // "" in it is no value
	Purpose string   // what they were sealed for
}

// Tally counts the values of a column, by the master key that seals them.
type Tally struct {
	Kind     string `json:"kind"`
	Present  int    `json:"present"`  // were under the present key before
	Resealed int    `json:"resealed"` // are now
	Earlier  int    `json:"earlier"`  // are under an earlier one
	Lost     int    `json:"lost"`     // are under none that is known, or damaged
}

func (t *Tally) add(o Tally) {
	t.Present += o.Present
	t.Resealed += o.Resealed
	t.Earlier += o.Earlier
	t.Lost += o.Lost
}

// resealBatch bounds a transaction.
const resealBatch = 200

// Reseal brings the values of a column under the present master key, in short
// transactions, so that others may work meanwhile if they know both keys; ended
// at any moment, it is begun anew. A value that another transaction changes is
// left to that one.
func (k Keys) Reseal(ctx context.Context, d *db.DB, c Column) (out Tally, err error) {
	defer fault.Wrap(&err, "vault.Reseal %s.%s", c.Table, c.Column)
	return c.through(func(after []string) (page []sealedRow, done Tally, err error) {
		err = d.Transact(ctx, func(tx *db.Tx) error {
			if page, err = c.page(ctx, tx, after); err != nil {
				return err
			}
			done, err = k.resealPage(ctx, tx, c, page)
			return err
		})
		return page, done, err
	})
}

// Count counts the values of a column and changes nothing.
func (k Keys) Count(ctx context.Context, d *db.DB, c Column) (out Tally, err error) {
	defer fault.Wrap(&err, "vault.Count %s.%s", c.Table, c.Column)
	return c.through(func(after []string) (page []sealedRow, done Tally, err error) {
		page, err = c.page(ctx, d, after)
		for _, row := range page {
			_, one := k.judge(c, row)
			done.add(one)
		}
		return page, done, err
	})
}

// through goes through a column page by page.
func (c Column) through(f func(after []string) ([]sealedRow, Tally, error)) (Tally, error) {
	out, after := Tally{Kind: c.Kind}, make([]string, len(c.Key))
	for {
		page, done, err := f(after)
		if err != nil {
			return out, err
		}
		out.add(done)
		if len(page) < resealBatch {
			return out, nil
		}
		after = page[len(page)-1].key
	}
}

// judge opens a value and says which key seals it.
func (k Keys) judge(c Column, row sealedRow) (plain []byte, one Tally) {
	plain, err := k.Unseal(c.Purpose, row.text)
	switch {
	case err != nil:
		one.Lost = 1
	case strings.HasPrefix(row.text, k.ID()+"."):
		one.Present = 1
	default:
		one.Earlier = 1
	}
	return plain, one
}

func (k Keys) resealPage(ctx context.Context, tx *db.Tx, c Column, page []sealedRow) (done Tally, err error) {
	for _, row := range page {
		plain, one := k.judge(c, row)
		if one.Earlier == 1 {
			fresh, err := k.Seal(c.Purpose, plain)
			if err != nil {
				return done, err
			}
			n, err := tx.Exec(ctx, c.update(), append(anys(row.key), row.text, fresh)...)
			if err != nil {
				return done, err
			}
			one = Tally{Resealed: int(n)}
		}
		done.add(one)
	}
	return done, nil
}

// sealedRow is a value and the row that it lies in.
type sealedRow struct {
	key  []string
	text string
}

// page reads the values that follow a row.
func (c Column) page(ctx context.Context, q db.Querier, after []string) ([]sealedRow, error) {
	columns := strings.Join(c.Key, ", ")
	query := "SELECT " + columns + ", " + c.Column + " FROM " + c.Table + " WHERE (" + columns + ") > (" + marks(len(c.Key)) + ") AND " +
		c.Column + " <> '' ORDER BY " + columns + " LIMIT " + strconv.Itoa(resealBatch)
	return db.Collect(ctx, q, func(r db.Row) (row sealedRow, err error) {
		row.key = make([]string, len(c.Key))
		targets := make([]any, 0, len(c.Key)+1)
		for i := range row.key {
			targets = append(targets, &row.key[i])
		}
		err = r.Scan(append(targets, &row.text)...)
		return row, err
	}, query, anys(after)...)
}

// update changes a value that is still the one that was read.
func (c Column) update() string {
	n := len(c.Key)
	return "UPDATE " + c.Table + " SET " + c.Column + " = $" + strconv.Itoa(n+2) + " WHERE (" + strings.Join(c.Key, ", ") + ") = (" + marks(n) + ") AND " +
		c.Column + " = $" + strconv.Itoa(n+1)
}

func marks(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}

func anys(texts []string) []any {
	out := make([]any, 0, len(texts)+2)
	for _, text := range texts {
		out = append(out, text)
	}
	return out
}
