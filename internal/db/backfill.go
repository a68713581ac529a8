package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"navidocs/internal/fault"
)

// Batch says how a backfill goes about it. The zero value is 500 rows at a
// time, 20 ms apart.
type Batch struct {
	Size  int // at most: where a batch takes longer than 15 ms, the next is smaller
	Pause time.Duration
	// Budget bounds the time of one batch; 0 means no bound.
	Budget time.Duration
}

// Backfilled is what a backfill did.
type Backfilled struct {
	Rows    int64
	Longest time.Duration // of one batch, for which writers wait
}

// quick is how long a batch may take. A writer that SQLite makes wait looks
// again after 33 ms and then after 53.
const quick = 15 * time.Millisecond

// next is the size of the batch after one that took so long.
func (b Batch) next(size int, took time.Duration) int {
	switch {
	case took > quick:
		return max(size/2, b.Size/4, 1) // where finding the rows takes long, fewer of them is no help
	case took < quick/2:
		return min(2*size, b.Size)
	}
	return size
}

// batchMark stands for the size of a batch.
const batchMark = "$batch"

// Backfill changes many rows without keeping the write lock: it runs one
// UPDATE, INSERT or DELETE again and again, each in a transaction of its own,
// until it changes no row. The statement picks at most $batch of the rows that
// still need it, and what it does makes them need it no more:
//
//	UPDATE boats SET flag = 'GB' WHERE id IN (SELECT id FROM boats WHERE flag = 'UK' LIMIT $batch)
//
// An index should find these rows: without one each batch reads past all that
// are done. It goes on where it was when the process was killed. A statement that
// does not use up its rows would never end: it is an error (fault.Internal)
// when far more rows were changed than all tables had.
func Backfill(ctx context.Context, d *DB, b Batch, statement string, args ...any) (done Backfilled, err error) {
	defer fault.Wrap(&err, "backfill")
	if b.Size == 0 {
		b.Size = 500
	}
	if b.Pause == 0 {
		b.Pause = 20 * time.Millisecond
	}
	if !strings.Contains(statement, batchMark) {
		return done, fault.New(fault.Internal, "a backfill works in batches: want `LIMIT %s` in: %s", batchMark, statement)
	}
	rows, err := countRows(ctx, d)
	if err != nil {
		return done, err
	}
	most := 2*rows + 100*int64(b.Size) // others may add rows meanwhile
	for size := b.Size; ; {
		n, took, err := b.run(ctx, d, strings.ReplaceAll(statement, batchMark, strconv.Itoa(size)), args)
		size = b.next(size, took)
		done.Rows, done.Longest = done.Rows+n, max(done.Longest, took)
		if err != nil || n == 0 {
			return done, err
		}
		if done.Rows > most {
			return done, fault.New(fault.Internal, "after %d rows, with %d in all tables, this has not come to an end; it has to pick only rows that still need it: %s",
				done.Rows, rows, statement)
		}
		select {
		case <-time.After(b.Pause):
		case <-ctx.Done():
			return done, ctx.Err()
		}
	}
}

func (b Batch) run(ctx context.Context, d *DB, query string, args []any) (n int64, took time.Duration, err error) {
	if b.Budget > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.Budget)
		defer cancel()
	}
	start := time.Now()
	err = d.Transact(ctx, func(tx *Tx) (err error) {
		n, err = tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // whatever the driver called it
	}
	return n, time.Since(start), err
}

// countRows counts those of all our tables.
func countRows(ctx context.Context, d *DB) (n int64, err error) {
	s, err := schemaOf(ctx, d)
	if err != nil {
		return 0, err
	}
	for _, t := range s {
		if t.virtual || len(t.columns) == 0 {
			continue
		}
		rows, err := One(ctx, d, Scalar[int64], "SELECT count(*) FROM "+quote(t.name))
		if err != nil {
			return 0, err
		}
		n += rows
	}
	return n, nil
}

// backfill makes a data migration's statements a function of goose, which
// records the migration when it has returned.
func (s *session) backfill(statements []string) *goose.GoFunc {
	return &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
		for _, statement := range statements {
			done, err := Backfill(ctx, s.m.db, Batch{Budget: s.budget}, statement)
			if s.longest = max(s.longest, done.Longest); err != nil {
				return err
			}
		}
		return nil
	}}
}
