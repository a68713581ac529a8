package backup

import (
	"context"
	"slices"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Loss is what the present state has and a backup has not.
type Loss struct {
	BackupID string    `json:"backup_id"`
	Created  time.Time `json:"created_at"`
	// Minutes is how much older the backup is than now.
	Minutes int64 `json:"minutes"`
	// Tables are those that would change: Added rows are lost, Changed ones
	// take their older form, Removed ones come back.
	Tables []db.Difference `json:"tables"`
	// Unknown says why the present database cannot be compared; empty otherwise.
	Unknown string `json:"unknown"`
	// Rows is the sum of what is lost or takes an older form.
	Rows int64 `json:"rows"`
}

// Any reports whether anything would be lost, or cannot be known.
func (l Loss) Any() bool { return len(l.Tables) > 0 || l.Unknown != "" }

// weighed is how the present state is read: nil DB and nil cause when there is
// none, a cause when it cannot be read.
type weighed struct {
	live  *db.DB
	cause error
}

// consent tells what will be lost and stops when nobody agreed.
func (r *restore) consent(ctx context.Context, w weighed, copied *db.DB) error {
	loss := Loss{BackupID: r.m.ID, Created: r.m.Created, Minutes: int64(r.Service.options.Now().Sub(r.m.Created).Minutes()), Tables: []db.Difference{}}
	if w.live != nil {
		tables, err := db.Compare(ctx, w.live, copied)
		if w.cause = err; err != nil && ctx.Err() != nil {
			return err
		}
		loss.Tables = slices.DeleteFunc(tables, func(d db.Difference) bool { return slices.Contains(bookkeeping, d.Table) })
	}
	if w.cause != nil {
		loss.Unknown = "the present database cannot be read: " + w.cause.Error()
	}
	for _, d := range loss.Tables {
		loss.Rows += d.Added + d.Changed
	}
	if told := r.done.Loss; r.options.Announce != nil && (told.BackupID == "" || told.Rows != loss.Rows) {
		r.options.Announce(loss)
	}
	r.done.Loss = loss
	if loss.Any() && !r.options.AcceptLoss && !r.options.DryRun {
		return fault.New(fault.Conflict, "what is newer than %s would be lost; repeat with --accept-loss if that is right", r.m.ID)
	}
	return nil
}

// bookkeeping are the tables that tell of backups, not of boats: each backup
// is newer than its own copy.
var bookkeeping = []string{"backups", "blob_leases"}
