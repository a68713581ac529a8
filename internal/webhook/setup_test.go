package webhook

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/db"
	"navidocs/internal/egress"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

// start lies in the past of the queue's own clock, so that every job is due.
var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// bench is a service on a real database with two organizations.
type bench struct {
	*Service
	t     *testing.T
	clock *testkit.Clock
	queue *job.Queue
	org   account.OrgID
	ada   account.Actor // admin of org
	eve   account.Actor // admin of another
}

func each(t *testing.T, c Config, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		queue, err := job.New(d, job.Config{
			Log: slog.New(slog.DiscardHandler), LockPath: t.TempDir() + "/lock", Workers: map[string]int{Queue: Workers}, StopAfter: time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		events := event.New(d, queue)
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, Timeout: c.Timeout, Resolver: testkit.Names(t, named)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.HTTP().CloseIdleConnections)
		b := &bench{Service: New(d, queue, accounts, events, client, c), t: t, clock: clock, queue: queue}
		events.Subscribe(b.Consume)
		queue.Register(events.Jobs()...)
		queue.Register(b.Jobs()...)
		b.ada, b.eve = b.user("ada@example.org", "", ""), b.user("eve@example.org", "", "")
		b.org = b.ada.Orgs(account.Admin)[0]
		f(t, b)
	})
}

// named are the only names that there are: one that leads to this machine, and
// one whose name server is broken.
func named(name string, _ int) testkit.Outcome {
	switch name {
	case "receiver.example":
		return testkit.Outcome{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	case "broken.example":
		return testkit.Outcome{Code: testkit.ServerFailure}
	}
	return testkit.Outcome{Code: testkit.NoSuchName}
}

func (b *bench) user(email string, org account.OrgID, role account.Role) account.Actor {
	b.t.Helper()
	return accounttest.User(b.t, b.accounts, email, org, role)
}

// run works the jobs until the test ends, or until what it returns is called.
func (b *bench) run() (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.queue.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) create(url string, types ...string) Webhook {
	b.t.Helper()
	w, err := b.Create(b.t.Context(), b.ada, b.org, Input{URL: url, EventTypes: types})
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// happens appends events of the organization.
func (b *bench) happens(types ...string) {
	b.t.Helper()
	for _, kind := range types {
		err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
			return b.events.Append(b.t.Context(), tx, event.Event{
				Type: kind, OrgID: string(b.org), Boat: &event.Boat{ID: "calypso", Name: "Calypso"}, Data: map[string]string{"said": kind},
			})
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) read(id ID) Webhook {
	b.t.Helper()
	w, err := b.Webhook(b.t.Context(), b.ada, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// log is the endpoint's, oldest first.
func (b *bench) log(id ID) []Delivery {
	b.t.Helper()
	all, _, err := b.Deliveries(b.t.Context(), b.ada, id, DeliveryFilter{Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// settled waits until an endpoint has so many attempts and none is to come.
func (b *bench) settled(id ID, want int) (all []Delivery) {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		all = b.log(id)
		for _, d := range all {
			if d.Status == Pending {
				return fmt.Errorf("%s, attempt %d, is pending", d.EventType, d.Attempt)
			}
		}
		if len(all) != want {
			return fmt.Errorf("there are %d attempts, want %d: %+v", len(all), want, all)
		}
		return nil
	})
	return all
}

// states are those of a log.
func states(all []Delivery) string {
	var out []string
	for _, d := range all {
		out = append(out, string(d.Status))
	}
	return strings.Join(out, " ")
}

// got is one request as a receiver got it.
type got struct {
	header http.Header
	body   string
}

// receiver is an endpoint that remembers what it got.
type receiver struct {
	URL    string
	mu     sync.Mutex // guards all and answer
	all    []got
	answer answer
}

// answer is called with the number of the request, from 1.
type answer func(w http.ResponseWriter, req *http.Request, n int)

func listen(t *testing.T, a answer) *receiver {
	t.Helper()
	r := &receiver{answer: a}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.all = append(r.all, got{req.Header.Clone(), string(body)})
		n, a := len(r.all), r.answer
		r.mu.Unlock()
		if a != nil {
			a(w, req, n)
		}
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL + "/hook"
	return r
}

func (r *receiver) becomes(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = a
}

func (r *receiver) got() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.all...)
}

func answering(status int) answer {
	return func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) }
}

// hanging answers nothing until it is let go.
func hanging(_ http.ResponseWriter, req *http.Request, _ int) { <-req.Context().Done() }

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
	}
}
