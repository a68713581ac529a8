package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/integration"
	"navidocs/internal/listing"
	"navidocs/internal/notify"
	"navidocs/internal/sale"
	"navidocs/internal/vault"
	"navidocs/internal/webhook"
)

// Rotation is what became of the sealed values when the master key changed.
type Rotation struct {
	Kinds []vault.Tally `json:"kinds"`
	// NewKey tells that a new key was made, which happens where the settings
	// give none.
	NewKey bool `json:"new_key"`
	// Earlier counts the values that still need an earlier key, Lost those that
	// no key opens.
	Earlier int `json:"earlier"`
	Lost    int `json:"lost"`
	// Removable is what holds earlier keys that no value needs any more.
	Removable []string `json:"removable"`
	DryRun    bool     `json:"dry_run,omitempty"`
}

// RotateKeys brings every sealed value under a new master key. Where the
// settings give the key, that is the present one, servers that know both may run
// meanwhile, and nothing is removed. Where it lies in the keys' folder a new one
// is made; that needs SQLite, and the installation to itself (Conflict). The old
// one goes last, so that whenever this is killed, servers open every value and
// the next call goes on. With dry it counts and changes nothing.
func RotateKeys(ctx context.Context, o Options, dry bool) (r Rotation, err error) {
	defer fault.Wrap(&err, "app.RotateKeys")
	if o.Now == nil {
		o.Now = time.Now
	}
	c := o.Config
	switch {
	case c.Webhook.Secret == "" && c.Postgres():
		return r, fault.New(fault.Conflict, "on PostgreSQL other servers may need the key too: set WEBHOOK_SIGNATURE_SECRET to a new one everywhere "+
			"(openssl rand -hex 32), and WEBHOOK_SIGNATURE_SECRET_OLD to the content of %s where that file is not; restart, then repeat", filepath.Join(c.KeyDir(), backup.SealFile))
	case dry || c.Webhook.Secret != "":
		err = beside(ctx, o, func(d *db.DB) (err error) {
			r, err = rotate(ctx, d, c, dry)
			return err
		})
		return r, err
	}
	err = alone(ctx, o, func(d *db.DB) error {
		made, err := turnKey(c)
		if err != nil {
			return err
		}
		r, err = rotate(ctx, d, c, false)
		if r.NewKey = made; err != nil || r.Earlier > 0 {
			return err
		}
		return backup.RemoveKey(c.KeyDir(), backup.EarlierFile)
	})
	return r, err
}

// beside opens the database as any process does.
func beside(ctx context.Context, o Options, f func(d *db.DB) error) error {
	a, err := Open(ctx, o, BackupOptions{})
	if err != nil {
		return err
	}
	return errors.Join(f(a.DB), a.Close())
}

// alone keeps every other process from the database.
func alone(ctx context.Context, o Options, f func(d *db.DB) error) error {
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	exclusive, err := db.Exclude(wait, o.Config.Storage.Database)
	if err != nil {
		return err
	}
	d, err := exclusive.Open(ctx, db.Options{Now: o.Now})
	if err == nil {
		a := &App{options: o, DB: d}
		if err = a.hasSchema(ctx); err == nil {
			err = f(d)
		}
		err = errors.Join(err, d.Close())
	}
	return errors.Join(err, exclusive.Close())
}

// turnKey makes a new master key the present one and keeps the one before. It
// does not when an earlier one is there: a rotation was killed, and goes on.
func turnKey(c config.Config) (made bool, err error) {
	c.Webhook.OldSecrets = nil // they are of no rotation of ours
	present, earlier, err := sealKeys(c)
	if err != nil || len(earlier) > 0 {
		return false, err
	}
	if err := backup.WriteKey(c.KeyDir(), backup.EarlierFile, append(present, '\n')); err != nil {
		return false, err
	}
	return true, backup.WriteKey(c.KeyDir(), backup.SealFile, append(newKey(), '\n'))
}

// rotate brings all values under the present key, then counts what needs another.
func rotate(ctx context.Context, d *db.DB, c config.Config, dry bool) (r Rotation, err error) {
	present, earlier, err := rotationKeys(c, dry)
	if err != nil {
		return r, err
	}
	keys := vault.Keys{Present: present, Earlier: earlier}
	for _, v := range vaults() {
		var one vault.Tally
		if !dry {
			if one, err = keys.Reseal(ctx, d, v); err != nil {
				return r, err
			}
		}
		now, err := keys.Count(ctx, d, v)
		if err != nil {
			return r, err
		}
		if dry {
			one = now
		}
		one.Earlier, one.Lost = now.Earlier, now.Lost
		r.Kinds = append(r.Kinds, one)
		r.Earlier += one.Earlier
		r.Lost += one.Lost
	}
	if r.DryRun, r.Removable = dry, []string{}; r.Earlier == 0 {
		r.Removable, err = removable(c)
	}
	return r, err
}

// rotationKeys are the keys to count or rotate with. To say what a new key would
// bring, one is thought of that nobody has; a killed rotation has its own.
func rotationKeys(c config.Config, dry bool) (present []byte, earlier [][]byte, err error) {
	present, earlier, err = sealKeys(c)
	if err == nil && dry && c.Webhook.Secret == "" && len(earlier) == 0 {
		return newKey(), [][]byte{present}, nil
	}
	return present, earlier, err
}

// vaults are where sealed values lie.
func vaults() []vault.Column {
	return slices.Concat(account.Vaults(), webhook.Vaults(), integration.Vaults(), notify.Vaults(), sale.Vaults(), listing.Vaults())
}

// removable names what holds earlier keys, but for the file that we remove
// ourselves.
func removable(c config.Config) ([]string, error) {
	all := []string{}
	if len(c.Webhook.OldSecrets) > 0 {
		all = append(all, "WEBHOOK_SIGNATURE_SECRET_OLD")
	}
	if c.Webhook.Secret == "" {
		return all, nil
	}
	for _, name := range []string{backup.SealFile, backup.EarlierFile} {
		path := filepath.Join(c.KeyDir(), name)
		if _, err := os.Stat(path); err == nil {
			all = append(all, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}
