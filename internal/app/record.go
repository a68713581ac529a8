package app

import (
	"context"
	"crypto/ed25519"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/listing"
	"navidocs/internal/record"
	"navidocs/internal/sale"
)

// newRecords hands over the tables of the domains, each after those to which it
// refers.
func (a *App) newRecords() *record.Service {
	return record.New(a.DB, a.Store, a.Accounts, a.Jobs, record.Options{
		Tables:  slices.Concat(a.Boats.Tables(), a.Documents.Tables(), a.Warranties.Tables(), sale.Tables(), listing.Tables()),
		TempDir: a.tempDir(), MaxBytes: a.options.Config.Storage.MaxPackage, Sniff: a.Documents.Sniff,
		// Sales are built after records, whose files go into their packages.
		Signer: func(ctx context.Context, org account.OrgID) (ed25519.PrivateKey, error) {
			return a.Sales.Signer(ctx, org)
		},
	})
}
