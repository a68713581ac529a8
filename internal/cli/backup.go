package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/backup"
	"navidocs/internal/fault"
	"navidocs/internal/keeper"
)

// backups holds the flags that the commands of the group share.
type backups struct {
	*cli
	from, identity string
}

func (c *cli) backup() *cobra.Command {
	b := &backups{cli: c}
	cmd := group("backup", "Make, check and restore backups",
		b.create(), b.list(), b.verify(), b.drill(), b.prune(), b.restore(), b.key())
	cmd.PersistentFlags().StringVar(&b.from, "from", "", "where the backups lie: a folder or s3://key:secret@host/bucket (DATABASE_BACKUP_DIR unless given)")
	cmd.PersistentFlags().StringVar(&b.identity, "identity", "", "file with a secret key that opens them: the recovery key, or that of BACKUP_RECIPIENT")
	return cmd
}

// with opens what backups need, runs f, and closes it.
func (b *backups) with(ctx context.Context, offline bool, f func(s *backup.Service) error) error {
	o := app.BackupOptions{From: b.from, Offline: offline}
	if b.identity != "" {
		text, err := os.ReadFile(b.identity)
		if err != nil {
			return usageError{fmt.Errorf("--identity: %w", err)}
		}
		o.Identity = string(text)
	}
	return b.quietly(ctx, o, func(a *app.App) error { return f(a.Backups) })
}

func (b *backups) create() *cobra.Command {
	var o backup.CreateOptions
	var dry bool
	cmd := &cobra.Command{
		Use: "create", Short: "Make a backup, verify it, and remove those that are not kept", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.with(cmd.Context(), false, func(s *backup.Service) error {
				if dry {
					return b.printPlan(s.CreatePlan(cmd.Context()))
				}
				e, err := s.Create(cmd.Context(), o)
				if e.VerifiedAt != nil {
					err = errors.Join(b.printEntries([]backup.Entry{e}, false), err)
				}
				if err != nil {
					return err
				}
				_, err = s.Prune(cmd.Context(), s.Keeping(), b.announce)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Reason, "reason", "by hand", "why, as lists show it")
	f.BoolVar(&o.Deep, "deep", false, "read every paper on the shelf again")
	f.StringVar(&o.Encrypt, "encrypt", "", "public key (age1...) that the backup is encrypted to")
	f.BoolVar(&dry, "dry-run", false, "only say what would be copied")
	f.StringVar(&o.To, "to", "", "second place for this backup: a folder or s3://key:secret@host/bucket")
	return cmd
}

func (b *backups) printPlan(p backup.Plan, err error) error {
	if err != nil {
		return err
	}
	if b.json {
		return b.printJSON(p)
	}
	_, err = fmt.Fprintf(b.env.Stdout, "would copy a database of %s and %d of %d papers (%s) to %s\n", size(p.DatabaseBytes), p.NewBlobs, p.Blobs, size(p.NewBytes), p.To)
	return err
}

// announce says what will be removed, before it is.
func (b *backups) announce(leave []backup.Entry) {
	for _, e := range leave {
		fmt.Fprintln(b.env.Stderr, "removing", e.ID)
	}
}

func (b *backups) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the backups, newest first", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.with(cmd.Context(), true, func(s *backup.Service) error {
				all, err := s.List(cmd.Context())
				if err != nil {
					return err
				}
				return b.printEntries(all, true)
			})
		},
	}
}

// printEntries prints backups; JSON is a bare array for a list, one object else.
func (b *backups) printEntries(all []backup.Entry, array bool) error {
	if b.json && array {
		return b.printJSON(all)
	}
	if b.json {
		return b.printJSON(all[0])
	}
	w := tabwriter.NewWriter(b.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BACKUP\tUTC\tSIZE\tROWS\tPAPERS\tSCHEMA\tRELEASE\tVERIFIED\tDRILLED\tOFF-SITE")
	for _, e := range all {
		if e.Damage != "" {
			fmt.Fprintf(w, "%s\t%s\tDAMAGED: %s\n", e.ID, e.Created.Format(time.DateTime), e.Damage)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", e.ID, e.Created.Format(time.DateTime), size(e.Bytes), e.Rows, e.Blobs, e.Schema, e.Release,
			moment(e.VerifiedAt), moment(e.DrilledAt), map[bool]string{true: "yes", false: "no"}[e.OffSite])
	}
	return w.Flush()
}

func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.DateTime)
}

func size(n int64) string {
	for _, unit := range []string{"B", "KB", "MB", "GB"} {
		if n < 10_000 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%d TB", n)
}

func (b *backups) verify() *cobra.Command {
	var all bool
	var part string
	cmd := &cobra.Command{
		Use: "verify [ID]", Short: "Read a backup (the newest unless named) and say what is wrong with it", Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			sample, err := percent(part)
			if err != nil {
				return err
			}
			return b.with(cmd.Context(), true, func(s *backup.Service) error {
				ids, err := chosen(cmd.Context(), s, given, all)
				if err != nil {
					return err
				}
				return b.reports(ids, func(id string) (backup.Report, error) {
					return s.Verify(cmd.Context(), id, backup.VerifyOptions{Sample: sample})
				})
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every backup")
	cmd.Flags().StringVar(&part, "sample", "100%", "part of the papers that is read again")
	return cmd
}

func percent(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || n < 0 || n > 100 {
		return 0, usageError{fmt.Errorf("--sample %q: want 0%% to 100%%", text)}
	}
	return n / 100, nil
}

// chosen are the backups that a command is about, the newest by itself.
func chosen(ctx context.Context, s *backup.Service, given []string, all bool) (ids []string, err error) {
	if len(given) > 0 {
		return given, nil
	}
	entries, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fault.New(fault.NotFound, "there are no backups: make one with navidocs backup create")
	}
	for _, e := range entries {
		if ids = append(ids, e.ID); !all {
			break
		}
	}
	return ids, nil
}

// reports examines backups one after the other and fails when any is damaged.
func (b *backups) reports(ids []string, examine func(id string) (backup.Report, error)) error {
	found := []backup.Report{}
	damaged, first := 0, ""
	for _, id := range ids {
		r, err := examine(id)
		if err != nil {
			return err
		}
		if found = append(found, r); len(r.Damages) > 0 {
			damaged++
			first = cmp.Or(first, r.Damages[0].Check+": "+r.Damages[0].Text)
		}
		if !b.json {
			b.printReport(r)
		}
	}
	if b.json {
		if err := b.printJSON(found); err != nil {
			return err
		}
	}
	if damaged > 0 {
		return fmt.Errorf("%d of %d backups are damaged (%s): make a new one with navidocs backup create", damaged, len(ids), first)
	}
	return nil
}

func (b *backups) printReport(r backup.Report) {
	took := (time.Duration(r.Millis) * time.Millisecond).Round(10 * time.Millisecond)
	state := "good"
	if len(r.Damages) > 0 {
		state = "DAMAGED"
	} else if r.Sealed {
		state = "good as far as it can be read without a key: give --identity FILE"
	}
	fmt.Fprintf(b.env.Stdout, "%s: %s (%d of %d papers read, %s)\n", r.ID, state, r.BlobsRead, r.Blobs, took)
	for _, d := range r.Damages {
		fmt.Fprintf(b.env.Stdout, "  %s: %s\n", d.Check, d.Text)
	}
}

func (b *backups) drill() *cobra.Command {
	return &cobra.Command{
		Use: "drill [ID]", Short: "Restore a backup (the newest unless named) elsewhere, migrate it, try it, and remove it again", Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return b.with(cmd.Context(), false, func(s *backup.Service) error {
				ids, err := chosen(cmd.Context(), s, given, false)
				if err != nil {
					return err
				}
				return b.reports(ids, func(id string) (backup.Report, error) { return s.Drill(cmd.Context(), id) })
			})
		},
	}
}

func (b *backups) prune() *cobra.Command {
	var k backup.Keep
	var dry bool
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove the backups that are not kept, and papers that none names", Args: args(cobra.NoArgs),
		Long: "Remove the backups that are not kept, and papers that none names.\nThe newest verified backup always stays, and so does that of the deploy which replaced the previous release.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.with(cmd.Context(), true, func(s *backup.Service) error {
				keep := s.Keeping()
				for name, value := range map[string][2]*int{"keep": {&keep.Last, &k.Last}, "keep-daily": {&keep.Daily, &k.Daily}, "keep-weekly": {&keep.Weekly, &k.Weekly}, "keep-monthly": {&keep.Monthly, &k.Monthly}} {
					if cmd.Flags().Changed(name) {
						*value[0] = *value[1]
					}
				}
				var leave []backup.Entry
				var err error
				if dry {
					leave, err = s.PrunePlan(cmd.Context(), keep)
				} else {
					leave, err = s.Prune(cmd.Context(), keep, b.announce)
				}
				return errors.Join(b.printRemoved(leave, dry), err)
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&k.Last, "keep", 0, "newest backups that stay (BACKUP_KEEP_LAST unless given)")
	f.IntVar(&k.Daily, "keep-daily", 0, "days of which one stays (BACKUP_KEEP_DAILY)")
	f.IntVar(&k.Weekly, "keep-weekly", 0, "weeks of which one stays (BACKUP_KEEP_WEEKLY)")
	f.IntVar(&k.Monthly, "keep-monthly", 0, "months of which one stays (BACKUP_KEEP_MONTHLY)")
	f.BoolVar(&dry, "dry-run", false, "only say what would go")
	return cmd
}

func (b *backups) printRemoved(leave []backup.Entry, dry bool) error {
	if b.json {
		ids := []string{}
		for _, e := range leave {
			ids = append(ids, e.ID)
		}
		return b.printJSON(ids)
	}
	if dry {
		for _, e := range leave {
			fmt.Fprintln(b.env.Stdout, "would remove", e.ID)
		}
	}
	_, err := fmt.Fprintf(b.env.Stdout, "%d backups %s\n", len(leave), map[bool]string{true: "would go", false: "removed"}[dry])
	return err
}

func (b *backups) restore() *cobra.Command {
	var o backup.RestoreOptions
	cmd := &cobra.Command{
		Use: "restore ID", Short: "Bring a backup back, in place or into a new folder", Args: args(cobra.ExactArgs(1)),
		Long: "Bring a backup back.\n\nIn place it holds the requests of a server that has a keeper (navidocs serve),\nand needs any other one stopped. It says what is newer than the backup and\nwould be lost, and refuses without --accept-loss. The present state is backed up\nfirst. A backup of an older release is migrated up.\n\nOn a new machine: navidocs backup restore ID --from PLACE --identity FILE, where\nFILE holds the recovery key, so that the sealed secrets come back too.",
		RunE: func(cmd *cobra.Command, given []string) error {
			if !b.json {
				o.Announce = b.printLoss
			}
			bring := func() error { return b.bring(cmd.Context(), given[0], o) }
			if o.To != "" {
				return bring()
			}
			return b.holding(cmd.Context(), bring)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.To, "to", "", "new folder that becomes a home of its own, instead of in place")
	f.BoolVar(&o.AcceptLoss, "accept-loss", false, "what is newer than the backup may be lost")
	f.BoolVar(&o.DryRun, "dry-run", false, "only say what would be lost")
	return cmd
}

func (b *backups) bring(ctx context.Context, id string, o backup.RestoreOptions) error {
	return b.with(ctx, true, func(s *backup.Service) error {
		done, err := s.Restore(ctx, id, o)
		if b.json && (err == nil || done.Loss.BackupID != "") {
			err = errors.Join(b.printJSON(done), err)
		}
		if err == nil && !b.json && !o.DryRun {
			b.printRestored(done)
		}
		return err
	})
}

// holding does something while the server that a keeper keeps is ended: who asks
// meanwhile waits. Without a keeper it is just done.
func (b *backups) holding(ctx context.Context, do func() error) error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	k, err := keeper.Dial(ctx, cfg.Home)
	if fault.Is(err, fault.Unavailable) {
		return do()
	}
	if err != nil {
		return err
	}
	defer k.Close() //nolint:errcheck // only asked
	if _, err := k.Pause(ctx); err != nil {
		return err
	}
	err = do()
	if _, rerr := k.Resume(context.WithoutCancel(ctx)); rerr != nil {
		err = errors.Join(err, fault.Because(rerr, fault.Unavailable, "the server does not start again, and requests wait: mend what it says, then navidocs restart"))
	}
	return err
}

func (b *backups) printLoss(l backup.Loss) {
	fmt.Fprintf(b.env.Stdout, "%s is %d minutes older than now.\n", l.BackupID, l.Minutes)
	if l.Unknown != "" {
		fmt.Fprintln(b.env.Stdout, "What would be lost cannot be told:", l.Unknown)
		return
	}
	if !l.Any() {
		fmt.Fprintln(b.env.Stdout, "Nothing would be lost.")
		return
	}
	w := tabwriter.NewWriter(b.env.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "table\trows lost\tolder form\tcome back\tcolumns lost\t")
	for _, d := range l.Tables {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t\n", d.Table, d.Added, d.Changed, d.Removed, strings.Join(d.Columns, " "))
	}
	w.Flush() //nolint:errcheck // where it fails there is nobody left to tell
}

func (b *backups) printRestored(r backup.Restored) {
	out := b.env.Stdout
	fmt.Fprintf(out, "restored %s, %d papers brought back, schema %d\n", r.ID, r.Blobs, r.Schema)
	if r.To != "" {
		fmt.Fprintf(out, "start it with: navidocs --home %s serve\n", r.To)
	}
	if r.Keys {
		fmt.Fprintln(out, "the keys came back too: sealed secrets and sessions work on")
	}
	if r.Safety != "" {
		fmt.Fprintln(out, "the state before is kept as", r.Safety)
	}
	if r.Aside != "" {
		fmt.Fprintln(out, "the state before could not be backed up; it lies in", r.Aside)
	}
	for _, d := range r.Missing {
		fmt.Fprintln(out, "the backup never had the paper", d)
	}
}

func (b *backups) key() *cobra.Command {
	return group("key", "The recovery key, which opens the keys of a backup on a new machine", b.keyConfirm(), b.keyRenew())
}

func (b *backups) keyConfirm() *cobra.Command {
	return &cobra.Command{
		Use: "confirm", Short: "Show that you keep the recovery key; it is read from standard input", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := b.config()
			if err != nil {
				return err
			}
			text, err := io.ReadAll(io.LimitReader(b.env.Stdin, 1<<16))
			if err != nil {
				return err
			}
			if err := backup.ConfirmRecoveryKey(cfg.KeyDir(), string(text)); err != nil {
				return err
			}
			_, err = fmt.Fprintln(b.env.Stdout, "the recovery key is confirmed")
			return err
		},
	}
}

func (b *backups) keyRenew() *cobra.Command {
	return &cobra.Command{
		Use: "renew", Short: "Make a new recovery key; older backups still need the old one", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := b.config()
			if err != nil {
				return err
			}
			secret, err := backup.RenewRecoveryKey(cfg.KeyDir())
			if err != nil {
				return err
			}
			if b.json {
				return b.printJSON(map[string]string{"recovery_key": secret})
			}
			_, err = fmt.Fprint(b.env.Stdout, recoveryText(secret))
			return err
		},
	}
}

// recoveryText shows the recovery key, once.
func recoveryText(secret string) string {
	return "Recovery key: " + secret + "\n" +
		"Keep it away from this machine: it is shown this once, and opens the secrets in a backup when the machine is lost.\n" +
		"Then confirm it: navidocs backup key confirm\n"
}
