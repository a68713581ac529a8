package listing_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/listing"
	"navidocs/internal/vault"
)

func TestEveryFaultOfAListingIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		bare, err := b.boats.CreateBoat(t.Context(), b.ada, b.org, fleet.BoatInput{Name: new("Bare")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Put(t.Context(), b.ada, bare.ID, listing.Input{
			Status: listing.Active, Currency: "EURO", Tax: "perhaps", Engines: []listing.EngineMore{{EngineID: "none"}}, Photos: []listing.PhotoChoice{{PhotoID: "none"}},
			Boat: listing.Specification{FuelL: new(-1.0)},
		}, "")
		want(t, err, fault.Invalid, "body.price", "body.currency", "body.tax", "body.place.country", "body.descriptions", "who made the boat", "the boat's model",
			"engines[0]", "photos[0]", "boat.fuel_l")
		if _, err := b.Listing(t.Context(), b.ada, bare.ID); !fault.Is(err, fault.NotFound) {
			t.Error("something was kept", err)
		}
		hidden := offer(listing.Active, 0)
		hidden.Price, hidden.PriceHidden = nil, true
		if l := b.put(b.boat("Calypso"), hidden); l.FirstListedAt == nil || !strings.HasPrefix(l.Ref, "ND-") {
			t.Errorf("%+v", l)
		}
	})
}

func TestWhoMayPublishAndSeeThePrice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat("Calypso")
		accounts := account.New(b.db, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		as := map[account.Role]account.Actor{}
		for _, role := range []account.Role{account.Viewer, account.Member, account.Manager} {
			as[role] = accounttest.User(t, accounts, string(role)+"@example.org", b.org, role)
		}
		_, err := b.Put(t.Context(), as[account.Viewer], boat.ID, offer(listing.Draft, 1000), "")
		want(t, err, fault.Forbidden)
		_, err = b.Put(t.Context(), b.eve, boat.ID, offer(listing.Draft, 1000), "")
		want(t, err, fault.NotFound)
		draft, err := b.Put(t.Context(), as[account.Member], boat.ID, offer(listing.Draft, 1000), "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Put(t.Context(), as[account.Member], boat.ID, offer(listing.Active, 1000), "")
		want(t, err, fault.Forbidden, "manager")
		if l, _ := b.Listing(t.Context(), as[account.Viewer], boat.ID); l.Price != nil {
			t.Error("a viewer sees the price of a draft")
		}
		if _, err := b.Put(t.Context(), as[account.Manager], boat.ID, offer(listing.Active, 1000), fleet.VersionOf(draft.UpdatedAt)); err != nil {
			t.Fatal(err)
		}
		if l, _ := b.Listing(t.Context(), as[account.Viewer], boat.ID); l.Price == nil || *l.Price != 1000 {
			t.Error("a viewer does not see the price that buyers see")
		}
		_, err = b.Put(t.Context(), as[account.Manager], boat.ID, offer(listing.Active, 1000), fleet.VersionOf(draft.UpdatedAt))
		want(t, err, fault.Stale)
		hidden := offer(listing.Active, 1000)
		hidden.PriceHidden = true
		if _, err := b.Put(t.Context(), as[account.Manager], boat.ID, hidden, ""); err != nil {
			t.Fatal(err)
		}
		if l, _ := b.Listing(t.Context(), as[account.Viewer], boat.ID); l.Price != nil {
			t.Error("a viewer sees a hidden price")
		}
		if _, err := b.Put(t.Context(), as[account.Member], boat.ID, hidden, ""); err != nil {
			t.Error("a member may not mend a text that is public", err)
		}
		_, err = b.Put(t.Context(), as[account.Member], boat.ID, offer(listing.Withdrawn, 1000), "")
		want(t, err, fault.Forbidden, "manager")
		_, err = b.Connect(t.Context(), as[account.Manager], b.org, listing.NewConnection{Kind: listing.OpenMarine})
		want(t, err, fault.Forbidden)
	})
}

// fetch is what a feed's address answers.
func (b *bench) fetch(c listing.Connection) listing.Document {
	b.t.Helper()
	d, err := b.Feed(b.t.Context(), token(c))
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// token is the secret in the address of a feed.
func token(c listing.Connection) string {
	return strings.Split(c.URL, "/")[4]
}

// A currency that people write without its hundredths has them all the same.
func TestThePriceThatIsGivenIsTheOneThatIsPublished(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(listing.NewConnection{Kind: listing.OpenMarine})
		for _, code := range []string{"RSD", "IDR", "IQD", "JPY", "EUR"} {
			in := offer(listing.Active, 20_000_000)
			in.Currency = code
			if l := b.put(b.boat("In "+code), in); l.Price == nil || *l.Price != 20_000_000 {
				t.Errorf("%s: %v", code, l.Price)
			}
		}
		if text := string(b.fetch(c).Body); strings.Count(text, ">20000000<") != 5 {
			t.Error(text)
		}
		for code, price := range map[string]float64{"EUR": 1000.005, "JPY": 1000.5} {
			in := offer(listing.Draft, price)
			in.Currency = code
			_, err := b.Put(t.Context(), b.ada, b.boat("Too fine in "+code).ID, in, "")
			want(t, err, fault.Invalid, "body.price", "decimals")
		}
	})
}

func TestTheFeedIsTheRecordOfNow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(listing.NewConnection{Kind: listing.OpenMarine})
		boat, other := b.boat("Calypso"), b.boat("Draft")
		b.photo(boat, "open")
		b.photo(boat, "personal")
		l := b.put(boat, offer(listing.Active, 395000))
		b.put(other, offer(listing.Draft, 1))
		first := b.fetch(c)
		text := string(first.Body)
		for _, word := range []string{`ref="` + l.Ref + `"`, ">395000<", "Available"} {
			if !strings.Contains(text, word) {
				t.Errorf("no %s in %s", word, text)
			}
		}
		if strings.Count(text, "<advert ") != 1 || strings.Count(text, "<media ") != 1 {
			t.Errorf("it offers drafts, or shows a private picture: %s", text)
		}
		b.clock.Add(time.Hour)
		if again := b.fetch(c); again.Digest != first.Digest || !again.Modified.Equal(first.Modified) {
			t.Error("an equal record gives another feed")
		}
		if _, err := b.boats.CreateEngine(t.Context(), b.ada, boat.ID, fleet.EngineInput{Maker: new("Volvo Penta"), Hours: new(412.0), HoursOn: new(fleet.Date("2026-04-01"))}); err != nil {
			t.Fatal(err)
		}
		if x := b.standing(boat, c); x.State != listing.Waiting {
			t.Error("the status does not say that the portal has not fetched the change", x)
		}
		if d := b.fetch(c); !strings.Contains(string(d.Body), "Volvo Penta") || !d.Modified.After(first.Modified) {
			t.Error("an engine that was added is not in the feed")
		}
		b.stands(boat, c, listing.Published)
		sold := offer(listing.Sold, 395000)
		b.put(boat, sold)
		if !strings.Contains(string(b.fetch(c).Body), `status="Sold"`) {
			t.Error("a sold boat is not shown as sold")
		}
		b.clock.Add(31 * 24 * time.Hour)
		if strings.Contains(string(b.fetch(c).Body), l.Ref) {
			t.Error("it is sold for a month and still shown")
		}
		b.stands(boat, c, listing.Gone)
		if got := b.told(); !slices.Equal(got, []string{"listing.published", "listing.published", "listing.published"}) {
			t.Error("told", got)
		}
	})
}

func TestAPictureIsThereWhileItsListingIsPublic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(listing.NewConnection{Kind: listing.OpenMarine})
		boat := b.boat("Calypso")
		photo := b.photo(boat, "open")
		b.put(boat, offer(listing.Active, 1000))
		_, after, _ := strings.Cut(string(b.fetch(c).Body), "/photos/")
		name, _, _ := strings.Cut(after, "<")
		open := func(token, name string) error {
			f, err := b.Picture(t.Context(), token, name)
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // only read from
			got, err := io.ReadAll(f)
			if err == nil && !bytes.HasPrefix(got, []byte("\xff\xd8")) {
				t.Error("other bytes")
			}
			return err
		}
		if err := open(token(c), name); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range [][2]string{{"x" + token(c), name}, {token(c), "x" + name}, {token(c), photo + ".jpg"}, {token(c), photo + "-0000.jpg"}, {token(c), ""}} {
			want(t, open(wrong[0], wrong[1]), fault.NotFound)
		}
		b.exec("UPDATE documents SET class = 'personal'")
		want(t, open(token(c), name), fault.NotFound)
		b.exec("UPDATE documents SET class = 'open'")
		b.put(boat, offer(listing.Withdrawn, 1000))
		want(t, open(token(c), name), fault.NotFound)
	})
}

func TestAFeedEndsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		one, two := b.connect(listing.NewConnection{Kind: listing.OpenMarine}), b.connect(listing.NewConnection{Kind: listing.OpenMarine, Name: "Two"})
		if read, err := b.Connection(t.Context(), b.ada, one.ID); err != nil || read.URL != "" {
			t.Error("the address is read back", read.URL, err)
		}
		_, err := b.Connection(t.Context(), b.eve, one.ID)
		want(t, err, fault.NotFound)
		if _, err := b.Disconnect(t.Context(), b.ada, one.ID, ""); err != nil {
			t.Fatal(err)
		}
		_, err = b.Feed(t.Context(), token(one))
		want(t, err, fault.NotFound)
		b.fetch(two)
		if _, err := b.Change(t.Context(), b.ada, two.ID, listing.ConnectionPatch{Status: new(listing.Stopped)}, ""); err != nil {
			t.Fatal(err)
		}
		_, err = b.Feed(t.Context(), token(two))
		want(t, err, fault.NotFound)
		stored, err := db.Collect(t.Context(), b.db, db.Scalar[string], "SELECT token_hash FROM mls_connections")
		if err != nil || len(stored) != 1 || strings.Contains(stored[0], token(two)) {
			t.Error("the token is stored", stored, err)
		}
	})
}

func TestWhatHappensToABoatHappensToItsListing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		sold, drafted, deleted := b.boat("Sold"), b.boat("Drafted"), b.boat("Deleted")
		b.put(sold, offer(listing.UnderOffer, 1000))
		b.put(drafted, offer(listing.Draft, 1000))
		b.put(deleted, offer(listing.Active, 1000))
		happens := func(kind string, boat fleet.Boat) {
			org := string(b.org)
			err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
				return b.Consume(t.Context(), tx, event.Envelope{Type: kind, OrgID: &org, Boat: &event.Boat{ID: string(boat.ID)}, Timestamp: b.clock.Now()})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		happens("sale.completed", sold)
		happens("sale.completed", drafted)
		happens("boat.deleted", deleted)
		happens("boat.renamed", deleted)
		for boat, want := range map[fleet.BoatID]listing.Status{sold.ID: listing.Sold, drafted.ID: listing.Draft, deleted.ID: listing.Withdrawn} {
			if l, err := b.Listing(t.Context(), b.ada, boat); err != nil || l.Status != want {
				t.Errorf("%s, want %s: %v", l.Status, want, err)
			}
		}
		if l, _ := b.Listing(t.Context(), b.ada, sold.ID); l.SoldOn == nil || *l.SoldOn != "2026-05-01" {
			t.Error("sold on", l.SoldOn)
		}
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error { return b.boats.Freeze(t.Context(), tx, sold.ID) })
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Put(t.Context(), b.ada, sold.ID, offer(listing.Active, 1000), "")
		want(t, err, fault.Conflict, "sold")
	})
}

func TestTheSheetHasEveryFieldInTheFormsOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat("Calypso")
		b.put(boat, offer(listing.Draft, 395000))
		var out bytes.Buffer
		name, err := b.Sheet(t.Context(), b.ada, boat.ID, true, &out)
		if err != nil || name != "Calypso entry sheet.pdf" || !bytes.HasPrefix(out.Bytes(), []byte("%PDF")) {
			t.Error(name, err)
		}
		_, err = b.Sheet(t.Context(), b.eve, boat.ID, false, io.Discard)
		want(t, err, fault.NotFound)
	})
}
