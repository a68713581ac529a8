package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// build makes an installation in a folder that the test may share and look at.
func build(t *testing.T, home string, settings ...string) (*app.App, error) {
	t.Helper()
	cfg, err := config.Load(config.Source{Environ: append([]string{"APP_ENV=test"}, settings...), Home: home})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{Config: cfg, Log: app.NewLog(t.Output(), "error"), Version: "test"})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, nil
}

func mustBuild(t *testing.T, home string, settings ...string) *app.App {
	t.Helper()
	a, err := build(t, home, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestKeysAreMadeOnceAndForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	first, second := mustBuild(t, home), mustBuild(t, home)
	if first.SetupCode == "" || first.SetupCode != second.SetupCode {
		t.Errorf("two processes have the setup codes %q and %q", first.SetupCode, second.SetupCode)
	}
	keys := filepath.Join(home, "data", "keys")
	entries, err := os.ReadDir(keys)
	if err != nil || len(entries) != 4 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Error(e.Name(), info.Mode(), err)
		}
	}
	for dir, want := range map[string]os.FileMode{keys: 0o700, filepath.Join(home, "data"): 0o700} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != want {
			t.Error(dir, info.Mode(), err)
		}
	}
	// A token of one process is good at the other.
	if err := first.Accounts.Register(t.Context(), account.Registering{
		Email: "ada@example.org", Password: apptest.Password, Name: "Ada", SetupCode: first.SetupCode,
	}, ""); err != nil {
		t.Fatal(err)
	}
	tokens, err := first.Accounts.Login(t.Context(), account.SigningIn{Email: "ada@example.org", Password: apptest.Password})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Accounts.Authenticate(t.Context(), tokens.Token); err != nil {
		t.Error(err)
	}
	if third := mustBuild(t, home); third.SetupCode != "" {
		t.Error("there are users, and yet a setup code")
	}
}

func TestDamagedKeysStopTheStart(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"empty":    func(path string) error { return os.WriteFile(path, []byte("\n"), 0o600) },
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		home := t.TempDir()
		path := filepath.Join(home, "data", "keys", "jwt")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		if _, err := build(t, home); err == nil || !strings.Contains(err.Error(), "jwt") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeOpenedStopsTheStart(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := build(t, home); err == nil {
		t.Error("the data folder is a file")
	}
	if _, err := build(t, t.TempDir(), "DATABASE_URL=postgres://nobody@127.0.0.1:1/none"); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}

func TestLoadDemo(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		a := apptest.Build(t, apptest.Options{Database: testkit.URL(d)})
		count := func() (n int) {
			n, err := db.One(t.Context(), a.DB, db.Scalar[int], "SELECT (SELECT count(*) FROM boats) * 1000000 + (SELECT count(*) FROM documents) * 1000 + (SELECT count(*) FROM warranty_tracking)")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		for range 2 {
			if err := a.LoadDemo(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n < 3_000_000 || n >= 4_000_000 {
			t.Errorf("%d: other than three boats with their papers", n)
		}
		if _, err := a.Accounts.Login(t.Context(), account.SigningIn{Email: app.DemoEmail, Password: app.DemoPassword}); err != nil {
			t.Error(err)
		}
	})
}

func TestLoadDemoRefuses(t *testing.T) {
	t.Parallel()
	production := mustBuild(t, t.TempDir(), "APP_ENV=production", "JWT_SECRET="+strings.Repeat("7f3a9c", 8), "WEBHOOK_SIGNATURE_SECRET="+strings.Repeat("9b1d4e", 8), "APP_BASE_URL=https://navidocs.example", "API_BASE_URL=https://navidocs.example")
	if err := production.LoadDemo(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Error("production:", err)
	}
	used := apptest.New(t, apptest.Options{NoWorker: true})
	used.User("ada@example.org", "", "")
	if err := used.LoadDemo(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Error("other users:", err)
	}
}

// Papers and wake-ups go through real servers as they do through folders.
func TestS3AndRedisEndToEnd(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{Settings: []string{"BLOB_URL=" + testkit.S3(t), "REDIS_URL=" + testkit.Redis(t)}})
	c := s.User("ada@example.org", "", "")
	text := bytes.Repeat([]byte("bilge pump manual\n"), 500)
	d := c.Upload("pump.txt", text)
	if stream := c.Want(200, "GET", "/api/documents/"+string(d.ID)+"/progress", nil); !bytes.Contains(stream.Body, []byte(`"status":"ready"`)) {
		t.Errorf("%s", stream.Body)
	}
	if d = c.Read(d.ID); d.Status != document.Ready {
		t.Fatal(d.Error)
	}
	path := "/api/documents/" + string(d.ID) + "/content"
	if got := c.Want(200, "GET", path, nil); !bytes.Equal(got.Body, text) {
		t.Errorf("%d bytes came back", len(got.Body))
	}
	if got := c.Want(206, "GET", path, nil, "Range: bytes=6-9"); string(got.Body) != "pump" {
		t.Errorf("%s", got.Body)
	}
	if c.Search("bilge").Total == 0 {
		t.Error("it is not found")
	}
	if h := s.Health(t.Context()); h.Redis != "connected" || h.Storage != "ok" {
		t.Errorf("%+v", h)
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"error": 1, "warn": 2, "info": 3, "debug": 4, "nonsense": 3} {
		var b bytes.Buffer
		log := app.NewLog(&b, level)
		log.Debug("line")
		log.Info("line")
		log.Warn("line")
		log.Error("line")
		if got := strings.Count(b.String(), `"msg":"line"`); got != want {
			t.Errorf("%s: %d lines, want %d", level, got, want)
		}
	}
}
