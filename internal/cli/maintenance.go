package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/ops"
)

func (c *cli) maintenance() *cobra.Command {
	return group("maintenance", "Turn users away for a while, with a page that says why", c.maintenanceOn(), c.maintenanceOff())
}

func (c *cli) maintenanceOn() *cobra.Command {
	var why, by string
	var last time.Duration
	cmd := &cobra.Command{
		Use: "on", Short: "Answer 503 to everybody but those who watch and try the server", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			m := ops.Maintenance{Why: why, By: by, Since: time.Now().UTC()}
			if last > 0 {
				m.Until = new(m.Since.Add(last))
			}
			if err := ops.Maintain(cfg.StateDir(), m); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.env.Stdout, "users are turned away until: navidocs maintenance off")
			return err
		},
	}
	cmd.Flags().StringVar(&why, "reason", "we are back soon.", "what people are told")
	cmd.Flags().DurationVar(&last, "for", 0, "how long it will take, as people are told (Retry-After); it does not end by itself")
	cmd.Flags().StringVar(&by, "by", userName(), "who does it")
	return cmd
}

func (c *cli) maintenanceOff() *cobra.Command {
	return &cobra.Command{
		Use: "off", Short: "Let users in again", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			if err := ops.Unmaintain(cfg.StateDir()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.env.Stdout, "users are let in")
			return err
		},
	}
}
