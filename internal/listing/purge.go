package listing

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Purge removes an organization's portals and listings, before its boats.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "listing.Purge %s", org)
	const ofPortals = "connection_id IN (SELECT id FROM mls_connections WHERE org_id = $1)"
	const ofListings = "listing_id IN (SELECT id FROM listings WHERE org_id = $1)"
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "mls_sync", Key: "id", Condition: ofPortals},
		db.Rows{Table: "mls_listings", Key: "connection_id, listing_id", Condition: ofPortals},
		db.Rows{Table: "mls_connections", Key: "id", Condition: "org_id = $1"},
		db.Rows{Table: "listing_photos", Key: "listing_id, photo_id", Condition: ofListings},
		db.Rows{Table: "listing_engines", Key: "listing_id, engine_id", Condition: ofListings},
		db.Rows{Table: "listings", Key: "id", Condition: "org_id = $1"},
	)
}
