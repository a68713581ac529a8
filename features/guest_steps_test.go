package features

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
)

// guest is somebody outside the organization with a grant on the captain's boat.
type guest struct {
	*world
	client *apptest.Client
	viewer *apptest.Client // of the organization
	paper  document.Document
	stream *http.Response
	ended  chan error
}

const contractor = "contractor@example.org"

func (w *world) guestSteps(sc *godog.ScenarioContext) {
	g := &guest{world: w}
	sc.Step(`^a captain with two boats and a paper that nobody has read yet$`, g.twoBoats)
	sc.Step(`^a contractor may edit the boat for (\d+) seconds$`, g.grantFor)
	sc.Step(`^the contractor finds that boat and no other$`, g.findsOneBoat)
	sc.Step(`^they follow how the paper is read$`, g.follows)
	sc.Step(`^the stream ends by itself when the time is over$`, g.streamEnds)
	sc.Step(`^the boat and its paper are not there for the contractor any more$`, g.findsNothing)
	sc.Step(`^the audit trail tells who let the contractor aboard$`, g.auditTellsGrant)
	sc.Step(`^the boat has an invoice, a passport and a warranty of (\d+) EUR$`, g.privatePapers)
	sc.Step(`^a viewer and an inspector aboard see the boat and its warranty, but no amount$`, g.seeNoAmount)
	sc.Step(`^neither the invoice nor the passport is in their lists, searches or timelines$`, g.seeNoPrivatePaper)
	sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
		if g.stream != nil {
			return ctx, g.stream.Body.Close()
		}
		return ctx, nil
	})
}

func (g *guest) twoBoats() error {
	g.server = apptest.New(g.t, apptest.Options{Database: g.database, NoWorker: true})
	g.captain = g.server.User(captain, "", "")
	if err := errors.Join(g.addsBoat("Ariadne"), g.addsBoat("Calypso")); err != nil {
		return err
	}
	g.paper = g.captain.Upload("manual.txt", []byte("how to start the engine"), "boat_id="+g.boat, "type=MAN-EQ")
	return nil
}

// aboard gives an address a grant on the boat and signs it in.
func (g *guest) aboard(email string, grant map[string]any) *apptest.Client {
	c := g.server.User(email, "", "")
	grant["user_email"] = email
	g.captain.Want(http.StatusCreated, "POST", "/api/boats/"+g.boat+"/grants", grant)
	return c
}

func (g *guest) grantFor(seconds int) error {
	g.client = g.aboard(contractor, map[string]any{"preset": "contractor", "expires_at": time.Now().Add(time.Duration(seconds) * time.Second)})
	return nil
}

func (g *guest) findsOneBoat() error {
	var boats []fleet.Boat
	var papers []document.Document
	g.client.Get("/api/boats", &boats)
	g.client.Get("/api/documents", &papers)
	if len(boats) != 1 || string(boats[0].ID) != g.boat || len(papers) != 1 || papers[0].ID != g.paper.ID {
		return fmt.Errorf("boats %+v, papers %+v", boats, papers)
	}
	return nil
}

func (g *guest) follows() (err error) {
	g.stream, err = g.opens(g.t.Context(), g.client, "/api/documents/"+string(g.paper.ID)+"/progress", "") //nolint:bodyclose // the scenario's end closes it
	if err != nil {
		return err
	}
	g.ended = make(chan error, 1)
	go func() {
		text, err := io.ReadAll(g.stream.Body)
		if err == nil && !strings.Contains(string(text), string(g.paper.ID)) {
			err = fmt.Errorf("the stream told nothing of the paper: %s", text)
		}
		g.ended <- err
	}()
	return nil
}

func (g *guest) streamEnds() error {
	select {
	case err := <-g.ended:
		return err
	case <-time.After(time.Minute):
		return errors.New("the stream is still open")
	}
}

func (g *guest) findsNothing() error {
	for _, path := range []string{"/api/boats/" + g.boat, "/api/documents/" + string(g.paper.ID)} {
		if got := g.client.Do("GET", path, nil).Status; got != http.StatusNotFound {
			return fmt.Errorf("%s answers %d", path, got)
		}
	}
	return nil
}

func (g *guest) auditTellsGrant() error {
	var lines []account.Record
	g.captain.Get("/api/audit?action=grant.created", &lines)
	if len(lines) != 1 || lines[0].UserID == nil || lines[0].BoatID == nil || string(*lines[0].BoatID) != g.boat {
		return fmt.Errorf("%+v", lines)
	}
	return nil
}

func (g *guest) privatePapers(amount int) error {
	for name, class := range map[string]string{"invoice": "money", "passport": "personal"} {
		d := g.captain.Upload(name+".txt", []byte("the "+name+" of the captain"), "boat_id="+g.boat, "title=The "+name)
		g.captain.Read(d.ID)
		g.captain.Want(http.StatusOK, "PATCH", "/api/documents/"+string(d.ID), map[string]string{"class": class})
	}
	g.captain.Want(http.StatusCreated, "POST", "/api/warranties", map[string]any{
		"boat_id": g.boat, "item_name": "Main engine", "purchase_date": "2026-01-15", "warranty_period_months": 24, "coverage_amount": amount, "currency": "EUR",
	})
	return nil
}

// readers are those who see what is open only: an inspector aboard and a viewer.
func (g *guest) readers() []*apptest.Client {
	if g.client == nil {
		g.client = g.aboard("inspector@example.org", map[string]any{"preset": "inspector"})
		g.viewer = g.server.User("viewer@example.org", g.captain.Org, account.Viewer)
	}
	return []*apptest.Client{g.client, g.viewer}
}

func (g *guest) seeNoAmount() error {
	for _, c := range g.readers() {
		var warranties []map[string]any
		c.Get("/api/boats/"+g.boat+"/warranties", &warranties)
		if len(warranties) != 1 || warranties[0]["item_name"] != "Main engine" || warranties[0]["coverage_amount"] != nil {
			return fmt.Errorf("%v", warranties)
		}
	}
	return nil
}

func (g *guest) seeNoPrivatePaper() error {
	for _, c := range g.readers() {
		for _, path := range []string{
			"/api/documents", "/api/boats/" + g.boat + "/documents", "/api/search?q=captain", "/api/search?q=passport", "/api/boats/" + g.boat + "/timeline",
		} {
			if text := string(c.Want(http.StatusOK, "GET", path, nil).Body); strings.Contains(text, "The invoice") || strings.Contains(text, "The passport") {
				return fmt.Errorf("%s shows %s", path, text)
			}
		}
	}
	return nil
}
