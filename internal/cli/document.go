package cli

import (
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
)

func (c *cli) document() *cobra.Command {
	return group("document", "Add and find papers", c.documentAdd(), c.documentSearch(), c.documentReindex())
}

// as opens the installation in a user's name.
func (c *cli) as(ctx context.Context, email string, f func(a *app.App, who account.Actor) error) error {
	return c.with(ctx, func(a *app.App) error {
		if email == "" {
			only, err := a.Accounts.OnlyUser(ctx)
			if err != nil {
				return err
			}
			email = only
		}
		who, err := a.Accounts.ActorFor(ctx, email)
		if err != nil {
			return err
		}
		return f(a, who)
	})
}

func (c *cli) documentAdd() *cobra.Command {
	var user, boat string
	var wait bool
	u := document.Upload{}
	cmd := &cobra.Command{
		Use: "add FILE...", Short: "Add files as papers", Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if boat != "" {
				u.BoatIDs = []fleet.BoatID{fleet.BoatID(boat)}
			}
			return c.as(cmd.Context(), user, func(a *app.App, who account.Actor) error {
				var added []document.Document
				for _, name := range files {
					d, err := c.add(cmd.Context(), a, who, u, name)
					if err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					added = append(added, d)
				}
				if wait {
					return c.await(cmd.Context(), a, who, added)
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&user, "user", "", "e-mail address of the user who adds (the only one unless given)")
	f.StringVar(&boat, "boat", "", "id of the boat")
	f.StringVar(&u.Type, "type", "", "document type, such as MAN-EQ")
	f.StringVar(&u.Title, "title", "", "title (the file's name unless given)")
	f.BoolVar(&wait, "wait", false, "wait until the papers are read, and read them when no server runs")
	return cmd
}

func (c *cli) add(ctx context.Context, a *app.App, who account.Actor, u document.Upload, name string) (document.Document, error) {
	file, err := os.Open(name)
	if err != nil {
		return document.Document{}, usageError{err}
	}
	defer file.Close() //nolint:errcheck // only read from
	u.FileName = filepath.Base(name)
	d, err := a.Documents.Upload(ctx, who, u, file)
	if err != nil {
		return d, err
	}
	if c.json {
		return d, c.printJSON(d)
	}
	_, err = fmt.Fprintf(c.env.Stdout, "%s  %s\n", d.ID, d.Title)
	return d, err
}

// await looks until every paper has ended; it works the jobs itself when no
// other process does.
func (c *cli) await(ctx context.Context, a *app.App, who account.Actor, docs []document.Document) error {
	if paused, err := a.Jobs.Paused(ctx); err != nil {
		return err
	} else if paused {
		fmt.Fprintln(c.env.Stderr, "the queue is paused, so nothing is read: navidocs queue resume opens it again")
	}
	ctx, cancel := context.WithCancel(ctx)
	worked := make(chan error, 1)
	go func() { worked <- a.Jobs.Run(ctx) }()
	err := c.watch(ctx, a, who, docs)
	cancel()
	return errors.Join(err, <-worked)
}

func (c *cli) watch(ctx context.Context, a *app.App, who account.Actor, docs []document.Document) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, d := range docs {
		for d.Status != document.Ready && d.Status != document.Failed {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			var err error
			if d, err = a.Documents.Document(ctx, who, d.ID); err != nil {
				return err
			}
		}
		fmt.Fprintf(c.env.Stdout, "%s  %s, %d of %d pages %s\n", d.ID, d.Status, d.PagesReady, d.PageCount, d.Error)
	}
	return nil
}

func (c *cli) documentSearch() *cobra.Command {
	var user string
	q := document.Query{Page: fleet.Page{Limit: 20}}
	cmd := &cobra.Command{
		Use: "search WORD...", Short: "Find pages by their words", Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, words []string) error {
			q.Text = strings.Join(words, " ")
			return c.as(cmd.Context(), user, func(a *app.App, who account.Actor) error {
				found, err := a.Documents.Search(cmd.Context(), who, q)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(found)
				}
				return c.printHits(found)
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "e-mail address of the user who looks (the only one unless given)")
	cmd.Flags().IntVar(&q.Limit, "limit", 20, "how many hits")
	return cmd
}

func (c *cli) printHits(r document.Results) error {
	if r.Corrected != "" {
		fmt.Fprintf(c.env.Stdout, "searched for %s instead\n", r.Corrected)
	}
	plain := strings.NewReplacer("<mark>", "[", "</mark>", "]")
	for _, h := range r.Hits {
		place := h.Title
		if h.Page > 0 {
			place = fmt.Sprintf("%s, page %d", h.Title, h.Page)
		}
		fmt.Fprintf(c.env.Stdout, "%s\n    %s\n", place, html.UnescapeString(plain.Replace(h.Snippet)))
	}
	_, err := fmt.Fprintf(c.env.Stdout, "%d hits in %.1f ms\n", r.Total, r.TookMS)
	return err
}

func (c *cli) documentReindex() *cobra.Command {
	return &cobra.Command{
		Use: "reindex", Short: "Rebuild the search index from the papers", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(a *app.App) error {
				n, err := a.Documents.Reindex(cmd.Context(), func(int, int) {})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.env.Stdout, "indexed %d documents\n", n)
				return err
			})
		},
	}
}
