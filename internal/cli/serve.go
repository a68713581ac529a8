package cli

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
)

// demoSettings are what --demo assumes where nothing else is said: a server
// for this machine alone that anyone on it may register with.
var demoSettings = []string{"APP_ENV=development", "LISTEN=127.0.0.1", "REGISTRATION=open"}

func (c *cli) serve() *cobra.Command {
	var demo, alone bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the API and work the jobs", Args: args(cobra.NoArgs),
		Long: "Serve the API and work the jobs. One process keeps the sockets, another serves:\nit can be exchanged (navidocs restart) while nobody is turned away.\nWithout any configuration it keeps everything below ./data.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !demo && !alone && canKeep() {
				return c.keep(cmd.Context())
			}
			return c.run(cmd, app.Parts{API: true, Worker: true}, demo)
		},
	}
	cmd.Flags().BoolVar(&demo, "demo", false, "load the demo boats and their papers, for this machine only")
	cmd.Flags().BoolVar(&alone, "alone", false, "serve in this very process, which then cannot be exchanged")
	return cmd
}

func (c *cli) api() *cobra.Command {
	return &cobra.Command{
		Use: "api", Short: "Serve the API alone", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, app.Parts{API: true}, false) },
	}
}

func (c *cli) worker() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Short: "Work the jobs alone", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, app.Parts{Worker: true}, false) },
	}
}

func (c *cli) run(cmd *cobra.Command, parts app.Parts, demo bool) error {
	var extra []string
	if demo {
		extra = demoSettings
	}
	cfg, err := c.config(extra...)
	if err != nil {
		return err
	}
	if demo {
		cfg = cfg.Local()
	}
	ctx := cmd.Context()
	var listeners []net.Listener
	if parts.API {
		// Before anything else: a port in use is the commonest mistake.
		if listeners, err = app.Listen(ctx, cfg); err != nil {
			return err
		}
		for _, l := range listeners {
			defer l.Close() //nolint:errcheck // the server has closed it
		}
	}
	a, err := c.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close() //nolint:errcheck // the process ends
	if demo {
		if err := a.LoadDemo(ctx); err != nil {
			return err
		}
	}
	var address net.Addr
	if parts.API {
		address = listeners[0].Addr()
	}
	if err := c.greet(a, address); err != nil {
		return err
	}
	if demo {
		fmt.Fprintf(c.env.Stdout, "Demo: sign in as %s with the password %s\n", app.DemoEmail, app.DemoPassword)
	}
	return a.Run(ctx, parts, listeners)
}
