package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

func (c *cli) migrate() *cobra.Command {
	return group("migrate", "Look at and change the database's schema",
		c.migrateStatus(), c.migrateUp(), c.migrateDown(), c.migrateVerify())
}

// migrator opens the database alone: serving needs an up-to-date schema,
// looking at it does not.
func (c *cli) migrator(ctx context.Context, f func(d *db.DB, m *db.Migrator) error) error {
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
		err = f(d, m)
	}
	return errors.Join(err, d.Close())
}

func (c *cli) migrateStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "List the migrations and which are applied", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrator(cmd.Context(), func(_ *db.DB, m *db.Migrator) error {
				all, err := m.Status(cmd.Context())
				if err != nil {
					return err
				}
				return c.printMigrations(all)
			})
		},
	}
}

func (c *cli) printMigrations(all []db.Migration) error {
	if c.json {
		return c.printJSON(all)
	}
	for _, m := range all {
		state := "pending"
		if m.Applied {
			state = "applied " + m.AppliedAt.Format("2006-01-02 15:04:05Z")
		}
		if _, err := fmt.Fprintf(c.env.Stdout, "%d  %-28s %-8s %s\n", m.Version, m.Name, m.Class, state); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) migrateUp() *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Apply what is pending", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.migrator(cmd.Context(), func(_ *db.DB, m *db.Migrator) error {
				done, err := m.Up(cmd.Context())
				if err != nil {
					return err
				}
				return c.printMigrations(done)
			})
		},
	}
}

func (c *cli) migrateDown() *cobra.Command {
	var yes bool
	steps := 1
	cmd := &cobra.Command{
		Use: "down", Short: "Take back the newest migrations; their tables' data is lost", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				return fault.New(fault.Conflict, "this drops tables and columns with their data: make a backup, then repeat with --yes")
			}
			return c.migrator(cmd.Context(), func(_ *db.DB, m *db.Migrator) error {
				undone, err := m.Down(cmd.Context(), steps)
				for _, v := range undone {
					fmt.Fprintln(c.env.Stdout, "undone", v)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "the data may be lost")
	cmd.Flags().IntVar(&steps, "steps", 1, "how many")
	return cmd
}

func (c *cli) migrateVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove on a scratch database that every migration goes up, down and up again", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "navidocs-verify-*")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir) //nolint:errcheck // a scratch folder
			d, err := db.Open(cmd.Context(), db.Options{URL: filepath.Join(dir, "scratch.db")})
			if err != nil {
				return err
			}
			problems, err := db.RoundTrip(cmd.Context(), d, db.Migrations())
			if err = errors.Join(err, d.Close()); err != nil {
				return err
			}
			for _, p := range problems {
				fmt.Fprintln(c.env.Stdout, p)
			}
			if len(problems) > 0 {
				return fmt.Errorf("%d migrations do not go up, down and up again", len(problems))
			}
			_, err = fmt.Fprintln(c.env.Stdout, "every migration goes up, down and up to the same schema and rows")
			return err
		},
	}
}
