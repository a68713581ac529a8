package listing_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/listing"
	"navidocs/internal/testkit"
)

// shown is a boat as a portal shows it.
func shown(name string) listing.Advert {
	return listing.Advert{
		Status: listing.Active, NewUsed: "used", Price: &listing.Money{Minor: 18900050, Currency: "USD"}, Tax: listing.TaxPaid,
		Place: listing.Place{City: "Palma", Country: "ES"}, Descriptions: []listing.Text{{Language: "en", Text: "Dry."}},
		Modified: time.Date(2026, 4, 20, 0, 0, 0, 0, time.UTC),
		Boat:     listing.Boat{Make: "Sunseeker", Model: "Manhattan", Name: name, ModelYear: new(2015), LOAM: new(17.5), FuelL: new(2000.0), Cabins: new(3)},
		Engines: []listing.Engine{
			{Make: "Volvo Penta", Hours: new(360.0), PowerKW: new(588.0), Fuel: "diesel", Type: "inboard", Drive: "ips", Position: "port"},
			{Make: "Volvo Penta", Position: "starboard"},
		},
	}
}

// boatsOf are all of the organization, by name.
func (b *bench) boatsOf() map[string]fleet.Boat {
	b.t.Helper()
	all, _, err := b.boats.Boats(b.t.Context(), b.ada, fleet.BoatFilter{Page: fleet.Page{Limit: 100}})
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]fleet.Boat{}
	for _, x := range all {
		if _, twice := out[x.Name]; twice {
			b.t.Error("twice there:", x.Name)
		}
		out[x.Name] = x
	}
	return out
}

func (b *bench) yachtWorld() listing.Connection {
	b.t.Helper()
	return b.connect(listing.NewConnection{Kind: listing.YachtWorld, URL: "https://127.0.0.1/api", APIKey: "right"})
}

// imports asks for an import and waits for it.
func (b *bench) imports(c listing.Connection, in listing.Import) (problem string) {
	b.t.Helper()
	x, err := b.Import(b.t.Context(), b.ada, c.ID, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.ends(x.ID)
}

func TestWhatOnlyThePortalShowsIsBroughtIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat("Calypso")
		unlisted := b.boat("Thetis")
		b.shelf.items = map[string]listing.Advert{"1": shown("Ondine"), "2": shown("Wrong"), "3": shown("")}
		known := shown("Thetis")
		known.Boat.Make, known.Boat.Model, known.Boat.ModelYear = unlisted.Make, unlisted.Model, unlisted.Year
		b.shelf.items["4"] = known
		odd := b.shelf.items["3"] // which boats can do without
		odd.Boat.Category, odd.Boat.Flag, odd.Place.Country = "pwc", "1A", "E"
		b.shelf.items["3"] = odd
		wrong := b.shelf.items["2"]
		wrong.Boat.LOAM = new(9000.0)
		b.shelf.items["2"] = wrong
		c := b.yachtWorld()
		b.run()
		problem := b.imports(c, listing.Import{Numbers: []string{"1", "99"}})
		if !strings.Contains(problem, `no "99"`) || len(b.boatsOf()) != 3 {
			t.Errorf("%q, %d boats", problem, len(b.boatsOf()))
		}
		problem = b.imports(c, listing.Import{})
		if !strings.Contains(problem, "Wrong") || !strings.Contains(problem, "loa_m") {
			t.Errorf("%q", problem)
		}
		all := b.boatsOf()
		if len(all) != 4 || all["Sunseeker Manhattan 2015"].ID == "" {
			t.Errorf("%d boats: %v", len(all), all)
		}
		if len(b.engines(all["Thetis"])) != 0 {
			t.Error("a boat that was there got engines")
		}
		b.isDraft(all["Ondine"], c)
		if b.imports(c, listing.Import{}) == "" || len(b.boatsOf()) != 4 {
			t.Error("it came twice, or what is wrong was not told again")
		}
		log, _, err := b.Log(t.Context(), b.ada, c.ID, fleet.Page{Limit: 100})
		if err != nil || !slices.ContainsFunc(log, func(r listing.Run) bool {
			return r.Cause == listing.Imported && r.Imported == 2 && r.Matched == 3 && r.Unmatched == 1
		}) {
			t.Errorf("the log says %+v, %v", log, err)
		}
	})
}

func (b *bench) engines(boat fleet.Boat) []fleet.Engine {
	b.t.Helper()
	all, err := b.boats.Engines(b.t.Context(), b.ada, boat.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// isDraft looks at a boat that was brought in as shown made it.
func (b *bench) isDraft(boat fleet.Boat, c listing.Connection) {
	b.t.Helper()
	engines := b.engines(boat)
	if len(engines) != 2 || *engines[0].Hours != 360 || *engines[0].HoursOn != "2026-04-20" || engines[0].HoursSource != c.Name || *boat.LOAM != 17.5 {
		b.t.Errorf("%+v with %+v", boat, engines)
	}
	l, err := b.Listing(b.t.Context(), b.ada, boat.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if l.Status != listing.Draft || *l.Price != 189000.5 || l.Currency != "USD" || *l.Boat.FuelL != 2000 || l.Engines[0].Drive != "ips" || l.Postings[0].Number != "1" {
		b.t.Errorf("%+v", l)
	}
	if x := b.standing(boat, c); x.State != listing.Published || x.Reference != "1" || len(x.Drift) != 1 || x.Drift[0].Field != "listing.status" {
		b.t.Errorf("%+v", x)
	}
}

func TestImportsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.shelf.items = map[string]listing.Advert{"1": shown("Ondine")}
		c := b.yachtWorld()
		_, err := b.Import(t.Context(), b.eve, c.ID, listing.Import{})
		want(t, err, fault.NotFound)
		feed := b.connect(listing.NewConnection{Kind: listing.OpenMarine})
		_, err = b.Import(t.Context(), b.ada, feed.ID, listing.Import{})
		want(t, err, fault.Invalid, "only YachtWorld")
		b.works()
		b.shelf.key = "another" // the portal does not know the broker any more
		b.run()
		if problem := b.imports(c, listing.Import{}); !strings.Contains(problem, "does not know the broker's key") {
			t.Errorf("%q", problem)
		}
		_, err = b.Import(t.Context(), b.ada, c.ID, listing.Import{})
		want(t, err, fault.Conflict, "stopped")
		if n := len(b.boatsOf()); n != 0 {
			t.Error(n, "boats")
		}
	})
}

// gallery is a portal's pictures, some of which cannot be had.
func gallery(t *testing.T) (images []listing.Image) {
	t.Helper()
	draw := func(c color.Gray) []byte {
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		m.SetGray(1, 1, c)
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	answers := map[string][]byte{"/bow.png": draw(color.Gray{1}), "/stern.png": draw(color.Gray{2}), "/page.png": []byte("<html>")}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers[r.URL.Path] == nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(answers[r.URL.Path]) // the client's end
	}))
	t.Cleanup(s.Close)
	for _, at := range []string{s.URL + "/bow.png", s.URL + "/gone.png", s.URL + "/page.png", "http://10.0.0.1/inside.png", s.URL + "/stern.png"} {
		images = append(images, listing.Image{URL: at, Caption: at[strings.LastIndexByte(at, '/')+1:]})
	}
	return images
}

func TestPicturesAreFetchedAndWhatCannotIsNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := shown("Ondine")
		x.Images = gallery(t)
		b.shelf.items = map[string]listing.Advert{"1": x}
		c := b.yachtWorld()
		b.run()
		if problem := b.imports(c, listing.Import{}); problem != "" {
			t.Fatal(problem)
		}
		var log []listing.Run
		testkit.Eventually(t, func() (err error) {
			if log, _, err = b.Log(t.Context(), b.ada, c.ID, fleet.Page{Limit: 100}); err != nil {
				return err
			}
			if !slices.ContainsFunc(log, func(r listing.Run) bool { return r.Cause == listing.Imported && r.ListingID != nil }) {
				return fault.New(fault.NotFound, "the pictures are not there yet")
			}
			return nil
		})
		i := slices.IndexFunc(log, func(r listing.Run) bool { return r.Cause == listing.Imported && r.ListingID != nil })
		for _, word := range []string{"2 of 5", "picture 2: YachtWorld answered 404", "picture 3: what YachtWorld sent is no image", "picture 4: "} {
			if !strings.Contains(log[i].Message, word) || log[i].Outcome != listing.Partly {
				t.Errorf("%s: %q does not say %q", log[i].Outcome, log[i].Message, word)
			}
		}
		photos, err := b.paper.Photos(t.Context(), b.ada, b.boatsOf()["Ondine"].ID)
		if err != nil || len(photos) != 2 || photos[0].Caption != "bow.png" || photos[1].Caption != "stern.png" {
			t.Errorf("%+v, %v", photos, err)
		}
		d, err := b.paper.Document(t.Context(), b.ada, photos[0].DocumentID)
		if err != nil || d.Class != account.Open || d.FileName != "bow.png" || d.Status != document.Pending {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

// A boat is brought to every portal at once, and the job says who did not take it.
func TestSyncEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		_, g := b.partner("Good")
		bad, u := b.partner("Bad")
		y := b.yachtWorld()
		boat := b.boat("Calypso")
		b.put(boat, offer(listing.Active, 1000))
		b.works()
		var healed atomic.Bool
		bad.fails = func(string, string) error {
			if healed.Load() {
				return nil
			}
			return fault.New(fault.Invalid, "no price")
		}
		b.run()
		sync := func() string {
			t.Helper()
			x, err := b.Sync(t.Context(), b.ada, boat.ID)
			if err != nil {
				t.Fatal(err)
			}
			return b.ends(x.ID)
		}
		if problem := sync(); !strings.Contains(problem, "not taken by Bad") || strings.Contains(problem, "Good") {
			t.Errorf("%q", problem)
		}
		b.stands(boat, g, listing.Published)
		b.stands(boat, u, listing.Failed)
		if x := b.standing(boat, y); x.CheckedAt == nil || !strings.Contains(x.Words, "does not show") {
			t.Errorf("%+v", x)
		}
		healed.Store(true)
		if problem := sync(); problem != "" {
			t.Error(problem)
		}
		b.stands(boat, u, listing.Published)
	})
}

func TestThePersonWhomBuyersAskIsTakenOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		in := offer(listing.Active, 1000)
		in.Broker = listing.Broker{Company: "Example Yachts", Rep: "Cleo", Email: "Cleo@example.org", Phone: "+34 1"}
		boat := b.boat("Calypso")
		b.put(boat, in)
		b.put(b.boat("Thetis"), offer(listing.Active, 1000))
		p := account.Person{Address: "cleo@example.org"}
		held := func() (all []account.Holding) {
			t.Helper()
			err := listing.People{}.Holdings(t.Context(), b.db, p, func(h account.Holding) error { all = append(all, h); return nil })
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		if got := held(); len(got) != 1 || got[0].Kind != "listing" || *got[0].OrgID != b.org {
			t.Errorf("%+v", got)
		}
		if all, err := (listing.People{}).Addresses(t.Context(), b.db); err != nil || !slices.Equal(all, []string{"cleo@example.org"}) {
			t.Error(all, err)
		}
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			done, err := listing.People{}.Erase(t.Context(), tx, p)
			if len(done) != 1 || !done[0].Erased {
				t.Errorf("%+v", done)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		l, err := b.Listing(t.Context(), b.ada, boat.ID)
		if err != nil || l.Broker != (listing.Broker{Company: "Example Yachts"}) || len(held()) != 0 {
			t.Errorf("%+v, %v", l.Broker, err)
		}
	})
}
