package warranty

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// People is what this package keeps about people: what somebody wrote of
// warranties and claims, and the letters that were sent.
type People struct{}

var _ account.PersonalData = People{}

const (
	ofClaim   = "(SELECT c.org_id FROM warranty_claims c WHERE c.id = x.claim_id)"
	stateKey  = "claim_id || '/' || CAST(position AS TEXT)"
	claimRows = "warranty_claims"
)

// texts are the columns that may name somebody.
var texts = []account.FreeText{
	{Kind: "warranty", Table: "warranty_tracking", Column: "provider", Key: "id", Org: "x.org_id"},
	{Kind: "warranty", Table: "warranty_tracking", Column: "claim_instructions", Key: "id", Org: "x.org_id"},
	{Kind: "warranty", Table: "warranty_tracking", Column: "void_reason", Key: "id", Org: "x.org_id"},
	{Kind: "claim", Table: claimRows, Column: "story", Key: "id", Org: "x.org_id"},
	{Kind: "claim", Table: claimRows, Column: "measures", Key: "id", Org: "x.org_id"},
	{Kind: "claim", Table: claimRows, Column: "access", Key: "id", Org: "x.org_id"},
	{Kind: "claim", Table: claimRows, Column: "remedy", Key: "id", Org: "x.org_id"},
	{Kind: "claim", Table: claimRows, Column: "refusal_reason", Key: "id", Org: "x.org_id"},
	{Kind: "claim_state", Table: "warranty_claim_states", Column: "note", Key: stateKey, Org: ofClaim},
	{Kind: "claim_log", Table: "warranty_claim_log", Column: "subject", Key: "id", Org: ofClaim},
	{Kind: "claim_log", Table: "warranty_claim_log", Column: "text", Key: "id", Org: ofClaim},
}

// Holdings implements account.PersonalData.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	if p.User != "" {
		return nil
	}
	return account.HoldingsIn(ctx, q, p, texts, put)
}

// Addresses implements account.PersonalData.
func (People) Addresses(ctx context.Context, q db.Querier) ([]string, error) {
	return account.AddressesOf(ctx, q, texts)
}

// Erase implements account.PersonalData.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) ([]account.Outcome, error) {
	if p.User != "" {
		return nil, nil
	}
	return account.EraseIn(ctx, tx, p, texts)
}

// Purge removes an organization's warranties and claims.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "warranty.Purge %s", org)
	const claims, warranties = "claim_id IN (SELECT id FROM warranty_claims WHERE org_id = $1)", "warranty_id IN (SELECT id FROM warranty_tracking WHERE org_id = $1)"
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "warranty_claim_log", Key: "id", Condition: claims},
		db.Rows{Table: "warranty_claim_documents", Key: "claim_id, document_id", Condition: claims},
		db.Rows{Table: "warranty_claim_states", Key: "claim_id, position", Condition: claims},
		db.Rows{Table: claimRows, Key: "id", Condition: "org_id = $1"},
		db.Rows{Table: "warranty_documents", Key: "warranty_id, document_id", Condition: warranties},
		db.Rows{Table: "warranty_thresholds", Key: "warranty_id, line_id, expires_on, days", Condition: warranties},
		db.Rows{Table: "warranty_lines", Key: "id", Condition: warranties},
		db.Rows{Table: "warranty_tracking", Key: "id", Condition: "org_id = $1"},
	)
}
