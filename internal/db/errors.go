package db

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"navidocs/internal/fault"
)

// mapError gives a driver's error its kind, by code.
func mapError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fault.Because(err, fault.NotFound, "not found")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return mapPostgres(pg, err)
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return mapSQLite(lite, err)
	}
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fault.Because(connect, fault.Unavailable, "the database cannot be reached")
	}
	return err
}

// Codes: PostgreSQL manual, appendix A.
func mapPostgres(pg *pgconn.PgError, err error) error {
	switch pg.Code {
	case "23505":
		return fault.Because(err, fault.Conflict, "this already exists")
	case "23503":
		return fault.Because(err, fault.Conflict, "something else still refers to this, or what it refers to is gone")
	case "54000": // most of all a value above what an index takes
		return fault.Because(err, fault.TooLarge, "a value is too long to be stored")
	case "22021", "22P05":
		return fault.Because(err, fault.Invalid, "text must be UTF-8 without NUL")
	case "53100", "53200":
		return fault.Because(err, fault.Full, "the database has no room left")
	case "57P01", "57P02", "57P03", "53300":
		return fault.Because(err, fault.Unavailable, "the database cannot be reached")
	}
	return err
}

// Codes: sqlite.org/rescode.html.
func mapSQLite(lite *sqlite.Error, err error) error {
	switch lite.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fault.Because(err, fault.Conflict, "this already exists")
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fault.Because(err, fault.Conflict, "something else still refers to this, or what it refers to is gone")
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fault.Because(err, fault.Full, "the disk of the database is full")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.Because(err, fault.Unavailable, "the database is busy")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR:
		return fault.Because(err, fault.Unavailable, "the database file cannot be read or written")
	}
	return err
}

func retryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}
