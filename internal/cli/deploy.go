package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/deploy"
	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/release"
)

// deploying are the flags of a deploy.
type deploying struct {
	*cli

	options  deploy.Options
	unsigned bool
	dry      bool
}

func (c *cli) deploy() *cobra.Command {
	d := &deploying{cli: c}
	cmd := &cobra.Command{
		Use: "deploy PATH|RELEASE", Short: "Put a release in the place of the one that runs, without losing a request", Args: args(cobra.ExactArgs(1)),
		Long: `Put a release in the place of the one that runs, without losing a request.
It is checked, tried on a restored backup and on a private socket, promoted,
watched, and taken back by itself when it does worse than the one before it.
Until it is promoted nothing changes for anybody.
Exit codes: 0 deployed, 1 a step failed and no user has met it, 3 refused,
4 taken back, 5 both releases are there and a person has to decide (--hold).`,
		RunE: func(cmd *cobra.Command, given []string) error { return d.run(cmd.Context(), given[0]) },
	}
	f := cmd.Flags()
	f.DurationVar(&d.options.Watch, "watch", time.Minute, "how long the new release is judged while the old one is kept warm")
	f.BoolVar(&d.options.Hold, "hold", false, "keep the old release warm after that, until navidocs commit or navidocs rollback")
	f.StringVar(&d.options.By, "by", userName(), "who deploys")
	f.StringVar(&d.options.ApprovedBy, "approved-by", "", "who has approved it")
	f.BoolVar(&d.options.NoReview, "no-review", false, "deploy what nobody has reviewed")
	f.IntVar(&d.options.Keep, "keep", 5, "how many releases stay on the disk")
	f.BoolVar(&d.unsigned, "unsigned", false, "take a release that nobody signed")
	f.BoolVar(&d.dry, "dry-run", false, "only say what the release is and what preflight finds")
	return cmd
}

// userName is who is signed in to this machine.
func userName() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

func (d *deploying) run(ctx context.Context, path string) error {
	o, err := d.configured()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	home, state := o.Config.Home, o.Config.StateDir()
	if _, err := os.Stat(path); err != nil { // not a path: a release that is here already
		if r, ferr := release.Find(home, path); ferr == nil {
			path = r.Dir
		}
	}
	d.options.Contacts = o.Config.Integration.OperatorPeople
	deploy := &deploy.Deploy{
		Home: home, State: state, Self: self, Trust: trust(o.Config, d.unsigned),
		Keeper: func(ctx context.Context) (*keeper.Client, error) { return keeper.Dial(ctx, home) },
		Tool:   d.tool, Rows: d.rows(o), Announce: d.announcer(o), Progress: d.progress, Now: time.Now, Options: d.options,
	}
	if d.dry {
		return d.plan(ctx, deploy, path)
	}
	run, err := deploy.Run(ctx, path)
	return d.ended(run, err)
}

// plan says what a deploy would do, and changes nothing but that the release
// lies ready.
func (d *deploying) plan(ctx context.Context, deploy *deploy.Deploy, path string) error {
	in, err := release.Inspect(ctx, deploy.Home, path, deploy.Trust)
	if err != nil {
		return err
	}
	if d.json {
		return d.printJSON(in.Manifest)
	}
	_, err = fmt.Fprintf(d.env.Stdout, "would deploy %s (commit %s, schema %d): preflight, backup, rehearsal, migrate, start, smoke, promote, watch %s, commit\n",
		in.Manifest.Version, in.Manifest.Commit, in.Manifest.SchemaMax, d.options.Watch)
	return err
}

// ended prints how a run came out and makes its exit code.
func (c *cli) ended(run deploy.Run, err error) error {
	if c.json {
		err = errors.Join(err, c.printJSON(run))
	}
	if said, ok := errors.AsType[*deploy.SaidError](err); ok {
		fmt.Fprintf(c.env.Stderr, "the servers said last:\n%s\n", strings.Join(said.Lines, "\n"))
	}
	if err != nil {
		if run.Outcome == deploy.RolledBack {
			return exitError{exitRolledBack, err}
		}
		return err
	}
	if !c.json {
		fmt.Fprintf(c.env.Stdout, "%s %s in %s\n", run.Release, strings.ReplaceAll(string(run.Outcome), "_", " "), run.Took().Round(time.Millisecond))
	}
	if run.Outcome == deploy.Held {
		return exitError{exitPerson, errors.New("both releases are there: navidocs commit keeps the new one, navidocs rollback the old one")}
	}
	return nil
}

// progress prints a step. JSON has them all at the end.
func (c *cli) progress(s deploy.Step) {
	if c.json {
		return
	}
	mark := "ok    "
	if !s.OK {
		mark = "FAILED"
	}
	fmt.Fprintf(c.env.Stdout, "%s  %-10s %8.1f s  %s\n", mark, s.Name, float64(s.TookMS)/1000, s.Text)
}

// tool runs a command of a release's binary with this one's home and settings.
func (c *cli) tool(ctx context.Context, binary string, args ...string) ([]byte, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, append(c.common(), args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env.Environ, &out, &said
	cmd.WaitDelay = 5 * time.Second
	tie(cmd)
	err := cmd.Run()
	if err != nil {
		why := lastLine(said.String())
		if why == "" {
			why = err.Error() // it was killed, or is no program for this machine
		}
		err = fault.Because(err, fault.Internal, "navidocs %s: %s", strings.Join(args[:min(2, len(args))], " "), why)
	}
	return out.Bytes(), err
}

// common are the flags by which another binary finds the same installation.
func (c *cli) common() (args []string) {
	if c.home != "" {
		args = append(args, "--home", c.home)
	}
	for _, f := range c.envFiles {
		args = append(args, "--env-file", f)
	}
	return args
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimPrefix(lines[len(lines)-1], "navidocs: ")
}

func (c *cli) rows(o app.Options) func(ctx context.Context) ([]db.TableDigest, error) {
	return func(ctx context.Context) (all []db.TableDigest, err error) {
		d, err := db.Open(ctx, db.Options{URL: o.Config.Storage.Database})
		if err != nil {
			return nil, err
		}
		all, err = app.Rows(ctx, d, deploy.SmokeTest)
		return all, errors.Join(err, d.Close())
	}
}

// announcer tells operators, and whoever looks at the command when they could
// not be told.
func (c *cli) announcer(o app.Options) func(ctx context.Context, a deploy.Announcement) {
	return func(ctx context.Context, a deploy.Announcement) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if err := app.Announce(ctx, o, a); err != nil {
			fmt.Fprintln(c.env.Stderr, "navidocs: not announced:", fault.Message(err))
		}
	}
}

func (c *cli) rollback() *cobra.Command {
	var to, by, reason string
	cmd := &cobra.Command{
		Use: "rollback", Short: "Take the earlier release back; the database stays as it is", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.configured()
			if err != nil {
				return err
			}
			home := o.Config.Home
			back := &deploy.Rollback{
				Home: home, State: o.Config.StateDir(), By: by, Reason: reason, Now: time.Now, Announce: c.announcer(o),
				Keeper:   func(ctx context.Context) (*keeper.Client, error) { return keeper.Dial(ctx, home) },
				Schema:   c.schemaLevel,
				Contacts: o.Config.Integration.OperatorPeople,
			}
			run, err := back.Run(cmd.Context(), to)
			return c.ended(run, err)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "release to go back to (the one kept warm, or the previous one, unless given)")
	cmd.Flags().StringVar(&by, "by", userName(), "who goes back")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the incident")
	return cmd
}

// schemaLevel is the newest migration that is applied, and the newest of those
// that take away what older releases need.
func (c *cli) schemaLevel(ctx context.Context) (schema, contract int64, err error) {
	err = c.migrator(ctx, func(_ config.Config, m *db.Migrator) error {
		all, err := m.Status(ctx)
		for _, mig := range all {
			if !mig.Applied {
				continue
			}
			if schema = max(schema, mig.Version); mig.Class == db.Contract {
				contract = max(contract, mig.Version)
			}
		}
		return err
	})
	return schema, contract, err
}

func (c *cli) commit() *cobra.Command {
	return &cobra.Command{
		Use: "commit", Short: "Keep the release that is held, and end the old one", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.configured()
			if err != nil {
				return err
			}
			name, err := deploy.Commit(cmd.Context(), o.Config.Home, o.Config.StateDir(), userName(), time.Now)
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.env.Stdout, name+" is the current release\n")
			return err
		},
	}
}

func (c *cli) incident() *cobra.Command {
	on := func(f func(s deploy.Incidents, given []string) error) func(*cobra.Command, []string) error {
		return func(_ *cobra.Command, given []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			return f(deploy.IncidentsOf(cfg.StateDir()), given)
		}
	}
	return group("incident", "Look at and close what went wrong in production",
		&cobra.Command{Use: "list", Short: "List the incidents, the newest first", Args: args(cobra.NoArgs), RunE: on(func(s deploy.Incidents, _ []string) error {
			all, err := s.List()
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(all)
			}
			rows := make([][]string, len(all))
			for i, l := range all {
				rows[i] = []string{l.ID, l.Status, l.Date, l.Reason}
			}
			return c.table("INCIDENT\tSTATUS\tDATE\tREASON", rows)
		})},
		&cobra.Command{Use: "show ID", Short: "Print an incident", Args: args(cobra.ExactArgs(1)), RunE: on(func(s deploy.Incidents, given []string) error {
			text, err := s.Text(given[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.env.Stdout, text)
			return err
		})},
		&cobra.Command{
			Use: "close ID", Short: "Close an incident, once its cause and prevention are written into its file", Args: args(cobra.ExactArgs(1)),
			RunE: on(func(s deploy.Incidents, given []string) error { return s.Close(given[0]) }),
		},
	)
}
