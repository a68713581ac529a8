package app_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/integration"
	"navidocs/internal/listing"
	"navidocs/internal/notify"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
	"navidocs/internal/webhook"
)

func vaults() []vault.Column {
	return slices.Concat(account.Vaults(), webhook.Vaults(), integration.Vaults(), notify.Vaults(), sale.Vaults(), listing.Vaults())
}

// fill puts one value into every vault of an installation, and checks that it did.
func fill(t *testing.T, a *app.App) {
	t.Helper()
	ctx := t.Context()
	_, err := a.Accounts.CreateUser(ctx, account.NewUser{Registering: account.Registering{Email: "ada@example.org", Password: apptest.Password, Name: "Ada", Organization: "Ada"}})
	if err != nil {
		t.Fatal(err)
	}
	who, err := a.Accounts.ActorFor(ctx, "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Integrations.Create(ctx, who, who.Orgs(account.Admin)[0], integration.Input{URL: "https://9.9.9.9/", Unprobed: true})
	if err != nil {
		t.Fatal(err)
	}
	broker := integration.Input{Lane: integration.MQTT, URL: "mqtts://9.9.9.9", Username: "navidocs", Secret: "its password", Unprobed: true}
	if _, err := a.Integrations.Create(ctx, who, who.Orgs(account.Admin)[0], broker); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Webhooks.RotateSecret(ctx, who, *c.WebhookID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Notifications.Subscribe(ctx, who, notify.Subscription{Endpoint: "https://9.9.9.9/push", Keys: notify.SubscriptionKeys{P256dh: "p", Auth: "a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sales.Signer(ctx, who.Orgs(account.Admin)[0]); err != nil {
		t.Fatal(err)
	}
	sealed, err := a.Accounts.Keys().Seal(listing.Vaults()[0].Purpose, []byte(`{"key":"of a broker"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.DB.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO mls_connections (id, org_id, kind, name, secret_sealed, status, daily_at, created_at, updated_at)
			VALUES ('portal', $1, 'yachtworld', 'YachtWorld', $2, 'active', 0, 0, 0)`, who.Orgs(account.Admin)[0], sealed)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Accounts.BeginTOTP(ctx, who, apptest.Password); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Accounts.FirstAnswer(ctx, who, "key", "request"); err != nil {
		t.Fatal(err)
	}
	if err := a.Accounts.KeepAnswer(ctx, who.UserID, "key", []byte("answer")); err != nil {
		t.Fatal(err)
	}
	if err := a.DB.Transact(ctx, func(tx *db.Tx) error {
		return a.Notifications.SecretMail(ctx, tx, notify.SecretMail{Kind: "account.locked", To: "ada@example.org", Language: "en", Values: map[string]string{"minutes": "15", "address": "192.0.2.1", "link": "https://boat.example.org/unlock?token=x"}})
	}); err != nil {
		t.Fatal(err)
	}
	opens(t, a)
}

// opens demands that an installation opens the one value of each vault.
func opens(t *testing.T, a *app.App) {
	t.Helper()
	for _, v := range vaults() {
		got, err := a.Accounts.Keys().Count(t.Context(), a.DB, v)
		if err != nil || got.Present+got.Earlier != 1 || got.Lost != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func rotateKeys(t *testing.T, home string, dry bool, settings ...string) (app.Rotation, error) {
	t.Helper()
	cfg, err := config.Load(config.Source{Environ: append([]string{"APP_ENV=test"}, settings...), Home: home})
	if err != nil {
		t.Fatal(err)
	}
	return app.RotateKeys(t.Context(), app.Options{Config: cfg, Log: app.NewLog(t.Output(), "error"), Version: "test"}, dry)
}

// each kind is counted, and so is how all are sealed.
func wantKinds(t *testing.T, r app.Rotation, present, resealed, earlier, lost int) {
	t.Helper()
	if len(r.Kinds) != len(vaults()) {
		t.Errorf("%d kinds, want %d", len(r.Kinds), len(vaults()))
	}
	var got vault.Tally
	for _, k := range r.Kinds {
		got.Present, got.Resealed, got.Earlier, got.Lost = got.Present+k.Present, got.Resealed+k.Resealed, got.Earlier+k.Earlier, got.Lost+k.Lost
	}
	if want := (vault.Tally{Present: present, Resealed: resealed, Earlier: earlier, Lost: lost}); got != want || r.Earlier != earlier || r.Lost != lost {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func readKey(t *testing.T, home, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, "data", "keys", name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func writeKey(t *testing.T, home, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(home, "data", "keys", name), []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, a *app.App) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAGeneratedKeyIsRotated, also after a kill at every step: whatever a killed
// one leaves, a server opens all, and the next one ends with the new key alone.
func TestAGeneratedKeyIsRotated(t *testing.T) {
	t.Parallel()
	const fresh = "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0"
	turned := func(t *testing.T, home string) {
		t.Helper()
		writeKey(t, home, "seal.old", readKey(t, home, "seal"))
		writeKey(t, home, "seal", fresh)
	}
	reseal := func(n int) func(t *testing.T, home string) {
		return func(t *testing.T, home string) {
			t.Helper()
			turned(t, home)
			a := mustBuild(t, home)
			for _, v := range vaults()[:n] {
				if got, err := a.Accounts.Keys().Reseal(t.Context(), a.DB, v); err != nil || got.Resealed != 1 {
					t.Fatal(got, err)
				}
			}
			closed(t, a)
		}
	}
	all := len(vaults())
	for name, c := range map[string]struct {
		killed            func(t *testing.T, home string)
		made              bool
		present, resealed int
	}{
		"not killed": {func(*testing.T, string) {}, true, 0, all},
		"killed when the old key was kept": {func(t *testing.T, home string) {
			t.Helper()
			writeKey(t, home, "seal.old", readKey(t, home, "seal"))
		}, true, 0, all},
		"killed when the new key was made":    {turned, false, 0, all},
		"killed between two kinds of secrets": {reseal(2), false, 2, all - 2},
		"killed before the old key was gone":  {reseal(all), false, all, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			a := mustBuild(t, home)
			fill(t, a)
			closed(t, a)
			before := readKey(t, home, "seal")
			c.killed(t, home)
			a = mustBuild(t, home)
			opens(t, a)
			closed(t, a)
			planned, err := rotateKeys(t, home, true)
			if err != nil {
				t.Fatal(err)
			}
			wantKinds(t, planned, c.present, 0, c.resealed, 0)
			done, err := rotateKeys(t, home, false)
			if err != nil || done.NewKey != c.made {
				t.Errorf("%+v, %v", done, err)
			}
			wantKinds(t, done, c.present, c.resealed, 0, 0)
			if now := readKey(t, home, "seal"); now == before || readKey(t, home, "seal.old") != "" {
				t.Error("the old key is still there")
			}
			a = mustBuild(t, home)
			opens(t, a)
		})
	}
}

func TestAGeneratedKeyIsNotRotatedBesideAServer(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	a := mustBuild(t, home)
	fill(t, a)
	before := readKey(t, home, "seal")
	cfg, err := config.Load(config.Source{Environ: []string{"APP_ENV=test"}, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = app.RotateKeys(short, app.Options{Config: cfg, Log: app.NewLog(t.Output(), "error")}, false)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Message(err), "stop the server") {
		t.Error(err)
	}
	if readKey(t, home, "seal") != before || readKey(t, home, "seal.old") != "" {
		t.Error("the keys have changed")
	}
	opens(t, a)
	if _, err := rotateKeys(t, home, true); err != nil { // to count is nothing that a server minds
		t.Error(err)
	}
}

// TestAConfiguredKeyIsRotatedBesideServers that know both keys, on both engines.
func TestAConfiguredKeyIsRotatedBesideServers(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		home, database := t.TempDir(), "DATABASE_URL="+testkit.URL(d)
		old, fresh := "WEBHOOK_SIGNATURE_SECRET="+strings.Repeat("o", 32), "WEBHOOK_SIGNATURE_SECRET="+strings.Repeat("n", 32)
		both := []string{database, fresh, "WEBHOOK_SIGNATURE_SECRET_OLD=" + strings.Repeat("o", 32)}
		a := mustBuild(t, home, database, old)
		fill(t, a)
		closed(t, a)
		n := len(vaults())

		blind, err := rotateKeys(t, home, false, database, fresh)
		if err != nil || len(blind.Removable) > 0 {
			t.Errorf("%+v, %v", blind, err)
		}
		wantKinds(t, blind, 0, 0, 0, n)

		running := mustBuild(t, home, both...)
		planned, err := rotateKeys(t, home, true, both...)
		if err != nil || len(planned.Removable) > 0 {
			t.Errorf("%+v, %v", planned, err)
		}
		wantKinds(t, planned, 0, 0, n, 0)
		done, err := rotateKeys(t, home, false, both...)
		if err != nil || done.NewKey || !slices.Equal(done.Removable, []string{"WEBHOOK_SIGNATURE_SECRET_OLD"}) {
			t.Errorf("%+v, %v", done, err)
		}
		wantKinds(t, done, 0, n, 0, 0)
		opens(t, running)
		opens(t, mustBuild(t, home, database, fresh)) // which does not know the old one
	})
}

// TestTheFilesKeyIsAnEarlierOneWhenTheSettingsGiveOne: whoever sets the first
// one loses nothing, and may remove the file afterwards.
func TestTheFilesKeyIsAnEarlierOneWhenTheSettingsGiveOne(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		home, database := t.TempDir(), "DATABASE_URL="+testkit.URL(d)
		a := mustBuild(t, home, database)
		fill(t, a)
		closed(t, a)
		if _, err := rotateKeys(t, home, false, database); d.Engine == db.Postgres && (!fault.Is(err, fault.Conflict) || !strings.Contains(fault.Message(err), "WEBHOOK_SIGNATURE_SECRET")) {
			t.Errorf("on PostgreSQL the file's key is exchanged: %v", err)
		}
		fresh := "WEBHOOK_SIGNATURE_SECRET=" + strings.Repeat("n", 32)
		opens(t, mustBuild(t, home, database, fresh))
		done, err := rotateKeys(t, home, false, database, fresh)
		file := filepath.Join(home, "data", "keys", "seal")
		if err != nil || !slices.Equal(done.Removable, []string{file}) {
			t.Errorf("%+v, %v", done, err)
		}
		wantKinds(t, done, 0, len(vaults()), 0, 0)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		opens(t, mustBuild(t, home, database, fresh))
	})
}

// TestABackupOfBeforeARotationBringsItsKeyBack: its values are sealed by a key
// that is nowhere else any more, and the recovery key opens it.
func TestABackupOfBeforeARotationBringsItsKeyBack(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	a := mustBuild(t, home)
	fill(t, a)
	recovery, err := a.RecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.Backups.Create(t.Context(), backup.CreateOptions{Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, a)
	if _, err := rotateKeys(t, home, false); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Source{Environ: []string{"APP_ENV=test"}, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	a, err = app.Open(t.Context(), app.Options{Config: cfg, Log: app.NewLog(t.Output(), "error"), Version: "test"}, app.BackupOptions{Offline: true, Identity: recovery})
	if err != nil {
		t.Fatal(err)
	}
	done, err := a.Backups.Restore(t.Context(), made.ID, backup.RestoreOptions{AcceptLoss: true})
	if err != nil || !done.Keys {
		t.Fatal(done, err)
	}
	closed(t, a)
	a = mustBuild(t, home)
	opened := 0
	for _, v := range vaults() {
		got, err := a.Accounts.Keys().Count(t.Context(), a.DB, v)
		if err != nil || got.Lost > 0 {
			t.Errorf("%+v, %v", got, err)
		}
		opened += got.Present
	}
	if opened != len(vaults())-1 { // a mail that waited is not sent after a restore, and blank
		t.Errorf("%d are opened", opened)
	}
}

// TestNoSealedColumnIsForgotten reads the schema for columns that say they hold
// sealed values.
func TestNoSealedColumnIsForgotten(t *testing.T) {
	t.Parallel()
	columns, err := db.Collect(t.Context(), testkit.SQLite(t), db.Scalar[string], `SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name LIKE '%sealed%' ORDER BY 1`)
	if err != nil || len(columns) < 4 {
		t.Fatal(columns, err)
	}
	known := map[string]bool{}
	for _, v := range vaults() {
		known[v.Table+"."+v.Column] = true
	}
	for _, column := range columns {
		if !known[column] {
			t.Errorf("%s is in no vault: navidocs keys rotate would lose its values", column)
		}
	}
}
