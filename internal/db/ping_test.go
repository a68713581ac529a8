package db_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func TestPingMissesAFileThatWasTakenAway(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	away := d.Path + ".away"
	for _, step := range []struct {
		what  string
		do    func() error
		lives bool
	}{
		{"at first", func() error { return nil }, true},
		{"away", func() error { return os.Rename(d.Path, away) }, false},
		{"another in its place", func() error { return os.WriteFile(d.Path, nil, 0o600) }, false},
		{"back", func() error { return os.Rename(away, d.Path) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if err := d.Ping(t.Context()); (err == nil) != step.lives || err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", step.what, err)
		}
	}
}

func TestRoomOnAFullDisk(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	name := filepath.Join(filepath.Dir(d.Path), ".navidocs-room")
	if err := d.Room(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("/dev/full", name); err != nil {
		t.Skip("SKIPPED: no link to a disk without room:", err)
	}
	if err := d.Room(t.Context()); !fault.Is(err, fault.Full) {
		t.Error(err)
	}
	if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
		t.Error("it left its file:", err)
	}
	if err := d.Room(t.Context()); err != nil {
		t.Error("there is room again:", err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Room(t.Context()); err == nil || fault.Is(err, fault.Full) {
		t.Error("what cannot be written is not full, and no room either:", err)
	}
}

// A server out of sight is asked for room only after it had none.
func TestRoomOnPostgres(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	exec := func(query string) error {
		return d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), query)
			return err
		})
	}
	room := func(what string, want bool) {
		t.Helper()
		if err := d.Room(t.Context()); (err == nil) != want || !want && !fault.Is(err, fault.Full) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must := func(query string) {
		t.Helper()
		if err := exec(query); err != nil {
			t.Fatal(err)
		}
	}
	must(`CREATE FUNCTION no_room() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$`)
	must("CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS') EXECUTE FUNCTION no_room()")
	room("nothing has failed yet", true)
	if err := exec("CREATE TABLE large (a INT)"); !fault.Is(err, fault.Full) {
		t.Fatal(err)
	}
	room("a transaction failed", false)
	room("and it is still so", false)
	must("DROP EVENT TRIGGER full_disk")
	room("there is room again", true)
	room("and it stays so", true)
}
