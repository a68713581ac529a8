package db

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"navidocs/internal/fault"
)

// Ping reports whether the database answers and could be opened again:
// Unavailable when not. Of a SQLite database it is not enough to ask those who
// have it open: a file that was removed, replaced or locked away goes on
// serving them from memory, and loses what they write.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	if err := d.read.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil || d.Engine == Postgres {
		return mapError(err)
	}
	return d.pingFile(ctx)
}

// pingFile looks whether the file is the one that was opened, and reads it by a
// new connection. SQLite alone opens it: whoever else closes it takes away the
// locks of the whole process.
func (d *DB) pingFile(ctx context.Context) (err error) {
	now, err := os.Stat(d.Path)
	if err != nil || !os.SameFile(now, d.file) {
		return fault.Because(err, fault.Unavailable, "the database file %s was removed or replaced while in use: put it back, or restart", d.Path)
	}
	// mode=rw, or SQLite would make a file that vanished meanwhile.
	conn, err := sql.Open("sqlite", dsn(d.Path)+"?mode=rw&_pragma=busy_timeout(1000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mapError(conn.Close())) }()
	var version int
	return mapError(conn.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version))
}

// How much is written to see whether there is room. After a write has failed,
// room for its like is asked for.
const (
	someRoom = 16 << 10
	moreRoom = 1 << 20
)

// Room reports whether the database could grow: Full when its disk has no room.
// Reading goes on without, so Ping does not tell. The disk of a PostgreSQL
// server is out of sight: there is room until a transaction failed for want of
// it, and from then on a table that nobody keeps is written to see.
func (d *DB) Room(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "db.Room")
	full := d.full.Load()
	switch {
	case d.Engine == SQLite && full:
		err = tryDisk(filepath.Dir(d.Path), moreRoom)
	case d.Engine == SQLite:
		err = tryDisk(filepath.Dir(d.Path), someRoom)
	case full:
		err = d.tryTable(ctx)
	}
	d.full.Store(fault.Is(err, fault.Full))
	return err
}

// tryDisk writes a file beside the database. It has one name, so that a process
// that is killed leaves one at most.
func tryDisk(dir string, size int) (err error) {
	name := filepath.Join(dir, ".navidocs-room")
	defer func() {
		if rerr := os.Remove(name); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fault.Because(err, fault.Full, "the disk of the database is full")
		}
	}()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:forbidigo // a file of our own beside the database
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, size))
	if err == nil {
		err = f.Sync() // some file systems look for room only now
	}
	return errors.Join(err, f.Close())
}

func (d *DB) tryTable(ctx context.Context) error {
	err := d.Transact(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "CREATE TEMPORARY TABLE navidocs_room ON COMMIT DROP AS SELECT g FROM generate_series(1, 30000) g")
		return err
	})
	if fault.Is(err, fault.Full) {
		return err
	}
	return nil // whatever else stands in the way is no want of room
}
