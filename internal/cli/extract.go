package cli

import (
	"github.com/spf13/cobra"

	"navidocs/internal/document/extract"
)

// extract is the child that opens strangers' files; the server starts it.
func (c *cli) extract() *cobra.Command {
	return &cobra.Command{
		Use: "extract", Hidden: true, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return extract.Main(cmd.Context(), c.env.Stdin, c.env.Stdout)
		},
	}
}
