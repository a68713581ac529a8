package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/chaos"
	"navidocs/internal/fault"
)

func (c *cli) selftest() *cobra.Command {
	var tried bool
	o := chaos.Options{Tie: tie}
	cmd := &cobra.Command{
		Use: "selftest --chaos", Short: "Try on this machine what NaviDocs promises of a crash", Args: args(cobra.NoArgs),
		Long: `Try on this machine what NaviDocs promises of a crash: kill servers at random
moments while they change boats, run jobs and deliver webhooks, and count what is
lost, doubled or there without cause, and how long it took to go on. It works on
an installation of its own, which it removes. Exit code 1 when a promise was broken.`,
		Example: "  navidocs selftest --chaos\n  navidocs selftest --chaos --kills 100 --database postgres://user@localhost/postgres",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !tried {
				return usageError{errors.New("say what to try: --chaos")}
			}
			return c.tryChaos(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&tried, "chaos", false, "kill servers and count what is lost")
	flags.IntVar(&o.Kills, "kills", 20, "how many times; 1 to 10000")
	flags.Uint64Var(&o.Seed, "seed", 1, "of the moments")
	flags.StringVar(&o.Database, "database", "", "PostgreSQL server on which a database may be made and removed (SQLite unless given)")
	cmd.AddCommand(c.selftestNode())
	return cmd
}

// selftestNode is the process that is killed.
func (c *cli) selftestNode() *cobra.Command {
	var from int
	cmd := &cobra.Command{
		Use: "node", Hidden: true, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(a *app.App) error { return chaos.Node(cmd.Context(), a, c.env.Stdout, from) })
		},
	}
	cmd.Flags().IntVar(&from, "from", 0, "number of the first change; negative changes nothing")
	return cmd
}

func (c *cli) tryChaos(ctx context.Context, o chaos.Options) (err error) {
	if o.Program, err = os.Executable(); err != nil {
		return err
	}
	o.Progress = func(kills int) {
		if kills%10 == 0 {
			fmt.Fprintf(c.env.Stderr, "%d of %d kills\n", kills, o.Kills)
		}
	}
	r, err := chaos.Run(ctx, o)
	if err != nil {
		return err
	}
	if c.json {
		err = c.printJSON(r)
	} else {
		err = c.printChaos(r)
	}
	if err == nil && !r.Kept() {
		return fault.New(fault.Internal, "a promise was broken")
	}
	return err
}

func (c *cli) printChaos(r chaos.Report) error {
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name  string
		value any
		means string
	}{
		{"kills", r.Kills, fmt.Sprintf("of processes on %s, with %d jobs in hand", r.Engine, r.InHand)},
		{"changes", r.Changes, fmt.Sprintf("committed, and %d taken back", r.TakenBack)},
		{"lost", r.Lost, "acknowledged changes, and their events, jobs and deliveries"},
		{"ghosts", r.Ghosts, "events, jobs and deliveries without their change"},
		{"twice", r.Twice, "events, first deliveries and jobs of the database"},
		{"gaps", r.Gaps, "in the sequences of the boats"},
		{"dead", r.Dead, "jobs that were given up"},
		{"repeated", r.Repeated, fmt.Sprintf("deliveries, under the same id: %d with another body, %d unsigned", r.Varied, r.Foreign)},
		{"recovery", r.Slowest().Round(time.Millisecond), fmt.Sprintf("at most, and %s as a rule, of %s", r.Median().Round(time.Millisecond), r.Bound)},
		{"damage", len(r.Damage), "found in the database"},
	} {
		fmt.Fprintf(w, "%s\t%v\t%s\n", row.name, row.value, row.means)
	}
	for _, line := range r.Damage {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}
