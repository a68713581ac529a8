package app

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/record"
	"navidocs/internal/sale"
)

// newRecords hands over the tables of the domains, each after those to which it
// refers.
func (a *App) newRecords(master []byte) *record.Service {
	return record.New(a.DB, a.Store, a.Accounts, a.Jobs, record.Options{
		Tables:  slices.Concat(a.Boats.Tables(), a.Documents.Tables(), a.Warranties.Tables(), sale.Tables()),
		TempDir: a.tempDir(), MaxBytes: a.options.Config.Storage.MaxPackage, Sniff: a.Documents.Sniff,
		Signer: func(_ context.Context, org account.OrgID) (ed25519.PrivateKey, error) {
			seed, err := hkdf.Key(sha256.New, master, nil, "navidocs export "+string(org), ed25519.SeedSize)
			if err != nil {
				return nil, err
			}
			return ed25519.NewKeyFromSeed(seed), nil
		},
	})
}
