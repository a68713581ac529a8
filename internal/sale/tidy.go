package sale

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// bytesFor is how long packages are kept after their sale ended.
	bytesFor = 90 * 24 * time.Hour
	// evidenceYears is how long receipts and manifests are kept.
	evidenceYears = 7
)

// superseded are as-built packages that a later one stands for, and that no link
// leads to any more.
const superseded = `p.kind = 'package' AND EXISTS (SELECT 1 FROM sale_packages n WHERE n.sale_id = p.sale_id AND n.kind = p.kind AND n.state = 'ready'
	AND (n.created_at > p.created_at OR n.created_at = p.created_at AND n.id > p.id))
	AND NOT EXISTS (SELECT 1 FROM sale_links l WHERE l.package_id = p.id AND l.ended_at IS NULL AND l.expires_at > ? AND l.finished < l.allowed)`

// over are packages of sales that ended a while ago.
const over = `s.status IN ('completed', 'cancelled') AND EXISTS (SELECT 1 FROM sale_steps t WHERE t.sale_id = s.id
	AND t.event IN ('sale.completed', 'sale.cancelled') AND t.at < ?)`

// Tidy forgets what has had its time: secrets of links that ended 90 days ago, bytes
// of packages that nobody can fetch, those of a sale 90 days after it was completed
// or cancelled, receipts and manifests after 7 years.
func (s *Service) Tidy(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "sale.Tidy")
	now := s.db.Now()
	err = s.db.InBatches(ctx, `DELETE FROM sale_tokens WHERE hash IN (SELECT t.hash FROM sale_tokens t JOIN sale_links l ON l.id = t.link_id
		WHERE coalesce(l.ended_at, l.expires_at) < $1 LIMIT $2)`, db.Micros(now.Add(-tokensFor)))
	if err != nil {
		return err
	}
	if err := s.releasePackages(ctx, superseded, db.Micros(now)); err != nil {
		return err
	}
	if err := s.releasePackages(ctx, over, db.Micros(now.Add(-bytesFor))); err != nil {
		return err
	}
	old := db.Micros(now.AddDate(-evidenceYears, 0, 0))
	if err := s.db.InBatches(ctx, "DELETE FROM sale_receipts WHERE id IN (SELECT r.id FROM sale_receipts r WHERE r.at < $1 LIMIT $2)", old); err != nil {
		return err
	}
	return s.db.InBatches(ctx, `UPDATE sale_packages SET manifest = '' WHERE id IN (SELECT p.id FROM sale_packages p
		WHERE p.manifest <> '' AND p.released_at IS NOT NULL AND p.ready_at < $1 LIMIT $2)`, old)
}
