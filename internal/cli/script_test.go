package cli_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"navidocs/internal/cli"
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
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
	})
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
