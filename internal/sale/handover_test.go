package sale

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// packaged gives a sale a package that is ready, of so many bytes.
func (b *bench) packaged(x Sale, size int) PackageID {
	b.t.Helper()
	digest, n, err := b.store.Put(b.t.Context(), strings.NewReader(strings.Repeat("p", size)))
	if err != nil {
		b.t.Fatal(err)
	}
	manifest, err := json.Marshal(bundle.Manifest{Schema: "navidocs.package/1", Files: []bundle.Entry{
		{Path: "README.txt", Bytes: 100},
		{Path: "01_Identity/Bill of sale.pdf", Bytes: 2000},
		{Path: "01_Identity/Title.pdf", Bytes: 3000},
		{Path: "02_Engines/Manual.pdf", Bytes: 5_000_000},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	now, err := goingOf(b.t.Context(), b.db, x)
	if err != nil {
		b.t.Fatal(err)
	}
	id := PackageID(db.NewID())
	err = b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.t.Context(), `INSERT INTO sale_packages (id, sale_id, kind, state, file_name, digest, bytes, files, fingerprint, manifest, list_hash, created_at, ready_at)
			VALUES ($1, $2, $3, $4, 'Calypso.zip', $5, $6, 4, 'abc123', $7, $9, $8, $8)`, id, x.ID, AsBuilt, Ready, digest, n, string(manifest), db.Micros(tx.Now()), now.ListHash)
		if err != nil {
			return err
		}
		_, err = tx.Exec(b.t.Context(), "UPDATE sale_workflows SET status = $1 WHERE id = $2", Packed, x.ID)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// transferred is a sale that was handed over, and the secret of its link.
func (b *bench) transferred(t Transfer) (Handed, string) {
	b.t.Helper()
	x := b.start(b.boat)
	b.packaged(x, 1000)
	h, err := b.Transfer(b.t.Context(), b.ada, x.ID, t, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return h, b.secret(h.DownloadURL)
}

func (b *bench) secret(url string) string {
	b.t.Helper()
	token, ok := strings.CutPrefix(url, "https://docs.example.org/p/")
	if !ok || len(token) < 43 {
		b.t.Fatalf("%q is no link with 256 bits", url)
	}
	return token
}

// ends demands that a secret opens nothing any more, and why.
func (b *bench) ends(token string, why Ended) {
	b.t.Helper()
	_, err := b.Handover(b.t.Context(), token)
	wantKind(b.t, err, fault.Gone)
	if got := reasonOf(err); got != string(why) {
		b.t.Errorf("it ended as %q, want %q", got, why)
	}
}

// data are the payloads of the events of a type, in their order.
func (b *bench) data(eventType string) (all []event.SaleData) {
	b.t.Helper()
	all, err := db.Collect(b.t.Context(), b.db, func(r db.Row) (d event.SaleData, err error) {
		var text string
		if err = r.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &d)
		}
		return d, err
	}, "SELECT data FROM events WHERE type = $1 ORDER BY at, id", eventType)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func TestATransferMailsALink(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		_, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, "")
		wantKind(t, err, fault.Conflict)
		b.packaged(x, 1000)
		cover := warranty.Input{BoatID: b.boat.ID, ItemName: "Engine", PurchaseDate: "2026-01-15", Months: 24}
		if _, err := b.warranties.Create(t.Context(), b.ada, cover); err != nil {
			t.Fatal(err)
		}
		h, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{BuyerEmail: " Cy@Example.org", Message: " Fair winds "}, "")
		if err != nil {
			t.Fatal(err)
		}
		if s := h.Sale; s.Status != Transferred || s.BuyerEmail != "cy@example.org" || s.TransferredAt == nil || !s.BuyerReached || s.Timeline[1].Event != "sale.transferred" {
			t.Errorf("%+v", s)
		}
		if h.DownloadsLeft != 5 || h.ExpiresAt.Sub(b.clock.Now()) != 30*24*time.Hour {
			t.Errorf("%+v", h)
		}
		token := b.secret(h.DownloadURL)
		if n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM sale_tokens WHERE hash LIKE $1", "%"+token+"%"); n != 0 || err != nil {
			t.Error("the secret is stored", err)
		}
		if len(b.mails) != 1 {
			t.Fatalf("%d mails", len(b.mails))
		}
		m := b.mails[0]
		for name, want := range map[string]string{
			"boat_name": "Calypso", "link": h.DownloadURL, "expires_on": "2026-05-31", "downloads": "5", "files": "4", "contents": "01 Identity (2)\n02 Engines (1)",
			"warranties": "Engine: 2028-01-15", "message": "Fair winds", "fingerprint": "abc123", "seller_name": "ada@example.org", "seller_email": "ada@example.org",
		} {
			if m.Vars[name] != want {
				t.Errorf("%s is %q, want %q", name, m.Vars[name], want)
			}
		}
		if m.Kind != "handover" || m.To != "cy@example.org" || m.Language != "en" || m.Subject != h.Sale.Link.ID {
			t.Errorf("%+v", m)
		}
		told := b.data("sale.transferred")
		if len(told) != 1 || told[0].DownloadsLeft == nil || *told[0].DownloadsLeft != 5 || told[0].ExpiresAt == nil || told[0].PackageBytes != 1000 {
			t.Errorf("%+v", told)
		}
		p, err := b.Handover(t.Context(), token)
		if err != nil || p.BoatName != "Calypso" || len(p.Chapters) != 3 || p.Chapters[1].Name != "01_Identity" || p.Chapters[1].Bytes != 5000 || p.Left != 5 {
			t.Errorf("%+v, %v", p, err)
		}
		_, err = b.Handover(t.Context(), "ndh_another")
		wantKind(t, err, fault.NotFound)
	})
}

func TestWhoMayTransfer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		b.packaged(x, 10)
		member, unsure := b.user("member@example.org", b.boat.OrgID, account.Member), b.ada
		unsure.Verified = false
		for name, test := range map[string]struct {
			who  account.Actor
			t    Transfer
			want fault.Kind
		}{
			"a stranger":             {b.eve, Transfer{}, fault.NotFound},
			"a member":               {member, Transfer{}, fault.Forbidden},
			"an unconfirmed address": {unsure, Transfer{}, fault.Forbidden},
			"to no address":          {b.ada, Transfer{BuyerEmail: "nobody"}, fault.Invalid},
			"with a book":            {b.ada, Transfer{Message: strings.Repeat("x", 2001)}, fault.Invalid},
		} {
			if _, err := b.Transfer(t.Context(), test.who, x.ID, test.t, ""); !fault.Is(err, test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := b.Resend(t.Context(), b.ada, x.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("a link that is not there was sent: %v", err)
		}
		if len(b.mails) != 0 {
			t.Errorf("mails left: %+v", b.mails)
		}
	})
}

func TestHowALinkEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, first := b.transferred(Transfer{})
		id := h.Sale.ID
		again, err := b.Resend(t.Context(), b.ada, id)
		if err != nil || !again.ExpiresAt.Equal(h.ExpiresAt) || len(b.mails) != 2 {
			t.Fatalf("%+v, %v", again, err)
		}
		b.ends(first, endedByTransfer)
		second := b.secret(again.DownloadURL)
		b.clock.Add(31 * 24 * time.Hour)
		b.ends(second, endedByTime)
		_, err = b.Resend(t.Context(), b.ada, id)
		wantKind(t, err, fault.Conflict)
		_, err = b.Extend(t.Context(), b.ada, id, Extension{})
		wantKind(t, err, fault.Invalid)
		longer, err := b.Extend(t.Context(), b.ada, id, Extension{Days: 2, Downloads: 1})
		if err != nil || longer.DownloadsLeft != 6 || longer.ExpiresAt.Sub(b.clock.Now()) != 48*time.Hour {
			t.Fatalf("%+v, %v", longer, err)
		}
		if p, err := b.Handover(t.Context(), second); err != nil || p.Left != 6 {
			t.Errorf("%+v, %v", p, err)
		}
		other, err := b.Transfer(t.Context(), b.ada, id, Transfer{BuyerEmail: "cy@example.org"}, "")
		if err != nil {
			t.Fatal(err)
		}
		b.ends(second, endedByTransfer)
		third := b.secret(other.DownloadURL)
		x, err := b.Revoke(t.Context(), b.ada, id)
		if err != nil || x.Link.Ended != endedByHand || x.Status != Transferred {
			t.Fatalf("%+v, %v", x, err)
		}
		b.ends(third, endedByHand)
		_, err = b.Revoke(t.Context(), b.ada, id)
		wantKind(t, err, fault.Conflict)
		for _, action := range []string{"sale.link_resent", "sale.link_extended", "sale.link_revoked"} {
			if n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM audit_log WHERE action = $1 AND subject_id = $2", action, id); n != 1 || err != nil {
				t.Errorf("%s is %d times in the trail, %v", action, n, err)
			}
		}
		b.clock.Add(91 * 24 * time.Hour)
		if err := b.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = b.Handover(t.Context(), third)
		wantKind(t, err, fault.NotFound)
	})
}

func TestABuyerIsNotFlooded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, _ := b.transferred(Transfer{})
		var err error
		for range mailsADay {
			_, err = b.Resend(t.Context(), b.ada, h.Sale.ID)
		}
		wantKind(t, err, fault.RateLimited)
		b.clock.Add(25 * time.Hour)
		if _, err := b.Resend(t.Context(), b.ada, h.Sale.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestACancelledSaleTellsWhatIsNotRecalled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		p, err := b.Handover(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		b.fetch(p, 1000)
		b.clock.Add(time.Hour)
		x, err := b.Cancel(t.Context(), b.ada, h.Sale.ID, "", "")
		if err != nil || len(x.NotRecalled) != 1 || x.NotRecalled[0].Bytes != 1000 || b.clock.Now().Sub(*x.NotRecalled[0].EndedAt) != time.Hour || x.Link.Ended != endedByCancel {
			t.Fatalf("%+v, %v", x, err)
		}
		b.ends(token, endedByCancel)
		if _, err := b.Take(t.Context(), p, account.Actor{}); reasonOf(err) != string(endedByCancel) {
			t.Errorf("a page that was opened before still leads to the package: %v", err)
		}
		read, err := b.Sale(t.Context(), b.ada, x.ID)
		if err != nil || len(read.NotRecalled) != 1 {
			t.Errorf("%+v, %v", read, err)
		}
	})
}

func TestOnlyATransferredSaleIsCompleted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		x, err := b.Complete(t.Context(), b.ada, h.Sale.ID, fleet.VersionOf(h.Sale.UpdatedAt))
		if err != nil || x.Status != Completed || x.Timeline[2].Event != "sale.completed" {
			t.Fatalf("%+v, %v", x, err)
		}
		if _, err := b.Handover(t.Context(), token); err != nil {
			t.Errorf("the buyer is shut out: %v", err)
		}
		_, err = b.Start(t.Context(), b.ada, Input{BoatID: b.boat.ID, BuyerEmail: "cy@example.org"})
		wantKind(t, err, fault.Conflict)
		next := b.start(b.newBoat("Nemo", "FR"))
		_, err = b.Complete(t.Context(), b.ada, next.ID, "")
		wantKind(t, err, fault.Conflict)
	})
}

func TestABuyerWhoIsNotReached(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, _ := b.transferred(Transfer{})
		undelivered := func(link, reason string) {
			t.Helper()
			if err := b.db.Transact(t.Context(), func(tx *db.Tx) error { return b.Undelivered(t.Context(), tx, link, reason) }); err != nil {
				t.Fatal(err)
			}
		}
		old := h.Sale.Link.ID
		undelivered(old, "550 5.1.1 <BO@example.org>: no such user")
		x, err := b.Sale(t.Context(), b.ada, h.Sale.ID)
		if err != nil || x.BuyerReached || !strings.Contains(x.Unreached, "no such user") || x.Timeline[2].Event != "sale.undelivered" {
			t.Fatalf("%+v, %v", x, err)
		}
		if told := b.data("sale.undelivered"); len(told) != 1 || told[0].Reason != "550 5.1.1 <<buyer>>: no such user" {
			t.Errorf("%+v", told)
		}
		again, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{BuyerEmail: "right@example.org"}, "")
		if err != nil || !again.Sale.BuyerReached || again.Sale.BuyerEmail != "right@example.org" {
			t.Fatalf("%+v, %v", again, err)
		}
		undelivered(old, "the old mail came back late")
		if x, err = b.Sale(t.Context(), b.ada, x.ID); err != nil || !x.BuyerReached {
			t.Errorf("the old mail counts against the new address: %+v, %v", x, err)
		}
	})
}

func TestALinkThatEndsIsRemindedOfOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		remind := func(want int) {
			t.Helper()
			for range 2 {
				if err := b.Remind(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if len(b.mails) != want {
				t.Fatalf("%d mails, want %d", len(b.mails), want)
			}
		}
		remind(1)
		b.clock.Add(29*24*time.Hour + time.Minute)
		remind(2)
		m := b.mails[1]
		if m.Kind != "handover_reminder" || m.To != "bo@example.org" || m.Vars["downloads"] != "5" {
			t.Errorf("%+v", m)
		}
		for _, secret := range []string{token, b.secret(m.Vars["link"])} {
			if _, err := b.Handover(t.Context(), secret); err != nil {
				t.Error(err)
			}
		}
		if _, err := b.Extend(t.Context(), b.ada, h.Sale.ID, Extension{Days: 10}); err != nil {
			t.Fatal(err)
		}
		remind(2)
		p, err := b.Handover(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		b.fetch(p, 1000)
		b.clock.Add(10 * 24 * time.Hour)
		remind(2)
	})
}

func TestATransferThatIsNearIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		date := fleet.Date("2026-05-10")
		x, err := b.Start(t.Context(), b.ada, Input{BoatID: b.boat.ID, BuyerEmail: "bo@example.org", TransferDate: &date})
		if err != nil {
			t.Fatal(err)
		}
		told := func(on string, want ...string) {
			t.Helper()
			at, err := time.Parse(time.DateOnly, on)
			if err != nil {
				t.Fatal(err)
			}
			b.clock.Set(at.Add(12 * time.Hour))
			for range 2 {
				if err := b.Remind(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, d := range b.data("sale.due") {
				got = append(got, fmt.Sprint(d.Threshold, " before ", d.TransferDate))
			}
			if strings.Join(got, ", ") != strings.Join(want, ", ") {
				t.Fatalf("on %s: %v, want %v", on, got, want)
			}
		}
		told("2026-05-02")
		told("2026-05-03", "7 before 2026-05-10")
		move := func(to fleet.Date) {
			t.Helper()
			if _, err := b.Update(t.Context(), b.ada, x.ID, Patch{TransferDate: &to}, ""); err != nil {
				t.Fatal(err)
			}
		}
		move("2026-05-12") // its seventh day is today's second
		told("2026-05-04", "7 before 2026-05-10")
		told("2026-05-11", "7 before 2026-05-10", "1 before 2026-05-12") // a server that was away tells the nearest
		move("2026-05-13")                                               // six days before are past already
		told("2026-05-11", "7 before 2026-05-10", "1 before 2026-05-12")
		if err := PassMissed(t.Context(), b.db); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Cancel(t.Context(), b.ada, x.ID, "", ""); err != nil {
			t.Fatal(err)
		}
		told("2026-05-12", "7 before 2026-05-10", "1 before 2026-05-12")
	})
}

func TestABuyersData(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.accounts.HoldPersonal(People{})
		h, _ := b.transferred(Transfer{Message: "Dear bo@example.org"})
		held, err := b.accounts.ExportPerson(t.Context(), b.ada, b.boat.OrgID, "bo@example.org")
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		for _, x := range held.Holdings {
			kinds[x.Kind]++
		}
		if kinds["buyer"] != 1 || kinds["handover_link"] != 1 || kinds["handover_message"] != 1 {
			t.Errorf("%v", kinds)
		}
		erase := func() (kept int) {
			t.Helper()
			out, err := b.accounts.ErasePerson(t.Context(), b.ada, b.boat.OrgID, "bo@example.org", false)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range out.Outcomes {
				if !o.Erased {
					kept++
				}
			}
			return kept
		}
		if kept := erase(); kept != 2 {
			t.Errorf("%d are kept of a running sale, want the buyer and the link", kept)
		}
		if _, err := b.Cancel(t.Context(), b.ada, h.Sale.ID, "", ""); err != nil {
			t.Fatal(err)
		}
		if kept := erase(); kept != 0 {
			t.Errorf("%d are kept of a sale that ended", kept)
		}
		x, err := b.Sale(t.Context(), b.ada, h.Sale.ID)
		if err != nil || x.BuyerEmail != "" || x.Link.Email != "" {
			t.Errorf("%+v %+v %v", x, x.Link, err)
		}
		if err := b.Purge(t.Context(), b.boat.OrgID); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"sale_workflows", "sale_links", "sale_tokens", "sale_downloads", "sale_reminders", "sale_packages"} {
			if n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM "+table); n != 0 || err != nil {
				t.Errorf("%s has %d rows, %v", table, n, err)
			}
		}
	})
}
