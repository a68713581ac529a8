// Package chaos tries on the machine at hand what NaviDocs promises of a crash:
// it kills servers at random moments, again and again, while they change boats,
// run jobs and deliver webhooks, and counts afterwards what is missing, what is
// there that should not be, and how long it took until all went on.
//
// It works on an installation of its own, which it removes, and talks to this
// machine alone.
package chaos

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	random "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/webhook"
)

// Options say what is tried.
type Options struct {
	// Program is the path of the binary whose `selftest node` is killed.
	Program string
	// Tie has a process end with the one that starts it, so that nobody is left behind.
	Tie func(*exec.Cmd)
	// Database is the address of a PostgreSQL server, on which a database of
	// another name is made and removed; "" means SQLite in a temporary folder.
	Database string
	Kills    int
	Seed     uint64
	// Progress is called after each kill; nil does nothing.
	Progress func(kills int)
}

// The recovery that is promised: until all that a killed process had in hand is
// done. A lost node of PostgreSQL is one that does not come back: the others
// take its jobs over when their lease has ended.
const (
	restartBound = 5 * time.Second
	nodeBound    = 3 * time.Minute
)

// patience bounds the waits of a run, each of which is far shorter when nothing
// is wrong.
const patience = 4 * time.Minute

// changeType is the event of every change that is tried.
const changeType = "boat.updated"

// harness is one run.
type harness struct {
	Options
	dir      string
	random   *random.Rand
	receiver *receiver
	environ  []string
	config   config.Config // of the first node, and the database of all
	nodes    []*node
	said     said
	drop     func() error // the scratch database
	recovery []time.Duration
}

// Run kills and counts. The error says that it could not be tried; whether the
// promises were kept is in the report. On SQLite one process is killed and
// started again at once; on PostgreSQL there are two, one of which lives on, and
// the last to be killed stays away.
func Run(ctx context.Context, o Options) (r Report, err error) {
	defer fault.Wrap(&err, "chaos.Run")
	if o.Kills < 1 || o.Kills > 10_000 {
		return r, fault.New(fault.Invalid, "%d kills cannot be tried; 1 to 10000 can", o.Kills)
	}
	dir, err := os.MkdirTemp("", "navidocs-chaos-*")
	if err != nil {
		return r, err
	}
	h := &harness{
		Options: o, dir: dir, drop: func() error { return nil },
		random: random.New(random.NewPCG(o.Seed, 0)), //nolint:gosec // moments, no secrets
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.setUp(ctx); err != nil {
		return r, err
	}
	if err := h.kill(ctx); err != nil {
		return r, err
	}
	if err := h.drain(ctx); err != nil {
		return r, err
	}
	return h.count(ctx)
}

func (h *harness) close() error {
	for _, n := range h.nodes {
		n.kill()
	}
	var err error
	if h.receiver != nil {
		err = h.receiver.close()
	}
	return errors.Join(err, h.drop(), os.RemoveAll(h.dir))
}

// setUp makes the installation: a person, three boats, and an endpoint that is
// told of their changes.
func (h *harness) setUp(ctx context.Context) (err error) {
	if h.receiver, err = newReceiver(ctx); err != nil {
		return err
	}
	seal := make([]byte, 32)
	if _, err := rand.Read(seal); err != nil {
		return err
	}
	h.environ = []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + h.dir, "APP_ENV=test", "LOG_LEVEL=error",
		"WEBHOOK_SIGNATURE_SECRET=" + base64.StdEncoding.EncodeToString(seal), "EGRESS_ALLOW=" + h.receiver.host(),
	}
	h.nodes = []*node{h.newNode("one")}
	if h.Database != "" {
		address, err := h.scratch(ctx)
		if err != nil {
			return err
		}
		h.environ = append(h.environ, "DATABASE_URL="+address)
		h.nodes = append(h.nodes, h.newNode("two"))
	}
	if h.config, err = config.Load(config.Source{Environ: h.environ, Home: h.nodes[0].home}); err != nil {
		return err
	}
	a, err := app.New(ctx, app.Options{
		Config: h.config, Log: slog.New(slog.DiscardHandler), Version: "chaos", Extract: []string{h.Program, "extract"},
	})
	if err != nil {
		return err
	}
	return errors.Join(h.furnish(ctx, a), a.Close())
}

func (h *harness) newNode(name string) *node {
	return &node{program: h.Program, tie: h.Tie, home: filepath.Join(h.dir, name), said: &h.said}
}

// scratch makes a PostgreSQL database beside the one of the address.
func (h *harness) scratch(ctx context.Context) (string, error) {
	d, drop, err := db.Scratch(ctx, h.Database)
	if err != nil {
		return "", err
	}
	h.drop = drop
	if d.Engine != db.Postgres {
		return "", fault.New(fault.Forbidden, "the user of this PostgreSQL server may not create a database: give one that may (ALTER ROLE … CREATEDB)")
	}
	return d.Pool().Config().ConnString(), nil
}

func (h *harness) furnish(ctx context.Context, a *app.App) error {
	const email = "chaos@example.org"
	_, err := a.Accounts.CreateUser(ctx, account.NewUser{Registering: account.Registering{Email: email, Name: "Chaos", Password: rand.Text()}})
	if err != nil {
		return err
	}
	who, err := a.Accounts.ActorFor(ctx, email)
	if err != nil {
		return err
	}
	org := who.Orgs(account.Admin)[0]
	for i := range 3 {
		name := fmt.Sprint("Boat ", i+1)
		if _, err := a.Boats.CreateBoat(ctx, who, org, fleet.BoatInput{Name: &name}); err != nil {
			return err
		}
	}
	w, err := a.Webhooks.Create(ctx, who, org, webhook.Input{URL: h.receiver.url(), EventTypes: []string{changeType}})
	if err != nil {
		return err
	}
	if err := h.receiver.trust(w.Secret); err != nil {
		return err
	}
	return a.DB.Transact(ctx, func(tx *db.Tx) error {
		for _, text := range []string{
			"CREATE TABLE chaos_changes (n BIGINT PRIMARY KEY, at BIGINT NOT NULL)",
			"CREATE TABLE chaos_marks (n BIGINT NOT NULL)", // not unique: what is done twice must be seen twice
			"CREATE INDEX chaos_marks_n ON chaos_marks (n)",
		} {
			if _, err := tx.Exec(ctx, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// kill ends processes at random moments, some before they have begun.
func (h *harness) kill(ctx context.Context) error {
	for _, n := range h.nodes {
		if err := n.start(ctx, h.environ, true); err != nil {
			return err
		}
	}
	for i := range h.Kills {
		n := h.nodes[h.random.IntN(len(h.nodes))]
		if early := h.random.IntN(8) == 0; !early {
			if err := n.begun(ctx); err != nil {
				return err
			}
		}
		if err := pause(ctx, time.Duration(100+h.random.IntN(1000))*time.Millisecond); err != nil {
			return err
		}
		killed := time.Now()
		n.kill()
		if h.Progress != nil {
			h.Progress(i + 1)
		}
		if len(h.nodes) > 1 && i == h.Kills-1 {
			return h.recovered(ctx, killed) // by those that are left
		}
		if err := n.start(ctx, h.environ, true); err != nil {
			return err
		}
		if len(h.nodes) == 1 {
			if err := h.recovered(ctx, killed); err != nil {
				return err
			}
		}
	}
	return nil
}

// recovered waits until all that was open at an instant is done, and keeps how
// long it took.
func (h *harness) recovered(ctx context.Context, killed time.Time) error {
	d, err := h.database(ctx)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it has only read
	err = h.until(ctx, func() (string, error) { return open(ctx, d, killed) })
	h.recovery = append(h.recovery, time.Since(killed))
	return err
}

// until polls what is open until nothing is.
func (h *harness) until(ctx context.Context, open func() (string, error)) error {
	deadline := time.Now().Add(patience)
	for {
		left, err := open()
		if err != nil || left == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fault.New(fault.Unavailable, "after %s there still are %s", patience, left)
		}
		for _, n := range h.nodes {
			if err := n.failed(); err != nil {
				return err
			}
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// drain ends the processes as a supervisor does, and has one that changes
// nothing finish what is open.
func (h *harness) drain(ctx context.Context) error {
	for _, n := range h.nodes {
		if err := n.stop(ctx); err != nil {
			return err
		}
	}
	last, end := h.nodes[0], time.Now()
	if err := last.start(ctx, h.environ, false); err != nil {
		return err
	}
	d, err := h.database(ctx)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it has only read
	if err := h.until(ctx, func() (string, error) { return open(ctx, d, end) }); err != nil {
		return err
	}
	return last.stop(ctx)
}

// database opens the data beside the processes.
func (h *harness) database(ctx context.Context) (*db.DB, error) {
	return db.Open(ctx, db.Options{URL: h.config.Storage.Database})
}

// open says what of the changes up to an instant is not done yet; "" is nothing.
func open(ctx context.Context, q db.Querier, until time.Time) (string, error) {
	left, at := "", db.Micros(until)
	for _, part := range []struct{ name, query string }{
		{"events to hand over", "SELECT count(*) FROM events WHERE dispatched_at IS NULL AND at <= $1"},
		{"deliveries to make", "SELECT count(*) FROM webhook_deliveries d JOIN events e ON e.id = d.message_id WHERE d.status = 'pending' AND e.at <= $1"},
		{"jobs to run", "SELECT count(*) FROM chaos_changes c WHERE c.at <= $1 AND NOT EXISTS (SELECT 1 FROM chaos_marks m WHERE m.n = c.n)"},
	} {
		n, err := db.One(ctx, q, db.Scalar[int], part.query, at)
		if err != nil {
			return "", err
		}
		if n > 0 {
			left += fmt.Sprintf(", %d %s", n, part.name)
		}
	}
	return left[min(2, len(left)):], nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
