package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"navidocs/internal/account"
	"navidocs/internal/app"
)

func (c *cli) user() *cobra.Command {
	return group("user", "Manage users from the machine itself", c.userCreate())
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
