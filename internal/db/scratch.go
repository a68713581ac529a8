package db

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"navidocs/internal/fault"
)

// Scratch opens an empty database beside the one at an address, for trying
// something out; drop closes and removes it. On PostgreSQL it is a database of
// the same server, or one of SQLite when the server does not let us make one.
func Scratch(ctx context.Context, address string) (d *DB, drop func() error, err error) {
	defer fault.Wrap(&err, "make a scratch database")
	if isPostgres(address) {
		d, drop, err = scratchPostgres(ctx, address)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42501" { // insufficient privilege
			return d, drop, err
		}
	}
	dir, err := os.MkdirTemp("", "navidocs-scratch-*")
	if err != nil {
		return nil, nil, err
	}
	if d, err = Open(ctx, Options{URL: filepath.Join(dir, "scratch.db")}); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, func() error { return errors.Join(d.Close(), os.RemoveAll(dir)) }, nil
}

func scratchPostgres(ctx context.Context, address string) (*DB, func() error, error) {
	server, err := Open(ctx, Options{URL: address})
	if err != nil {
		return nil, nil, err
	}
	name := "navidocs_scratch_" + strings.ToLower(rand.Text())
	if _, err := server.write.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"); err != nil {
		return nil, nil, closing(server, err)
	}
	remove := func() error {
		_, err := server.write.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)")
		return errors.Join(err, server.Close())
	}
	d, err := Open(ctx, Options{URL: Beside(address, name)})
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return d, func() error { return errors.Join(d.Close(), remove()) }, nil
}

// Beside is the address of another database of the same PostgreSQL server.
func Beside(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // which was opened before
	}
	u.Path = "/" + name
	return u.String()
}

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// address is the one that opens the same database.
func (d *DB) address() string {
	if d.Engine == SQLite {
		return d.Path
	}
	return d.pool.Config().ConnString()
}
