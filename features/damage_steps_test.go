package features

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cucumber/godog"
	"github.com/klauspost/compress/zstd"

	"navidocs/internal/backup"
	"navidocs/internal/db"
)

// wreck is the database of a backup, unpacked, for doing harm to it.
type wreck struct {
	ctx   context.Context
	path  string
	older []byte // the same of an older backup
}

const (
	pageSize = 4096
	// port is a text that stands in one row alone.
	port = "Porto of the flipped byte"
)

// damages are the twelve by name.
func damages() map[string]func(w *wreck) error {
	return map[string]func(w *wreck) error{
		"1 byte flipped in text": func(w *wreck) error {
			return w.bytes(func(b []byte) []byte { b[bytes.Index(b, []byte(port))] ^= 1; return b })
		},
		"a page zeroed": func(w *wreck) error {
			return w.bytes(func(b []byte) []byte { clear(page(b, 0)); return b })
		},
		"last 5% cut":      func(w *wreck) error { return w.bytes(func(b []byte) []byte { return b[:len(b)*95/100] }) },
		"last 3 pages cut": func(w *wreck) error { return w.bytes(func(b []byte) []byte { return b[:len(b)-3*pageSize] }) },
		"two pages swapped": func(w *wreck) error {
			return w.bytes(func(b []byte) []byte {
				one := bytes.Clone(page(b, 0))
				copy(page(b, 0), page(b, 1))
				copy(page(b, 1), one)
				return b
			})
		},
		"5% of a table deleted":  func(w *wreck) error { return w.sql("DELETE FROM audit_log WHERE rowid % 20 = 0") },
		"small table emptied":    func(w *wreck) error { return w.sql("DELETE FROM blob_refs") },
		"foreign key orphans":    func(w *wreck) error { return w.sql("UPDATE boats SET org_id = 'nobody' WHERE rowid = 7") },
		"index misses 2 entries": missIndexEntries,
		"index missing":          func(w *wreck) error { return w.sql("DROP INDEX boats_hin") },
		"older backup renamed":   func(w *wreck) error { return os.WriteFile(w.path, w.older, 0o600) },
		"empty tables only":      emptyTables,
	}
}

// page is the one with the row of the port, or one behind it.
func page(b []byte, behind int) []byte {
	start := (bytes.Index(b, []byte(port))/pageSize + behind) * pageSize
	return b[start : start+pageSize]
}

func (w *wreck) bytes(change func([]byte) []byte) error {
	text, err := os.ReadFile(w.path)
	if err != nil {
		return err
	}
	return os.WriteFile(w.path, change(text), 0o600)
}

func (w *wreck) sql(statements ...string) error {
	pool, err := sql.Open("sqlite", "file:"+w.path+"?_pragma=foreign_keys(0)")
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := pool.ExecContext(w.ctx, s); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s, err), pool.Close())
		}
	}
	return pool.Close()
}

// missIndexEntries takes two entries out of an index and leaves their rows: the
// index is told to be one without them while it is written again.
func missIndexEntries(w *wreck) error {
	declare := func(where string) string {
		return "UPDATE sqlite_schema SET sql = 'CREATE INDEX audit_log_org ON audit_log (org_id, at)" + where + "' WHERE name = 'audit_log_org'"
	}
	return w.sql("PRAGMA writable_schema = ON", declare(" WHERE rowid NOT IN (3, 4)"), "PRAGMA writable_schema = RESET",
		"REINDEX audit_log_org",
		"PRAGMA writable_schema = ON", declare(""), "PRAGMA writable_schema = RESET")
}

func emptyTables(w *wreck) error {
	if err := os.Remove(w.path); err != nil {
		return err
	}
	d, err := db.Open(w.ctx, db.Options{URL: w.path})
	if err != nil {
		return err
	}
	m, err := db.NewMigrator(d, db.Migrations(), "")
	if err == nil {
		_, err = m.Up(w.ctx, db.UpOptions{})
	}
	return errors.Join(err, d.Close())
}

func (w *world) damageSteps(sc *godog.ScenarioContext) {
	k := &keeping{world: w}
	sc.Step(`^an installation on SQLite with (\d+) boats and a paper$`, k.onSQLite)
	sc.Step(`^two backups, between which (\d+) boats were added$`, k.twoBackups)
	sc.Step(`^each of these is done to the newer one, it is found and named:$`, k.eachIsFound)
	sc.Step(`^the backup itself, untouched, is good$`, func() error { return k.operator(0, "backup", "verify", k.newest()) })
}

func (k *keeping) onSQLite(boats int) error {
	k.database = ""
	k.place()
	k.serve()
	k.captain = k.server.User(captain, "", "")
	if err := k.addsBoats(boats); err != nil {
		return err
	}
	k.captain.Want(200, "PATCH", "/api/boats/"+k.boat, map[string]string{"home_port": port})
	k.uploadsPaper()
	return nil
}

func (k *keeping) addsBoats(n int) error {
	for i := range n {
		if err := k.addsBoat(fmt.Sprintf("Boat %d", i)); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeping) twoBackups(boats int) error {
	return errors.Join(k.create(), k.addsBoats(boats), k.create())
}

func (k *keeping) eachIsFound(table *godog.Table) error {
	all := damages()
	if len(all) != 12 || len(table.Rows) != 13 {
		return fmt.Errorf("%d damages, %d rows", len(all), len(table.Rows)-1)
	}
	var errs []error
	for _, row := range table.Rows[1:] {
		name, check, text := row.Cells[0].Value, row.Cells[1].Value, row.Cells[2].Value
		do := all[name]
		if do == nil {
			return fmt.Errorf("nobody knows how to do %q", name)
		}
		delete(all, name)
		if err := k.isFound(do, check, text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// isFound does a damage to a copy of the backups and demands that it is found by
// the hash of the file, and named by what reads the database.
func (k *keeping) isFound(do func(*wreck) error, check, text string) error {
	place := filepath.Join(k.t.TempDir(), "backups")
	if err := os.CopyFS(place, os.DirFS(filepath.Join(k.home, "backups"))); err != nil {
		return err
	}
	if err := k.harm(place, do); err != nil {
		return err
	}
	var found []backup.Report
	if err := k.operatorReads(&found, 1, "backup", "verify", k.newest(), "--from", place); err != nil {
		return err
	}
	if !named(found[0], "sha256", "db.zst") || !named(found[0], check, text) {
		return fmt.Errorf("found were %+v", found[0].Damages)
	}
	if !strings.Contains(k.refused, "damaged") {
		return fmt.Errorf("it says %s", k.refused)
	}
	return nil
}

func (k *keeping) harm(place string, do func(*wreck) error) error {
	packed := filepath.Join(place, k.newest(), "db.zst")
	older, err := unpack(filepath.Join(place, k.ids[0], "db.zst"))
	if err != nil {
		return err
	}
	plain, err := unpack(packed)
	if err != nil {
		return err
	}
	w := &wreck{ctx: k.t.Context(), path: filepath.Join(k.t.TempDir(), "plain.db"), older: older}
	if err := os.WriteFile(w.path, plain, 0o600); err != nil {
		return err
	}
	if err := do(w); err != nil {
		return err
	}
	if plain, err = os.ReadFile(w.path); err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		return err
	}
	return os.WriteFile(packed, z.EncodeAll(plain, nil), 0o600)
}

func unpack(path string) ([]byte, error) {
	packed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.DecodeAll(packed, nil)
}
