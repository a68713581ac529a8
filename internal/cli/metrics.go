package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"navidocs/internal/ops"
)

func (c *cli) metrics() *cobra.Command {
	return group("metrics", "Print what watches a server's /metrics", c.metricsRules(), c.metricsDashboard())
}

func (c *cli) metricsRules() *cobra.Command {
	return &cobra.Command{
		Use: "rules", Short: "Print the rules and alerts for Prometheus (YAML)", Args: args(cobra.NoArgs),
		Example: "  navidocs metrics rules > /etc/prometheus/rules/navidocs.yaml",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(c.env.Stdout, ops.Rules())
			return err
		},
	}
}

func (c *cli) metricsDashboard() *cobra.Command {
	return &cobra.Command{
		Use: "dashboard", Short: "Print the dashboard for Grafana (JSON, for its import)", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text, err := ops.Dashboard()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.env.Stdout, string(text))
			return err
		},
	}
}
