package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/logfile"
)

// elsewhere is where a server's words are that keeps no file of them.
const elsewhere = "one started with --alone or --demo, and api and worker, only print: see the terminal, journalctl -u navidocs, or docker logs"

func (c *cli) logs() *cobra.Command {
	var level, since string
	var follow bool
	q := logfile.Query{}
	cmd := &cobra.Command{
		Use: "logs", Short: "Show what the server has said", Args: args(cobra.NoArgs),
		Long: "Show what navidocs serve has said, and the servers that it started: the last 100 lines, or all\nsince a time. It is kept for 30 days in state/log.\n" +
			"The file is kept by navidocs serve: " + elsewhere + ".",
		Example: "  navidocs logs --level error --since 1d\n  navidocs logs --follow --grep job\n  navidocs logs --since 30m --json | jq 'select(.status >= 500)'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := logQuery(&q, level, since, time.Now()); err != nil {
				return usageError{err}
			}
			if !cmd.Flags().Changed("lines") && !q.Since.IsZero() {
				q.Last = 0
			}
			return c.runLogs(cmd, q, follow)
		},
	}
	f := cmd.Flags()
	f.StringVar(&level, "level", "debug", "least important level: debug, info, warn or error")
	f.StringVar(&since, "since", "", "how long ago (30m, 2h, 1d) or when (2026-05-04T08:00:00Z)")
	f.StringVar(&q.Grep, "grep", "", "only lines with this text in them, whatever its case")
	f.IntVarP(&q.Last, "lines", "n", 100, "how many of the newest lines; 0 for all (as with --since)")
	f.BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on")
	return cmd
}

// logQuery reads the flags.
func logQuery(q *logfile.Query, level, since string, now time.Time) (err error) {
	if q.Last < 0 {
		return fmt.Errorf("--lines %d is below zero", q.Last)
	}
	if q.Level.UnmarshalText([]byte(level)) != nil {
		return fmt.Errorf("--level %q is none of debug, info, warn and error", level)
	}
	if since != "" {
		q.Since, err = ago(since, now)
	}
	return err
}

// ago is a time that was given as one, or as what has passed since.
func ago(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	days, isDays := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(days)
	took := time.Duration(n) * 24 * time.Hour
	if !isDays {
		took, err = time.ParseDuration(text)
	}
	if err != nil || took < 0 || n > 36500 {
		return time.Time{}, fmt.Errorf("--since %q is neither how long ago (30m, 2h, 1d) nor a time (2026-05-04T08:00:00Z)", text)
	}
	return now.Add(-took), nil
}

// glance is how often logs --follow looks.
const glance = 200 * time.Millisecond

func (c *cli) runLogs(cmd *cobra.Command, q logfile.Query, follow bool) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	path := logfile.Path(cfg.StateDir())
	if k, err := keeper.Dial(cmd.Context(), cfg.Home); err != nil {
		fmt.Fprintln(c.env.Stderr, "navidocs serve does not run here; "+elsewhere)
	} else if err := k.Close(); err != nil {
		return err
	}
	show := func(r logfile.Record) error {
		line := r.String()
		if c.json {
			line = r.Raw
		}
		_, err := fmt.Fprintln(c.env.Stdout, line)
		return err
	}
	if follow {
		ticker := time.NewTicker(glance)
		defer ticker.Stop()
		return logfile.Follow(cmd.Context(), path, q, ticker.C, show)
	}
	err = logfile.Read(path, q, show)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "there is no log at %s: navidocs serve keeps it; %s", path, elsewhere)
	}
	return err
}
