package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/ops"
	"navidocs/internal/release"
)

// Deploy puts a release in the place of the one that runs, and goes back by
// itself when the new one does worse. It runs the commands of both releases and
// speaks to the keeper.
type Deploy struct {
	Home, State string
	Trust       release.Trust
	// Self is the binary that runs where no release was deployed yet.
	Self string
	// Keeper reaches the keeper of Home.
	Keeper func(ctx context.Context) (*keeper.Client, error)
	// Tool runs a command of a binary in Home and returns what it printed; its
	// error says what the command said.
	Tool func(ctx context.Context, binary string, args ...string) (stdout []byte, err error)
	// Rows counts the rows of every table, while no trial has rows there that go
	// when it ends.
	Rows func(ctx context.Context) ([]db.TableDigest, error)
	// Announce tells operators; that somebody could not be told stops nothing.
	Announce func(ctx context.Context, a Announcement)
	// Progress hears of every step when it has ended.
	Progress func(s Step)
	Now      func() time.Time
	Options  Options
}

// Options are what the operator says.
type Options struct {
	By, ApprovedBy string
	// NoReview deploys what nobody has reviewed.
	NoReview bool
	// Watch is how long the old release is kept warm while the new one is judged;
	// 0 commits at once.
	Watch time.Duration
	// Hold leaves both releases there after the watch, for a person to decide.
	Hold bool
	// Keep is how many releases stay on the disk.
	Keep int
	// Contacts are whom to call, for incidents.
	Contacts string
}

// deploy is one run in hand.
type deploy struct {
	*Deploy

	run      Run
	keeper   *keeper.Client
	pid      int  // of the new release
	tried    bool // it, and what a trial leaves that was cut off is there
	fresh    release.Release
	old      string // the binary that runs now
	gate     Gate
	answered time.Duration // by the old release to a question over its private socket
	promoted moment        // what the new release had counted when users came to it
	said     []string      // the last lines of the servers, when the new release did not hold
}

// Run deploys what lies at path: the folder, the archive or the binary of a
// release. The returned Run says how it ended. Without an error the release is
// committed, or held when that was asked for; a Conflict means that nothing was
// begun; any other error that users still have the old release.
func (d *Deploy) Run(ctx context.Context, path string) (_ Run, err error) {
	defer fault.Wrap(&err, "deploy %s", path)
	now := d.Now().UTC()
	x := &deploy{Deploy: d, run: Run{
		ID: now.Format("20060102-150405.000"), Kind: "deploy", Outcome: Begun, By: d.Options.By, ApprovedBy: d.Options.ApprovedBy, At: now, Steps: []Step{},
	}}
	unlock, err := ops.Lock(ctx, d.State, ops.Holder{PID: os.Getpid(), By: d.Options.By, Why: "deploy " + path, Since: now})
	if err != nil {
		x.run.Outcome, x.run.Reason = Refused, fault.Message(err)
		return x.run, err
	}
	defer unlock() //nolint:errcheck // the process ends
	if err := JournalOf(d.State).Add(x.run); err != nil {
		return x.run, err
	}
	return x.end(ctx, x.deploy(ctx, path))
}

// deploy goes through the steps of operations.md 5. Whatever happens before the
// promotion, no user has met the new release; what the schema was expanded by
// may stay.
func (x *deploy) deploy(ctx context.Context, path string) error {
	steps := []step{
		{"stage", func(ctx context.Context) (string, error) { return x.stage(ctx, path) }},
		{"preflight", x.preflight},
		{"announce", x.begins},
		{"backup", x.backup},
		{"rehearsal", x.rehearse},
		{"migrate", x.migrate},
		{"start", x.start},
		{"smoke", x.smoke},
		{"promote", x.promote},
		{"watch", x.watchAndWork},
	}
	for _, s := range steps {
		if err := x.step(ctx, s); err != nil {
			return x.undo(ctx, s.name, err)
		}
	}
	if x.Options.Hold {
		x.run.Outcome = Held
		return nil
	}
	return x.step(ctx, step{"commit", x.commit})
}

// step is a part of a run. Its text says what was found or done.
type step struct {
	name string
	do   func(ctx context.Context) (text string, err error)
}

func (x *deploy) step(ctx context.Context, s step) error {
	began := x.Now()
	x.run.Step = s.name
	if err := JournalOf(x.State).Add(x.run); err != nil && x.promoted.at.IsZero() {
		return err // later it is no reason to go on or back; end says it
	}
	text, err := s.do(ctx)
	done := Step{Name: s.name, TookMS: x.Now().Sub(began).Milliseconds(), OK: err == nil, Text: text}
	if err != nil {
		done.Text = fault.Message(err)
	}
	x.run.Steps = append(x.run.Steps, done)
	x.Progress(done)
	return err
}

func (x *deploy) stage(ctx context.Context, path string) (string, error) {
	var err error
	if x.keeper, err = x.Keeper(ctx); err != nil {
		return "", err
	}
	mended, err := mending{x.Home, x.State, x.run.ID, x.keeper, x.Now}.run(ctx, false)
	if err != nil {
		return "", err
	}
	if x.fresh, err = release.Stage(ctx, x.Home, path, x.Trust); err != nil {
		return "", err
	}
	current, err := x.current(ctx)
	if err != nil {
		return "", err
	}
	x.run.Release, x.run.Previous, x.old = x.fresh.Name, current.Name, current.Binary()
	text := x.fresh.Name + ", commit " + orNone(x.fresh.Manifest.Commit)
	if mended != "" {
		text += "; " + mended
	}
	return text, nil
}

// current is the release that runs. Where none was deployed yet it is the binary
// that was started, which becomes one, so that there is a way back to it.
func (x *deploy) current(ctx context.Context) (release.Release, error) {
	r, err := release.Current(x.Home)
	if !fault.Is(err, fault.NotFound) {
		return r, err
	}
	if r, err = release.Stage(ctx, x.Home, x.Self, release.Trust{Unsigned: true}); err != nil {
		return r, err
	}
	return r, release.Commit(ctx, x.Home, r)
}

// folderName is a release of the keeper, which knows folders, by its name.
func folderName(folder string) string {
	if folder == "" {
		return "the one before"
	}
	return filepath.Base(folder)
}

func orNone(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// preflight has the new release look whether it may be deployed here.
func (x *deploy) preflight(ctx context.Context) (string, error) {
	args := []string{"preflight", "--json", "--deploying", "--release", x.fresh.Dir}
	if x.Options.NoReview {
		args = append(args, "--no-review")
	}
	if x.Trust.Unsigned {
		args = append(args, "--unsigned")
	}
	out, err := x.Tool(ctx, x.fresh.Binary(), args...)
	var found []ops.Finding
	if json.Unmarshal(out, &found) != nil {
		return "", err
	}
	var failed, warned []string
	for _, f := range found {
		switch {
		case f.Verdict == ops.Fail && !f.Fixed:
			failed = append(failed, fmt.Sprintf("%s: %s; %s", f.Check, f.Text, f.Remedy))
		case f.Verdict == ops.Warn:
			warned = append(warned, f.Check)
		}
	}
	if len(failed) > 0 {
		return "", fault.New(fault.Conflict, "preflight: %s", strings.Join(failed, ". "))
	}
	text := fmt.Sprintf("%d checks", len(found))
	if len(warned) > 0 {
		text += ", warnings: " + strings.Join(warned, ", ")
	}
	return text, err
}

func (x *deploy) begins(ctx context.Context) (string, error) {
	x.Announce(ctx, Announcement{
		Title: "NaviDocs " + x.fresh.Manifest.Version + " is being deployed",
		Lines: []string{"by " + orNone(x.run.By) + ", approved by " + orNone(x.run.ApprovedBy), "it replaces " + orNone(x.run.Previous) + "; nobody has to do anything"},
	})
	return "operators are told", nil
}

// backup is made and verified by the release that wrote the data.
func (x *deploy) backup(ctx context.Context) (string, error) {
	out, err := x.Tool(ctx, x.old, "backup", "create", "--json", "--reason", "deploy "+x.fresh.Name)
	var made struct {
		ID   string `json:"id"`
		Rows int64  `json:"rows"`
	}
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if err != nil {
		return "", err
	}
	x.run.Backup = made.ID
	return fmt.Sprintf("%s, %d rows", made.ID, made.Rows), nil
}

// rehearse restores the backup elsewhere, migrates it with the new release and
// tries it as a server.
func (x *deploy) rehearse(ctx context.Context) (string, error) {
	if _, err := x.Tool(ctx, x.fresh.Binary(), "backup", "drill", x.run.Backup, "--json"); err != nil {
		return "", err
	}
	_, err := x.Tool(ctx, x.fresh.Binary(), "migrate", "rehearse", "--json")
	return "the backup was restored, migrated and tried", err
}

// migrate expands the schema; what older releases could not live with waits.
func (x *deploy) migrate(ctx context.Context) (text string, err error) {
	before, err := x.Rows(ctx)
	if err != nil {
		return "", err
	}
	if _, err = x.Tool(ctx, x.fresh.Binary(), "migrate", "up", "--json"); err != nil {
		return "", err
	}
	after, err := x.Rows(ctx)
	if err != nil {
		return "", err
	}
	if table := emptied(before, after); table != "" {
		return "", fault.New(fault.Internal, "the table %s has lost its rows in the migration: navidocs backup restore %s --to DIR brings them back", table, x.run.Backup)
	}
	return fmt.Sprintf("%d tables, none has lost rows", len(after)), nil
}

// emptied names a table that lost what a migration may not take. People delete
// things while it runs, so a few rows less say nothing.
func emptied(before, after []db.TableDigest) string {
	for _, b := range before {
		i := slices.IndexFunc(after, func(a db.TableDigest) bool { return a.Name == b.Name })
		if b.Rows > 0 && (i < 0 || after[i].Rows < b.Rows/2) {
			return b.Name
		}
	}
	return ""
}

func (x *deploy) start(ctx context.Context) (string, error) {
	c, err := x.keeper.Start(ctx, x.fresh.Dir)
	if err != nil {
		return "", err
	}
	x.pid = c.PID
	return fmt.Sprintf("process %d answers on its private socket", c.PID), nil
}

// smoke tries the candidate, which nobody else reaches.
func (x *deploy) smoke(ctx context.Context) (string, error) {
	return x.try(ctx, x.keeper, keeper.Candidate, "--no-jobs")
}

// SmokeTest is the name of all smoke tests of deploys: whoever deploys is alone, so
// that one which is there already was killed.
const SmokeTest = "deploy"

func (x *deploy) try(ctx context.Context, k *keeper.Client, role keeper.Role, more ...string) (string, error) {
	s, err := k.Status(ctx)
	if err != nil {
		return "", err
	}
	c, ok := s.Child(role)
	if !ok {
		return "", fault.New(fault.Internal, "the new release has ended: %s", lastWords(s))
	}
	x.tried = true
	args := append([]string{"smoke", "--json", "--socket", c.Socket, "--run", SmokeTest}, more...)
	out, err := x.Tool(ctx, x.fresh.Binary(), args...)
	var r ops.SmokeReport
	if json.Unmarshal(out, &r) != nil {
		return "", err
	}
	for _, suite := range r.Suites {
		if why := suite.Error + suite.Skipped; why != "" && (suite.Error != "" || suite.Name != ops.SuiteJobs) {
			return "", fault.New(fault.Internal, "smoke %s: %s", suite.Name, why)
		}
	}
	return fmt.Sprintf("%d suites", len(r.Suites)), err
}

func lastWords(s keeper.Status) string {
	if s.RolledBack == nil {
		return "see its log"
	}
	return s.RolledBack.Reason
}

// promote gives the new release the requests. What it is compared with is what
// the old one counted in all its time.
func (x *deploy) promote(ctx context.Context) (string, error) {
	s, err := x.keeper.Status(ctx)
	if err != nil {
		return "", err
	}
	if x.gate.Before, err = sampleOf(ctx, s, keeper.Leader); err != nil {
		return "", err
	}
	x.answered = answered(ctx, s, keeper.Leader)
	counted, err := sampleOf(ctx, s, keeper.Candidate)
	if err != nil {
		return "", err
	}
	if _, err = x.keeper.Promote(ctx, true); err != nil {
		return "", err
	}
	x.promoted = moment{counted, x.Now()}
	return "the new release serves, the old one is warm", nil
}

// watchAndWork judges the new release from its first answer on, while the work
// moves to it, which may take as long as the jobs that the old one has in hand.
func (x *deploy) watchAndWork(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	worked := make(chan error, 1)
	go func() {
		err := x.work(ctx)
		if err != nil {
			cancel()
		}
		worked <- err
	}()
	text, err := x.watch(ctx)
	if err != nil {
		cancel()
	}
	if werr := <-worked; werr != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = werr
	}
	return text, err
}

// work gives the new release the jobs, and sees one through.
func (x *deploy) work(ctx context.Context) error {
	k, err := x.Keeper(ctx) // of its own: each client is for one caller
	if err != nil {
		return err
	}
	defer k.Close() //nolint:errcheck // only asked
	if _, err := k.Promote(ctx, false); err != nil {
		return err
	}
	_, err = x.try(ctx, k, keeper.Leader)
	return err
}

// commit makes the new release the current one, which is the end: that the old
// one does not go, or that the disk is not tidied, is said and undoes nothing.
func (x *deploy) commit(ctx context.Context) (string, error) {
	if err := release.Commit(ctx, x.Home, x.fresh); err != nil {
		return "", err
	}
	ctx = context.WithoutCancel(ctx)
	x.run.Outcome = Committed
	text := "the old release has ended"
	if err := endWarm(ctx, x.keeper); err != nil {
		x.run.Reason = "the old release has not ended, navidocs commit ends it: " + fault.Message(err)
		text = x.run.Reason
	}
	gone, err := release.Prune(ctx, x.Home, max(x.Options.Keep, 2))
	if len(gone) > 0 {
		text += fmt.Sprintf(", %d older ones are removed", len(gone))
	}
	if err != nil {
		text += ", older ones could not be removed: " + fault.Message(err)
	}
	return text, nil
}

// end writes down how the run ended and tells the operators.
func (x *deploy) end(ctx context.Context, err error) (Run, error) {
	ctx = context.WithoutCancel(ctx)
	x.run.EndedAt, x.run.Step = new(x.Now().UTC()), ""
	var opened error
	if err != nil {
		x.run.Reason = fault.Message(err)
	}
	if err != nil && x.gotAsFar("start") {
		x.said, opened = lines(x.State, x.run.At)
	}
	if x.run.Outcome == RolledBack {
		opened = errors.Join(opened, x.incident())
	}
	if x.keeper != nil {
		_ = x.keeper.Close()
	}
	if x.run.Outcome != Refused {
		x.Announce(ctx, x.run.announcement())
	}
	if err = errors.Join(err, opened, JournalOf(x.State).Add(x.run)); len(x.said) > 0 {
		err = &SaidError{err, x.said}
	}
	return x.run, err
}

// gotAsFar says whether a step was begun.
func (x *deploy) gotAsFar(name string) bool {
	return slices.ContainsFunc(x.run.Steps, func(s Step) bool { return s.Name == name })
}

// SaidError is an error with what the servers have said last.
type SaidError struct {
	error
	Lines []string
}

// Unwrap implements errors.Unwrap.
func (e *SaidError) Unwrap() error { return e.error }

func (x *deploy) incident() error {
	actions := make([]string, len(x.run.Steps))
	for i, s := range x.run.Steps {
		actions[i] = fmt.Sprintf("%s: %s (%d ms)", s.Name, s.Text, s.TookMS)
	}
	_, err := IncidentsOf(x.State).Open(Incident{
		At: x.promoted.at, Duration: x.run.EndedAt.Sub(x.promoted.at).Round(time.Millisecond), Reason: x.run.Reason,
		Release: x.run.Release, Back: orNone(x.run.Previous), Actions: actions, Contacts: x.Options.Contacts, Said: x.said,
	})
	return err
}

func (r Run) announcement() Announcement {
	said := map[Outcome]string{
		Committed: "is deployed", Held: "serves; the old release is kept warm until somebody decides",
		Stopped: "was not deployed: no user has met it", RolledBack: "was taken back",
	}
	a := Announcement{Title: "NaviDocs " + r.Release + " " + said[r.Outcome], Lines: []string{fmt.Sprintf("it took %s", r.Took().Round(time.Second))}}
	if r.Reason != "" {
		a.Lines = append(a.Lines, r.Reason)
	}
	return a
}
