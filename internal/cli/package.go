package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"navidocs/internal/archive"
	"navidocs/internal/fault"
)

func (c *cli) pack() *cobra.Command {
	return group("package", "Packages, the signed archives of a boat's papers", c.packageVerify(), c.packageImport())
}

func (c *cli) packageVerify() *cobra.Command {
	var fingerprint string
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "Say whether a package is as it was signed, and by whom", Args: args(cobra.ExactArgs(1)),
		Long:    "Read a package to its last byte. Exit code 1 names the first file that was altered, is missing or was added.\nNo server, database or network is needed.",
		Example: "  navidocs package verify calypso.zip --fingerprint \"AB12 CD34 ...\"",
		RunE: func(cmd *cobra.Command, given []string) error {
			if fingerprint != "" {
				if _, err := archive.ParseFingerprint(fingerprint); err != nil {
					return usageError{errors.New(fault.Message(err))}
				}
			}
			file, err := os.Open(given[0])
			if err != nil {
				return usageError{err}
			}
			defer file.Close() //nolint:errcheck // only read from
			info, err := file.Stat()
			if err != nil {
				return err
			}
			found, err := archive.Check(cmd.Context(), file, info.Size(), fingerprint)
			if err != nil {
				return err
			}
			return c.printVerification(given[0], found)
		},
	}
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "of the key that must have signed it, from the sender's mail or page")
	return cmd
}

func (c *cli) printVerification(name string, v archive.Verification) error {
	if c.json {
		if err := c.printJSON(v); err != nil {
			return err
		}
	}
	if !v.Valid {
		return fmt.Errorf("%s: %s", name, v.Problem)
	}
	if c.json {
		return nil
	}
	signer := "is the one of --fingerprint"
	if v.Signer == archive.NotChecked {
		signer = "signer not checked: compare the fingerprint with the sender's mail, or give that with --fingerprint"
	}
	_, err := fmt.Fprintf(c.env.Stdout, "title        %s\nschema       %s\ncreated      %s\nfiles        %d\nbytes        %d\nfingerprint  %s\nsigner       %s\n",
		v.Title, v.Schema, v.CreatedAt.Format("2006-01-02 15:04:05 MST"), v.Files, v.Bytes, v.Fingerprint, signer)
	return err
}
