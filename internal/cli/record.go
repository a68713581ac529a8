package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/fault"
	"navidocs/internal/record"
)

const organizationFlag = "organization"

var errNoOrganization = usageError{errors.New("name the organization, by its id or name, with --organization")}

func (c *cli) packageImport() *cobra.Command {
	return c.takes("import FILE", "Take a package of NaviDocs into an organization", "  navidocs package import selma.zip --organization \"North Yachts\"")
}

func (c *cli) importRecord() *cobra.Command {
	return c.takes("import FILE", "Take what an organization exported into another", "  navidocs import north-yachts.zip --organization \"North Yachts\"")
}

// takes is a command that imports an archive. The server need not run.
func (c *cli) takes(use, short, example string) *cobra.Command {
	var organization string
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if organization == "" {
				return errNoOrganization
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				x, err := importFile(cmd.Context(), a, given[0], organization)
				if err != nil {
					return err
				}
				return c.printImport(x)
			})
		},
	}
	cmd.Flags().StringVar(&organization, organizationFlag, "", "id or name of the organization that takes it")
	return cmd
}

func importFile(ctx context.Context, a *app.App, path, organization string) (x record.Import, err error) {
	who, org, err := a.Accounts.OperatorIn(ctx, organization)
	if err != nil {
		return x, err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return x, fault.New(fault.NotFound, "%s is not there", path)
	}
	if err != nil {
		return x, err
	}
	x, err = a.Records.ImportFile(ctx, who, org, f)
	if err = errors.Join(err, f.Close()); err != nil || x.State == record.Completed {
		return x, err
	}
	if err := a.Records.RunImport(ctx, x.ID); err != nil {
		return x, errors.Join(err, a.Records.Fail(ctx, x.ID, err))
	}
	already := x.Already
	x, err = a.Records.Imported(ctx, who, x.ID)
	x.Already = already
	return x, err
}

func (c *cli) printImport(x record.Import) error {
	if c.json {
		return c.printJSON(x)
	}
	verb := "imported"
	if x.Already {
		verb = "was imported before:"
	}
	_, err := fmt.Fprintf(c.env.Stdout, "%q %s: %d boats, %d documents, %d warranties, signed by %s\n", x.Title, verb, len(x.Boats), x.Counts["documents"], x.Counts["warranties"], x.Fingerprint)
	return err
}

func (c *cli) exportRecord() *cobra.Command {
	var organization, to string
	cmd := &cobra.Command{
		Use: "export", Short: "Write everything that an organization has to a signed archive", Args: args(cobra.NoArgs),
		Example: "  navidocs export --organization \"North Yachts\" --to north-yachts.zip",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if organization == "" {
				return errNoOrganization
			}
			if to == "" {
				return usageError{errors.New("name the new file with --to")}
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				who, org, err := a.Accounts.OperatorIn(cmd.Context(), organization)
				if err != nil {
					return err
				}
				f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if errors.Is(err, os.ErrExist) {
					return fault.New(fault.Conflict, "%s is there already: name a new file", to)
				}
				if err != nil {
					return err
				}
				made, err := a.Records.ExportTo(cmd.Context(), who, org, f)
				if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
					return errors.Join(err, os.Remove(to))
				}
				if c.json {
					return c.printJSON(map[string]any{"file": to, "files": made.Files, "bytes": made.Bytes, "fingerprint": made.Fingerprint})
				}
				_, err = fmt.Fprintf(c.env.Stdout, "%d files, %d bytes, signed by %s: see %s\n", made.Files, made.Bytes, made.Fingerprint, to)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&organization, organizationFlag, "", "id or name of the organization")
	cmd.Flags().StringVar(&to, "to", "", "new file that takes it; it holds personal data")
	return cmd
}
