package cli_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/cli"
	"navidocs/internal/config"
)

// TestMain lets the test binary be navidocs. The copy that the scripts run is
// named so, and thus is one for itself too when it starts an extraction child.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"navidocs": func() { os.Exit(cli.Main()) }})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	contracts, err := filepath.Abs(filepath.Join("..", "..", "api"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			var lc net.ListenConfig
			l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Defer(func() { _ = l.Close() })
			_, port, err := net.SplitHostPort(l.Addr().String())
			e.Setenv("USED_PORT", port)
			free, ferr := freePort(t.Context())
			if ferr != nil {
				return ferr
			}
			e.Setenv("FREE_PORT", free)
			e.Setenv("CONTRACTS", contracts)
			e.Setenv("APP_ENV", "test")
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":        await(t.Context()),
			"exits":        exits,
			"keeps-secret": onSecret(t.Context(), keepSecret),
			"opens-secret": onSecret(t.Context(), openSecret),
			"packs":        packs(t.Context()),
		},
	})
}

// onSecret is a command on the installation of a script, for somebody.
func onSecret(ctx context.Context, f func(ctx context.Context, a *app.App, who account.Actor) error) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		var environ []string
		for _, name := range []string{"APP_ENV", "WEBHOOK_SIGNATURE_SECRET", "WEBHOOK_SIGNATURE_SECRET_OLD"} {
			environ = append(environ, name+"="+ts.Getenv(name))
		}
		cfg, err := config.Load(config.Source{Environ: environ, Home: ts.Getenv("WORK")})
		ts.Check(err)
		a, err := app.New(ctx, app.Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
		ts.Check(err)
		ts.Check(errors.Join(f(ctx, a, account.Actor{UserID: "ada"}), a.Close()))
	}
}

// keepSecret has a value sealed and stored: the answer to a request.
func keepSecret(ctx context.Context, a *app.App, who account.Actor) error {
	_, err := a.Accounts.FirstAnswer(ctx, who, "key", "request")
	return errors.Join(err, a.Accounts.KeepAnswer(ctx, who.UserID, "key", []byte("sealed")))
}

// openSecret demands that it opens.
func openSecret(ctx context.Context, a *app.App, who account.Actor) error {
	answer, err := a.Accounts.FirstAnswer(ctx, who, "key", "request")
	if err == nil && string(answer) != "sealed" {
		err = fmt.Errorf("it opens as %q", answer)
	}
	return err
}

// packs writes a signed package, and one of the same in which a byte of a paper
// differs: packs good.zip altered.zip.
func packs(ctx context.Context) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		var b bytes.Buffer
		m := bundle.Manifest{Schema: "navidocs.package.v1", Title: "Calypso", CreatedAt: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)}
		files := []archive.File{archive.Content("01_Identity/Registration.txt", "text/plain", []byte("registered"))}
		_, err := archive.Write(ctx, &b, m, files, ed25519.NewKeyFromSeed(make([]byte, 32)), nil)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), bytes.Replace(b.Bytes(), []byte("registered"), []byte("registexed"), 1), 0o600))
	}
}

// freePort is one that nobody listens on yet.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// await runs a program until it succeeds: await navidocs status.
func await(ctx context.Context) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ts.Exec(args[0], args[1:]...) != nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				ts.Fatalf("%v did not succeed within a minute", args)
			}
		}
	}
}

// exits runs navidocs and demands an exit code: exits 2 document add.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits code args...")
	}
	code, err := 0, ts.Exec("navidocs", args[1:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = e.ExitCode(), nil
	}
	if err != nil || strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s: %v", code, args[0], err)
	}
}
