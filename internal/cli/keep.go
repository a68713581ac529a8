package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/logfile"
	"navidocs/internal/telemetry"
)

// canKeep says whether this system can pass sockets from one process to another.
func canKeep() bool { return runtime.GOOS != "windows" }

// keep holds the sockets and has the current release serve on them.
func (c *cli) keep(ctx context.Context) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return err
	}
	kept, err := logfile.Open(logfile.Path(cfg.StateDir()), time.Now)
	if err != nil {
		return err
	}
	defer kept.Close(flushing)
	reports, err := app.Reports(cfg, Version())
	if err != nil {
		return err
	}
	defer app.CloseReports(ctx, reports)
	k := keeper.New(keeper.Config{
		Home: cfg.Home, Version: Version(), Stdout: c.env.Stdout, Stderr: c.env.Stderr,
		Listen: func(ctx context.Context) ([]*os.File, error) { return listen(ctx, cfg) },
		Command: func(release string) (keeper.Command, error) {
			args := []string{"--home", cfg.Home}
			for _, f := range c.envFiles {
				args = append(args, "--env-file", f)
			}
			return c.program(cfg.Home, release, append(args, "server"))
		},
		Self:   func(release string) (keeper.Command, error) { return c.program(cfg.Home, release, c.env.Args) },
		Notify: os.Getenv("NOTIFY_SOCKET"), Watchdog: watchdog, Reap: os.Getpid() == 1,
		// The copy comes first: a terminal that is gone does not hold it up.
		Log: app.NewLog(io.MultiWriter(kept.Stream(), c.env.Stderr), cfg.Operation.LogLevel), Now: time.Now,
		Record: kept.Stream, Flush: func() { kept.Flush(flushing) }, Told: func(t keeper.Trouble) { reports.Report(trouble(t)) },
	})
	return k.Run(ctx)
}

// trouble is what the keeper had to put right, for who gathers failures.
func trouble(t keeper.Trouble) telemetry.Failure {
	f := telemetry.Failure{What: "server ended", Tags: map[string]string{"from": filepath.Base(t.From), "how": t.How}}
	if t.To != "" {
		f.What, f.Tags = "rollback", map[string]string{"from": filepath.Base(t.From), "to": filepath.Base(t.To)}
	}
	return f
}

// flushing is how long the last lines may take to the disk.
const flushing = time.Second

// listen opens the public sockets, or takes those that systemd passes.
func listen(ctx context.Context, cfg config.Config) (files []*os.File, err error) {
	all, err := app.Listen(ctx, cfg)
	for _, l := range all {
		defer l.Close() //nolint:errcheck // the file has a descriptor of its own
		socket, ok := l.(interface{ File() (*os.File, error) })
		if !ok {
			return files, fault.New(fault.Unsupported, "%s cannot be passed on: run navidocs serve --alone", l.Addr())
		}
		f, err := socket.File()
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, err
}

// program is a release's: of the folder that is named, of the current one, or
// this very program where there are no releases.
func (c *cli) program(home, release string, args []string) (keeper.Command, error) {
	if release == "" {
		current, err := filepath.EvalSymlinks(filepath.Join(home, "current"))
		switch {
		case err == nil:
			release = current
		case !errors.Is(err, os.ErrNotExist):
			return keeper.Command{}, fault.Because(err, fault.Invalid, "%s cannot be followed: point it at a release's folder", filepath.Join(home, "current"))
		}
	}
	path, err := os.Executable()
	if release != "" {
		path, err = filepath.Join(release, "navidocs"), nil
	}
	return keeper.Command{Release: release, Path: path, Args: args, Env: c.env.Environ}, err
}

// server is what the keeper starts.
func (c *cli) server() *cobra.Command {
	return &cobra.Command{
		Use: "server", Hidden: true, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			post, err := keeper.Inherit()
			if err != nil {
				return err
			}
			if post == nil {
				return usageError{errors.New("server is started by navidocs serve; see navidocs serve --help")}
			}
			sockets, err := post.Addresses()
			if err != nil {
				return err
			}
			return c.built(cmd.Context(), sockets[0], func(ctx context.Context, a *app.App) error { return a.Shift(ctx, post) })
		},
	}
}

// built builds the installation, tells people where it is, and runs it.
func (c *cli) built(ctx context.Context, address net.Addr, run func(ctx context.Context, a *app.App) error) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close() //nolint:errcheck // the process ends
	if err := c.greet(a, address); err != nil {
		return err
	}
	return run(ctx, a)
}

// greet says where the server is, and what is said once.
func (c *cli) greet(a *app.App, address net.Addr) error {
	if address != nil {
		fmt.Fprint(c.env.Stdout, a.Describe(address))
	}
	secret, err := a.RecoveryKey()
	if err == nil && secret != "" {
		fmt.Fprint(c.env.Stdout, recoveryText(secret))
	}
	return err
}

func (c *cli) restart() *cobra.Command {
	var itself bool
	cmd := &cobra.Command{
		Use: "restart", Short: "Exchange the running server for a new one, without losing a request", Args: args(cobra.NoArgs),
		Long: "Exchange the running server for a new one of the same release, with the settings\nthat navidocs serve was started with. Nobody is turned away.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			k, err := keeper.Dial(cmd.Context(), cfg.Home)
			if err != nil {
				return err
			}
			s, what, err := restarting(cmd.Context(), k, itself)
			for _, line := range keeper.Lines(err) {
				fmt.Fprintln(c.env.Stderr, line)
			}
			if err = errors.Join(err, k.Close()); err != nil {
				return err
			}
			return c.restarted(s, what)
		},
	}
	cmd.Flags().BoolVar(&itself, "keeper", false, "exchange the process that holds the sockets instead; the server goes on")
	return cmd
}

// restarting exchanges the server or the keeper; a server that is held is started.
func restarting(ctx context.Context, k *keeper.Client, itself bool) (s keeper.Status, what string, err error) {
	if itself {
		s, err = k.Replace(ctx)
		return s, "The keeper was replaced", err
	}
	if s, err = k.Status(ctx); err == nil && s.Paused {
		s, err = k.Resume(ctx)
		return s, "The server, which was held, was started", err
	}
	s, err = k.Restart(ctx)
	return s, "The server was restarted", err
}

func (c *cli) restarted(s keeper.Status, what string) error {
	if c.json {
		return c.printJSON(s)
	}
	leader, _ := s.Child(keeper.Leader)
	fmt.Fprintf(c.env.Stdout, "%s: process %d of keeper %d.\n", what, leader.PID, s.PID)
	return nil
}
