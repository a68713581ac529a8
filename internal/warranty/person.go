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

// purgeBatch bounds a transaction.
const purgeBatch = 500

// Purge removes an organization's warranties and claims.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "warranty.Purge %s", org)
	const claims, warranties = "claim_id IN (SELECT id FROM warranty_claims WHERE org_id = $1)", "warranty_id IN (SELECT id FROM warranty_tracking WHERE org_id = $1)"
	for _, x := range []struct{ table, key, condition string }{
		{"warranty_claim_log", "id", claims},
		{"warranty_claim_documents", "claim_id, document_id", claims},
		{"warranty_claim_states", "claim_id, position", claims},
		{claimRows, "id", "org_id = $1"},
		{"warranty_documents", "warranty_id, document_id", warranties},
		{"warranty_thresholds", "warranty_id, line_id, expires_on, days", warranties},
		{"warranty_lines", "id", warranties},
		{"warranty_tracking", "id", "org_id = $1"},
	} {
		query := "DELETE FROM " + x.table + " WHERE (" + x.key + ") IN (SELECT " + x.key + " FROM " + x.table + " WHERE " + x.condition + " LIMIT $2)"
		if err := s.inBatches(ctx, query, org); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) inBatches(ctx context.Context, query string, org account.OrgID) error {
	for {
		var n int64
		err := s.db.Transact(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(ctx, query, org, purgeBatch)
			return err
		})
		if err != nil || n < purgeBatch {
			return err
		}
	}
}
