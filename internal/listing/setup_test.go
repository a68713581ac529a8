package listing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/egress"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/listing"
	"navidocs/internal/listing/openmarine"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

// start is before a daily run.
var start = time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)

// bench is a service on a real database with two organizations.
type bench struct {
	*listing.Service
	t     *testing.T
	db    *db.DB
	clock *testkit.Clock
	boats *fleet.Service
	paper *document.Service
	queue *job.Queue
	store blob.Store
	org   account.OrgID
	ada   account.Actor // admin of org
	eve   account.Actor // admin of another

	portals map[string]*portal // partners, by URL
	shelf   *shelf             // what YachtWorld shows
}

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		queue, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: t.TempDir() + "/lock", Workers: map[string]int{listing.Queue: 2}})
		if err != nil {
			t.Fatal(err)
		}
		events := event.New(d, queue)
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		store, err := blob.OpenDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		b := &bench{t: t, db: d, clock: clock, boats: fleet.New(d, accounts, events), queue: queue, store: store, portals: map[string]*portal{}, shelf: &shelf{key: "right"}}
		b.paper = document.New(d, store, accounts, b.boats, events, queue, nil, document.Config{MaxBytes: 1 << 20, TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		b.Service = listing.New(d, listing.Rooms{Accounts: accounts, Boats: b.boats, Documents: b.paper, Events: events, Jobs: queue, Store: store}, client, b.formats(), listing.Config{
			BaseURL: "https://navidocs.example/", Jitter: func() float64 { return 0 },
			Keys: map[listing.Kind]listing.Key{listing.BoatTrader: {Base: "https://127.0.0.1:9/trader", Key: "right"}},
		})
		events.Subscribe(b.Consume)
		b.ada = accounttest.User(t, accounts, "ada@example.org", "", "")
		b.eve = accounttest.User(t, accounts, "eve@example.org", "", "")
		b.org = b.ada.Orgs(account.Admin)[0]
		f(t, b)
	})
}

func (b *bench) formats() listing.Formats {
	return listing.Formats{
		OpenMarine: func(w io.Writer, f listing.Feed) error {
			return openmarine.Write(w, openmarine.Feed{Code: f.Code, Company: f.Company, Date: f.Date, Language: f.Language, Adverts: f.Adverts, Office: openmarine.Office{ID: "main"}})
		},
		Inventory: func(_ *egress.Client, _ listing.Kind, _, key string) (listing.Inventory, error) {
			return asked{b.shelf, key}, nil
		},
		Partner: func(_ *egress.Client, p listing.Partner) (listing.Vendor, error) {
			return b.portals[p.URL], nil
		},
	}
}

// portal is a partner that keeps what it is sent, and fails as it is told.
type portal struct {
	fails func(what, ref string) error
	has   map[string]listing.Advert
	calls []string
}

func (p *portal) call(what, ref string) error {
	p.calls = append(p.calls, what+" "+ref)
	if p.fails == nil {
		return nil
	}
	return p.fails(what, ref)
}

func (p *portal) Validate(context.Context) error { return p.call("validate", "") }

func (p *portal) Create(_ context.Context, a listing.Advert) (string, error) {
	if err := p.call("create", a.Ref); err != nil {
		return "", err
	}
	p.has[a.Ref] = a
	return "P-" + a.Ref, nil
}

func (p *portal) Update(_ context.Context, reference string, a listing.Advert) error {
	if err := p.call("update", a.Ref); err != nil {
		return err
	}
	if reference != "P-"+a.Ref {
		return fault.New(fault.Invalid, "it has no %s", reference)
	}
	p.has[a.Ref] = a
	return nil
}

func (p *portal) Delete(_ context.Context, reference string) error {
	if err := p.call("delete", strings.TrimPrefix(reference, "P-")); err != nil {
		return err
	}
	delete(p.has, strings.TrimPrefix(reference, "P-"))
	return nil
}

func (p *portal) Attach(context.Context, string, listing.Paper) error {
	return fault.New(fault.Unsupported, "it takes no papers")
}

// shelf is what a broker's inventory shows.
type shelf struct {
	key   string
	fails error
	items map[string]listing.Advert
}

type asked struct {
	*shelf
	with string
}

func (a asked) Check(context.Context) error {
	if a.fails != nil {
		return a.fails
	}
	if a.with != a.key {
		return fault.New(fault.Invalid, "YachtWorld does not know this key")
	}
	return nil
}

func (a asked) Each(ctx context.Context, f func(string, listing.Advert) error) error {
	if err := a.Check(ctx); err != nil {
		return err
	}
	for id, advert := range a.items {
		if err := f(id, advert); err != nil {
			return err
		}
	}
	return nil
}

// boat adds one that has all that portals ask for.
func (b *bench) boat(name string) fleet.Boat {
	b.t.Helper()
	x, err := b.boats.CreateBoat(b.t.Context(), b.ada, b.org, fleet.BoatInput{
		Name: &name, Make: new("Azimut"), Model: new("55S"), Year: new(2019), HIN: new(""), LOAM: new(17.2),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

// offer is an input that may be published.
func offer(status listing.Status, price float64) listing.Input {
	return listing.Input{
		Status: status, Price: &price, Currency: "EUR", Tax: listing.TaxPaid, Place: listing.Place{City: "Palma", Country: "ES"},
		Descriptions: []listing.Text{{Language: "en", Text: "A fine boat."}},
	}
}

func (b *bench) put(boat fleet.Boat, in listing.Input) listing.Listing {
	b.t.Helper()
	b.clock.Add(time.Second)
	l, err := b.Put(b.t.Context(), b.ada, boat.ID, in, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func (b *bench) connect(n listing.NewConnection) listing.Connection {
	b.t.Helper()
	c, err := b.Connect(b.t.Context(), b.ada, b.org, n)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// partner connects a partner of its own.
func (b *bench) partner(name string) (*portal, listing.Connection) {
	b.t.Helper()
	p, at := &portal{has: map[string]listing.Advert{}}, "https://127.0.0.1/"+name
	b.portals[at] = p
	return p, b.connect(listing.NewConnection{Kind: listing.PartnerFeed, Name: name, URL: at, Token: "t"})
}

// works does the runs that are enqueued, and says how many there were.
func (b *bench) works() int {
	b.t.Helper()
	args := "json(args)"
	if b.db.Engine == db.Postgres {
		args = "args::text"
	}
	all, err := db.Collect(b.t.Context(), b.db, func(r db.Row) (a listing.RunArgs, err error) {
		var text []byte
		if err := r.Scan(&text); err != nil {
			return a, err
		}
		return a, json.Unmarshal(text, &a)
	}, "SELECT "+args+" FROM river_job WHERE kind = 'listing.run' ORDER BY id")
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec("DELETE FROM river_job WHERE kind = 'listing.run'")
	for _, a := range all {
		if err := b.Run(b.t.Context(), a.ConnectionID, a.Cause); err != nil {
			b.t.Fatal(err)
		}
	}
	return len(all)
}

// run works the queue until the test ends.
func (b *bench) run() {
	b.t.Helper()
	b.queue.Register(b.Jobs()...)
	testkit.Work(b.t, b.queue)
}

// ends waits until a job has ended, and says what went wrong.
func (b *bench) ends(id string) string {
	b.t.Helper()
	var x job.Status
	testkit.Eventually(b.t, func() (err error) {
		err = b.db.Transact(b.t.Context(), func(tx *db.Tx) error { x, err = job.Load(b.t.Context(), tx, id); return err })
		if err == nil && x.Finished == nil {
			err = fmt.Errorf("it is %s", x.State)
		}
		return err
	})
	if (x.State == job.Failed) != (x.Error != "") {
		b.t.Errorf("it is %s: %s", x.State, x.Error)
	}
	return x.Error
}

// minute lets a minute go by, with what is done in it.
func (b *bench) minute() int {
	b.t.Helper()
	b.clock.Add(time.Minute)
	if err := b.Watch(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return b.works()
}

func (b *bench) exec(text string, args ...any) {
	b.t.Helper()
	if err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(b.t.Context(), text, args...); return err }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) standing(boat fleet.Boat, c listing.Connection) listing.Standings {
	b.t.Helper()
	all, err := b.Status(b.t.Context(), b.ada, boat.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(x listing.Standings) bool { return x.ConnectionID == c.ID })
	if i < 0 {
		b.t.Fatalf("no %s among %v", c.ID, all)
	}
	return all[i]
}

// stands fails unless a boat stands so at a portal.
func (b *bench) stands(boat fleet.Boat, c listing.Connection, want listing.Standing) {
	b.t.Helper()
	if x := b.standing(boat, c); x.State != want {
		b.t.Errorf("%s at %s is %s, want %s: %s", boat.Name, c.Name, x.State, want, x.Words)
	}
}

// told are the types of the events of listings so far, in their order.
func (b *bench) told() (types []string) {
	b.t.Helper()
	types, err := db.Collect(b.t.Context(), b.db, db.Scalar[string], "SELECT type FROM events WHERE type LIKE 'listing.%' ORDER BY at, id")
	if err != nil {
		b.t.Fatal(err)
	}
	return types
}

// photo shows a picture with a boat, as reading its paper leaves it.
func (b *bench) photo(boat fleet.Boat, class string) string {
	b.t.Helper()
	digest, _, err := b.store.Put(b.t.Context(), strings.NewReader("\xff\xd8 "+db.NewID()))
	if err != nil {
		b.t.Fatal(err)
	}
	document, photo, at := db.NewID(), db.NewID(), db.Micros(b.db.Now())
	b.exec(`INSERT INTO documents (id, org_id, title, title_fold, class, status, file_name, media_type, bytes, digest, created_at, updated_at)
		VALUES ($1, $2, 'p', 'p', $3, 'ready', 'p.jpg', 'image/jpeg', 1, $1, $4, $4)`, document, boat.OrgID, class, at)
	b.exec(`INSERT INTO pages (document_id, number, status, screen_digest, updated_at) VALUES ($1, 1, 'ready', $2, $3)`, document, string(digest), at)
	b.exec(`INSERT INTO boat_photos (id, boat_id, document_id, caption, position, created_at) VALUES ($1, $2, $3, 'Bow', 1, $4)`, photo, boat.ID, document, at)
	return photo
}

func want(t *testing.T, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if fault.KindOf(err) != kind || err == nil {
		t.Errorf("%v, want kind %d", err, kind)
		return
	}
	said := fault.Message(err) + fmt.Sprint(fault.FieldsOf(err))
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("%q does not say %q", said, word)
		}
	}
}
