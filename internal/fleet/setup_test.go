package fleet

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// bench is a service on a real database with two organizations.
type bench struct {
	*Service
	t     *testing.T
	clock *testkit.Clock
	org   account.OrgID
	ada   account.Actor // admin of org
	eve   account.Actor // admin of another
}

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		queue, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: t.TempDir() + "/lock", Workers: map[string]int{"": 1}})
		if err != nil {
			t.Fatal(err)
		}
		events := event.New(d, queue)
		queue.Register(events.Jobs()...)
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		b := &bench{Service: New(d, accounts, events), t: t, clock: clock}
		b.ada, b.eve = b.user("ada@example.org", "", ""), b.user("eve@example.org", "", "")
		b.org = b.ada.Orgs(account.Admin)[0]
		f(t, b)
	})
}

func (b *bench) user(email string, org account.OrgID, role account.Role) account.Actor {
	b.t.Helper()
	return accounttest.User(b.t, b.accounts, email, org, role)
}

func (b *bench) boat(in BoatInput) Boat {
	b.t.Helper()
	boat, err := b.CreateBoat(b.t.Context(), b.ada, b.org, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return boat
}

func (b *bench) update(id BoatID, in BoatInput) Boat {
	b.t.Helper()
	b.clock.Add(time.Minute)
	boat, err := b.UpdateBoat(b.t.Context(), b.ada, id, in, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return boat
}

// told lists what the outbox and the audit trail hold, oldest first.
func (b *bench) told() (events, audits []string) {
	b.t.Helper()
	events, err := db.Collect(b.t.Context(), b.db, func(r db.Row) (string, error) {
		var kind, stream string
		var sequence int
		err := r.Scan(&kind, &stream, &sequence)
		return fmt.Sprintf("%s %d", kind, sequence), err
	}, "SELECT type, stream, sequence FROM events ORDER BY id")
	if err != nil {
		b.t.Fatal(err)
	}
	audits, err = db.Collect(b.t.Context(), b.db, db.Scalar[string], "SELECT action FROM audit_log WHERE action NOT LIKE 'user.%' ORDER BY id")
	if err != nil {
		b.t.Fatal(err)
	}
	return events, audits
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
	}
}

// locations lists the inputs that an error finds fault with.
func locations(err error) []string {
	out := []string{}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range e.Fields {
			out = append(out, f.Location)
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }
