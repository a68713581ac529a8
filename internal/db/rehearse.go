package db

import (
	"context"
	"io/fs"
	"time"

	"navidocs/internal/fault"
)

// Rehearsal is how long each pending migration took on a copy.
type Rehearsal struct {
	At            time.Time   `json:"at"`
	DatabaseBytes int64       `json:"database_bytes"`
	Migrations    []Rehearsed `json:"migrations"`
}

// Rehearsed is one migration's part of a rehearsal.
type Rehearsed struct {
	Version int64   `json:"version"`
	Name    string  `json:"name"`
	Class   Class   `json:"class"`
	SHA256  string  `json:"sha256"`
	TookMS  float64 `json:"took_ms"`
	// StallMS is how long writers would have to wait at one time.
	StallMS float64 `json:"stall_ms"`
}

// Rehearse applies to a copy of the database, which it changes, what is pending
// there, contract migrations included, and predicts how long each would keep
// writers waiting.
func Rehearse(ctx context.Context, copied *DB, sequence fs.FS, then ...func(context.Context) error) (r Rehearsal, err error) {
	defer fault.Wrap(&err, "rehearse the migrations")
	r = Rehearsal{At: copied.Now(), Migrations: []Rehearsed{}}
	if r.DatabaseBytes, err = copied.Size(ctx); err != nil {
		return r, err
	}
	m, err := NewMigrator(copied, sequence, "", then...)
	if err != nil {
		return r, err
	}
	done, err := m.Up(ctx, UpOptions{Contract: true})
	for _, t := range done.Timings {
		r.Migrations = append(r.Migrations, Rehearsed{
			Version: t.Version, Name: t.Name, Class: t.Class, SHA256: t.SHA256, TookMS: milliseconds(t.Took), StallMS: milliseconds(t.Stall),
		})
	}
	return r, err
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// Stall is what the rehearsal says of a migration; false when it does not know
// this file.
func (r Rehearsal) Stall(mig Migration) (time.Duration, bool) {
	for _, t := range r.Migrations {
		if t.Version == mig.Version && t.SHA256 == mig.SHA256 {
			return time.Duration(t.StallMS * float64(time.Millisecond)), true
		}
	}
	return 0, false
}
