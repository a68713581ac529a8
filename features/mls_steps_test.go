package features

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/listing"
	"navidocs/internal/listing/listingtest"
	"navidocs/internal/testkit"
)

// offering is what a scenario knows of a boat that is for sale.
type offering struct {
	*world

	clock  *testkit.Clock
	portal listing.Connection
	feed   []byte
	tag    string
	ref    string
	sheet  string

	yachtWorld    *listingtest.Inventory
	asked         int // how often the failing partner was before it failed
	good, failing taker
}

func (w *world) mlsSteps(sc *godog.ScenarioContext) {
	o := &offering{world: w}
	sc.Step(`^a broker with a boat to sell$`, o.broker)
	sc.Step(`^a portal that fetches the broker's feed$`, o.fetches)
	sc.Step(`^the broker publishes the boat for (\d+) EUR$`, o.publishes)
	sc.Step(`^the broker changes the price to (\d+) EUR$`, o.publishes)
	sc.Step(`^the feed offers the boat for (\d+) EUR with its picture$`, o.offers)
	sc.Step(`^the boat's status at the portal is "([^"]*)"$`, func(want string) error { return o.stands(o.portal.ID, want) })
	sc.Step(`^fetching it again answers that it is as it was$`, o.isAsItWas)
	sc.Step(`^the boat keeps its reference$`, o.keepsRef)
	sc.Step(`^the broker withdraws the boat$`, func() error { return o.puts("withdrawn", 395000) })
	sc.Step(`^the feed offers nothing$`, o.offersNothing)
	sc.Step(`^the picture is at its address no more$`, o.pictureGone)
	sc.Step(`^the broker ends the portal$`, o.endsPortal)
	sc.Step(`^the feed's address is unknown$`, o.isUnknown)
	sc.Step(`^a YachtWorld that knows the broker's key$`, o.startsYachtWorld)
	sc.Step(`^YachtWorld with another key is refused with 400$`, func() error { return o.refusedBy(o.yachtWorld.URL, "another", http.StatusBadRequest) })
	sc.Step(`^YachtWorld at an address that does not answer is refused with 503$`, o.silentYachtWorld)
	sc.Step(`^YachtWorld with the broker's key is connected, and the key is never read back$`, o.connectsYachtWorld)
	sc.Step(`^YachtWorld lists the boat for "([^"]*)" as "([^"]*)"$`, o.lists)
	sc.Step(`^the boat's status at YachtWorld shows that price and status are others there$`, o.drifts)
	sc.Step(`^YachtWorld lists another boat for "([^"]*)"$`, o.listsAnother)
	sc.Step(`^the broker imports what YachtWorld lists$`, o.imports)
	sc.Step(`^the other boat is there once, with its engines, its picture and a draft for (\d+) ([A-Z]+)$`, o.isDraft)
	sc.Step(`^a partner that takes boats$`, func() (err error) { o.good, err = o.takes("Good partner"); return err })
	sc.Step(`^a partner that answers 500 once it is connected$`, o.failsLater)
	sc.Step(`^the daily run is due$`, o.daily)
	sc.Step(`^the good partner has the boat$`, o.goodHas)
	sc.Step(`^the boat's status at the failing partner is "failed" after 3 retries$`, o.failedAfterRetries)
	sc.Step(`^the broker is told that the failing partner did not take the boat$`, o.isTold)
	sc.Step(`^the failing partner answers again$`, func() error { o.failing.Fail(listingtest.None); return nil })
	sc.Step(`^the boat's status at the failing partner is "published"$`, func() error { return o.comesTo(&o.failing, "published") })
	sc.Step(`^the entry sheet has in this order: (.*)$`, o.sheetOrder)
	sc.Step(`^it says the lengths in metres and in feet$`, o.sheetUnits)
}

// broker is a server whose operator lists this machine, with a boat that has all
// that portals ask for.
func (o *offering) broker() error {
	o.clock = testkit.NewClock(time.Now().Add(-30 * 24 * time.Hour))
	o.server = apptest.New(o.t, apptest.Options{
		Database: o.database, Now: o.clock.Now, Settings: []string{"EGRESS_ALLOW=127.0.0.1", "SESSION_IDLE=60d", "JWT_EXPIRATION=60d"},
	})
	o.captain = o.server.User(captain, "", "")
	if err := o.addsBoat("Calypso"); err != nil {
		return err
	}
	o.captain.Want(http.StatusOK, "PATCH", "/api/boats/"+o.boat, map[string]any{
		"make": "Azimut", "model": "55S", "year": 2019, "length_m": 16.4, "loa_m": 17.2, "beam_m": 4.75, "draft_m": 1.5, "hin": "IT-AZI55123A919", "hull_material": "GRP",
	})
	o.captain.Want(http.StatusCreated, "POST", "/api/boats/"+o.boat+"/engines", map[string]any{
		"maker": "Volvo Penta", "model": "D13", "position": "port", "fuel": "diesel", "power_kw": 588, "hours": 412, "hours_on": "2026-04-01",
	})
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		return err
	}
	paper := o.captain.Upload("bow.png", b.Bytes(), "boat_id="+o.boat, "type=PHO")
	o.captain.Want(http.StatusCreated, "POST", "/api/boats/"+o.boat+"/photos", map[string]string{"document_id": string(paper.ID), "caption": "Bow"})
	if got := o.captain.Read(paper.ID); got.Status != document.Ready {
		return fmt.Errorf("the picture is %s: %s", got.Status, got.Error)
	}
	return nil
}

func (o *offering) puts(status string, price int) error {
	o.clock.Add(time.Second)
	o.captain.Want(http.StatusOK, "PUT", "/api/boats/"+o.boat+"/listing", map[string]any{
		"status": status, "price": price, "currency": "EUR", "tax": "paid", "place": map[string]string{"city": "Palma", "country": "ES"},
		"broker":       map[string]string{"company": "Example Yachts", "rep": "Ada Example", "email": "sales@example.org"},
		"descriptions": []map[string]string{{"language": "en", "text": "A fine boat & dry.\n\nLies afloat."}},
		"boat":         map[string]any{"category": "power", "fuel_l": 2100, "water_l": 590, "cabins": 3, "heads": 2, "berths": 6},
	})
	return nil
}

func (o *offering) publishes(price int) error { return o.puts("active", price) }

func (o *offering) fetches() error {
	o.captain.Post("/api/integrations/mls", map[string]string{"kind": "openmarine", "name": "Portal"}, &o.portal)
	if !strings.HasSuffix(o.portal.URL, "/openmarine.xml") {
		return fmt.Errorf("the feed is at %q", o.portal.URL)
	}
	return nil
}

// feedPath is that of an address of the server, which is elsewhere in a test.
func feedPath(address string) string { return address[strings.Index(address, "/feeds/"):] }

func (o *offering) fetch() (apptest.Answer, error) {
	a := o.server.Anonymous().Do("GET", feedPath(o.portal.URL), nil, "Accept-Encoding: identity")
	if a.Status != http.StatusOK {
		return a, fmt.Errorf("the feed answers %d: %s", a.Status, a.Body)
	}
	o.feed, o.tag = a.Body, a.Header.Get("ETag")
	return a, nil
}

var (
	advertRef = regexp.MustCompile(`<advert ref="([^"]+)"[^>]* status="Available"`)
	mediaURL  = regexp.MustCompile(`<media [^>]*primary="true"[^>]*>([^<]+)</media>`)
)

func (o *offering) offers(price int) error {
	a, err := o.fetch()
	if err != nil {
		return err
	}
	m := advertRef.FindSubmatch(a.Body)
	media := mediaURL.FindSubmatch(a.Body)
	if m == nil || media == nil || !strings.Contains(string(a.Body), fmt.Sprintf(">%d</asking_price>", price)) {
		return fmt.Errorf("the feed says %s", a.Body)
	}
	if ref := string(m[1]); o.ref == "" {
		o.ref = ref
	} else if o.ref != ref {
		return fmt.Errorf("the reference was %s and is %s", o.ref, ref)
	}
	picture := o.server.Anonymous().Want(http.StatusOK, "GET", feedPath(string(media[1])), nil)
	if picture.Header.Get("Content-Type") != "image/jpeg" || !bytes.HasPrefix(picture.Body, []byte("\xff\xd8")) || bytes.Contains(picture.Body, []byte("Exif")) {
		return errors.New("the picture is no plain JPEG")
	}
	return nil
}

func (o *offering) keepsRef() error {
	var l listing.Listing
	o.captain.Get("/api/boats/"+o.boat+"/listing", &l)
	if l.Ref != o.ref {
		return fmt.Errorf("the listing is %s, the feed says %s", l.Ref, o.ref)
	}
	return nil
}

func (o *offering) standing(id listing.ConnectionID) (x listing.Standings, err error) {
	var all []listing.Standings
	o.captain.Get("/api/boats/"+o.boat+"/mls-status", &all)
	for _, x := range all {
		if x.ConnectionID == id {
			return x, nil
		}
	}
	return x, fmt.Errorf("there is no portal %s", id)
}

func (o *offering) stands(id listing.ConnectionID, want string) error {
	x, err := o.standing(id)
	if err == nil && string(x.State) != want {
		err = fmt.Errorf("it is %s: %s", x.State, x.Words)
	}
	return err
}

func (o *offering) isAsItWas() error {
	a := o.server.Anonymous().Do("GET", feedPath(o.portal.URL), nil, "Accept-Encoding: identity", "If-None-Match: "+o.tag)
	if a.Status != http.StatusNotModified || len(a.Body) > 0 {
		return fmt.Errorf("it answers %d with %d bytes", a.Status, len(a.Body))
	}
	return nil
}

func (o *offering) offersNothing() error {
	before := o.feed
	a, err := o.fetch()
	if err == nil && bytes.Contains(a.Body, []byte("<advert ")) {
		err = fmt.Errorf("the feed says %s", a.Body)
	}
	o.feed = before // the picture's address is in it
	return err
}

func (o *offering) pictureGone() error {
	media := mediaURL.FindSubmatch(o.feed)
	o.server.Anonymous().Want(http.StatusNotFound, "GET", feedPath(string(media[1])), nil)
	return nil
}

func (o *offering) endsPortal() error {
	o.captain.Want(http.StatusOK, "DELETE", "/api/integrations/mls/"+string(o.portal.ID), nil)
	return nil
}

func (o *offering) isUnknown() error {
	o.server.Anonymous().Want(http.StatusNotFound, "GET", feedPath(o.portal.URL), nil)
	return nil
}

func (o *offering) startsYachtWorld() error {
	o.yachtWorld = listingtest.NewPlainInventory(o.t)
	return nil
}

func (o *offering) refusedBy(base, key string, status int) error {
	a := o.captain.Want(status, "POST", "/api/integrations/mls", map[string]string{"kind": "yachtworld", "url": base, "api_key": key})
	if bytes.Contains(a.Body, []byte(key)) {
		return fmt.Errorf("the answer repeats the key: %s", a.Body)
	}
	var all []listing.Connection
	o.captain.Get("/api/integrations/mls", &all)
	if len(all) != 0 {
		return fmt.Errorf("%d portals are kept", len(all))
	}
	return nil
}

func (o *offering) silentYachtWorld() error {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close() // nothing listens there any more
	return o.refusedBy(gone.URL, listingtest.Key, http.StatusServiceUnavailable)
}

func (o *offering) connectsYachtWorld() error {
	a := o.captain.Want(http.StatusCreated, "POST", "/api/integrations/mls", map[string]string{"kind": "yachtworld", "url": o.yachtWorld.URL, "api_key": listingtest.Key})
	a.Into(o.server, &o.portal)
	for _, body := range [][]byte{a.Body, o.captain.Want(http.StatusOK, "GET", "/api/integrations/mls/"+string(o.portal.ID), nil).Body} {
		if bytes.Contains(body, []byte(listingtest.Key)) {
			return fmt.Errorf("the key is read back: %s", body)
		}
	}
	return nil
}

func (o *offering) lists(price, status string) error {
	x := listingtest.Listing("4711", "Calypso", price)
	maps.Copy(x, map[string]any{
		"SalesStatus": status, "MakeString": "AZIMUT", "Model": "55S", "ModelYear": 2019, "BoatHullID": "IT-AZI55123A919",
		"NominalLength": nil, "LengthOverall": "56.43 ft", "NumberOfEngines": 1, "TotalEngineHoursNumeric": 412, "Engines": []any{},
	})
	o.yachtWorld.Set(x)
	return nil
}

// listsAnother has YachtWorld show a boat with a picture of which nothing is known here.
func (o *offering) listsAnother(price string) error {
	pictures := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := png.Encode(w, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	o.t.Cleanup(pictures.Close)
	x := listingtest.Listing("4712", "Ondine", price)
	x["Images"] = []map[string]any{{"Priority": 0, "Caption": "Bow", "Uri": pictures.URL + "/bow.png"}}
	o.yachtWorld.Set(x)
	return nil
}

// imports waits until the import has ended.
func (o *offering) imports() error {
	var j job.Status
	o.captain.Want(http.StatusAccepted, "POST", "/api/integrations/mls/"+string(o.portal.ID)+"/import", map[string]any{}).Into(o.server, &j)
	testkit.Eventually(o.t, func() error {
		o.captain.Get("/api/jobs/"+j.ID, &j)
		if j.Finished == nil {
			return fmt.Errorf("it is %s", j.State)
		}
		return nil
	})
	if j.State != job.Completed {
		return fmt.Errorf("it has %s: %s", j.State, j.Error)
	}
	return nil
}

// ondine are the boats of that name.
func (o *offering) ondine() ([]fleet.Boat, error) {
	var all []fleet.Boat
	o.captain.Get("/api/boats?q=Ondine", &all)
	if len(all) != 1 {
		return all, fmt.Errorf("there are %d boats of that name", len(all))
	}
	return all, nil
}

func (o *offering) isDraft(price float64, currency string) error {
	all, err := o.ondine()
	if err != nil {
		return err
	}
	boat := "/api/boats/" + string(all[0].ID)
	var engines []fleet.Engine
	o.captain.Get(boat+"/engines", &engines)
	if len(engines) != 2 || engines[0].Hours == nil || *engines[0].Hours != 360 || engines[0].HoursSource != "YachtWorld" {
		return fmt.Errorf("its engines are %+v", engines)
	}
	var l listing.Listing
	o.captain.Get(boat+"/listing", &l)
	if l.Status != listing.Draft || l.Price == nil || *l.Price != price || l.Currency != currency || l.Postings[0].Number != "4712" {
		return fmt.Errorf("its listing is %+v", l)
	}
	testkit.Eventually(o.t, func() error {
		var photos []document.Photo
		o.captain.Get(boat+"/photos", &photos)
		if len(photos) != 1 || photos[0].Caption != "Bow" {
			return fmt.Errorf("its pictures are %+v", photos)
		}
		return nil
	})
	return nil
}

func (o *offering) drifts() error {
	var drift []string
	testkit.Eventually(o.t, func() error {
		x, err := o.standing(o.portal.ID)
		if err == nil && x.CheckedAt == nil {
			err = errors.New(x.Words)
		}
		drift = nil
		for _, d := range x.Drift {
			drift = append(drift, d.Field)
		}
		return err
	})
	all := strings.Join(drift, " ")
	if !strings.Contains(all, "price") || !strings.Contains(all, "status") || strings.Contains(all, "boat.") {
		return fmt.Errorf("it shows %q", all)
	}
	return nil
}

func (o *offering) sheetOrder(list string) error {
	a := o.captain.Want(http.StatusOK, "GET", "/api/boats/"+o.boat+"/listing/sheet.pdf", nil)
	cmd := exec.CommandContext(o.t.Context(), "pdftotext", "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(a.Body)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("pdftotext: %w", err)
	}
	o.sheet = string(out)
	rest := o.sheet
	for _, word := range strings.Split(list, ", ") {
		_, after, ok := strings.Cut(rest, word)
		if !ok {
			return fmt.Errorf("%q is not there, or too early:\n%s", word, out)
		}
		rest = after
	}
	return nil
}

func (o *offering) sheetUnits() error {
	if !strings.Contains(o.sheet, "17.2 m (56 ft 5 in; 56.43 ft)") {
		return fmt.Errorf("it says %s", o.sheet)
	}
	return nil
}

// taker is a partner that is sent boats.
type taker struct {
	*listingtest.Partner

	id listing.ConnectionID
}

// posts are the messages about a listing so far.
func (p *taker) posts(ref string) (n int) {
	for _, body := range p.Messages() {
		if strings.Contains(body, ref) {
			n++
		}
	}
	return n
}

// takes connects a partner.
func (o *offering) takes(name string) (taker, error) {
	p := taker{Partner: listingtest.NewPlainPartner(o.t)}
	var c listing.Connection
	o.captain.Post("/api/integrations/mls", map[string]string{"kind": "partner", "name": name, "url": p.URL + "/boats", "token": listingtest.Token}, &c)
	p.id = c.ID
	if c.Agreement != "needs an agreement with the portal" {
		return p, fmt.Errorf("of the agreement it says %q", c.Agreement)
	}
	return p, nil
}

func (o *offering) failsLater() (err error) {
	o.failing, err = o.takes("Failing partner")
	o.asked = o.failing.Requests()
	o.failing.Fail(listingtest.Broken)
	return err
}

// daily lets a day go by and has the server find what is due.
func (o *offering) daily() error {
	o.clock.Add(24 * time.Hour)
	return o.server.Listings.Watch(o.t.Context())
}

func (o *offering) comesTo(p *taker, state string) error {
	testkit.Eventually(o.t, func() error { return o.stands(p.id, state) })
	return nil
}

func (o *offering) goodHas() error {
	var l listing.Listing
	o.captain.Get("/api/boats/"+o.boat+"/listing", &l)
	o.ref = l.Ref
	if err := o.comesTo(&o.good, "published"); err != nil {
		return err
	}
	if n := o.good.posts(o.ref); n != 1 {
		return fmt.Errorf("it was sent %d messages", n)
	}
	return nil
}

// failedAfterRetries lets minutes go by until the partner is given up.
func (o *offering) failedAfterRetries() error {
	for tries := 1; tries <= 4; tries++ {
		testkit.Eventually(o.t, func() error {
			x, err := o.standing(o.failing.id)
			if err == nil && x.Attempts != tries {
				err = fmt.Errorf("after %d tries: %s", x.Attempts, x.Words)
			}
			return err
		})
		o.clock.Add(5 * time.Minute)
		if err := o.server.Listings.Watch(o.t.Context()); err != nil {
			return err
		}
	}
	if n := o.failing.Requests() - o.asked; n != 4 {
		return fmt.Errorf("it was asked %d times", n)
	}
	return o.stands(o.failing.id, "failed")
}

func (o *offering) isTold() error {
	testkit.Eventually(o.t, func() error {
		a := o.captain.Want(http.StatusOK, "GET", "/api/notifications", nil)
		if !bytes.Contains(a.Body, []byte("Failing partner did not take the listing")) {
			return fmt.Errorf("told: %s", a.Body)
		}
		return nil
	})
	return nil
}
