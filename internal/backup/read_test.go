package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"navidocs/internal/backup"
	"navidocs/internal/db"
)

func ifFalse(ok bool, text string) error {
	if ok {
		return nil
	}
	return errors.New(text)
}

// manifest reads what a backup says of itself.
func (b *bundle) manifest(id string) (m backup.Manifest) {
	b.t.Helper()
	text, err := os.ReadFile(b.file(id, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// failures are what operators were told, oldest first.
func (b *bundle) failures() []backup.Failed {
	b.t.Helper()
	all, err := db.Collect(b.t.Context(), b.db, func(r db.Row) (f backup.Failed, err error) {
		var text string
		if err := r.Scan(&text); err != nil {
			return f, err
		}
		return f, json.Unmarshal([]byte(text), &f)
	}, "SELECT data FROM events WHERE type = $1 AND org_id IS NULL AND stream = 'operators' ORDER BY sequence", backup.FailedEvent)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func failing(context.Context, *db.DB) error { return errors.New("it does not migrate") }
