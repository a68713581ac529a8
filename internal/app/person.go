package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"navidocs/internal/account"
	"navidocs/internal/backup"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/integration"
	"navidocs/internal/job"
	"navidocs/internal/listing"
	"navidocs/internal/notify"
	"navidocs/internal/sale"
	"navidocs/internal/vault"
	"navidocs/internal/warranty"
)

// personal are all that keep personal data.
func personal() []account.PersonalData {
	return []account.PersonalData{notify.People{}, fleet.People{}, warranty.People{}, document.People{}, sale.People{}, integration.People{}, listing.People{}}
}

// endings tells accounts who keeps personal data, and who removes what belongs
// to an organization: what refers to others before them.
func (a *App) endings() {
	a.Accounts.HoldPersonal(personal()...)
	named := func(purge func(context.Context, string) error) account.Purge {
		return func(ctx context.Context, org account.OrgID) error { return purge(ctx, string(org)) }
	}
	a.Accounts.OnPurge(a.Records.Purge, a.Listings.Purge, a.Integrations.Purge, a.Webhooks.Purge, a.Notifications.Purge, a.Sales.Purge, a.Warranties.Purge, a.Documents.PurgeOrganization, a.Boats.Purge, named(a.Events.Purge),
		named(func(ctx context.Context, org string) error { return job.Purge(ctx, a.DB, org) }))
}

// eraseAgain does in a restored database what was erased after its backup. Keys
// that come back with it are placed later: what needs them is done by the next
// start.
func (a *App) eraseAgain(ctx context.Context, d *db.DB) error {
	c := a.options.Config
	journal := backup.ErasureJournal(c)
	if lines, err := journal.Lines(); err != nil || len(lines) == 0 {
		return err
	}
	present := []byte(c.Webhook.Secret)
	if len(present) == 0 {
		text, err := os.ReadFile(filepath.Join(c.KeyDir(), backup.SealFile)) //nolint:forbidigo // a key
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		present = bytes.TrimSpace(text)
	}
	earlier, err := earlierKeys(c, present)
	if err != nil {
		return err
	}
	accounts := account.New(d, account.Config{Keys: vault.Keys{Present: present, Earlier: earlier}, Journal: journal})
	accounts.HoldPersonal(personal()...)
	return accounts.SyncErasures(ctx)
}
