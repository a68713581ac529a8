package features

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/fleet"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
)

// closing is what a scenario knows of a sale that comes to its end.
type closing struct {
	*passing
	buyer   *apptest.Client
	receipt []byte
	taken   record.Import
}

func (w *world) closingSteps(sc *godog.ScenarioContext) {
	c := &closing{passing: &passing{informed: &informed{world: w}}}
	sc.Step(`^a captain with mail whose boat has the papers "([^"]*)" of type "([^"]*)" and "([^"]*)" of type "([^"]*)"$`, c.hasPapers)
	sc.Step(`^the boat belongs in halves to "([^"]*)" and "([^"]*)"$`, c.belongsTo)
	sc.Step(`^the boat has the MMSI "([^"]*)" and a transferable warranty of the "([^"]*)"$`, c.isWarranted)
	sc.Step(`^the captain sells it to "([^"]*)" and has the package built$`, c.builds)
	sc.Step(`^the captain hands it over$`, func() { c.transfers(map[string]string{}) })
	sc.Step(`^the captain completes it$`, func() { c.captain.Want(http.StatusOK, "POST", c.path()+"/complete", nil) })
	sc.Step(`^handing it over is refused, naming "([^"]*)"$`, c.isRefused)
	sc.Step(`^the captain hands it over, leaving out what nobody decided on$`, func() {
		c.captain.Want(http.StatusOK, "POST", c.path()+"/transfer", map[string]bool{"confirm_left_out": true})
	})
	sc.Step(`^"([^"]*)" has a mail about "([^"]*)"$`, func(to, about string) { c.mailed(to, about) })
	sc.Step(`^the captain asks the owners to approve$`, func() { c.captain.Want(http.StatusOK, "POST", c.path()+"/approvals", map[string]string{}) })
	sc.Step(`^"([^"]*)" looks at the list and approves it$`, c.approves)
	c.receiptSteps(sc)
	sc.Step(`^a paper "([^"]*)" of type "([^"]*)" arrives$`, c.arrives)
	sc.Step(`^"([^"]*)" waits for the buyer$`, c.waits)
	sc.Step(`^the captain sends what waits$`, func() { c.captain.Want(http.StatusAccepted, "POST", c.path()+"/supplement", nil) })
	sc.Step(`^"([^"]*)" fetches "([^"]*)" by the link of the second mail, and the first link still works$`, c.fetches)
	sc.Step(`^these are to be done by "([^"]*)": (.*)$`, c.areToBeDone)
	sc.Step(`^both are told of what is to be done, once$`, c.areTold)
	sc.Step(`^the boat's record can be read and not be changed$`, c.isFrozen)
	sc.Step(`^"([^"]*)" has no boat, and takes the record by the link$`, c.takes)
	sc.Step(`^the record is theirs with the paper "([^"]*)", no download was used, and the seller is told$`, c.isTheirs)
	sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
		return ctx, c.workers.end()
	})
}

func (c *closing) receiptSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the buyer confirms as "([^"]*)" to have it$`, func(name string) error {
		a := c.server.Anonymous().Send("POST", c.page+"/receipt?lang=it", strings.NewReader("name="+url.QueryEscape(name)), "Content-Type: application/x-www-form-urlencoded")
		if c.receipt = a.Body; a.Status != http.StatusOK || !bytes.HasPrefix(a.Body, []byte("%PDF")) {
			return fmt.Errorf("%d: %.200s", a.Status, a.Body)
		}
		return nil
	})
	sc.Step(`^the captain has the same receipt of "([^"]*)", and the timeline tells of it$`, func(name string) error {
		var all []sale.Receipt
		c.captain.Get(c.path()+"/receipts", &all)
		if len(all) != 1 || all[0].Name != name || c.last() != "sale.accepted" {
			return fmt.Errorf("%+v, %s", all, c.last())
		}
		if a := c.captain.Want(http.StatusOK, "GET", c.path()+"/receipts/"+string(all[0].ID), nil); !bytes.Equal(a.Body, c.receipt) {
			return errors.New("it is another")
		}
		return nil
	})
}

// last is the last step of the sale.
func (c *closing) last() string {
	all := c.now().Timeline
	return all[len(all)-1].Event
}

func (c *closing) hasPapers(first, firstType, second, secondType string) error {
	if err := c.beginsOn("2026-05-01"); err != nil {
		return err
	}
	c.arrives(first, firstType)
	c.arrives(second, secondType)
	return nil
}

func (c *closing) arrives(title, docType string) {
	c.captain.Upload(title+".txt", []byte("the words of "+title), "boat_id="+c.boat, "type="+docType, "title="+title)
}

func (c *closing) changesBoat(fields any) {
	c.captain.Want(http.StatusOK, "PATCH", "/api/boats/"+c.boat, fields)
}

func (c *closing) belongsTo(a, b string) {
	half := func(email string) map[string]any {
		name, _, _ := strings.Cut(email, "@")
		return map[string]any{"name": name, "contact": email, "share_percent": 50, "signs": true}
	}
	c.changesBoat(map[string]any{"owners": []any{half(a), half(b)}})
}

func (c *closing) isWarranted(mmsi, item string) {
	c.changesBoat(map[string]string{"mmsi": mmsi})
	c.captain.Post("/api/warranties", map[string]any{
		"boat_id": c.boat, "item_name": item, "purchase_date": "2026-01-15", "warranty_period_months": 24, "transferable": true,
	}, &struct{}{})
}

func (c *closing) builds(buyer string) error {
	var x sale.Sale
	c.captain.Post("/api/sales", map[string]string{"boat_id": c.boat, "buyer_email": buyer}, &x)
	c.id = x.ID
	_, _, err := c.generates(x.ID)
	return err
}

func (c *closing) isRefused(name string) error {
	a := c.captain.Do("POST", c.path()+"/transfer", nil)
	if a.Status != http.StatusConflict || !strings.Contains(a.Problem(), name) {
		return fmt.Errorf("%d: %s", a.Status, a.Body)
	}
	return nil
}

var approveLink = regexp.MustCompile(regexp.QuoteMeta(appURL) + `(/approve/nda_[\w-]+)`)

func (c *closing) approves(owner string) error {
	m := approveLink.FindStringSubmatch(c.mailed(owner, "approve what goes to the buyer").text)
	if m == nil {
		return errors.New("the mail has no link")
	}
	c.server.Anonymous().Want(http.StatusOK, "GET", m[1], nil)
	c.server.Anonymous().Want(http.StatusOK, "POST", m[1], nil)
	return nil
}

func (c *closing) waits(title string) error {
	var after sale.After
	if c.captain.Get(c.path()+"/after", &after); len(after.Documents) != 1 || after.Documents[0].Title != title {
		return fmt.Errorf("%+v", after)
	}
	return nil
}

func (c *closing) fetches(buyer, title string) error {
	m := regexp.MustCompile(regexp.QuoteMeta(appURL) + `(/p/ndh_[\w-]+)`).FindStringSubmatch(c.mailed(buyer, "more papers for you").text)
	if m == nil {
		return errors.New("the mail has no link")
	}
	c.server.Anonymous().Want(http.StatusOK, "GET", c.page, nil)
	if a := c.server.Anonymous().Want(http.StatusOK, "GET", m[1]+"/package", nil); !bytes.Contains(a.Body, []byte("the words of "+title)) {
		return errors.New("the paper is not in it")
	}
	return nil
}

func (c *closing) areToBeDone(by, titles string) error {
	var all []sale.Task
	c.captain.Get(c.path()+"/tasks", &all)
	var found []string
	for _, t := range all {
		if string(t.DueOn) != by {
			return fmt.Errorf("%+v", t)
		}
		found = append(found, t.Title)
	}
	if got := strings.Join(found, ", "); got != titles {
		return fmt.Errorf("%s", got)
	}
	return nil
}

func (c *closing) areTold() error {
	for range 2 {
		if err := c.server.Sales.Remind(c.t.Context()); err != nil {
			return err
		}
	}
	c.mailed("buyer@example.org", "what to settle as its new owner")
	if n := len(c.mailbox.about("buyer@example.org", "what to settle")); n != 1 {
		return fmt.Errorf("%d mails", n)
	}
	return nil
}

func (c *closing) isFrozen() error {
	c.captain.Want(http.StatusOK, "GET", "/api/boats/"+c.boat, nil)
	c.captain.Want(http.StatusConflict, "PATCH", "/api/boats/"+c.boat, map[string]string{"name": "Another"})
	c.captain.Want(http.StatusConflict, "POST", "/api/equipment", map[string]string{"boat_id": c.boat, "system_code": "400", "name": "Pump"})
	return nil
}

func (c *closing) takes(buyer string) error {
	c.buyer = c.server.User(buyer, "", "")
	var boats []fleet.Boat
	if c.buyer.Get("/api/boats", &boats); len(boats) != 0 {
		return fmt.Errorf("%+v", boats)
	}
	_, token, _ := strings.Cut(c.page, "/p/")
	c.buyer.Want(http.StatusAccepted, "POST", "/api/packages/accept", map[string]string{"token": token}).Into(c.server, &c.taken)
	testkit.Eventually(c.t, func() error {
		if c.buyer.Get("/api/packages/imports/"+string(c.taken.ID), &c.taken); c.taken.State != record.Completed {
			return fmt.Errorf("it is %s: %s", c.taken.State, c.taken.Error)
		}
		return nil
	})
	return nil
}

func (c *closing) isTheirs(title string) error {
	var boats []fleet.Boat
	var papers []struct{ Title string }
	c.buyer.Get("/api/boats", &boats)
	if len(boats) != 1 || boats[0].Name != "Calypso" {
		return fmt.Errorf("%+v", boats)
	}
	if c.buyer.Get("/api/boats/"+string(boats[0].ID)+"/documents", &papers); len(papers) != 1 || papers[0].Title != title {
		return fmt.Errorf("%+v", papers)
	}
	if x := c.now(); x.Link.DownloadsLeft != 5 || c.last() != "sale.accepted" {
		return fmt.Errorf("%+v", x)
	}
	return nil
}
