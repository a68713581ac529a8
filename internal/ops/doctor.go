package ops

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// The verdicts on a Finding.
const (
	Pass = "PASS"
	Warn = "WARN" // somebody should look at it one of these days
	Fail = "FAIL" // something is lost or unsafe, or will be soon
	Skip = "SKIP" // it could not be looked at, or does not apply here
)

// Finding is what one check found.
type Finding struct {
	Check   string `json:"check"`
	Verdict string `json:"verdict"`
	Text    string `json:"text"`
	// Remedy is what to do, mostly a command; empty when all is well.
	Remedy string `json:"remedy"`
	// Fixed: what was wrong has been put right.
	Fixed bool `json:"fixed"`
}

// Doctor examines an installation on its machine, whether a server runs or not.
type Doctor struct {
	Config  config.Config
	DB      *db.DB
	Store   blob.Store
	Jobs    *job.Queue
	Backups *backup.Service
	// Schema migrates an empty database as serving does: what the installation
	// is compared with.
	Schema func(ctx context.Context, d *db.DB) error
	// Pending lists what serving would still do to the schema, and what of it
	// was changed after it had been done.
	Pending func(ctx context.Context) (pending, changed []string, err error)
	Now     func() time.Time
	// Fix puts right what can be put right without losing anything.
	Fix bool
	// Limit bounds all of it; 0 means 60 s.
	Limit time.Duration
}

// check is one thing that is looked at.
type check struct {
	name string
	look func(ctx context.Context) (Finding, error)
}

func (d *Doctor) checks() []check {
	return []check{
		{"recovery_key", d.recoveryKey},
		{"modes", d.modes},
		{"disk", d.disk},
		{"memory", d.memory},
		{"load", d.load},
		{"clock", d.clock},
		{"fs", d.fileSystem},
		{"sqlite", d.sqlite},
		{"db", d.database},
		{"schema", d.schema},
		{"search", d.search},
		{"wal", d.wal},
		{"processes", d.processes},
		{"blobs", d.blobs},
		{"queue", d.queue},
		{"backup", d.backup},
		{"drill", d.drill},
	}
}

// Run looks at everything at once and returns what was found, in a fixed order.
// A check that cannot be done is a finding, not an error.
func (d *Doctor) Run(ctx context.Context) []Finding {
	if d.Limit == 0 {
		d.Limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	return look(ctx, d.checks())
}

// look does all checks at once.
func look(ctx context.Context, checks []check) []Finding {
	found := make([]Finding, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			f, err := c.look(ctx)
			if err != nil {
				f = unseen(err)
			}
			f.Check = c.name
			found[i] = f
		})
	}
	all.Wait()
	return found
}

// unseen is the finding of a check that failed itself.
func unseen(err error) Finding {
	if errors.Is(err, context.DeadlineExceeded) {
		return Finding{Verdict: Warn, Text: "it took too long to look", Remedy: "repeat on a quiet machine"}
	}
	return Finding{Verdict: Fail, Text: "it cannot be looked at: " + err.Error(), Remedy: "see the text"}
}

// Failed counts the findings that say FAIL and were not put right.
func Failed(found []Finding) (n int) {
	for _, f := range found {
		if f.Verdict == Fail && !f.Fixed {
			n++
		}
	}
	return n
}

func pass(format string, args ...any) (Finding, error) {
	return Finding{Verdict: Pass, Text: fmt.Sprintf(format, args...)}, nil
}

func skip(text string) (Finding, error) { return Finding{Verdict: Skip, Text: text}, nil }

func warn(remedy, format string, args ...any) (Finding, error) {
	return Finding{Verdict: Warn, Text: fmt.Sprintf(format, args...), Remedy: remedy}, nil
}

func fail(remedy, format string, args ...any) (Finding, error) {
	return Finding{Verdict: Fail, Text: fmt.Sprintf(format, args...), Remedy: remedy}, nil
}

// recoveryKey: without somebody who keeps it a lost disk takes every sealed
// secret with it, whatever backups there are.
func (d *Doctor) recoveryKey(context.Context) (Finding, error) {
	if backup.RecoveryKeyKept(d.Config.KeyDir()) {
		return pass("somebody has shown to keep it")
	}
	if !d.Config.Production() {
		return warn("navidocs backup key confirm", "nobody has shown to keep the recovery key")
	}
	return fail("navidocs backup key confirm, or navidocs backup key renew when it is lost",
		"nobody has shown to keep the recovery key: a backup's secrets could not be opened on a new machine")
}

func (d *Doctor) backup(ctx context.Context) (Finding, error) {
	made, _, err := d.Backups.Times(ctx)
	if err != nil {
		return Finding{}, err
	}
	return aged(d.Now().Sub(made), 26*time.Hour, "the newest good backup (or the installation)", "navidocs backup create")
}

func (d *Doctor) drill(ctx context.Context) (Finding, error) {
	_, drilled, err := d.Backups.Times(ctx)
	if err != nil {
		return Finding{}, err
	}
	return aged(d.Now().Sub(drilled), 8*24*time.Hour, "the last drill (or the installation)", "navidocs backup drill")
}

func aged(age, limit time.Duration, what, remedy string) (Finding, error) {
	if age > limit {
		return fail(remedy, "%s is %s old, more than %s", what, age.Round(time.Minute), limit)
	}
	return pass("%s is %s old", what, age.Round(time.Minute))
}

// Limits of the queue.
const (
	queueOld  = 15 * time.Minute
	queueMany = 10_000
)

func (d *Doctor) queue(ctx context.Context) (Finding, error) {
	s, err := d.Jobs.Stats(ctx)
	if err != nil {
		return Finding{}, err
	}
	waiting := 0
	for state, n := range s.States {
		if state != "discarded" {
			waiting += n
		}
	}
	oldest := time.Duration(s.Oldest * float64(time.Second))
	switch {
	case s.Paused:
		return warn("navidocs queue resume", "it is paused, %d jobs wait", waiting)
	case !s.Working:
		return warn("start navidocs serve, or navidocs worker", "nobody works the jobs, %d wait", waiting)
	case oldest > queueOld:
		return fail("navidocs queue stats", "a job has been due for %s", oldest.Round(time.Second))
	case waiting > queueMany:
		return warn("navidocs queue stats", "%d jobs wait", waiting)
	case s.States["discarded"] > 0:
		return warn("navidocs queue dead, then navidocs queue retry ID", "%d jobs were given up", s.States["discarded"])
	}
	return pass("%d jobs wait or run", waiting)
}

// blobGrace is how old bytes without a row must be to count: an upload may be
// between the two.
const blobGrace = 24 * time.Hour

// blobs compares the rows with the bytes, both ways.
func (d *Doctor) blobs(ctx context.Context) (Finding, error) {
	wanted, err := db.Collect(ctx, d.DB, db.Scalar[string], "SELECT digest FROM blobs")
	if err != nil {
		return Finding{}, err
	}
	missing := make(map[blob.Digest]bool, len(wanted))
	for _, digest := range wanted {
		missing[blob.Digest(digest)] = true
	}
	strays, old := 0, d.Now().Add(-2*blobGrace)
	for info, err := range d.Store.Walk(ctx) {
		if err != nil {
			return Finding{}, err
		}
		if !missing[info.Digest] && info.Modified.Before(old) {
			strays++
		}
		delete(missing, info.Digest)
	}
	if len(missing) > 0 {
		return fail("navidocs backup list, then navidocs backup restore ID --to DIR and copy them from there", "%d of %d papers have no bytes: %s", len(missing), len(wanted), some(missing))
	}
	if strays > 0 {
		return d.strays(ctx, strays)
	}
	return pass("%d papers, each with its bytes", len(wanted))
}

func some(digests map[blob.Digest]bool) (text string) {
	n := 0
	for d := range digests {
		if n++; n > 3 {
			return text + " ..."
		}
		text += " " + string(d)
	}
	return text
}

// strays are bytes that no row wants: the nightly collection was not done.
func (d *Doctor) strays(ctx context.Context, n int) (Finding, error) {
	f, _ := warn("navidocs doctor --fix", "%d files are wanted by nothing", n)
	if !d.Fix {
		return f, nil
	}
	gone, err := blob.Collect(ctx, d.DB, d.Store)
	f.Fixed, f.Text = err == nil && gone >= n, fmt.Sprintf("%s; %d removed", f.Text, gone)
	return f, err
}

// schema compares with what this release makes of an empty database.
func (d *Doctor) schema(ctx context.Context) (Finding, error) {
	pending, changed, err := d.Pending(ctx)
	if err != nil {
		return Finding{}, err
	}
	if len(changed) > 0 {
		return fail("start the release that the migrations came with", "migrations were changed after they had been applied: %s", changed)
	}
	if len(pending) > 0 {
		return warn("navidocs migrate status, then navidocs migrate up", "migrations wait: %s", pending)
	}
	missing, err := d.missing(ctx)
	if err != nil {
		return Finding{}, err
	}
	if len(missing) > 0 {
		return fail("navidocs backup restore, or make them again as the migrations say", "the schema lacks %d things: %s", len(missing), missing[0])
	}
	return pass("it is the one of this release")
}

// missing are the lines of the schema that an empty database of this release
// has and ours has not: tables, columns, indexes.
func (d *Doctor) missing(ctx context.Context) (missing []string, err error) {
	scratch, drop, err := db.Scratch(ctx, d.Config.Storage.Database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	if scratch.Engine != d.DB.Engine {
		return nil, fault.New(fault.Unavailable, "a scratch database cannot be made to compare with: the user of DATABASE_URL needs CREATEDB")
	}
	if err := d.Schema(ctx, scratch); err != nil {
		return nil, err
	}
	want, err := db.SchemaPrint(ctx, scratch)
	if err != nil {
		return nil, err
	}
	have, err := db.SchemaPrint(ctx, d.DB)
	return lacking(want, have), err
}
