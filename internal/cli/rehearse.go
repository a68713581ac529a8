package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

func (c *cli) migrateRehearse() *cobra.Command {
	var on string
	cmd := &cobra.Command{
		Use: "rehearse", Short: "Apply what is pending to a restored backup, and say how long writers would have to wait", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			if on != "" {
				return c.rehearseOn(cmd.Context(), cfg, on)
			}
			return c.quietly(cmd.Context(), app.BackupOptions{Offline: true}, func(a *app.App) error {
				copied, drop, err := a.Backups.Copy(cmd.Context(), "")
				if err != nil {
					return err
				}
				return c.rehearse(cmd.Context(), cfg, copied, drop)
			})
		},
	}
	cmd.Flags().StringVar(&on, "on", "", "file or address of a restored database, which is changed (the newest backup, restored, unless given)")
	return cmd
}

// rehearseOn takes a database that may be changed and has the data of ours.
func (c *cli) rehearseOn(ctx context.Context, cfg config.Config, on string) error {
	if same(on, cfg.Storage.Database) {
		return fault.New(fault.Conflict, "%s is the database itself: rehearse on a restored copy", on)
	}
	copied, err := db.Open(ctx, db.Options{URL: on})
	if err != nil {
		return err
	}
	return c.rehearse(ctx, cfg, copied, copied.Close)
}

func (c *cli) rehearse(ctx context.Context, cfg config.Config, copied *db.DB, drop func() error) error {
	done, err := db.Rehearse(ctx, copied, db.Migrations(), func(ctx context.Context) error { return job.Migrate(ctx, copied) })
	if err = errors.Join(err, drop()); err != nil {
		return err
	}
	return errors.Join(writeRehearsal(cfg, done), c.printRehearsal(done))
}

// same tells whether two addresses are one, also by another name of the file.
func same(a, b string) bool {
	x, err := os.Stat(a)
	y, berr := os.Stat(b)
	return a == b || err == nil && berr == nil && os.SameFile(x, y)
}

func (c *cli) printRehearsal(r db.Rehearsal) error {
	if c.json {
		return c.printJSON(r)
	}
	for _, m := range r.Migrations {
		if _, err := fmt.Fprintf(c.env.Stdout, "%d  %-28s %-8s took %.0f ms, writers wait about %.0f ms\n", m.Version, m.Name, m.Class, m.TookMS, m.StallMS); err != nil {
			return err
		}
	}
	return nil
}

func rehearsalPath(cfg config.Config) string { return filepath.Join(cfg.StateDir(), "rehearsal.json") }

// readRehearsal reads the last rehearsal, an empty one when there was none.
func readRehearsal(cfg config.Config) (r db.Rehearsal, err error) {
	text, err := os.ReadFile(rehearsalPath(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fault.Because(err, fault.Internal, "%s cannot be read: remove it, or rehearse again", rehearsalPath(cfg))
	}
	return r, nil
}

// writeRehearsal replaces the last rehearsal. What is lost with the power is
// made again, so nothing is synced; a half file never has the name.
func writeRehearsal(cfg config.Config, r db.Rehearsal) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.StateDir(), 0o700); err != nil {
		return err
	}
	part := rehearsalPath(cfg) + ".part"
	if err := os.WriteFile(part, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(part, rehearsalPath(cfg))
}
