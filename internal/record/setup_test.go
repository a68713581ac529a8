package record_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/archive"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/document/extract"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/listing"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
	"navidocs/internal/warranty"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// bench is an installation with two organizations.
type bench struct {
	*record.Service
	t          *testing.T
	db         *db.DB
	clock      *testkit.Clock
	store      *blob.Disk
	accounts   *account.Service
	boats      *fleet.Service
	papers     *document.Service
	warranties *warranty.Service
	sales      *sale.Service
	listings   *listing.Service
	queue      *job.Queue
	tables     []record.Table
	ada        account.Actor // admin of one
	eve        account.Actor // admin of the other
}

func key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) { f(t, newBench(t, d, clock)) })
}

func newBench(t *testing.T, d *db.DB, clock *testkit.Clock) *bench {
	t.Helper()
	dir := t.TempDir()
	store, err := blob.OpenDisk(dir + "/blobs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	queue, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: dir + "/lock", Workers: map[string]int{document.PagesQueue: 1}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, db: d, clock: clock, store: store, queue: queue}
	events := event.New(d, queue)
	b.accounts = account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
	b.boats = fleet.New(d, b.accounts, events)
	reader := extract.New(extract.Options{Command: []string{"/bin/false"}})
	b.papers = document.New(d, store, b.accounts, b.boats, events, queue, reader, document.Config{MaxBytes: 1 << 20, TempDir: dir, Log: slog.New(slog.DiscardHandler)})
	b.warranties = warranty.New(d, store, b.accounts, b.boats, b.papers, events)
	b.sales = sale.New(d, store, b.accounts, b.boats, b.papers, b.warranties, nil, events, queue, sale.Config{})
	b.listings = listing.New(d, listing.Rooms{Accounts: b.accounts, Boats: b.boats, Events: events, Jobs: queue, Store: store}, nil, listing.Formats{}, listing.Config{})
	for _, tables := range [][]record.Table{b.boats.Tables(), b.papers.Tables(), b.warranties.Tables(), sale.Tables(), listing.Tables()} {
		b.tables = append(b.tables, tables...)
	}
	b.Service = b.service(b.tables)
	queue.Register(b.Jobs()...)
	queue.Register(b.papers.Jobs()...)
	queue.Register(events.Jobs()...)
	b.ada, b.eve = accounttest.User(t, b.accounts, "ada@example.org", "", ""), accounttest.User(t, b.accounts, "eve@example.org", "", "")
	return b
}

// service is one with other tables.
func (b *bench) service(tables []record.Table) *record.Service {
	o := b.options(8 << 20)
	o.Tables = tables
	return record.New(b.db, b.store, b.accounts, b.queue, o)
}

// options take archives of so many bytes.
func (b *bench) options(most int64) record.Options {
	return record.Options{
		Tables: b.tables, TempDir: b.t.TempDir(), Sniff: b.papers.Sniff, MaxBytes: most,
		Signer: func(context.Context, account.OrgID) (ed25519.PrivateKey, error) { return key(), nil },
	}
}

func org(who account.Actor) account.OrgID { return who.Orgs(account.Viewer)[0] }

// must is the value of a call that has to go well.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ptr[T any](v T) *T { return &v }

// boat makes a boat with one of everything, whose papers were read.
func (b *bench) boat(who account.Actor, name string) fleet.Boat {
	b.t.Helper()
	ctx := b.t.Context()
	boat := must(b.boats.CreateBoat(ctx, who, org(who), fleet.BoatInput{
		Name: &name, Make: ptr("Hallberg"), Model: ptr("40"), Year: ptr(2018), LengthM: ptr(12.35), Flag: ptr("SE"), TimeZone: ptr("Europe/Stockholm"),
		Owners: &[]fleet.Owner{{Name: "Owner One", SharePercent: ptr(60.0), Contact: "owner@example.org", Signs: true}, {Name: "Owner Two", SharePercent: ptr(40.0)}},
		Uses:   &[]fleet.Use{{Use: "private", StartsOn: "2018-05-01"}},
	}))
	engine := must(b.boats.CreateEngine(ctx, who, boat.ID, fleet.EngineInput{Maker: ptr("Volvo"), SerialNumber: ptr("V1"), Hours: ptr(100.5), HoursOn: ptr(fleet.Date("2025-01-02"))}))
	must(b.listings.Put(ctx, who, boat.ID, listing.Input{
		Status: listing.Draft, Price: ptr(180000.0), Currency: "EUR", Place: listing.Place{City: "Palma", Country: "ES"}, Broker: listing.Broker{Rep: "Ada", Email: "ada@example.org"},
		Descriptions: []listing.Text{{Language: "en", Text: "Fine"}}, Boat: listing.Specification{FuelL: ptr(400.0)}, Engines: []listing.EngineMore{{EngineID: engine.ID, Type: "inboard"}},
	}, ""))
	pump := must(b.boats.CreateEquipment(ctx, who, boat.ID, fleet.EquipmentInput{Name: ptr("=Pump"), SystemCode: ptr(fleet.Systems()[0].Code), Notes: ptr("two\nlines, \"quoted\"")}))
	contact := must(b.boats.CreateContact(ctx, who, org(who), fleet.ContactInput{Name: ptr("Yard"), Email: ptr("yard@example.org")}))
	paper := b.paper(who, boat.ID, "Manual of "+name, "MAN-EQ", "impeller of "+name, pump.ID)
	money := b.paper(who, boat.ID, "Invoice of "+name, "OWN-BOS", "price of "+name)
	w := must(b.warranties.Create(ctx, who, warranty.Input{
		BoatID: boat.ID, EquipmentID: &pump.ID, EngineID: &engine.ID, ItemName: "Pump", PurchaseDate: "2024-01-31", Months: 36, CoverageAmount: ptr(1234.5), Currency: "EUR",
		HoursLimit: ptr(500.0), Lines: []warranty.LineInput{{Coverage: "parts", Months: ptr(12)}},
	}))
	must(b.warranties.LinkPaper(ctx, who, w.ID, warranty.Link{DocumentID: paper, Purpose: "other"}))
	must(b.warranties.LinkPaper(ctx, who, w.ID, warranty.Link{DocumentID: money, Purpose: "proof_of_purchase"}))
	claim := must(b.warranties.CreateClaim(ctx, who, w.ID, warranty.ClaimInput{ContactID: &contact.ID, Story: ptr("it leaks"), Parts: ptr(10.0), Currency: ptr("EUR")}))
	must(b.warranties.LinkEvidence(ctx, who, w.ID, claim.ID, warranty.Link{DocumentID: paper, Purpose: "report"}))
	must(b.warranties.AddLetter(ctx, who, w.ID, claim.ID, warranty.LetterInput{Direction: "sent", Channel: "email", Subject: "Leak", ContactID: contact.ID}))
	x := must(b.sales.Start(ctx, who, sale.Input{BoatID: boat.ID, BuyerEmail: "buyer@example.org", BuyerName: "A Buyer"}))
	must(b.sales.Cancel(ctx, who, x.ID, "no money", ""))
	b.exec(`INSERT INTO sale_tasks (sale_id, item, position, kind, title, warranty_id, due_on, assumed, note, at)
		VALUES ($1, 'warranty-1', 0, 'register', 'Pump', $2, '2026-06-01', TRUE, 'rang them', 0)`, x.ID, w.ID)
	return boat
}

// paper uploads a text, and stores its page as reading it would.
func (b *bench) paper(who account.Actor, boat fleet.BoatID, title, kind, text string, equipment ...fleet.EquipmentID) document.ID {
	b.t.Helper()
	d := must(b.papers.Upload(b.t.Context(), who, document.Upload{
		FileName: title + ".txt", Title: title, Type: kind, BoatIDs: []fleet.BoatID{boat}, EquipmentIDs: equipment, Tags: []string{"tag"},
	}, strings.NewReader(text)))
	b.exec("INSERT INTO pages (document_id, number, status, source, language, text, updated_at) VALUES ($1, 1, 'ready', 'native', 'en', $2, 0)", d.ID, text)
	b.exec("UPDATE documents SET status = 'ready', page_count = 1, pages_ready = 1 WHERE id = $1", d.ID)
	return d.ID
}

func (b *bench) exec(query string, args ...any) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.t.Context(), query, args...)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) count(query string, args ...any) int {
	b.t.Helper()
	return must(db.One(b.t.Context(), b.db, db.Scalar[int], query, args...))
}

// export is the archive of an organization.
func (b *bench) export(who account.Actor) []byte {
	b.t.Helper()
	var out bytes.Buffer
	must(b.ExportTo(b.t.Context(), who, org(who), &out))
	return out.Bytes()
}

// bring imports an archive to its end.
func (b *bench) bring(who account.Actor, content []byte) (record.Import, error) {
	b.t.Helper()
	ctx := b.t.Context()
	x, err := b.Import(ctx, who, org(who), bytes.NewReader(content))
	if err != nil {
		return x, err
	}
	if err := b.RunImport(ctx, x.ID); err != nil {
		return x, err
	}
	already := x.Already
	x, err = b.Imported(ctx, who, x.ID)
	x.Already = already
	return x, err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// unpack reads an archive's files.
func unpack(t *testing.T, content []byte) map[string]string {
	t.Helper()
	r := must(archive.Open(bytes.NewReader(content), int64(len(content))))
	out := map[string]string{}
	for _, e := range r.Manifest().Files {
		f := must(r.Open(e.Path))
		out[e.Path] = string(must(io.ReadAll(f)))
	}
	return out
}

// pack signs files as an archive; those under documents/ are named by documents,
// from path to id.
func pack(t *testing.T, schema string, files, documents map[string]string) []byte {
	t.Helper()
	var all []archive.File
	for _, path := range sortedKeys(files) {
		f := archive.Content(path, "application/octet-stream", []byte(files[path]))
		f.DocumentID = documents[path]
		all = append(all, f)
	}
	var out bytes.Buffer
	must(archive.Write(t.Context(), &out, bundle.Manifest{Schema: schema, Title: "A boat", CreatedAt: start}, all, key(), nil))
	return out.Bytes()
}

// papersOf are the documents of an archive, from path to id.
func papersOf(content []byte) map[string]string {
	out := map[string]string{}
	for _, e := range must(archive.Open(bytes.NewReader(content), int64(len(content)))).Manifest().Files {
		if e.DocumentID != "" {
			out[e.Path] = e.DocumentID
		}
	}
	return out
}

func rows(t *testing.T, text string) (out []map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err, text)
	}
	return out
}

func wantKind(t *testing.T, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
		return
	}
	for _, w := range words {
		if !strings.Contains(fault.Message(err), w) {
			t.Errorf("%q is not in: %s", w, fault.Message(err))
		}
	}
}
