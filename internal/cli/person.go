package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/fault"
)

func (c *cli) person() *cobra.Command {
	return group("person", "What is kept about people, by their e-mail address", c.personExport(), c.personErase(), c.personErasures())
}

func (c *cli) personExport() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "export ADDRESS", Short: "Write everything that is kept about a person, as JSON", Args: args(cobra.ExactArgs(1)),
		Example: "  navidocs person export owner@example.org --to owner.json",
		RunE: func(cmd *cobra.Command, given []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				people, err := a.Accounts.ExportAnybody(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				if to == "" {
					return c.printJSON(people)
				}
				if err := writeNew(to, people); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"file": to, "holdings": len(people.Holdings)})
				}
				_, err = fmt.Fprintf(c.env.Stdout, "%d things are kept about %s: see %s\n", len(people.Holdings), people.Address, to)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "new file that takes it, for its owner's eyes alone (standard output unless given)")
	return cmd
}

// writeNew writes a file that is not there yet.
func writeNew(path string, v any) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "%s is there already: name a new file", path)
	}
	if err != nil {
		return err
	}
	return errors.Join(encode(f, v), f.Close())
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (c *cli) personErase() *cobra.Command {
	var trial, yes bool
	cmd := &cobra.Command{
		Use: "erase ADDRESS", Short: "Erase a person for good, where nothing needs the name, and say what is kept and why", Args: args(cobra.ExactArgs(1)),
		Example: "  navidocs person erase owner@example.org --dry-run\n  navidocs person erase owner@example.org --yes",
		RunE: func(cmd *cobra.Command, given []string) error {
			if !trial && !yes {
				return fault.New(fault.Forbidden, "nothing brings back what is erased: see --dry-run first, then repeat with --yes")
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				done, err := a.Accounts.EraseAnybody(cmd.Context(), given[0], trial)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(done)
				}
				return c.printErasing(done, trial)
			})
		},
	}
	cmd.Flags().BoolVar(&trial, "dry-run", false, "only say what would be erased, and what kept")
	cmd.Flags().BoolVar(&yes, "yes", false, "erase")
	return cmd
}

func (c *cli) printErasing(done account.Erasing, trial bool) error {
	erased, kept := 0, 0
	for _, o := range done.Outcomes {
		if !o.Erased {
			kept++
			fmt.Fprintf(c.env.Stdout, "kept    %s %s: %s\n", o.Kind, o.ID, o.Why)
			continue
		}
		erased++
		fmt.Fprintf(c.env.Stdout, "%s %s %s\n", map[bool]string{true: "would erase", false: "erased "}[trial], o.Kind, o.ID)
	}
	verb := "erased"
	if trial {
		verb = "to erase"
	}
	_, err := fmt.Fprintf(c.env.Stdout, "%d %s, %d kept\n", erased, verb, kept)
	return err
}

func (c *cli) personErasures() *cobra.Command {
	return &cobra.Command{
		Use: "erasures", Short: "List what was erased, oldest first; it is erased again when an older backup is restored", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				all, err := a.Accounts.Erasures(cmd.Context())
				if err != nil {
					return err
				}
				return c.printErasures(all)
			})
		},
	}
}

// listedErasure is an erasure with the time at which this database was without
// it.
type listedErasure struct {
	account.Erasure
	AppliedAt *time.Time `json:"applied_at"`
}

func (c *cli) printErasures(all []account.Erasure) error {
	if c.json {
		out := make([]listedErasure, len(all))
		for i, x := range all {
			out[i] = listedErasure{x, x.AppliedAt}
		}
		return c.printJSON(out)
	}
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ERASURE\tUTC\tKIND\tOF\tORGANIZATION\tDONE HERE")
	for _, x := range all {
		of := string(x.UserID)
		if of == "" {
			of = x.Address
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.At.Format(time.DateTime), x.Kind, of, x.OrgID, applied(x))
	}
	return w.Flush()
}

func applied(x account.Erasure) string {
	if x.AppliedAt == nil {
		return "no: the key of its hash is not here"
	}
	return x.AppliedAt.Format(time.DateTime)
}
