package integration

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/egress"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
	"navidocs/internal/warranty"
	"navidocs/internal/webhook"
)

// start lies in the past of the queue's own clock, so that every job is due.
var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

const (
	hook  = "4f0c2d7a9b6e4f0c2d7a9b6e4f0c2d7a"
	token = "a-long-lived-token-of-home-assistant"
)

// bench is a service on a real database with two organizations, and a model of
// a Home Assistant.
type bench struct {
	*Service
	t      *testing.T
	clock  *testkit.Clock
	queue  *job.Queue
	events *event.Outbox
	home   *testkit.HomeAssistant
	fleet  *fleet.Service
	covers *warranty.Service
	org    account.OrgID
	ada    account.Actor // admin of org
	eve    account.Actor // admin of another
}

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		queue, err := job.New(d, job.Config{
			Log: slog.New(slog.DiscardHandler), LockPath: t.TempDir() + "/lock", Workers: map[string]int{webhook.Queue: 4}, StopAfter: time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		events := event.New(d, queue)
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, Resolver: testkit.Names(t, named)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.HTTP().CloseIdleConnections)
		hooks := webhook.New(d, queue, accounts, events, client, webhook.Config{})
		c := Config{BaseURL: "https://navidocs.example.org/", Timeout: 2 * time.Second, AppURL: "https://boats.example.org/", Version: "0.1.0", Poll: 20 * time.Millisecond, Again: 500 * time.Millisecond, Retry: 10 * time.Millisecond}
		b := &bench{t: t, clock: clock, queue: queue, events: events, home: testkit.NewHomeAssistant(t, token, hook)}
		b.fleet = fleet.New(d, accounts, events)
		b.covers = warranty.New(d, nil, accounts, b.fleet, document.New(d, nil, accounts, b.fleet, events, queue, nil, document.Config{}), events)
		b.Service = New(d, Rooms{Accounts: accounts, Boats: b.fleet, Warranties: b.covers, Webhooks: hooks}, client, c)
		events.Subscribe(hooks.Consume)
		queue.Register(events.Jobs()...)
		queue.Register(hooks.Jobs()...)
		b.ada, b.eve = accounttest.User(t, accounts, "ada@example.org", "", ""), accounttest.User(t, accounts, "eve@example.org", "", "")
		b.org = b.ada.Orgs(account.Admin)[0]
		f(t, b)
	})
}

// named are the only names that there are.
func named(name string, _ int) testkit.Outcome {
	switch name {
	case "home.example":
		return testkit.Outcome{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	case "private.example":
		return testkit.Outcome{Addrs: []netip.Addr{netip.MustParseAddr("192.168.7.7")}}
	}
	return testkit.Outcome{Code: testkit.NoSuchName}
}

// run works the jobs until the test ends.
func (b *bench) run() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.queue.Run(ctx) }()
	b.t.Cleanup(sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	}))
}

func (b *bench) connect(in Input) Connection {
	b.t.Helper()
	c, err := b.Create(b.t.Context(), b.ada, b.org, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// happens appends an event of the organization.
func (b *bench) happens(kind string) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		return b.events.Append(b.t.Context(), tx, event.Event{
			Type: kind, OrgID: string(b.org), Boat: &event.Boat{ID: "calypso", Name: "Calypso"}, Data: map[string]string{"said": kind},
		})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
	}
}
