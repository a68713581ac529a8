//go:build prove

package prove_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/document/extract"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/notify"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
	"navidocs/internal/warranty"
)

// armAll gives every warranty of a database its thresholds: those of the last
// days are due and were not told, as after an outage, and those before are told.
func armAll(ctx context.Context, tx *db.Tx, outage int) error {
	since := tx.Now().AddDate(0, 0, -outage).Format(time.DateOnly)
	type ending struct{ id, end string }
	all, err := db.Collect(ctx, tx, func(r db.Row) (e ending, err error) { return e, r.Scan(&e.id, &e.end) }, "SELECT id, expiration_date FROM warranty_tracking")
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := arm(ctx, tx, e.id, e.end, since, "sent"); err != nil {
			return err
		}
	}
	return nil
}

// arm gives a warranty its thresholds: those before a day are in a state that
// tells nobody, the others are due.
func arm(ctx context.Context, tx *db.Tx, id, end, since, before string) error {
	last, err := time.Parse(time.DateOnly, end)
	if err != nil {
		return err
	}
	for _, days := range []int{90, 30, 14, 0} {
		due, state := last.AddDate(0, 0, -days).Format(time.DateOnly), "due"
		if days == 0 {
			due = last.AddDate(0, 0, 1).Format(time.DateOnly)
		}
		if due < since {
			state = before
		}
		_, err := tx.Exec(ctx, `INSERT INTO warranty_thresholds (warranty_id, line_id, expires_on, days, due_on, state, changed_at)
			VALUES ($1, '', $2, $3, $4, $5, 0)`, id, end, days, due, state)
		if err != nil {
			return err
		}
	}
	return nil
}

// reminded counts what was told of each warranty.
func reminded(ctx context.Context, d *db.DB) (map[warranty.ID]int, error) {
	told := map[warranty.ID]int{}
	_, err := db.Collect(ctx, d, func(r db.Row) (_ struct{}, err error) {
		var text string
		var data warranty.ReminderData
		if err = r.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &data)
		}
		told[data.WarrantyID]++
		return struct{}{}, err
	}, "SELECT data FROM events WHERE type IN ('warranty.expiring', 'warranty.expired')")
	return told, err
}

// Of ten thousand warranties, what is due is asked for in less than 100 ms, on
// both databases; three workers at once tell each once.
func TestRemindingOfTenThousandWarranties(t *testing.T) {
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		o := newOffice(t, d)
		s := o.warranties
		o.fleet(t, o.user(t, "ada@example.org", "", ""), "", "Pacific/Kiritimati", "Europe/Berlin", "Pacific/Pago_Pago")
		err := d.Transact(ctx, func(tx *db.Tx) error {
			boats, err := db.Collect(ctx, tx, db.Scalar[string], "SELECT id FROM boats")
			return errors.Join(err, insure(ctx, tx, boats), armAll(ctx, tx, 60))
		})
		if err != nil {
			t.Fatal(err)
		}
		due, err := db.One(ctx, d, db.Scalar[int], "SELECT count(DISTINCT warranty_id) FROM warranty_thresholds WHERE state = 'due' AND due_on < $1",
			d.Now().Format(time.DateOnly))
		if err != nil {
			t.Fatal(err)
		}
		began, ended := time.Now(), make(chan error, 3)
		for range cap(ended) {
			go func() { ended <- s.Remind(ctx) }()
		}
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		telling := time.Since(began)
		told, err := reminded(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		for id, n := range told {
			if n > 1 {
				t.Errorf("%s is told %d times", id, n)
			}
		}
		if len(told) < due { // today's may be due too, by the boat's zone
			t.Errorf("%d are told of %d that are due", len(told), due)
		}
		var times []time.Duration
		for range 11 {
			began := time.Now()
			if err := s.Remind(ctx); err != nil {
				t.Fatal(err)
			}
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		t.Logf("PROVED: %s: three workers told %d of %d warranties, each once, in %s; asking again took %.1f ms, at most %.1f ms (< 100)",
			d.Engine, len(told), manyWarranties, telling.Round(time.Millisecond), ms(times[5]), ms(times[10]))
		if times[5] >= 100*time.Millisecond {
			t.Error("MISSED: see the figures above")
		}
	})
}

// office are the services that reminders go through, without a server.
type office struct {
	queue      *job.Queue
	accounts   *account.Service
	events     *event.Outbox
	boats      *fleet.Service
	warranties *warranty.Service
}

func newOffice(t *testing.T, d *db.DB) *office {
	t.Helper()
	queue, err := job.New(d, job.Config{LockPath: filepath.Join(t.TempDir(), "lock"), Workers: map[string]int{notify.Queue: 4}})
	if err != nil {
		t.Fatal(err)
	}
	store, err := blob.OpenDisk(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	key := []byte(strings.Repeat("k", 32))
	o := &office{queue: queue, events: event.New(d, queue), accounts: account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: key, Keys: vault.Keys{Present: key}})}
	o.boats = fleet.New(d, o.accounts, o.events)
	papers := document.New(d, store, o.accounts, o.boats, o.events, queue, extract.New(extract.Options{}), document.Config{TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	o.warranties = warranty.New(d, store, o.accounts, o.boats, papers, o.events)
	return o
}

// user makes one in an organization, of their own when it is empty.
func (o *office) user(t *testing.T, email string, org account.OrgID, role account.Role) account.Actor {
	t.Helper()
	_, err := o.accounts.CreateUser(t.Context(), account.NewUser{Registering: account.Registering{Email: email, Password: "a long test passphrase", Name: email}, Join: org, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	who, err := o.accounts.ActorFor(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// fleet adds twenty boats, in turn in some zones.
func (o *office) fleet(t *testing.T, who account.Actor, zones ...string) (all []fleet.BoatID) {
	t.Helper()
	for i := range 20 {
		name := fmt.Sprint("Boat ", i)
		b, err := o.boats.CreateBoat(t.Context(), who, who.Orgs(account.Admin)[0], fleet.BoatInput{Name: &name, TimeZone: &zones[i%len(zones)]})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b.ID)
	}
	return all
}

// A server that comes back after a year with thousands to tell, and is killed
// again and again while it does, tells each once.
func TestAServerKilledWhileRemindingTellsOnce(t *testing.T) {
	s := serve(t)
	c := register(t, s.url)
	boats := []string{c.boat}
	for i := range 19 {
		var boat struct{ ID string }
		c.must(http.StatusCreated, "POST", "/api/boats", map[string]any{"name": fmt.Sprint("Boat ", i)}, &boat)
		boats = append(boats, boat.ID)
	}
	s.end(syscall.SIGTERM)
	d := s.database()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		return errors.Join(insure(t.Context(), tx, boats), armAll(t.Context(), tx, 365))
	})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same at every run
	cut, kills := 0, 0
	for before := s.left(); before > 0 && kills < 20; kills++ {
		s.start()
		wait(t, patience, func() error { // it has begun
			if left := s.left(); left == before {
				return fmt.Errorf("%d are still to be told", left)
			}
			return nil
		})
		time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
		s.end(syscall.SIGKILL)
		if before = s.left(); before > 0 {
			cut++
		}
	}
	s.start()
	wait(t, patience, func() error { return s.caughtUp() })
	s.end(syscall.SIGTERM)
	d = s.database()
	told, err := reminded(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	marked, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM warranty_thresholds WHERE state = 'sent' AND changed_at > 0")
	if err != nil {
		t.Fatal(err)
	}
	doubled := 0
	for _, n := range told {
		doubled += n - 1
	}
	t.Logf("PROVED: %d kills, %d of them in the midst: %d told, doubled %d, missed %d", kills, cut, len(told), doubled, marked-len(told)-doubled)
	if doubled != 0 || marked != len(told) || cut == 0 || len(told) < manyWarranties/overDays*365 {
		t.Error("MISSED: see the figures above")
	}
}

// left is how many thresholds a server that has stopped has still to tell.
func (s *server) left() int {
	s.t.Helper()
	d := s.database()
	n, err := db.One(s.t.Context(), d, db.Scalar[int], "SELECT count(*) FROM warranty_thresholds WHERE state = 'due' AND due_on < $1",
		d.Now().Format(time.DateOnly))
	if err := errors.Join(err, d.Close()); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// caughtUp asks the database of a running server.
func (s *server) caughtUp() error {
	if n := s.left(); n > 0 {
		return fmt.Errorf("%d are still to be told", n)
	}
	return nil
}
