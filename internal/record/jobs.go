package record

import (
	"context"
	"errors"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// TidyArgs ask for exports to go whose time is over.
type TidyArgs struct{}

// Kind implements job.Args.
func (TidyArgs) Kind() string { return "record.tidy" }

// Jobs are the package's kinds of work.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[ImportArgs]{Timeout: 6 * time.Hour, MaxAttempts: 20, Dead: s.importDied}, s.importJob),
		job.Define(job.Options[ExportArgs]{Timeout: 6 * time.Hour, MaxAttempts: 20, Dead: s.exportDied}, s.exportJob),
		job.Define(job.Options[TidyArgs]{}, func(ctx context.Context, _ *job.Job[TidyArgs]) error { return s.Tidy(ctx) }),
	}
}

// Tidy lets go of the bytes of exports whose time is over; what is known of them
// stays.
func (s *Service) Tidy(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "record.Tidy")
	over, err := db.Collect(ctx, s.db, db.Scalar[ExportID], "SELECT id FROM exports WHERE state = $1 AND expires_at <= $2 ORDER BY id", Completed, db.Micros(s.db.Now()))
	if err != nil {
		return err
	}
	for _, id := range over {
		err := s.db.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE exports SET state = $1, digest = '' WHERE id = $2", Expired, id)
			return errors.Join(err, blob.Release(ctx, tx, "export", string(id)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Purge removes what is known of an organization's imports and exports, and lets
// go of their bytes.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "record.Purge %s", org)
	for kind, table := range map[string]string{"import": "imports", "export": "exports"} {
		ids, err := db.Collect(ctx, s.db, db.Scalar[string], "SELECT id FROM "+table+" WHERE org_id = $1 ORDER BY id", org)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.db.Transact(ctx, func(tx *db.Tx) error { return blob.Release(ctx, tx, kind, id) }); err != nil {
				return err
			}
		}
	}
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "imported_ids", Key: "import_id, kind, old_id", Condition: "import_id IN (SELECT id FROM imports WHERE org_id = $1)"},
		db.Rows{Table: "imports", Key: "id", Condition: "org_id = $1"},
		db.Rows{Table: "exports", Key: "id", Condition: "org_id = $1"},
	)
}
