package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/account"
	"navidocs/internal/app"
)

func (c *cli) user() *cobra.Command {
	return group("user", "Manage users from the machine itself", c.userCreate(), c.userVerify(), c.userResetPassword(), c.userResetTOTP(), c.userUnlock())
}

func (c *cli) userCreate() *cobra.Command {
	var n account.NewUser
	var join, role string
	cmd := &cobra.Command{
		Use: "create EMAIL", Short: "Make a user; the password is read from standard input", Args: args(cobra.ExactArgs(1)),
		Example: "  echo 'a long passphrase' | navidocs user create ada@example.org --name Ada",
		RunE: func(cmd *cobra.Command, given []string) error {
			line, err := bufio.NewReader(c.env.Stdin).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if n.Password = strings.TrimRight(line, "\r\n"); n.Password == "" {
				return usageError{errors.New("give the password on standard input")}
			}
			if n.Email = given[0]; n.Name == "" {
				n.Name, _, _ = strings.Cut(n.Email, "@")
			}
			if n.Join = account.OrgID(join); join != "" {
				if n.Role, err = account.ParseRole(role); err != nil {
					return err
				}
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				id, err := a.Accounts.CreateUser(cmd.Context(), n)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]string{"id": string(id)})
				}
				_, err = fmt.Fprintln(c.env.Stdout, "created user", id)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&n.Name, "name", "", "the user's name")
	f.StringVar(&n.Organization, "organization-name", "", "name of the organization made with the user")
	f.StringVar(&join, "organization", "", "id of an existing organization to join instead")
	f.StringVar(&role, "role", "member", "role there: viewer, member, manager or admin")
	f.BoolVar(&n.Operator, "operator", false, "runs this installation")
	return cmd
}

func (c *cli) userVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify ADDRESS", Short: "Confirm a user's e-mail address without a mail", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				if err := a.Accounts.MarkVerified(cmd.Context(), given[0]); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"email": given[0], "email_verified": true})
				}
				_, err := fmt.Fprintln(c.env.Stdout, "confirmed", given[0])
				return err
			})
		},
	}
}

func (c *cli) userResetPassword() *cobra.Command {
	return &cobra.Command{
		Use: "reset-password ADDRESS", Short: "Print a link with which a user sets a new password, once, within an hour", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				url, expires, err := a.Accounts.ResetLink(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"link": url, "expires_at": expires})
				}
				_, err = fmt.Fprintf(c.env.Stdout, "%s\ngood once, until %s; hand it to nobody but the user\n", url, expires.Format(time.RFC3339))
				return err
			})
		},
	}
}

func (c *cli) userResetTOTP() *cobra.Command {
	return &cobra.Command{
		Use: "reset-totp ADDRESS", Short: "Turn off the second factor of a user who lost it", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				if err := a.Accounts.ResetTOTP(cmd.Context(), given[0]); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"email": given[0], "totp": false})
				}
				_, err := fmt.Fprintln(c.env.Stdout, given[0], "signs in with the password alone")
				return err
			})
		},
	}
}

func (c *cli) userUnlock() *cobra.Command {
	return &cobra.Command{
		Use: "unlock ADDRESS", Short: "End the locks that failed sign-ins left on a user's account", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				if err := a.Accounts.Unlock(cmd.Context(), given[0]); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"email": given[0], "locked": false})
				}
				_, err := fmt.Fprintln(c.env.Stdout, "unlocked", given[0])
				return err
			})
		},
	}
}
