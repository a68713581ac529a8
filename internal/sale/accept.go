package sale

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/record"
)

// Accept takes the record that a handover link leads to into an organization on
// this server, without a download: the buyer holds the link, and manages the
// organization. It arrives by a job, as an import does; again it answers the same
// one. NotFound and Gone as Handover; Conflict for the organization that sells, and
// for a supplement, which has papers alone.
func (s *Service) Accept(ctx context.Context, who account.Actor, org account.OrgID, token string) (x record.Import, err error) {
	defer fault.Wrap(&err, "sale.Accept")
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return x, err
	}
	h, err := s.Handover(ctx, token)
	if err != nil {
		return x, err
	}
	if h.Package.orgID == org {
		return x, fault.New(fault.Conflict, "this organization sells the boat: name the one that buys it in organization_id")
	}
	if h.Package.Kind != AsBuilt {
		return x, fault.New(fault.Conflict, "a supplement has papers alone, and no record: download it and add them to the boat")
	}
	return s.records.ImportWith(ctx, who, org, blob.Digest(h.Package.SHA256), func(tx *db.Tx, arriving record.Import) error {
		if err := lock(ctx, tx, h.sale); err != nil {
			return err
		}
		l, err := db.One(ctx, tx, scanLink, selectLink+" WHERE l.id = $1", h.link)
		if err != nil {
			return err
		}
		if why := l.ending(tx.Now()); why != "" {
			return gone(why)
		}
		// The seller is not told who the buyer is here beyond what the sale says.
		return s.accepted(ctx, tx, account.Actor{Address: masked(who.Address), RequestID: who.RequestID}, h, map[string]any{"import_id": arriving.ID})
	})
}
