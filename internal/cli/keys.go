package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
)

func (c *cli) keys() *cobra.Command {
	return group("keys", "The master key that seals stored secrets", c.keysRotate())
}

func (c *cli) keysRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "Seal every stored secret anew, by the present master key or a new one", Args: args(cobra.NoArgs),
		Long: "Seal every stored secret anew.\n\nWhere WEBHOOK_SIGNATURE_SECRET is set, that is the new key and WEBHOOK_SIGNATURE_SECRET_OLD\n" +
			"holds the old one; servers that were started with both may run. Where it is not, a new key\nis made in the keys' folder; that needs the server stopped.\n\n" +
			"Killed at any moment, it loses nothing: run it again.",
	}
	dry := dryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o, err := c.configured()
		if err != nil {
			return err
		}
		r, err := app.RotateKeys(cmd.Context(), o, *dry)
		if err != nil {
			return err
		}
		if c.json {
			err = c.printJSON(r)
		} else {
			err = c.printRotation(r)
		}
		if err != nil {
			return err
		}
		return unfinished(r)
	}
	return cmd
}

// unfinished fails a rotation after which something needs a hand.
func unfinished(r app.Rotation) error {
	switch {
	case r.Lost > 0:
		return fmt.Errorf("%d values are opened by no key that is known here: put the one that sealed them into WEBHOOK_SIGNATURE_SECRET_OLD and repeat", r.Lost)
	case r.Earlier > 0 && !r.DryRun:
		return fmt.Errorf("%d values were sealed by an earlier key meanwhile: start every server with the new one, then repeat", r.Earlier)
	}
	return nil
}

func (c *cli) printRotation(r app.Rotation) error {
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SECRETS\tBY THE PRESENT KEY\tSEALED ANEW\tBY AN EARLIER KEY\tBY NO KNOWN KEY")
	for _, k := range r.Kinds {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", k.Kind, k.Present, k.Resealed, k.Earlier, k.Lost)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.DryRun {
		_, err := fmt.Fprintf(c.env.Stdout, "%d would be sealed anew\n", r.Earlier)
		return err
	}
	if r.NewKey {
		fmt.Fprintln(c.env.Stdout, "a new key was made; backups made before hold the old one: restore them with --identity")
	}
	if r.Earlier > 0 {
		return nil
	}
	_, err := fmt.Fprintln(c.env.Stdout, "no secret needs an earlier key any more")
	if len(r.Removable) > 0 {
		_, err = fmt.Fprintf(c.env.Stdout, "when every server runs with the new key, remove: %s\n", strings.Join(r.Removable, ", "))
	}
	return err
}
