package cli

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/deploy"
	"navidocs/internal/fault"
)

// again is how often status --watch looks.
const again = 2 * time.Second

func (c *cli) status() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show releases, processes, errors, durations, queue, disk and backups on one screen", Args: args(cobra.NoArgs),
		Long: "Show releases, processes, errors, durations, queue, disk and backups on one screen.\nExit code 1 when no server answers, or the one that does has no database.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			base, client, _, err := smokeTarget{}.reach(cfg)
			if err != nil {
				return err
			}
			if t, ok := client.Transport.(*http.Transport); ok { // that its certificate is over is said elsewhere
				t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // this machine's own server
			}
			for {
				s, err := deploy.Look(cmd.Context(), cfg.Home, cfg.StateDir(), base, client, time.Now())
				if err != nil {
					return err
				}
				if watch && !c.json {
					fmt.Fprint(c.env.Stdout, "\x1b[H\x1b[2J") // the terminal's screen is cleared
				}
				if err := c.printStatus(s); err != nil {
					return err
				}
				if !watch {
					return up(s)
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(again):
				}
			}
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every two seconds")
	return cmd
}

// up is the error of an installation that does not serve.
func up(s deploy.Status) error {
	switch {
	case s.Server == nil:
		return fault.New(fault.Unavailable, "no server answers")
	case s.Server.Health == "down":
		return fault.New(fault.Unavailable, "the server is down: see navidocs doctor")
	}
	return nil
}

func (c *cli) printStatus(s deploy.Status) error {
	if c.json {
		return c.printJSON(s)
	}
	return s.Print(c.env.Stdout, time.Now())
}
