package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/deploy"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/notify"
	"navidocs/internal/ops"
	"navidocs/internal/sale"
	"navidocs/internal/warranty"
)

// BackupOptions say which backups a command works on.
type BackupOptions struct {
	// From is where they are looked for, instead of the configured folder.
	From string
	// Identity is a secret key that opens them.
	Identity string
	// Offline leaves the database alone: a restore opens it when it may.
	Offline bool
}

// Open opens what an operator's command needs and no more: the schema stays as
// it is, nothing runs. With Offline not even the database is opened, so that a
// broken one does not stand in the way of a restore. Close it.
func Open(ctx context.Context, o Options, b BackupOptions) (a *App, err error) {
	defer fault.Wrap(&err, "app.Open")
	if o.Now == nil {
		o.Now = time.Now
	}
	a = &App{options: o, metrics: newMetrics(o.Version)}
	opened := a // which a return with an error sets to nil
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.Close())
		}
	}()
	if err := a.openStore(); err != nil {
		return nil, err
	}
	if !b.Offline {
		if err := a.openDatabase(ctx); err != nil {
			return nil, err
		}
		if err := a.hasSchema(ctx); err != nil {
			return nil, err
		}
		if a.Jobs, err = a.newQueue(); err != nil {
			return nil, err
		}
		a.Events = event.New(a.DB, a.Jobs)
	}
	a.Backups, err = a.newBackups(b)
	return a, err
}

func (a *App) hasSchema(ctx context.Context) (err error) {
	if a.migrator, err = a.newMigrator(); err != nil {
		return err
	}
	all, err := a.migrator.Status(ctx)
	if err == nil && !slices.ContainsFunc(all, func(m db.Migration) bool { return m.Applied }) {
		err = fault.New(fault.Conflict, "the database is empty: start the server once, or navidocs migrate up")
	}
	return err
}

func (a *App) newBackups(b BackupOptions) (*backup.Service, error) {
	schema, err := db.LatestVersion(db.Migrations())
	if err != nil {
		return nil, err
	}
	return backup.New(backup.Options{
		Config: a.options.Config, DB: a.DB, Store: a.Store, Events: a.Events, Release: a.version(), Now: a.options.Now,
		Schema: schema, Migrate: migrateCopy, Settle: a.settle, Smoke: a.smoke,
		From: b.From, Identity: b.Identity,
		Bound: func() ([]string, error) {
			return deploy.BoundBackups(a.options.Config.Home, a.options.Config.StateDir())
		},
	})
}

// migrateCopy brings a restored copy, which nobody else knows, up to date.
func migrateCopy(ctx context.Context, d *db.DB) error {
	m, err := db.NewMigrator(d, db.Migrations(), "", func(ctx context.Context) error { return job.Migrate(ctx, d) })
	if err == nil {
		_, err = m.Up(ctx, db.UpOptions{})
	}
	return err
}

// smoke starts a server without workers on a restored copy, over a socket that
// nobody else finds, and tries it.
func (a *App) smoke(ctx context.Context, c config.Config) (err error) {
	c.Limit.Requests = 1_000_000
	child, err := New(ctx, Options{Config: c, Log: slog.New(slog.DiscardHandler), Version: a.options.Version, Extract: a.options.Extract, Now: a.options.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Close()) }()
	if err := errors.Join(account.ForgetProbe(ctx, child.DB), job.Abandon(ctx, child.DB)); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "navidocs-") // short: a socket's path has 107 bytes
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a passing folder
	socket := filepath.Join(dir, "s")
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "unix", socket)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- child.Run(serving, Parts{API: true}, []net.Listener{listener}) }()
	tried, err := ops.Smoke(ctx, deploy.SocketClient(socket), "http://navidocs", ops.SmokeOptions{Token: child.ProbeToken(), NoJobs: true})
	err = errors.Join(err, tried.Err())
	stop()
	return errors.Join(err, <-ended)
}

// nightlyArgs ask for the night's backup, when it is due.
type nightlyArgs struct{}

// Kind implements job.Args.
func (nightlyArgs) Kind() string { return "backup.nightly" }

// RecoveryKey is the secret half of the recovery key when this call made it:
// it must be shown, for nobody can show it again.
func (a *App) RecoveryKey() (secret string, err error) {
	_, secret, err = backup.RecoveryKey(a.options.Config.KeyDir())
	return secret, err
}

// Doctor examines the installation.
func (a *App) Doctor(fix bool) *ops.Doctor {
	return &ops.Doctor{
		Config: a.options.Config, DB: a.DB, Store: a.Store, Jobs: a.Jobs, Backups: a.Backups, Schema: migrateCopy, Pending: a.pending, Now: a.options.Now, Fix: fix,
	}
}

// pending lists the migrations that wait, and those whose file was changed
// after they had been applied.
func (a *App) pending(ctx context.Context) (waiting, changed []string, err error) {
	all, err := a.migrator.Status(ctx)
	for _, m := range all {
		switch m.State {
		case db.Changed:
			changed = append(changed, m.Name)
		case db.Pending:
			waiting = append(waiting, m.Name)
		default: // applied, or no fault
		}
	}
	return waiting, changed, err
}

// settle changes what is restored so that nobody is told twice, and nobody who
// was erased is back.
func (a *App) settle(ctx context.Context, d *db.DB) error {
	return errors.Join(warranty.PassMissed(ctx, d), sale.PassMissed(ctx, d), notify.SettleRestored(ctx, d), a.eraseAgain(ctx, d), account.ForgetProbe(ctx, d), job.Abandon(ctx, d))
}
