package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"navidocs/internal/api"
	"navidocs/internal/app"
)

func (c *cli) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if c.json {
				i, err := info()
				if err != nil {
					return err
				}
				return c.printJSON(i)
			}
			_, err := fmt.Fprintln(c.env.Stdout, "navidocs", Version())
			return err
		},
	}
}

func (c *cli) openapi() *cobra.Command {
	var old bool
	cmd := &cobra.Command{
		Use: "openapi", Short: "Print the API's contract (OpenAPI 3.1)", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			v31, v30, err := api.New(api.Services{}, api.Config{Version: "1"}).Contract()
			if err != nil {
				return err
			}
			if old {
				v31 = v30
			}
			_, err = c.env.Stdout.Write(v31)
			return err
		},
	}
	cmd.Flags().BoolVar(&old, "v3.0", false, "print it as OpenAPI 3.0")
	return cmd
}

func (c *cli) demo() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Load the demo boats and their papers into an empty database", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				if err := a.LoadDemo(cmd.Context()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.env.Stdout, "The demo is loaded: sign in as %s with the password %s\n", app.DemoEmail, app.DemoPassword)
				return err
			}, demoSettings...)
		},
	}
}

func (c *cli) printJSON(v any) error {
	e := json.NewEncoder(c.env.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
