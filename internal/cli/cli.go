// Package cli is the command line: one file per command, each of which reads
// its flags, calls the service and prints.
//
// Exit codes: 0 ok, 1 a check or the work failed, 2 usage or configuration,
// 3 refused, 4 taken back, 5 needs a person.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/keeper"
)

// The exit codes.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitRefused    = 3
	exitRolledBack = 4
	exitPerson     = 5
)

// Env is the world of a command: what it reads, where it prints.
type Env struct {
	Args    []string
	Environ []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Wrap is what a request to a server passes before its operation; nil for
	// nothing. Tests of deploys make bad releases with it.
	Wrap func(http.Handler) http.Handler
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP) // a deploy whose terminal is lost goes back
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...) // the root of all contexts
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return Run(ctx, Env{Args: os.Args[1:], Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}

// Run runs one command.
func Run(ctx context.Context, env Env) int {
	c := &cli{env: env}
	root := c.root()
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*keeper.ExitError](err); ok {
		return max(e.Code, exitFailed) // the server itself has said why
	}
	fmt.Fprintln(env.Stderr, "navidocs:", message(err))
	return exitCode(err)
}

// message is what a person reads: the safe text and the faults, without the
// trail of calls.
func message(err error) string {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err.Error()
	}
	text := e.Message
	if len(e.Fields) > 1 {
		for _, f := range e.Fields {
			text += "\n  " + f.Location + ": " + f.Message
		}
	}
	if cause := errors.Unwrap(e); cause != nil {
		text += " (" + cause.Error() + ")"
	}
	return text
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	error
}

// Unwrap implements errors.Unwrap.
func (e exitError) Unwrap() error { return e.error }

func exitCode(err error) int {
	if e, ok := errors.AsType[exitError](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[config.Faults](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return exitUsage
	case fault.Conflict, fault.Forbidden:
		return exitRefused
	default:
		return exitFailed
	}
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// cli holds the flags that every command has.
type cli struct {
	env      Env
	home     string
	envFiles []string
	json     bool
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use: "navidocs", Short: "A boat's papers, complete and ready",
		SilenceUsage: true, SilenceErrors: true, Version: Version(),
	}
	root.Args = args(cobra.NoArgs)
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&c.home, "home", "", "folder of data, backups and state (the working folder unless given)")
	flags.StringArrayVar(&c.envFiles, "env-file", nil, "file of settings, NAME=value a line; may repeat")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	root.AddCommand(c.serve(), c.api(), c.worker(), c.migrate(), c.backup(), c.keys(), c.queue(), c.doctor(), c.smoke(), c.metrics(), c.version(), c.user(), c.person(), c.demo(), c.document(), c.packages(), c.exportRecord(), c.importRecord(), c.openapi(), c.extract(), c.selftest())
	root.AddCommand(c.deploy(), c.rollback(), c.commit(), c.preflight(), c.releases(), c.incident(), c.maintenance(), c.status(), c.logs(), c.restart(), c.server())
	return root
}

// group is a command that has others: alone, or followed by a word that is none
// of them, it is a usage fault.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		return usageError{fmt.Errorf("say what to do; see %s --help", cmd.CommandPath())}
	}}
	cmd.AddCommand(commands...)
	return cmd
}

// args checks the number of arguments as a usage fault.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}

// Version is the release that this binary is.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision := info.Main.Version, ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 8 {
			revision = s.Value[:8]
		}
	}
	if version == "" || version == "(devel)" {
		version = "dev"
	}
	if revision != "" && version == "dev" {
		version += "-" + revision
	}
	return version
}

// config reads the configuration; extra are settings below the environment's.
func (c *cli) config(extra ...string) (config.Config, error) {
	return config.Load(config.Source{Environ: append(extra, c.env.Environ...), EnvFiles: c.envFiles, Home: c.home})
}

// open builds the installation for a command.
func (c *cli) open(ctx context.Context, cfg config.Config) (*app.App, error) {
	for _, notice := range cfg.Notices() {
		fmt.Fprintln(c.env.Stderr, notice)
	}
	if notice := app.Untraced(cfg); notice != "" {
		fmt.Fprintln(c.env.Stderr, notice)
	}
	o, err := c.options(cfg)
	if err != nil {
		return nil, err
	}
	return app.New(ctx, o)
}

func (c *cli) options(cfg config.Config) (app.Options, error) {
	self, err := os.Executable()
	return app.Options{
		Config: cfg, Log: app.NewLog(c.env.Stderr, cfg.Operation.LogLevel), Version: Version(), Extract: []string{self, "extract"}, Wrap: c.env.Wrap,
	}, err
}

// configured are the options as the configuration says.
func (c *cli) configured() (app.Options, error) {
	cfg, err := c.config()
	if err != nil {
		return app.Options{}, err
	}
	return c.options(cfg)
}

// quietly opens the installation as it is, without a change of its schema, runs
// f, and closes it.
func (c *cli) quietly(ctx context.Context, b app.BackupOptions, f func(a *app.App) error) error {
	o, err := c.configured()
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, o, b)
	if err != nil {
		return err
	}
	return errors.Join(f(a), a.Close())
}

// with opens the installation, runs f, and closes it.
func (c *cli) with(ctx context.Context, f func(a *app.App) error, extra ...string) error {
	cfg, err := c.config(extra...)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(f(a), a.Close())
}
