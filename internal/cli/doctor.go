package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/ops"
)

func (c *cli) doctor() *cobra.Command {
	var fix bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine the installation on its machine, and say what to do", Args: args(cobra.NoArgs),
		Long: "Examine the installation on its machine, whether a server runs or not, and say what to do.\n" +
			"With --fix what can be put right without losing anything is put right: rights of files,\nan index of the search, files that nothing wants, a log that was not checkpointed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.quietly(cmd.Context(), app.BackupOptions{}, func(a *app.App) error {
				found := a.Doctor(fix).Run(cmd.Context())
				if err := c.printFindings(found); err != nil {
					return err
				}
				if n := ops.Failed(found); n > 0 {
					return fmt.Errorf("%d checks say FAIL", n)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "put right what can be put right without losing anything")
	return cmd
}

func (c *cli) printFindings(found []ops.Finding) error {
	if c.json {
		return c.printJSON(found)
	}
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	for _, f := range found {
		verdict := f.Verdict
		if f.Fixed {
			verdict = "FIXED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", verdict, f.Check, f.Text)
		if f.Remedy != "" && !f.Fixed {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Remedy)
		}
	}
	return w.Flush()
}
