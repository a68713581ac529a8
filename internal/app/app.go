// Package app builds the whole of NaviDocs from its configuration and runs it.
// It is the composition root: no rule lives here.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/api"
	"navidocs/internal/archive"
	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/document/extract"
	"navidocs/internal/egress"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/https"
	"navidocs/internal/integration"
	"navidocs/internal/job"
	"navidocs/internal/kv"
	"navidocs/internal/listing"
	"navidocs/internal/notify"
	"navidocs/internal/ops"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/telemetry"
	"navidocs/internal/vault"
	"navidocs/internal/warranty"
	"navidocs/internal/webhook"
)

// Options are what the configuration does not say.
type Options struct {
	Config  config.Config
	Log     *slog.Logger
	Version string
	// Extract is the command that starts an extraction child.
	Extract []string
	// Wrap is what a request passes before its operation; nil for nothing.
	Wrap func(http.Handler) http.Handler
	// PasswordCost is that of new users' hashes; zero means OWASP's.
	PasswordCost account.Cost
	// CacheDir keeps what is compiled to read papers; "" means data/cache.
	CacheDir string
	// Now is the clock; nil means the machine's.
	Now func() time.Time
}

// App is a built installation.
type App struct {
	Accounts      *account.Service
	Boats         *fleet.Service
	Documents     *document.Service
	Warranties    *warranty.Service
	Sales         *sale.Service
	Records       *record.Service
	Notifications *notify.Service
	Webhooks      *webhook.Service
	Integrations  *integration.Service
	Listings      *listing.Service
	Events        *event.Outbox
	Jobs          *job.Queue
	Backups       *backup.Service
	DB            *db.DB
	Store         blob.Store
	API           *api.API

	options  Options
	kv       kv.Store
	metrics  *metrics
	history  *ops.History
	started  time.Time
	probes   *probes
	reports  *telemetry.Reporter
	tracer   *telemetry.Tracer
	closing  sync.Mutex // guards closers
	closers  []func() error
	ready    atomic.Bool
	migrator *db.Migrator
	// certificates are those of a server that speaks HTTPS itself, once it serves.
	certificates atomic.Pointer[https.Certificates]
	// SetupCode lets the first user in; empty once there are users.
	SetupCode string
}

// New builds everything and brings the schema up to date. Close it.
func New(ctx context.Context, o Options) (a *App, err error) {
	defer fault.Wrap(&err, "app.New")
	if o.Now == nil {
		o.Now = time.Now
	}
	a = &App{options: o}
	a.metrics = newMetrics(a.version())
	a.history, a.started = &ops.History{Take: a.counted, Now: o.Now}, o.Now()
	opened := a // which a return with an error sets to nil
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.Close())
		}
	}()
	if err := a.openReports(ctx); err != nil {
		return nil, err
	}
	if err := a.openStores(ctx); err != nil {
		return nil, err
	}
	if err := a.sweep(); err != nil {
		return nil, err
	}
	migrated, err := a.migrator.Up(ctx, db.UpOptions{})
	if err = errors.Join(err, migrated.Blocked()); err != nil {
		return nil, err
	}
	if err := a.buildServices(ctx); err != nil {
		return nil, err
	}
	a.probes = a.newProbes()
	a.API = api.New(api.Services{Accounts: a.Accounts, Boats: a.Boats, Documents: a.Documents, Warranties: a.Warranties, Sales: a.Sales, Records: a.Records, Packages: archive.NewIntake(a.tempDir(), o.Config.Storage.MaxPackage), Notifications: a.Notifications, Webhooks: a.Webhooks, Integrations: a.Integrations, Listings: a.Listings, Jobs: a.Jobs}, a.apiConfig())
	return a, nil
}

func (a *App) openStores(ctx context.Context) (err error) {
	c := a.options.Config
	for _, dir := range []string{c.DataDir(), c.KeyDir(), c.StateDir(), a.tempDir(), a.cacheDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := a.openDatabase(ctx); err != nil {
		return err
	}
	if a.migrator, err = a.newMigrator(); err != nil {
		return err
	}
	if err := a.openStore(); err != nil {
		return err
	}
	if c.Storage.Redis == "" {
		a.kv = kv.NewMemory(a.options.Now)
		return nil
	}
	redis, err := kv.NewRedis(c.Storage.Redis, a.options.Now)
	if err != nil {
		return err
	}
	a.kv = redis
	a.closers = append(a.closers, redis.Close)
	return nil
}

func (a *App) openDatabase(ctx context.Context) (err error) {
	if a.DB, err = db.Open(ctx, db.Options{URL: a.options.Config.Storage.Database, Now: a.options.Now, Observe: a.metrics.observeDB, Trace: a.traceTransaction}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.DB.Close)
	return nil
}

func (a *App) openStore() (err error) {
	c := a.options.Config
	dir, ok := c.BlobDir()
	if !ok {
		a.Store, err = blob.OpenS3(c.Storage.Blobs, a.tempDir())
		return err
	}
	disk, err := blob.OpenDisk(dir)
	if err != nil {
		return err
	}
	a.Store = disk
	a.closers = append(a.closers, disk.Close)
	return nil
}

func (a *App) newMigrator() (*db.Migrator, error) {
	lock := filepath.Join(a.options.Config.StateDir(), "migrate.lock")
	return db.NewMigrator(a.DB, db.Migrations(), lock, func(ctx context.Context) error { return job.Migrate(ctx, a.DB) })
}

func (a *App) tempDir() string { return filepath.Join(a.options.Config.DataDir(), "tmp") }

func (a *App) cacheDir() string {
	return cmp.Or(a.options.CacheDir, filepath.Join(a.options.Config.DataDir(), "cache"))
}

func (a *App) buildServices(ctx context.Context) (err error) {
	c, log := a.options.Config, a.options.Log
	if a.Jobs, err = a.newQueue(); err != nil {
		return err
	}
	signing, err := secret(c.Auth.JWTSecret, filepath.Join(c.KeyDir(), signingFile))
	if err != nil {
		return err
	}
	sealing, earlier, err := sealKeys(c)
	if err != nil {
		return err
	}
	a.Events = event.New(a.DB, a.Jobs)
	if a.SetupCode, err = a.setupCode(ctx); err != nil {
		return err
	}
	a.Accounts = account.New(a.DB, account.Config{
		Secret: signing, Keys: vault.Keys{Present: sealing, Earlier: earlier}, AccessTTL: c.Auth.JWTExpiration, RefreshTTL: c.Auth.RefreshExpiration,
		SessionIdle: c.Auth.SessionIdle, Registration: account.Registration(c.Auth.Registration), SetupCode: a.SetupCode, SkipVerification: c.SMTP.Host == "", Log: log,
		BaseURL: baseURL(c), OIDC: oidc(c), PasswordCost: a.options.PasswordCost, Journal: backup.ErasureJournal(c),
	})
	a.Boats = fleet.New(a.DB, a.Accounts, a.Events)
	reader := extract.New(extract.Options{
		Command: a.options.Extract, CacheDir: a.cacheDir(), TessdataDir: filepath.Join(c.DataDir(), "tessdata"), Languages: c.Document.OCRLanguages,
	})
	a.Documents = document.New(a.DB, a.Store, a.Accounts, a.Boats, a.Events, a.Jobs, reader, document.Config{
		MaxBytes: c.Storage.MaxUpload, TempDir: a.tempDir(), Changed: a.changed, Log: log,
	})
	a.Warranties = warranty.New(a.DB, a.Store, a.Accounts, a.Boats, a.Documents, a.Events)
	a.Records = a.newRecords()
	a.Sales = sale.New(a.DB, a.Store, a.Accounts, a.Boats, a.Documents, a.Warranties, a.Records, a.Events, a.Jobs,
		sale.Config{BaseURL: strings.TrimSuffix(baseURL(c), "/"), TempDir: a.tempDir()})
	client, err := a.guarded()
	if err != nil {
		return err
	}
	if err := a.newWebhooks(client); err != nil {
		return err
	}
	if err := a.newListings(); err != nil {
		return err
	}
	if err := a.buildNotifications(ctx, client); err != nil {
		return err
	}
	if a.Backups, err = a.newBackups(BackupOptions{}); err != nil {
		return err
	}
	a.endings()
	a.registerJobs()
	return a.Accounts.SyncErasures(ctx)
}

// oidc is the service at which people may sign in.
func oidc(c config.Config) account.OIDC {
	o := c.OIDC
	return account.OIDC{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes, Name: o.Name,
		Callback: strings.TrimSuffix(apiURL(c), "/") + "/api/auth/oidc/callback",
	}
}

// apiURL is where other programs reach the API.
func apiURL(c config.Config) string { return cmp.Or(c.App.APIURL, baseURL(c)) }

// baseURL is where people reach the application; unset, it is this machine.
func baseURL(c config.Config) string {
	switch {
	case c.App.URL != "":
		return c.App.URL
	case c.HTTPS():
		return fmt.Sprintf("https://localhost:%d", c.Port())
	}
	return fmt.Sprintf("http://localhost:%d", c.Port())
}

func (a *App) newWebhooks(client *egress.Client) error {
	c := a.options.Config.Webhook
	// What a smoke test has sent to itself.
	probe, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, Timeout: c.Timeout})
	if err != nil {
		return err
	}
	a.Webhooks = webhook.New(a.DB, a.Jobs, a.Accounts, a.Events, client, webhook.Config{Timeout: c.Timeout, HomeAssistant: c.HomeAssistantTimeout, MaxRetries: c.MaxRetries, Probe: probe})
	a.Events.Subscribe(a.Webhooks.Consume)
	a.Integrations = integration.New(a.DB, integration.Rooms{
		Accounts: a.Accounts, Boats: a.Boats, Documents: a.Documents, Warranties: a.Warranties, Webhooks: a.Webhooks,
	}, client, integration.Config{
		BaseURL: apiURL(a.options.Config), AppURL: baseURL(a.options.Config), Version: a.version(), Timeout: c.HomeAssistantTimeout, Log: a.options.Log,
	})
	return nil
}

func (a *App) newQueue() (*job.Queue, error) {
	return job.New(a.DB, job.Config{
		Log: a.options.Log, LockPath: filepath.Join(a.options.Config.StateDir(), "worker.lock"), Workers: map[string]int{"": 4, document.PagesQueue: pageWorkers(), notify.Queue: 8, webhook.Queue: webhook.Workers, event.Queue: event.Workers, listing.Queue: listing.Workers},
		Observe: a.metrics.observeJob, Failed: a.reportJob, Trace: a.tracer.Job,
	})
}

func (a *App) registerJobs() {
	a.Jobs.Register(a.Events.Jobs()...)
	a.Jobs.Register(a.Accounts.Jobs()...)
	a.Jobs.Register(a.Documents.Jobs()...)
	a.Jobs.Register(a.Notifications.Jobs()...)
	a.Jobs.Register(a.Warranties.Jobs()...)
	a.Jobs.Register(a.Sales.Jobs()...)
	a.Jobs.Register(a.Webhooks.Jobs()...)
	a.Jobs.Register(a.Records.Jobs()...)
	a.Jobs.Register(a.Listings.Jobs()...)
	a.Jobs.Register(job.Define(job.Options[collectArgs]{Timeout: time.Hour}, func(ctx context.Context, _ *job.Job[collectArgs]) error {
		return a.collect(ctx)
	}))
	a.Jobs.Register(job.Define(job.Options[nightlyArgs]{Timeout: 6 * time.Hour, MaxAttempts: 1}, func(ctx context.Context, _ *job.Job[nightlyArgs]) error {
		return a.Backups.Nightly(ctx)
	}))
	a.tryMyself()
	a.Jobs.Every(time.Hour, func() job.Args { return nightlyArgs{} })
	a.Jobs.Every(time.Hour, func() job.Args { return account.TidyArgs{} })
	a.Jobs.Every(time.Hour, func() job.Args { return warranty.RemindArgs{} })
	a.Jobs.Every(time.Hour, func() job.Args { return sale.RemindArgs{} })
	a.Jobs.Every(24*time.Hour, func() job.Args { return sale.TidyArgs{} })
	a.Jobs.Every(24*time.Hour, func() job.Args { return document.PurgeArgs{} })
	a.Jobs.Every(time.Minute, func() job.Args { return webhook.WakeArgs{} })
	a.Jobs.Every(24*time.Hour, func() job.Args { return webhook.PruneArgs{} })
	a.Jobs.Every(time.Minute, func() job.Args { return listing.WatchArgs{} })
	a.Jobs.Every(24*time.Hour, func() job.Args { return listing.PruneArgs{} })
	a.Jobs.Every(24*time.Hour, func() job.Args { return collectArgs{} })
	a.Jobs.Every(time.Hour, func() job.Args { return record.TidyArgs{} })
	a.Jobs.Every(24*time.Hour, func() job.Args { return notify.TidyArgs{} })
	if a.options.Config.IMAP.Host != "" {
		a.Jobs.Every(5*time.Minute, func() job.Args { return notify.BouncesArgs{} })
	}
}

// collectArgs ask for bytes without an owner to be removed.
type collectArgs struct{}

// Kind implements job.Args.
func (collectArgs) Kind() string { return "blob.collect" }

func (a *App) apiConfig() api.Config {
	c := a.options.Config
	maintained := ops.Watch(c.StateDir(), a.options.Now)
	return api.Config{
		Version: a.version(), BaseURL: baseURL(c), CORSOrigins: c.Server.CORSOrigins, TrustedProxies: c.Server.TrustedProxies,
		RefreshTTL: c.Auth.RefreshExpiration, RateLimit: c.Limit.Requests, RateWindow: c.Limit.Window, Limit: a.limit,
		Watch:    a.watch,
		Notified: a.watchNotified,
		Observe:  a.metrics.observeHTTP,
		Report:   a.reportRequest,
		Trace:    a.tracer.Request,
		Wrap:     a.options.Wrap,
		Maintenance: func() (string, time.Time) {
			m := maintained()
			if m.Until == nil {
				return m.Why, time.Time{}
			}
			return m.Why, *m.Until
		},
		MetricsToken: c.Server.MetricsToken, Log: a.options.Log, Now: a.options.Now,
		Probes: api.Probes{
			Health: a.Health, Metrics: a.metricsHandler(), Ready: a.Ready,
			Status: func(ctx context.Context) (any, error) { return a.Status(ctx) }, ResetProbe: a.resetProbe, Public: a.PublicStatus,
		},
	}
}

func (a *App) version() string {
	if v := a.options.Config.App.Version; v != "" {
		return v
	}
	return a.options.Version
}

func (a *App) limit(ctx context.Context, key string, limit int, window time.Duration) (api.Decision, error) {
	d, err := a.kv.Allow(ctx, key, kv.Limit{Requests: limit, Window: window})
	return api.Decision{Allowed: d.Allowed, Remaining: d.Remaining, RetryAfter: d.RetryAfter}, err
}

// Migrator is the installation's migrator.
func (a *App) Migrator() *db.Migrator { return a.migrator }

// Close lets go of everything, the last opened first. A second call waits for
// the first and does nothing.
func (a *App) Close() error {
	a.closing.Lock()
	defer a.closing.Unlock()
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// work works the jobs, keeps the devices of Home Assistants and remembers what
// this process has counted, until ctx ends or one of them fails.
func (a *App) work(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all := []func(context.Context) error{a.Jobs.Run, a.Integrations.Bridge, a.history.Run}
	ended := make(chan error, len(all))
	for _, part := range all {
		go func() {
			defer stop()
			ended <- part(ctx)
		}()
	}
	var errs []error
	for range all {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// NewLog makes the process's logger: JSON, a line a record.
func NewLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}

// Describe is the line that a start prints for people.
func (a *App) Describe(address net.Addr) string {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		port = "3000"
	}
	text := fmt.Sprintf("NaviDocs is at http://localhost:%s\n", port)
	if a.options.Config.HTTPS() && address.Network() == "tcp" {
		text = fmt.Sprintf("NaviDocs is at %s, on port %s\n", baseURL(a.options.Config), port)
	}
	if a.SetupCode != "" {
		text += fmt.Sprintf("It has no users yet. Register the first one with the setup code %s\n", a.SetupCode)
	}
	return text
}
