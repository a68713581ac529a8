package backup

import (
	"context"
	"errors"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// nightHour is when the day's backup falls due, UTC.
	nightHour = 2
	// late is the age of the newest good backup that operators hear of.
	late = 26 * time.Hour
	// tries is how often a night's backup is begun before the next one.
	tries = 3
)

// Nightly makes, drills and prunes when a backup is due and not yet made. It
// is to be called every hour. Operators hear of what failed, and of a backup
// that is late because nobody called.
func (s *Service) Nightly(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "nightly backup")
	due, err := s.due(ctx)
	if err != nil || !due {
		return err
	}
	e, err := s.Create(ctx, CreateOptions{Reason: "nightly"})
	if err != nil && e.VerifiedAt == nil {
		return err
	}
	report, derr := s.Drill(ctx, e.ID)
	if derr == nil {
		derr = report.Err()
	}
	if derr != nil && ctx.Err() == nil {
		terr := s.options.DB.Transact(ctx, func(tx *db.Tx) error {
			return s.tell(ctx, tx, Failed{BackupID: e.ID, Kind: "drill", Error: fault.Message(derr)})
		})
		return errors.Join(err, derr, terr)
	}
	_, perr := s.Prune(ctx, s.Keeping(), nil)
	return errors.Join(err, derr, perr)
}

// due says whether the latest night has no good backup yet, and tells operators
// when that is overdue.
func (s *Service) due(ctx context.Context) (bool, error) {
	d := s.options.DB
	now := d.Now()
	night := time.Date(now.Year(), now.Month(), now.Day(), nightHour, 0, 0, 0, time.UTC)
	if night.After(now) {
		night = night.AddDate(0, 0, -1)
	}
	since, _, err := s.Times(ctx)
	if err != nil {
		return false, err
	}
	if since.IsZero() || !since.Before(night) {
		return false, nil
	}
	failed, err := db.One(ctx, d, db.Scalar[int], "SELECT count(*) FROM backups WHERE state = 'failed' AND started_at >= $1", db.Micros(night))
	if err != nil || failed >= tries {
		return false, err
	}
	if age := now.Sub(since); age > late && failed == 0 {
		return true, d.Transact(ctx, func(tx *db.Tx) error {
			return s.tell(ctx, tx, Failed{Kind: "late", Error: "the newest good backup is " + age.Round(time.Hour).String() + " old; one is being made now"})
		})
	}
	return true, nil
}

// Times says since when there has been no newer good backup, and since when no
// newer drill: since the installation where there has been none, for that has
// nothing to lose before its first night.
func (s *Service) Times(ctx context.Context) (made, drilled time.Time, err error) {
	defer fault.Wrap(&err, "times of the backups")
	begun, err := db.One(ctx, s.options.DB, db.OptionalTime, "SELECT min(applied_at) FROM schema_files")
	if err != nil {
		return made, drilled, err
	}
	made, err = db.One(ctx, s.options.DB, db.OptionalTime, "SELECT max(started_at) FROM backups WHERE state IN ('completed', 'incomplete')")
	if err != nil {
		return made, drilled, err
	}
	drilled, err = db.One(ctx, s.options.DB, db.OptionalTime, "SELECT max(drilled_at) FROM backups")
	return later(made, begun), later(drilled, begun), err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
