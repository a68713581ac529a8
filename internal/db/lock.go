package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gofrs/flock"

	"navidocs/internal/fault"
)

// advisoryKey is any number that nothing else on the server uses.
const advisoryKey = 7_308_324_465_020_641

// acquire waits until nobody else migrates.
func (m *Migrator) acquire(ctx context.Context) (unlock func(), err error) {
	if m.db.Engine == SQLite {
		if m.lock == "" {
			return func() {}, nil
		}
		l := flock.New(m.lock)
		if ok, err := l.TryLockContext(ctx, 20*time.Millisecond); err != nil || !ok {
			if ctx.Err() == nil {
				return nil, err
			}
			return nil, fault.Because(err, fault.Unavailable, "another process is migrating (lock file %s)", m.lock)
		}
		return func() { l.Unlock() }, nil //nolint:errcheck // the lock ends with the process at the latest
	}
	conn, err := m.db.write.Conn(ctx)
	if err != nil {
		return nil, mapError(err)
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", advisoryKey); err != nil {
		return nil, errors.Join(mapError(err), conn.Close())
	}
	return func() { release(context.WithoutCancel(ctx), conn) }, nil
}

func release(ctx context.Context, conn *sql.Conn) {
	conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", advisoryKey) //nolint:errcheck // closing the connection releases it too
	conn.Close()                                                        //nolint:errcheck // gives the connection back to the pool
}
