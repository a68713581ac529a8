package db

import "context"

// batch bounds a transaction that changes rows by the thousand, so that others
// may write meanwhile.
const batch = 500

// InBatches repeats a statement, each time in a transaction of its own, until it
// changes less than a batch of rows. The batch is the argument behind args, for
// its LIMIT. Ended at any moment, it is begun anew.
func (d *DB) InBatches(ctx context.Context, query string, args ...any) error {
	args = append(anys(args), batch)
	for {
		var n int64
		err := d.Transact(ctx, func(tx *Tx) (err error) {
			n, err = tx.Exec(ctx, query, args...)
			return err
		})
		if err != nil || n < batch {
			return err
		}
	}
}

// Rows are those of a table that a condition on $1 holds for, told apart by the
// columns of Key.
type Rows struct{ Table, Key, Condition string }

// DeleteInBatches removes rows, table after table: what refers to others comes
// before them. arg is $1 of the conditions.
func (d *DB) DeleteInBatches(ctx context.Context, arg any, all ...Rows) error {
	for _, x := range all {
		query := "DELETE FROM " + x.Table + " WHERE (" + x.Key + ") IN (SELECT " + x.Key + " FROM " + x.Table + " WHERE " + x.Condition + " LIMIT $2)"
		if err := d.InBatches(ctx, query, arg); err != nil {
			return err
		}
	}
	return nil
}
