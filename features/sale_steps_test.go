package features

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/document"
	"navidocs/internal/sale"
)

// selling is what a scenario knows of sales.
type selling struct {
	*world
	sale sale.Sale
}

func (w *world) saleSteps(sc *godog.ScenarioContext) {
	s := &selling{world: w}
	sc.Step(`^the captain begins to sell the boat to "([^"]*)"$`, s.begins)
	sc.Step(`^the sale is initiated, and its timeline tells when$`, s.isInitiated)
	sc.Step(`^it is refused as a conflict with the id of the sale$`, s.isRefused)
	sc.Step(`^the captain calls the sale off$`, s.cancels)
	sc.Step(`^the captain sells (\d+) more boats, of which (\d+) were called off$`, s.sellsMany)
	sc.Step(`^a page of 2 sales begins with the newest and tells that there are (\d+)$`, s.isPaged)
	sc.Step(`^(\d+) of them are cancelled, and one is found by its buyer$`, s.isFiltered)
	sc.Step(`^a viewer and a stranger find none$`, s.othersFindNone)
	sc.Step(`^they upload "([^"]*)" as a paper of type "([^"]*)" to the boat$`, s.uploadsTyped)
	sc.Step(`^the checklist shows "([^"]*)" done by that paper$`, s.doneByPaper)
	sc.Step(`^the captain ticks "([^"]*)" with the note "([^"]*)"$`, func(item, note string) error {
		w.captain.Want(http.StatusOK, "PATCH", "/api/sales/"+string(s.sale.ID)+"/checklist", []map[string]any{{"id": item, "done": true, "note": note}})
		return nil
	})
	sc.Step(`^the checklist shows "([^"]*)" done with the note "([^"]*)"$`, s.doneWithNote)
}

func (s *selling) begins(buyer string) error {
	s.answer = s.captain.Do("POST", "/api/sales", map[string]string{"boat_id": s.boat, "buyer_email": buyer})
	if s.answer.Status == http.StatusCreated {
		s.answer.Into(s.server, &s.sale)
	}
	return nil
}

func (s *selling) isInitiated() error {
	var x sale.Sale
	s.captain.Get("/api/sales/"+string(s.sale.ID), &x)
	if s.answer.Status != http.StatusCreated || x.Status != sale.Initiated || len(x.Timeline) != 1 || x.Timeline[0].Event != "sale.initiated" || x.Timeline[0].At.IsZero() {
		return fmt.Errorf("%d: %+v", s.answer.Status, x)
	}
	return nil
}

func (s *selling) isRefused() error {
	var problem struct{ ID sale.ID }
	s.answer.Into(s.server, &problem)
	if s.answer.Status != http.StatusConflict || problem.ID != s.sale.ID {
		return fmt.Errorf("%d: %s", s.answer.Status, s.answer.Body)
	}
	return nil
}

func (s *selling) cancels() error {
	s.captain.Want(http.StatusOK, "POST", "/api/sales/"+string(s.sale.ID)+"/cancel", map[string]string{"reason": "the survey was bad"})
	return nil
}

func (s *selling) sellsMany(n, cancelled int) error {
	for i := range n {
		if err := s.addsBoat(fmt.Sprint("Boat ", i)); err != nil {
			return err
		}
		if err := s.begins(fmt.Sprintf("buyer-%d@example.org", i)); err != nil {
			return err
		}
		if i < cancelled {
			if err := s.cancels(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *selling) isPaged(total int) error {
	var page []sale.Sale
	got := s.captain.Want(http.StatusOK, "GET", "/api/sales?limit=2", nil)
	got.Into(s.server, &page)
	if len(page) != 2 || page[0].ID != s.sale.ID || got.Header.Get("X-Total-Count") != fmt.Sprint(total) || got.Header.Get("Link") == "" {
		return fmt.Errorf("%s: %+v", got.Header.Get("X-Total-Count"), page)
	}
	return nil
}

func (s *selling) isFiltered(cancelled int) error {
	var off, found []sale.Sale
	s.captain.Get("/api/sales?status=cancelled", &off)
	s.captain.Get("/api/sales?q=buyer-1", &found)
	if len(off) != cancelled || len(found) != 1 || found[0].BuyerEmail != "buyer-1@example.org" {
		return fmt.Errorf("cancelled %+v, found %+v", off, found)
	}
	return nil
}

func (s *selling) othersFindNone() error {
	for _, c := range []*apptest.Client{s.server.User("viewer@example.org", s.captain.Org, account.Viewer), s.server.User("stranger@example.org", "", "")} {
		var all []sale.Sale
		if c.Get("/api/sales", &all); len(all) != 0 {
			return fmt.Errorf("%+v", all)
		}
	}
	return nil
}

func (s *selling) uploadsTyped(name, docType string) error {
	s.paper = s.captain.Upload(name+".txt", []byte("the "+name+" of the boat"), "boat_id="+s.boat, "type="+docType)
	return nil
}

func (s *selling) check(item string) (sale.Check, error) {
	var all []sale.Check
	s.captain.Get("/api/sales/"+string(s.sale.ID)+"/checklist", &all)
	i := slices.IndexFunc(all, func(c sale.Check) bool { return c.ID == item })
	if i < 0 {
		return sale.Check{}, fmt.Errorf("%s is not among %d items", item, len(all))
	}
	return all[i], nil
}

func (s *selling) doneByPaper(item string) error {
	c, err := s.check(item)
	if err == nil && (!c.Done || c.Ticked || !slices.Equal(c.Papers, []document.ID{s.paper.ID})) {
		err = fmt.Errorf("%+v", c)
	}
	return err
}

func (s *selling) doneWithNote(item, note string) error {
	c, err := s.check(item)
	if err == nil && (!c.Done || !c.Ticked || c.Note != note) {
		err = fmt.Errorf("%+v", c)
	}
	return err
}
