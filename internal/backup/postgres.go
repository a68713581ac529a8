package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// dumpPostgres dumps the database as of one instant, and counts and hashes
// its rows as of the same.
func (c *creation) dumpPostgres(ctx context.Context) (found content, err error) {
	d := c.Service.options.DB
	err = d.Snapshot(ctx, func(q db.Querier, id string) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			c.manifest.Database, err = c.dump(ctx, id)
			return err
		})
		group.Go(func() (err error) {
			found, err = c.inspectSnapshot(ctx, q)
			return err
		})
		return group.Wait()
	})
	return found, err
}

func (c *creation) inspectSnapshot(ctx context.Context, q db.Querier) (content, error) {
	marks, err := db.One(ctx, q, db.Scalar[int], "SELECT count(*) FROM backups WHERE id = $1", c.manifest.ID)
	if err != nil {
		return content{}, err
	}
	if marks != 1 {
		return content{}, fault.New(fault.Internal, "the mark of %s is not in the snapshot", c.manifest.ID)
	}
	return read(ctx, c.Service.options.DB, q)
}

func (c *creation) dump(ctx context.Context, snapshot string) (File, error) {
	dump, err := postgresTool("pg_dump")
	if err != nil {
		return File{}, err
	}
	address, environ, err := libpq(c.Service.options.Config.Storage.Database)
	if err != nil {
		return File{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Not compressed: we do that for both engines alike.
	cmd := exec.CommandContext(ctx, dump, "--format=custom", "--compress=0", "--no-owner", "--no-privileges", "--snapshot="+snapshot, "--dbname="+address)
	var words bytes.Buffer
	cmd.Env, cmd.Stderr = append(os.Environ(), environ...), &words
	out, err := cmd.StdoutPipe()
	if err != nil {
		return File{}, err
	}
	if err := cmd.Start(); err != nil {
		return File{}, err
	}
	f, err := pack(ctx, c.dir, databaseFile, out, c.to)
	if err != nil {
		cancel() // it would wait for a reader
	}
	if werr := cmd.Wait(); err == nil && werr != nil {
		err = fault.Because(werr, fault.Unavailable, "pg_dump failed: %s", lastLine(words.String()))
	}
	return f, err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// postgresTool finds a client program, the newest when there are several: it
// must not be older than the server.
func postgresTool(name string) (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is well-formed
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a) // 9 before 10
		}
		return strings.Compare(b, a)
	})
	if len(found) > 0 {
		return found[0], nil
	}
	tool, err := exec.LookPath(name)
	if err != nil {
		return "", fault.Because(err, fault.Unavailable, "%s is not installed: install the PostgreSQL client (Debian: apt-get install postgresql-client)", name)
	}
	return tool, nil
}

// libpq is an address without its password, which a list of processes would
// show, and without what only our driver understands; the password goes by
// the environment.
func libpq(raw string) (address string, environ []string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "DATABASE_URL cannot be read as a PostgreSQL address")
	}
	query := u.Query()
	for name := range query {
		if strings.HasPrefix(name, "pool_") || strings.HasSuffix(name, "_capacity") || name == "default_query_exec_mode" {
			query.Del(name)
		}
	}
	if password := query.Get("password"); password != "" {
		environ = append(environ, "PGPASSWORD="+password)
		query.Del("password")
	}
	u.RawQuery = query.Encode()
	if password, ok := u.User.Password(); ok {
		environ = append(environ, "PGPASSWORD="+password)
		u.User = url.User(u.User.Username())
	}
	return u.String(), environ, nil
}

func databaseName(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// scratch makes an empty database beside ours and returns its address.
func (s *Service) scratch(ctx context.Context, purpose string) (address, name string, err error) {
	raw := s.options.Config.Storage.Database
	name = databaseName(raw) + "_" + purpose + "_" + strings.ToLower(rand.Text()[:10])
	err = s.admin(ctx, "CREATE DATABASE "+quoteName(name)+" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
	if err != nil {
		return "", "", fault.Because(err, fault.Unavailable,
			"a scratch database cannot be made: the user of DATABASE_URL needs CREATEDB (ALTER ROLE ... CREATEDB)")
	}
	return db.Beside(raw, name), name, nil
}

func (s *Service) drop(ctx context.Context, name string) error {
	return s.admin(ctx, "DROP DATABASE IF EXISTS "+quoteName(name)+" WITH (FORCE)")
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// admin runs statements, together where they can be, from the server's
// maintenance database.
func (s *Service) admin(ctx context.Context, statements ...string) error {
	return db.Administer(ctx, db.Beside(s.options.Config.Storage.Database, "postgres"), statements...)
}

// load restores a dump into an empty database.
func load(ctx context.Context, dumpFile, raw string) error {
	tool, err := postgresTool("pg_restore")
	if err != nil {
		return err
	}
	address, environ, err := libpq(raw)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, tool, "--exit-on-error", "--no-owner", "--no-privileges", "--dbname="+address, dumpFile)
	var words bytes.Buffer
	cmd.Env, cmd.Stderr = append(os.Environ(), environ...), &words
	if err := cmd.Run(); err != nil {
		return fault.Because(err, fault.Unavailable, "pg_restore failed: %s", lastLine(words.String()))
	}
	return nil
}

// contents demands that a dump can be read by pg_restore.
func contents(ctx context.Context, dumpFile string) error {
	tool, err := postgresTool("pg_restore")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, tool, "--list", dumpFile)
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &words
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pg_restore --list: %s", lastLine(words.String()))
	}
	return nil
}
