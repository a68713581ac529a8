package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

func (c *cli) queue() *cobra.Command {
	return group("queue", "Look at and steer the background jobs, also while a server runs",
		c.queueList(), c.queueDead(), c.queueStats(), c.queuePause(), c.queueDrain(), c.queueResume(), c.queueRetry())
}

// onQueue opens the installation for a command that works on its queue.
func (c *cli) onQueue(cmd *cobra.Command, f func(ctx context.Context, q *job.Queue) error) error {
	return c.quietly(cmd.Context(), app.BackupOptions{}, func(a *app.App) error { return f(cmd.Context(), a.Jobs) })
}

// dryRun adds the flag of commands that write.
func dryRun(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("dry-run", false, "say what would be done, and do nothing")
}

func (c *cli) queueList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the jobs that wait or run", Args: args(cobra.NoArgs),
		Long: "List the jobs that wait or run, at most 1,000.\nA running one is given to another worker when its lease is over and it has not ended.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onQueue(cmd, func(ctx context.Context, q *job.Queue) error {
				all, err := q.Jobs(ctx)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(all)
				}
				return c.printEntries(all)
			})
		},
	}
}

func (c *cli) printEntries(all []job.Entry) error {
	rows := make([][]string, len(all))
	for i, e := range all {
		lease := ""
		if e.LeaseUntil != nil {
			lease = in(*e.LeaseUntil)
		}
		rows[i] = []string{strconv.FormatInt(e.ID, 10), e.Kind, e.State, attempts(e), since(e.CreatedAt), lease}
	}
	return c.table("ID\tKIND\tSTATE\tATTEMPT\tAGE\tLEASE", rows)
}

func attempts(e job.Entry) string { return fmt.Sprintf("%d/%d", e.Attempt, e.MaxAttempts) }

// since is how long ago an instant was, to the second.
func since(t time.Time) string { return max(0, time.Since(t)).Round(time.Second).String() }

// in is how far away an instant is, to the second.
func in(t time.Time) string { return max(0, time.Until(t)).Round(time.Second).String() }

// table prints rows under a head, in columns; nothing when there is no row.
func (c *cli) table(head string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	lines := []string{head}
	for _, r := range rows {
		lines = append(lines, strings.Join(r, "\t"))
	}
	if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
		return err
	}
	return w.Flush()
}

func (c *cli) queueDead() *cobra.Command {
	return &cobra.Command{
		Use: "dead", Short: "List the jobs that failed in all their attempts, the newest first", Args: args(cobra.NoArgs),
		Long: "List the jobs that failed in all their attempts, the newest first.\nThey are kept for 90 days; navidocs queue retry tries them again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onQueue(cmd, func(ctx context.Context, q *job.Queue) error {
				all, err := q.Dead(ctx)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(all)
				}
				rows := make([][]string, len(all))
				for i, e := range all {
					first, _, _ := strings.Cut(e.Error, "\n")
					rows[i] = []string{strconv.FormatInt(e.ID, 10), e.Kind, attempts(e), since(*e.EndedAt), first}
				}
				return c.table("ID\tKIND\tATTEMPT\tDEAD FOR\tLAST ERROR", rows)
			})
		},
	}
}

func (c *cli) queueStats() *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "Say how the queue does: depth, age and duration by kind, and what runs", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onQueue(cmd, func(ctx context.Context, q *job.Queue) error {
				s, err := q.Stats(ctx)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(s)
				}
				return c.printStats(s)
			})
		},
	}
}

func (c *cli) printStats(s job.Stats) error {
	workers, queue := "stopped", "open"
	if s.Working {
		workers = "running"
	}
	if s.Paused {
		queue = "paused (navidocs queue resume)"
	}
	waiting, rows := 0, [][]string{}
	for _, k := range s.Kinds {
		waiting += k.Waiting
		rows = append(rows, []string{
			k.Kind, strconv.Itoa(k.Waiting), strconv.Itoa(k.Running), strconv.Itoa(k.Dead), strconv.Itoa(k.Completed), seconds(k.Oldest), seconds(k.P95),
		})
	}
	_, err := fmt.Fprintf(c.env.Stdout, "workers: %s\nqueue: %s\nwaiting: %d, running: %d, dead: %d, oldest due for %s\n",
		workers, queue, waiting, s.States["running"], s.States["discarded"], seconds(s.Oldest))
	return errors.Join(err, c.table("KIND\tWAITING\tRUNNING\tDEAD\tCOMPLETED\tOLDEST\tP95", rows), c.printEntries(s.Running))
}

// seconds prints a duration to the millisecond below ten seconds.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// paused is what the commands that pause and resume print.
type paused struct {
	Paused bool `json:"paused"`
	DryRun bool `json:"dry_run"`
}

func (c *cli) queuePause() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause", Short: "Let workers claim no more jobs; those in hand go on", Args: args(cobra.NoArgs),
		Long: "Let workers claim no more jobs, until navidocs queue resume; it holds over restarts.\nJobs in hand go on: navidocs queue drain waits for them.",
	}
	dry := dryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.setPaused(cmd, true, *dry)
	}
	return cmd
}

func (c *cli) queueResume() *cobra.Command {
	cmd := &cobra.Command{Use: "resume", Short: "Let workers claim jobs again", Args: args(cobra.NoArgs)}
	dry := dryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.setPaused(cmd, false, *dry)
	}
	return cmd
}

func (c *cli) setPaused(cmd *cobra.Command, pause, dry bool) error {
	return c.onQueue(cmd, func(ctx context.Context, q *job.Queue) error {
		set, text := q.Resume, "the queue is open"
		if pause {
			set, text = q.Pause, "the queue is paused; navidocs queue resume opens it again"
		}
		now, err := q.Paused(ctx)
		switch {
		case err != nil:
			return err
		case dry && now == pause:
			text = "nothing would change: " + text
		case dry && pause:
			text = "would pause the queue"
		case dry:
			text = "would open the queue"
		default:
			now, err = pause, set(ctx)
		}
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(paused{now, dry})
		}
		_, err = fmt.Fprintln(c.env.Stdout, text)
		return err
	})
}

func (c *cli) queueDrain() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drain", Short: "Pause the queue and wait until no job runs", Args: args(cobra.NoArgs),
		Long: "Pause the queue and wait until no job runs; exit code 1 when some still run after the timeout.\nEither way the queue stays paused until navidocs queue resume.",
	}
	timeout := cmd.Flags().Duration("timeout", 2*time.Minute, "how long to wait")
	dry := dryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *timeout < 0 {
			return usageError{fmt.Errorf("--timeout is %s, but must not be negative", *timeout)}
		}
		return c.onQueue(cmd, func(ctx context.Context, q *job.Queue) error {
			if *dry {
				return c.rehearseDrain(ctx, q)
			}
			return c.drain(ctx, q, *timeout)
		})
	}
	return cmd
}

// drained is what drain prints; Running are the jobs that it would wait for, or
// that it waited for in vain.
type drained struct {
	paused
	Running []job.Entry `json:"running"`
}

func (c *cli) drain(ctx context.Context, q *job.Queue, timeout time.Duration) error {
	left, err := q.Drain(ctx, timeout)
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(c.env.Stderr, "the queue stays paused; navidocs queue resume opens it again")
		}
		return err
	}
	switch {
	case c.json:
		err = c.printJSON(drained{paused{true, false}, append([]job.Entry{}, left...)})
	case len(left) > 0:
		err = c.printEntries(left)
	default:
		_, err = fmt.Fprintln(c.env.Stdout, "no job runs; the queue stays paused until navidocs queue resume")
	}
	if len(left) > 0 {
		return errors.Join(err, fault.New(fault.Unavailable,
			"jobs that still run after %s: %d. The queue stays paused: navidocs queue drain waits again, navidocs queue resume gives up", timeout, len(left)))
	}
	return err
}

func (c *cli) rehearseDrain(ctx context.Context, q *job.Queue) error {
	running, err := q.Jobs(ctx, "running")
	if err != nil {
		return err
	}
	if c.json {
		now, err := q.Paused(ctx)
		return errors.Join(err, c.printJSON(drained{paused{now, true}, running}))
	}
	_, err = fmt.Fprintf(c.env.Stdout, "would pause the queue and wait for %d running jobs\n", len(running))
	return errors.Join(err, c.printEntries(running))
}

func (c *cli) queueRetry() *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry ID...", Short: "Make dead, cancelled or waiting jobs available at once", Args: args(cobra.MinimumNArgs(1)),
		Long:    "Make dead, cancelled or waiting jobs available at once: all that are named, or none.\nA job that runs or has completed is refused (exit code 3).",
		Example: "  navidocs queue dead --json | jq '.[].id' | xargs navidocs queue retry",
	}
	dry := dryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		ids := make([]int64, len(given))
		for i, text := range given {
			var err error
			if ids[i], err = strconv.ParseInt(text, 10, 64); err != nil {
				return usageError{fmt.Errorf("%q is no id of a job; see navidocs queue dead", text)}
			}
		}
		return c.onQueue(cmd, func(ctx context.Context, q *job.Queue) error {
			if err := q.Retry(ctx, ids, *dry); err != nil {
				return err
			}
			return c.printRetried(ids, *dry)
		})
	}
	return cmd
}

func (c *cli) printRetried(ids []int64, dry bool) error {
	if c.json {
		return c.printJSON(map[string]any{"retried": ids, "dry_run": dry})
	}
	text := "available again:"
	if dry {
		text = "would be available again:"
	}
	for _, id := range ids {
		text += " " + strconv.FormatInt(id, 10)
	}
	_, err := fmt.Fprintln(c.env.Stdout, text)
	return err
}
