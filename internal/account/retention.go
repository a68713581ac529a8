package account

import (
	"context"
	"time"

	"navidocs/internal/db"
)

const (
	// addressesFor is how long it is known from where somebody did something.
	addressesFor = 90 * 24 * time.Hour
	// ownYears is how long lines are kept that belong to no organization.
	ownYears = 7
)

// tidyTrail removes the lines of the audit trail that are older than their
// organization keeps them, and the network addresses that are older than 90
// days.
func (s *Service) tidyTrail(ctx context.Context) error {
	all, err := db.Collect(ctx, s.db, db.Scalar[int], "SELECT DISTINCT audit_years FROM organization_settings ORDER BY audit_years")
	if err != nil {
		return err
	}
	for _, years := range all {
		err := s.db.InBatches(ctx, `DELETE FROM audit_log WHERE id IN (SELECT a.id FROM organization_settings o JOIN audit_log a ON a.org_id = o.org_id
			WHERE o.audit_years = $1 AND a.at < $2 LIMIT $3)`, years, db.Micros(s.db.Now().AddDate(-years, 0, 0)))
		if err != nil {
			return err
		}
	}
	err = s.db.InBatches(ctx, "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE org_id IS NULL AND at < $1 LIMIT $2)",
		db.Micros(s.db.Now().AddDate(-ownYears, 0, 0)))
	if err != nil {
		return err
	}
	known := db.Micros(s.db.Now().Add(-addressesFor))
	err = s.db.InBatches(ctx, "UPDATE audit_log SET address = '' WHERE id IN (SELECT id FROM audit_log WHERE address <> '' AND at < $1 LIMIT $2)", known)
	if err != nil {
		return err
	}
	return s.db.InBatches(ctx, "UPDATE sessions SET address = '' WHERE id IN (SELECT id FROM sessions WHERE address <> '' AND created_at < $1 LIMIT $2)", known)
}
