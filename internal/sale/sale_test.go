package sale

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/document/extract"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/record"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
	"navidocs/internal/warranty"
)

// bench is a service on a real database, with an organization and its boat.
type bench struct {
	*Service
	t     *testing.T
	clock *testkit.Clock
	mails []Mail // that left, in their order
	boat  fleet.Boat
	ada   account.Actor // admin of the organization
	eve   account.Actor // admin of another
}

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC), func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		log := slog.New(slog.DiscardHandler)
		queue, err := job.New(d, job.Config{Log: log, LockPath: t.TempDir() + "/lock"})
		if err != nil {
			t.Fatal(err)
		}
		store, err := blob.OpenDisk(t.TempDir() + "/blobs")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		events := event.New(d, queue)
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		boats := fleet.New(d, accounts, events)
		papers := document.New(d, store, accounts, boats, events, queue, extract.New(extract.Options{Command: []string{"/bin/false"}}),
			document.Config{MaxBytes: 1 << 20, TempDir: t.TempDir(), Log: log})
		warranties := warranty.New(d, store, accounts, boats, papers, events)
		records := record.New(d, store, accounts, queue, record.Options{
			Tables: slices.Concat(boats.Tables(), papers.Tables(), warranties.Tables(), Tables()), TempDir: t.TempDir(), Sniff: papers.Sniff, MaxBytes: 64 << 20,
		})
		queue.Register(append(papers.Jobs(), events.Jobs()...)...)
		b := &bench{
			Service: New(d, store, accounts, boats, papers, warranties, records, events, queue, Config{BaseURL: "https://docs.example.org", TempDir: t.TempDir()}),
			t:       t, clock: clock,
		}
		queue.Register(b.Jobs()...)
		b.OnMail(func(_ context.Context, tx *db.Tx, m Mail) error {
			tx.OnCommit(func() { b.mails = append(b.mails, m) })
			return nil
		})
		b.ada, b.eve = b.user("ada@example.org", "", ""), b.user("eve@example.org", "", "")
		b.boat = b.newBoat("Calypso", "FR")
		f(t, b)
	})
}

func (b *bench) user(email string, org account.OrgID, role account.Role) account.Actor {
	b.t.Helper()
	return accounttest.User(b.t, b.accounts, email, org, role)
}

func (b *bench) newBoat(name, flag string) fleet.Boat {
	b.t.Helper()
	boat, err := b.boats.CreateBoat(b.t.Context(), b.ada, b.ada.Orgs(account.Admin)[0], fleet.BoatInput{Name: &name, Flag: &flag})
	if err != nil {
		b.t.Fatal(err)
	}
	return boat
}

func (b *bench) start(boat fleet.Boat) Sale {
	b.t.Helper()
	x, err := b.Start(b.t.Context(), b.ada, Input{BoatID: boat.ID, BuyerEmail: " Bo@Example.org ", BuyerName: "Bo Søndergaard"})
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

// paper puts a paper of a type into a boat's file, with a page of text.
func (b *bench) paper(boat fleet.Boat, title, docType string, class account.Class, text string) document.ID {
	b.t.Helper()
	ctx := b.t.Context()
	d, err := b.documents.Upload(ctx, b.ada, document.Upload{BoatIDs: []fleet.BoatID{boat.ID}, Title: title, Type: docType, FileName: title + ".txt"},
		strings.NewReader(title+" "+text))
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE documents SET class = $1, page_count = 1 WHERE id = $2", class, d.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO pages (document_id, number, status, text, updated_at) VALUES ($1, 1, 'ready', $2, 0)", d.ID, text)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return d.ID
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
	}
}

func TestABoatHasOneOpenSale(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		if x.Status != Initiated || x.BuyerEmail != "bo@example.org" || x.Region != EU || x.BoatName != "Calypso" {
			t.Errorf("%+v", x)
		}
		_, err := b.Start(t.Context(), b.ada, Input{BoatID: b.boat.ID, BuyerEmail: "cy@example.org"})
		wantKind(t, err, fault.Conflict)
		other := b.newBoat("Nemo", "US")
		var all sync.WaitGroup
		ended := make(chan error, 8)
		for range cap(ended) {
			all.Go(func() {
				_, err := b.Start(t.Context(), b.ada, Input{BoatID: other.ID, BuyerEmail: "cy@example.org"})
				ended <- err
			})
		}
		all.Wait()
		begun := 0
		for range cap(ended) {
			if err := <-ended; err == nil {
				begun++
			} else {
				wantKind(t, err, fault.Conflict)
			}
		}
		if begun != 1 {
			t.Errorf("%d sales of one boat have begun", begun)
		}
		b.clock.Add(time.Hour)
		if x, err = b.Cancel(t.Context(), b.ada, x.ID, " No money ", fleet.VersionOf(x.UpdatedAt)); err != nil || x.Status != Cancelled || x.CancelReason != "No money" {
			t.Fatalf("%+v, %v", x, err)
		}
		if len(x.Timeline) != 2 || x.Timeline[0].Event != "sale.initiated" || x.Timeline[1].Event != "sale.cancelled" || x.Timeline[1].At.Sub(x.Timeline[0].At) != time.Hour {
			t.Errorf("%+v", x.Timeline)
		}
		_, err = b.Cancel(t.Context(), b.ada, x.ID, "", "")
		wantKind(t, err, fault.Conflict)
		name := "Cy"
		_, err = b.Update(t.Context(), b.ada, x.ID, Patch{BuyerName: &name}, "")
		wantKind(t, err, fault.Conflict)
		b.start(b.boat) // now there may be another
		n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM events WHERE boat_id = $1 AND type LIKE 'sale.%'", b.boat.ID)
		if err != nil || n != 3 {
			t.Errorf("%d events, %v", n, err)
		}
	})
}

func TestBadSales(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		bad := fleet.Date("tomorrow")
		for name, test := range map[string]struct {
			in   Input
			want []string
		}{
			"nothing": {Input{}, []string{"body.boat_id"}},
			"all wrong": {
				Input{BoatID: b.boat.ID, BuyerEmail: "nobody", BuyerName: strings.Repeat("x", 201), Region: "MARS", TransferDate: &bad},
				[]string{"body.buyer_email", "body.buyer_name", "body.region", "body.transfer_date"},
			},
		} {
			_, err := b.Start(t.Context(), b.ada, test.in)
			var got []string
			if e, ok := errors.AsType[*fault.Error](err); ok {
				for _, f := range e.Fields {
					got = append(got, f.Location)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		_, err := b.Start(t.Context(), b.eve, Input{BoatID: b.boat.ID, BuyerEmail: "bo@example.org"})
		wantKind(t, err, fault.NotFound)
		x := b.start(b.boat)
		_, err = b.Sale(t.Context(), b.eve, x.ID)
		wantKind(t, err, fault.NotFound)
		_, err = b.Update(t.Context(), b.ada, x.ID, Patch{}, fleet.VersionOf(x.UpdatedAt.Add(-time.Second)))
		wantKind(t, err, fault.Stale)
	})
}

func TestSalesAreFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		first := b.start(b.boat)
		b.clock.Add(time.Minute)
		second := b.start(b.newBoat("Nemo", "US"))
		if _, err := b.Cancel(t.Context(), b.ada, first.ID, "", ""); err != nil {
			t.Fatal(err)
		}
		viewer := b.user("viewer@example.org", b.boat.OrgID, account.Viewer)
		page := fleet.Page{Limit: 10}
		for name, test := range map[string]struct {
			who  account.Actor
			f    Filter
			want []ID
		}{
			"all, newest first":      {b.ada, Filter{Page: page}, []ID{second.ID, first.ID}},
			"a page":                 {b.ada, Filter{Page: fleet.Page{Limit: 1, Offset: 1}}, []ID{first.ID}},
			"of a status":            {b.ada, Filter{Status: Cancelled, Page: page}, []ID{first.ID}},
			"of a boat":              {b.ada, Filter{BoatID: b.boat.ID, Page: page}, []ID{first.ID}},
			"by the buyer's name":    {b.ada, Filter{Query: "sondergaard", Page: page}, []ID{second.ID, first.ID}},
			"by the boat's name":     {b.ada, Filter{Query: "nem", Page: page}, []ID{second.ID}},
			"a stranger finds none":  {b.eve, Filter{Page: page}, nil},
			"a viewer sees no buyer": {viewer, Filter{Page: page}, nil},
		} {
			all, total, err := b.Sales(t.Context(), test.who, test.f)
			if err != nil {
				t.Fatal(name, err)
			}
			var got []ID
			for _, x := range all {
				got = append(got, x.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || test.f.Offset == 0 && total != len(got) {
				t.Errorf("%s: total %d, %s", name, total, diff)
			}
		}
		_, _, err := b.Sales(t.Context(), viewer, Filter{BoatID: b.boat.ID, Page: page})
		wantKind(t, err, fault.Forbidden)
	})
}

func TestTheChecklistGoesByRegionAndPapers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		vat := b.paper(b.boat, "vat", "TAX-VAT", account.Money, "")
		b.paper(b.boat, "raft", "SAF-RAFT", account.Open, "")
		b.paper(b.newBoat("Nemo", "US"), "other", "OWN-BOS", account.Open, "")
		member := b.user("member@example.org", b.boat.OrgID, account.Member)
		all, err := b.Checklist(t.Context(), member, x.ID)
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]Check{}
		for _, c := range all {
			by[c.ID] = c
		}
		if c := by["vat-status"]; !c.Done || c.Ticked || len(c.Papers) != 1 || c.Papers[0] != vat {
			t.Errorf("%+v", c)
		}
		if c := by["safety-in-date"]; !c.Done || c.Blocking || len(c.Papers) != 1 {
			t.Errorf("%+v", c)
		}
		if c, ok := by["bill-of-sale"]; !ok || c.Done {
			t.Errorf("another boat's paper counts: %+v", c)
		}
		if _, there := by["state-title"]; there {
			t.Error("a sale in the EU asks for a state title")
		}
		yes, no, note := true, false, "by the notary"
		_, err = b.TickOff(t.Context(), member, x.ID, []Tick{{Item: "no-liens", Done: &yes}})
		wantKind(t, err, fault.Forbidden)
		_, err = b.TickOff(t.Context(), b.ada, x.ID, []Tick{{Item: "state-title", Done: &yes}})
		wantKind(t, err, fault.Invalid)
		all, err = b.TickOff(t.Context(), b.ada, x.ID, []Tick{{Item: "no-liens", Done: &yes, Note: &note}, {Item: "vat-status", Done: &no}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			switch {
			case c.ID == "no-liens" && (!c.Done || !c.Ticked || c.Note != note || c.At == nil), c.ID == "vat-status" && (c.Done || !c.Ticked):
				t.Errorf("%+v", c)
			}
		}
		if all, err = b.TickOff(t.Context(), b.ada, x.ID, []Tick{{Item: "vat-status"}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if c.ID == "vat-status" && (!c.Done || c.Ticked) {
				t.Errorf("papers do not count again: %+v", c)
			}
		}
		us := US
		if _, err := b.Update(t.Context(), b.ada, x.ID, Patch{Region: &us}, ""); err != nil {
			t.Fatal(err)
		}
		all, err = b.Checklist(t.Context(), b.ada, x.ID)
		for _, c := range all {
			if c.ID == "vat-status" {
				t.Error("a sale in the US asks for European VAT papers")
			}
		}
		if err != nil || len(all) < 25 {
			t.Errorf("%d items, %v", len(all), err)
		}
	})
}

func TestEveryItemIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, x := range allItems() {
		if x.ID == "" || seen[x.ID] || x.Phase == "" || x.Who == "" || x.Text == "" || x.Source == "" {
			t.Errorf("%+v", x)
		}
		seen[x.ID] = true
	}
	if len(seen) != 33 {
		t.Errorf("%d items, want the trade's 33", len(seen))
	}
}

func TestTheFlagSaysTheRegion(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]Region{"US": US, "usa": US, "GB": UK, "JE": UK, "FR": EU, "": EU, "KY": EU} {
		if got := regionOf(flag); got != want {
			t.Errorf("%q: %s", flag, got)
		}
	}
}
