package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

func (c *cli) migrate() *cobra.Command {
	return group("migrate", "Look at and change the database's schema",
		c.migrateStatus(), c.migrateUp(), c.migrateDown(), c.migrateVerify(), c.migrateRehearse(), c.migrateNew())
}

// migrator opens the database alone: serving needs an up-to-date schema,
// looking at it does not.
func (c *cli) migrator(ctx context.Context, f func(cfg config.Config, m *db.Migrator) error) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.StateDir(), 0o700); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{URL: cfg.Storage.Database})
	if err != nil {
		return err
	}
	m, err := db.NewMigrator(d, db.Migrations(), filepath.Join(cfg.StateDir(), "migrate.lock"),
		func(ctx context.Context) error { return job.Migrate(ctx, d) })
	if err == nil {
		err = f(cfg, m)
	}
	return errors.Join(err, d.Close())
}

func (c *cli) migrateStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "List the migrations, which are applied, and how long the others would keep writers waiting", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrator(cmd.Context(), func(cfg config.Config, m *db.Migrator) error {
				all, err := m.Status(cmd.Context())
				if err != nil {
					return err
				}
				known, err := readRehearsal(cfg)
				if err != nil {
					return err
				}
				rows := make([]migrationRow, len(all))
				for i, mig := range all {
					rows[i] = newMigrationRow(mig, known)
				}
				if c.json {
					return c.printJSON(rows)
				}
				return c.printRows(rows)
			})
		},
	}
}

// migrationRow is a migration as it is listed.
type migrationRow struct {
	db.Migration

	SHAOK *bool `json:"sha_ok,omitempty"` // of an applied one
	// StallMS is the rehearsal's estimate for one that is not applied.
	StallMS *float64 `json:"estimated_stall_ms,omitempty"`
}

func newMigrationRow(mig db.Migration, known db.Rehearsal) migrationRow {
	row := migrationRow{Migration: mig}
	if mig.Applied {
		ok := mig.State == db.Applied
		row.SHAOK = &ok
	} else if stall, ok := known.Stall(mig); ok {
		ms := float64(stall) / float64(time.Millisecond)
		row.StallMS = &ms
	}
	return row
}

func (r migrationRow) String() string {
	at := "applied " + r.AppliedAt.Format("2006-01-02 15:04:05Z")
	switch r.State {
	case db.Applied:
		return at + ", sha ok"
	case db.Changed:
		return at + ", SHA DIFFERS: the file was changed"
	case db.Unknown:
		return at + ", not in this release"
	case db.Waiting:
		return "waiting for: navidocs migrate up --contract" + r.stall()
	default:
		return "pending" + r.stall()
	}
}

func (r migrationRow) stall() string {
	if r.StallMS == nil {
		return ""
	}
	return fmt.Sprintf(", writers wait about %.0f ms", *r.StallMS)
}

func (c *cli) printRows(rows []migrationRow) error {
	for _, r := range rows {
		if _, err := fmt.Fprintf(c.env.Stdout, "%d  %-28s %-8s %s\n", r.Version, r.Name, r.Class, r); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) migrateUp() *cobra.Command {
	var o db.UpOptions
	var dry bool
	cmd := &cobra.Command{
		Use: "up", Short: "Apply what is pending", Args: args(cobra.NoArgs),
		Long: "Apply what is pending, beside a running server. What only a later release needs (class contract)\n" +
			"waits until it is asked for: after it, older releases cannot run on the database.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrator(cmd.Context(), func(_ config.Config, m *db.Migrator) error {
				up := m.Up
				if dry {
					up = m.PlanUp
				}
				done, err := up(cmd.Context(), o)
				return errors.Join(err, c.printUp(done, dry))
			})
		},
	}
	cmd.Flags().BoolVar(&o.Contract, "contract", false, "also those after which older releases cannot run")
	cmd.Flags().DurationVar(&o.Budget, "window", 2*time.Second, "how long each may keep writers waiting")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be applied")
	return cmd
}

func (c *cli) printUp(done db.Result, dry bool) error {
	if c.json {
		return c.printJSON(struct {
			Applied []db.Migration `json:"applied"`
			Waiting []db.Migration `json:"waiting"`
			DryRun  bool           `json:"dry_run,omitempty"`
		}{append([]db.Migration{}, done.Applied...), append([]db.Migration{}, done.Waiting...), dry})
	}
	var rows []migrationRow
	for _, mig := range append(done.Applied, done.Waiting...) {
		rows = append(rows, newMigrationRow(mig, db.Rehearsal{}))
	}
	return c.printRows(rows)
}

func (c *cli) migrateDown() *cobra.Command {
	var yes, dry bool
	var steps int
	cmd := &cobra.Command{
		Use: "down", Short: "Take back what the last migrate up applied; the data it added is lost", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if steps < 0 {
				return usageError{fmt.Errorf("--steps %d is below zero", steps)}
			}
			return c.migrator(cmd.Context(), func(_ config.Config, m *db.Migrator) error {
				plan, err := m.PlanDown(cmd.Context(), steps)
				if err != nil || len(plan.Undo) == 0 {
					return err
				}
				if dry {
					return c.printDown(plan, false)
				}
				if !yes {
					refused := fault.New(fault.Conflict, "this data would be lost: repeat with --yes, or go back to the older release, which runs on this schema")
					return errors.Join(refused, c.printDown(plan, false))
				}
				return c.down(cmd.Context(), m, plan)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "the data may be lost")
	cmd.Flags().IntVar(&steps, "steps", 0, "take back at most so many (all of the last run unless given)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be lost")
	return cmd
}

// down makes a backup before anything is lost.
func (c *cli) down(ctx context.Context, m *db.Migrator, plan db.DownPlan) error {
	err := c.quietly(ctx, app.BackupOptions{}, func(a *app.App) error {
		made, err := a.Backups.Create(ctx, backup.CreateOptions{Reason: "before migrate down"})
		if err == nil && !c.json {
			fmt.Fprintln(c.env.Stdout, "backed up as", made.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := m.Down(ctx, len(plan.Undo)); err != nil {
		return err
	}
	return c.printDown(plan, true)
}

func (c *cli) printDown(plan db.DownPlan, done bool) error {
	if c.json {
		return c.printJSON(struct {
			db.DownPlan

			Done bool `json:"done"`
		}{plan, done})
	}
	undo, lose := "would undo", "would lose"
	if done {
		undo, lose = "undone", "lost"
	}
	for _, mig := range plan.Undo {
		fmt.Fprintln(c.env.Stdout, undo, mig)
	}
	for _, l := range plan.Lost {
		what := fmt.Sprintf("table %s: %d rows", l.Table, l.Rows)
		if l.Column != "" {
			what = fmt.Sprintf("column %s of %s: %d values", l.Column, l.Table, l.Rows)
		}
		fmt.Fprintln(c.env.Stdout, lose, what)
	}
	return nil
}

func (c *cli) migrateVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove on a scratch database that every migration goes up, down and up again", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			return c.verify(cmd.Context(), cfg.Storage.Database)
		},
	}
}

func (c *cli) verify(ctx context.Context, address string) (err error) {
	scratch, drop, err := db.Scratch(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	if scratch.Engine == db.SQLite && strings.HasPrefix(address, "postgres") {
		fmt.Fprintln(c.env.Stderr, "PostgreSQL does not let this user make a database (ALTER ROLE ... CREATEDB): tried on SQLite instead")
	}
	problems, err := db.RoundTrip(ctx, scratch, db.Migrations())
	if err != nil {
		return err
	}
	if err := c.printVerified(scratch.Engine, problems); err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("the migrations do not go up, down and up again: %d problems", len(problems))
	}
	return nil
}

func (c *cli) printVerified(engine db.Engine, problems []string) error {
	if c.json {
		return c.printJSON(struct {
			Engine   db.Engine `json:"engine"`
			Problems []string  `json:"problems"`
		}{engine, append([]string{}, problems...)})
	}
	if len(problems) == 0 {
		problems = []string{"every migration goes up, down and up to the same schema and rows on " + string(engine)}
	}
	_, err := fmt.Fprintln(c.env.Stdout, strings.Join(problems, "\n"))
	return err
}

func (c *cli) migrateNew() *cobra.Command {
	n := db.NewFile{}
	class := string(db.Expand)
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Begin a migration, in a checkout of the sources", Args: args(cobra.ExactArgs(1)),
		Long: "Begin a migration, in a checkout of the sources: a file with its class, to be filled in with what\n" +
			"it does and what takes that back. navidocs migrate verify proves both.",
		Example: "  navidocs migrate new add_moorings\n  navidocs migrate new --class contract --pair drop_old_search",
		RunE: func(_ *cobra.Command, given []string) error {
			n.Name, n.Class, n.Now = given[0], db.Class(class), time.Now()
			paths, err := n.Create(".")
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(paths)
			}
			_, err = fmt.Fprintln(c.env.Stdout, strings.Join(paths, "\n"))
			return err
		},
	}
	cmd.Flags().StringVar(&class, "class", class, "expand (adds), contract (takes away, one release later) or data (changes rows in batches)")
	cmd.Flags().BoolVar(&n.Pair, "pair", false, "a file for each engine, where the text must differ")
	return cmd
}
