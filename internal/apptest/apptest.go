// Package apptest runs a whole server for tests of the layers above the
// services: the real database, the real queue, the real extraction child, and
// a client that holds every answer against the contract.
package apptest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/document/extract"
	"navidocs/internal/testkit"
)

// childEnv tells a test binary that it is started as an extraction child.
const childEnv = "NAVIDOCS_TEST_EXTRACT_CHILD"

// Main prepares and runs a package's tests; the same binary serves as the
// extraction child.
func Main(m *testing.M, prepare ...func() error) {
	if os.Getenv(childEnv) != "" {
		if err := extract.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	for _, f := range prepare {
		if err := f(); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// Options change what a server is built from.
type Options struct {
	// Database is a PostgreSQL address; empty means a SQLite file.
	Database string
	// Home is the installation's folder; empty means one that goes with the test.
	Home string
	// Settings are NAME=value pairs of the configuration.
	Settings []string
	// Now is the clock; nil means the machine's.
	Now func() time.Time
	// NoWorker leaves the jobs where they are.
	NoWorker bool
	// Wrap is what a request passes before its operation; nil for nothing.
	Wrap func(http.Handler) http.Handler
	// Demo loads the demo data.
	Demo bool
	// Dear lets passwords cost what they cost people.
	Dear bool
}

// Server is a running installation.
type Server struct {
	*app.App
	URL string

	t testing.TB
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	a := Build(t, o)
	if o.Demo {
		if err := a.LoadDemo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !o.NoWorker {
		Work(t, a)
	}
	server := httptest.NewServer(a.API.Handler())
	t.Cleanup(server.Close)
	return &Server{App: a, URL: server.URL, t: t}
}

// Build makes an installation without starting anything.
func Build(t testing.TB, o Options) *app.App {
	t.Helper()
	if o.Home == "" {
		o.Home = t.TempDir()
	}
	if o.Database == "" {
		o.Database = testkit.URL(testkit.SQLite(t))
	}
	environ := []string{"APP_ENV=test", "REGISTRATION=open", "RATE_LIMIT_MAX_REQUESTS=1000000", "OCR_LANGUAGES=eng,deu,fra", "DATABASE_URL=" + o.Database}
	cfg, err := config.Load(config.Source{Environ: append(environ, o.Settings...), Home: o.Home})
	if err != nil {
		t.Fatal(err)
	}
	cost := accounttest.Cheap()
	if o.Dear {
		cost = account.Cost{}
	}
	a, err := app.New(t.Context(), app.Options{
		Config: cfg, Log: slog.New(slog.DiscardHandler), Version: "test", Now: o.Now, Wrap: o.Wrap, PasswordCost: cost,
		Extract:  testkit.ExtractCommand("/usr/bin/env", childEnv+"=1", os.Args[0]),
		CacheDir: filepath.Join(os.TempDir(), "navidocs-test-wazero"), // compiled once, not in every server
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Work runs an installation's jobs until the test ends.
func Work(t testing.TB, a *app.App) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, app.Parts{Worker: true}, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Each runs a test on a server with each database.
func Each(t *testing.T, o Options, f func(t *testing.T, s *Server)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, New(t, o))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		on := o // the other engine's test runs at the same time
		on.Database = testkit.URL(testkit.Postgres(t))
		f(t, New(t, on))
	})
}

// Password is the one of every user that User makes.
const Password = "a long test passphrase"

// User makes a user with an organization, or in one with a role, and signs
// them in.
func (s *Server) User(email string, org account.OrgID, role account.Role) *Client {
	s.t.Helper()
	_, err := s.Accounts.CreateUser(s.t.Context(), account.NewUser{
		Registering: account.Registering{Email: email, Password: Password, Name: email, Organization: "Org of " + email}, Join: org, Role: role,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.SignIn(email, Password)
}
