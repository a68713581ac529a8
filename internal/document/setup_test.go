package document

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document/extract"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

// childEnv tells the test binary what kind of extraction child it is.
const childEnv = "NAVIDOCS_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(runWithCache(m))
	case "good":
		if err := extract.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
	case "dies":
		os.Exit(7)
	}
	os.Exit(0)
}

// cacheDir keeps the compiled engines of the children between tests: without
// it each child compiles them anew, which on a busy machine takes longer than
// a test is patient.
var cacheDir string

func runWithCache(m *testing.M) int {
	var err error
	if cacheDir, err = os.MkdirTemp("", "navidocs-engines-"); err != nil {
		return 1
	}
	defer os.RemoveAll(cacheDir)
	return m.Run()
}

// bench is a service on a real database with two organizations.
type bench struct {
	*Service
	t        testing.TB
	accounts *account.Service
	boats    *fleet.Service
	events   *event.Outbox
	queue    *job.Queue
	ada      account.Actor // admin of one organization
	eve      account.Actor // admin of another
}

func setup(t *testing.T, d *db.DB, child string) *bench {
	t.Helper()
	dir := t.TempDir()
	store, err := blob.OpenDisk(dir + "/blobs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	queue, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: dir + "/lock", Workers: map[string]int{PagesQueue: 2}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, queue: queue, events: event.New(d, queue)}
	b.accounts = account.New(d, account.Config{
		PasswordCost: accounttest.Cheap(),
		Secret:       []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))},
		AccessTTL: time.Hour, RefreshTTL: time.Hour,
	})
	b.boats = fleet.New(d, b.accounts, b.events)
	command := []string{"/usr/bin/env", childEnv + "=" + child, os.Args[0]}
	if child == "good" {
		command = testkit.ExtractCommand(command...)
	}
	reader := extract.New(extract.Options{Command: command, CacheDir: cacheDir})
	b.Service = New(d, store, b.accounts, b.boats, b.events, queue, reader, Config{MaxBytes: 1 << 20, TempDir: dir, GroupSize: 2, Log: slog.New(slog.DiscardHandler)})
	queue.Register(b.events.Jobs()...)
	queue.Register(b.Jobs()...)
	b.ada, b.eve = b.user("ada@example.org", "", ""), b.user("eve@example.org", "", "")
	return b
}

// run works the queue until the test ends.
func (b *bench) run() {
	b.t.Helper()
	testkit.Work(b.t, b.queue)
}

func (b *bench) user(email string, org account.OrgID, role account.Role) account.Actor {
	b.t.Helper()
	return accounttest.User(b.t, b.accounts, email, org, role)
}

func (b *bench) org(who account.Actor) account.OrgID { return who.Orgs(account.Viewer)[0] }

func (b *bench) boat(who account.Actor, name string) fleet.BoatID {
	b.t.Helper()
	boat, err := b.boats.CreateBoat(b.t.Context(), who, b.org(who), fleet.BoatInput{Name: &name})
	if err != nil {
		b.t.Fatal(err)
	}
	return boat.ID
}

// text uploads a text file and waits until it is read; run must be on.
func (b *bench) text(who account.Actor, u Upload, content string) Document {
	b.t.Helper()
	if u.FileName == "" {
		u.FileName = "note.txt"
	}
	d, err := b.Upload(b.t.Context(), who, u, strings.NewReader(content))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.wait(who, d.ID)
}

func (b *bench) wait(who account.Actor, id ID) Document {
	b.t.Helper()
	var d Document
	testkit.Eventually(b.t, func() (err error) {
		if d, err = b.Document(b.t.Context(), who, id); err == nil && d.Status != Ready && d.Status != Failed {
			err = fmt.Errorf("it is %s", d.Status)
		}
		return err
	})
	return d
}

// find searches and lists the hits as "kind page title".
func (b *bench) find(who account.Actor, q Query) []string {
	b.t.Helper()
	if q.Limit == 0 {
		q.Limit = 50
	}
	r, err := b.Search(b.t.Context(), who, q)
	if err != nil {
		b.t.Fatal(err)
	}
	out := []string{}
	for _, h := range r.Hits {
		out = append(out, fmt.Sprintf("%s %d %s", h.Kind, h.Page, h.Title))
	}
	return out
}
