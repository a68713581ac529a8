package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 123456000, time.UTC)

type setup struct {
	db     *db.DB
	queue  *job.Queue
	outbox *event.Outbox
}

func newSetup(t *testing.T, d *db.DB) setup {
	t.Helper()
	q, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: filepath.Join(t.TempDir(), "worker.lock")})
	if err != nil {
		t.Fatal(err)
	}
	o := event.New(d, q)
	q.Register(o.Jobs()...)
	s := setup{d, q, o}
	s.do(t, func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO organizations (id, name, name_fold, created_at, updated_at)
			VALUES ('org', 'Club', 'club', $1, $1)`, db.Micros(tx.Now()))
		return err
	})
	return s
}

func (s setup) do(t *testing.T, f func(tx *db.Tx) error) {
	t.Helper()
	if err := s.db.Transact(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// run dispatches until the test ends.
func (s setup) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.queue.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// drained is when no job waits.
func (s setup) drained(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, func() error {
		n, err := s.queue.Depth(t.Context())
		if n > 0 {
			return fmt.Errorf("%d jobs wait", n)
		}
		return err
	})
}

func boat(id string) *event.Boat { return &event.Boat{ID: id, Name: "Boat " + id} }

// A sequence rises by one from 1 per boat, whoever writes at the same time.
func TestSequencesHaveNoGaps(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSetup(t, d)
		const writers, each = 8, 12
		rollBack := errors.New("on purpose")
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					err := d.Transact(t.Context(), func(tx *db.Tx) error {
						e := event.Event{Type: "boat.updated", OrgID: "org", Boat: boat(strconv.Itoa(i % 2)), Data: w}
						if err := s.outbox.Append(t.Context(), tx, e); err != nil {
							return err
						}
						if i%6 > 3 {
							return rollBack
						}
						return nil
					})
					if err != nil && !errors.Is(err, rollBack) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for _, id := range []string{"0", "1"} {
			got, err := db.Collect(t.Context(), d, db.Scalar[int], "SELECT sequence FROM events WHERE boat_id = $1 ORDER BY sequence", id)
			if err != nil {
				t.Fatal(err)
			}
			var want []int
			for n := range writers * each / 3 {
				want = append(want, n+1)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(id, diff)
			}
		}
		if n, err := s.queue.Depth(t.Context()); n != writers*each*2/3 || err != nil {
			t.Errorf("%d events wait to be dispatched: %v", n, err)
		}
	})
}

func TestAChangeRolledBackLeavesNoEvent(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSetup(t, d)
		cause := errors.New("no")
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			return errors.Join(s.outbox.Append(t.Context(), tx, event.Event{Type: "boat.created", OrgID: "org", Boat: boat("1")}), cause)
		})
		if !errors.Is(err, cause) {
			t.Error(err)
		}
		for _, table := range []string{"events", "event_streams", "river_job"} {
			if n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM "+table); n != 0 || err != nil {
				t.Error(table, n, err)
			}
		}
	})
}

func TestAnEventThatCannotBeWrittenFailsItsChange(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSetup(t, d)
		for name, e := range map[string]event.Event{
			"no JSON":         {Type: "boat.created", Data: func() {}},
			"no organization": {Type: "boat.created", OrgID: "nobody"},
			"no such type":    {Type: "boat.painted", OrgID: "org"},
		} {
			err := d.Transact(t.Context(), func(tx *db.Tx) error { return s.outbox.Append(t.Context(), tx, e) })
			if err == nil {
				t.Error(name)
			}
		}
	})
}

// Every consumer sees every event once, though a consumer fails at first.
func TestEveryConsumerGetsEveryEventOnce(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSetup(t, d)
		var calls atomic.Int64
		consumer := func(name string, fails func() bool) event.Consumer {
			return func(ctx context.Context, tx *db.Tx, e event.Envelope) error {
				calls.Add(1)
				_, err := tx.Exec(ctx, `INSERT INTO event_streams (stream, last_sequence) VALUES ($1, 1)
					ON CONFLICT (stream) DO UPDATE SET last_sequence = event_streams.last_sequence + 1`, name+" "+e.Type)
				if err == nil && fails() {
					err = errors.New("not today")
				}
				return err
			}
		}
		var failures atomic.Int64
		s.outbox.Subscribe(consumer("first", func() bool { return false }))
		s.outbox.Subscribe(consumer("second", func() bool { return failures.Add(1) == 1 }))
		types := []string{"boat.created", "boat.updated", "boat.deleted"}
		s.do(t, func(tx *db.Tx) error {
			for _, name := range types {
				if err := s.outbox.Append(t.Context(), tx, event.Event{Type: name, OrgID: "org"}); err != nil {
					return err
				}
			}
			return nil
		})
		s.run(t)
		s.drained(t)
		for _, name := range types {
			for _, who := range []string{"first ", "second "} {
				n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT last_sequence FROM event_streams WHERE stream = $1", who+name)
				if n != 1 || err != nil {
					t.Errorf("%s%s: %d times: %v", who, name, n, err)
				}
			}
		}
		if n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM events WHERE dispatched_at IS NULL"); n != 0 || err != nil {
			t.Error(n, err)
		}
		if calls.Load() != 8 { // three events, two consumers, and one event again
			t.Error(calls.Load())
		}
	})
}

var (
	update = flag.Bool("update", false, "write the golden files")
	ids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
)

// What everyone outside sees, in each of the three kinds of stream.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, c *testkit.Clock) {
		t.Helper()
		s := newSetup(t, d)
		var mu sync.Mutex // guards seen
		seen := map[string]event.Envelope{}
		s.outbox.Subscribe(func(_ context.Context, _ *db.Tx, e event.Envelope) error {
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprintf("%s %d", e.Type, e.Sequence)] = e
			return nil
		})
		data := map[string]any{"title": "Müller & Söhne <1>", "pages": 3, "none": nil}
		s.do(t, func(tx *db.Tx) error {
			for _, e := range []event.Event{
				{Type: "document.processed", OrgID: "org", Boat: boat("7"), ActorID: "user", Data: data},
				{Type: "document.processed", OrgID: "org", Boat: boat("7"), Data: data},
				{Type: "webhook.disabled", OrgID: "org", ActorID: "user"},
				{Type: "backup.failed", Data: struct{}{}},
			} {
				c.Add(time.Second)
				if err := s.outbox.Append(t.Context(), tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		s.run(t)
		s.drained(t)
		got, err := json.MarshalIndent(seen, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(ids.ReplaceAll(got, []byte("ID")), '\n')
		const golden = "testdata/envelopes.golden.json"
		if *update {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

func TestTheEventsOfABoatAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, c *testkit.Clock) {
		t.Helper()
		s := newSetup(t, d)
		names := []string{"document.uploaded", "document.processed", "document.failed", "document.deleted", "boat.updated"}
		for i := range names {
			c.Add(time.Second)
			s.do(t, func(tx *db.Tx) error {
				return s.outbox.Append(t.Context(), tx, event.Event{Type: names[i], OrgID: "org", Boat: boat(strconv.Itoa(i % 2))})
			})
		}
		for _, test := range []struct {
			boat          string
			limit, offset int
			want          []string
		}{
			{"0", 10, 0, []string{"boat.updated 3", "document.failed 2", "document.uploaded 1"}},
			{"0", 2, 1, []string{"document.failed 2", "document.uploaded 1"}},
			{"1", 1, 0, []string{"document.deleted 2"}},
			{"9", 10, 0, []string{}},
		} {
			all, err := event.OfBoat(t.Context(), d, test.boat, test.limit, test.offset)
			got := []string{}
			for _, e := range all {
				got = append(got, fmt.Sprintf("%s %d", e.Type, e.Sequence))
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Error(test, err, diff)
			}
		}
	})
}

// An event that is gone cannot be dispatched, and the job says so.
func TestAnEventThatIsGoneIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	s := newSetup(t, d)
	s.do(t, func(tx *db.Tx) error {
		return s.queue.Enqueue(t.Context(), tx, event.DispatchArgs{EventID: "gone"}, "")
	})
	s.run(t)
	testkit.Eventually(t, func() error {
		n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM river_job WHERE attempt = 1 AND json_array_length(errors) = 1")
		if n != 1 && err == nil {
			err = fault.New(fault.NotFound, "no attempt yet")
		}
		return err
	})
}

// An event that no attempt could hand over is not lost: its job can be seen and
// retried.
func TestAnEventThatWasGivenUpCanBeHandedOver(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSetup(t, d)
		var well atomic.Bool
		s.outbox.Subscribe(func(context.Context, *db.Tx, event.Envelope) error {
			if !well.Load() {
				return errors.New("no consumer today")
			}
			return nil
		})
		s.do(t, func(tx *db.Tx) error {
			err := s.outbox.Append(t.Context(), tx, event.Event{Type: "boat.created", OrgID: "org", Data: map[string]string{}})
			if err != nil {
				return err
			}
			_, err = tx.Exec(t.Context(), "UPDATE river_job SET attempt = max_attempts - 1")
			return err
		})
		s.run(t)
		var dead []job.Entry
		testkit.Eventually(t, func() (err error) {
			if dead, err = s.queue.Dead(t.Context()); len(dead) != 1 {
				return fmt.Errorf("%d are dead, %w", len(dead), err)
			}
			return err
		})
		if dead[0].Kind != "event.dispatch" || dead[0].Error != "no consumer today" {
			t.Errorf("%+v", dead[0])
		}
		well.Store(true)
		if err := s.queue.Retry(t.Context(), []int64{dead[0].ID}, false); err != nil {
			t.Fatal(err)
		}
		s.drained(t)
		n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM events WHERE dispatched_at IS NOT NULL")
		if n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}
