package cli_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"navidocs/internal/account"
	"navidocs/internal/app"
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
			e.Setenv("CONTRACTS", contracts)
			e.Setenv("APP_ENV", "test")
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":        exits,
			"keeps-secret": onSecret(t.Context(), keepSecret),
			"opens-secret": onSecret(t.Context(), openSecret),
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
