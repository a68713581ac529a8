package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
)

// What nobody below the class may find in any answer.
const (
	privateTitle = "Passport of the owner"
	moneyTitle   = "Invoice of the yard"
	secretAmount = "48213.57"
	sisterName   = "Ariadne"
	buyerAddress = "secret.buyer@example.org"
)

// harbour is an organization with two boats and papers of every class on each,
// and people who may see parts of it.
type harbour struct {
	fixture
	sister string // the other boat
	people map[string]*apptest.Client
}

// newHarbour makes it. The people are: viewer and member of the organization, and
// guests on the first boat as viewer, editor, and editor who sees money.
func newHarbour(t *testing.T, s *apptest.Server) harbour {
	t.Helper()
	admin := s.User("admin@example.org", "", "")
	h := harbour{people: map[string]*apptest.Client{"admin": admin}}
	h.org = string(admin.Org)
	h.sister = h.boatWithPapers(t, admin, sisterName)
	h.boat = h.boatWithPapers(t, admin, "Calypso")
	for _, role := range []account.Role{account.Viewer, account.Member} {
		h.people[string(role)] = s.User(string(role)+"@example.org", admin.Org, role)
	}
	for name, grant := range map[string]map[string]any{
		"guest viewer": {"level": "viewer"}, "guest editor": {"preset": "contractor"}, "guest who sees money": {"preset": "crew", "money": true},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@example.org"
		grant["user_email"] = email
		c := s.User(email, "", "")
		leave(t, s, c)
		admin.Want(http.StatusCreated, "POST", "/api/boats/"+h.boat+"/grants", grant)
		h.people[name] = c
	}
	return h
}

// leave takes a user out of every organization.
func leave(t *testing.T, s *apptest.Server, c *apptest.Client) {
	t.Helper()
	err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM memberships WHERE org_id = $1", c.Org)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Org = ""
}

// boatWithPapers adds a boat with a paper of each class, a warranty with amounts
// and all three papers, and a claim with estimates.
func (h *harbour) boatWithPapers(t *testing.T, admin *apptest.Client, name string) string {
	t.Helper()
	id := func(path string, body any) string {
		var made struct{ ID string }
		admin.Post(path, body, &made)
		return made.ID
	}
	boat := id("/api/boats", map[string]string{"name": name})
	h.engine = id("/api/boats/"+boat+"/engines", map[string]string{"maker": "Yanmar"})
	h.equipment = id("/api/equipment", map[string]string{"boat_id": boat, "system_code": "400", "name": "Watermaker of " + name})
	h.warranty = id("/api/warranties", map[string]any{
		"boat_id": boat, "item_name": "Engine of " + name, "provider": "Yanmar", "purchase_date": "2026-01-15", "warranty_period_months": 12,
		"coverage_amount": 48213.57, "currency": "EUR", "transferable": true, "transfer_cost": 48213.57,
	})
	h.sale = id("/api/sales", map[string]string{"boat_id": boat, "buyer_email": strings.ToLower(name) + "-" + buyerAddress})
	h.claim = id("/api/warranties/"+h.warranty+"/claims", map[string]any{"estimate_parts": 48213.57, "currency": "EUR"})
	for title, class := range map[string]string{"Manual": "open", moneyTitle: "money", privateTitle: "personal"} {
		amount := map[string]string{"open": "none", "money": secretAmount, "personal": secretAmount}[class]
		paper := admin.Upload(title+" "+name+".txt", []byte(title+" "+name+" amount "+amount), "boat_id="+boat, "type=MAN-EQ", "title="+title+" "+name)
		admin.Read(paper.ID)
		admin.Want(http.StatusOK, "PATCH", "/api/documents/"+string(paper.ID), map[string]string{"class": class})
		for _, of := range []string{"", "/claims/" + h.claim} {
			admin.Want(http.StatusCreated, "POST", "/api/warranties/"+h.warranty+of+"/documents", map[string]string{"document_id": string(paper.ID), "purpose": "other"})
		}
		if class == "open" {
			h.document, h.job = string(paper.ID), paper.JobID
		}
	}
	admin.Want(http.StatusCreated, "POST", "/api/warranties/"+h.warranty+"/claims/"+h.claim+"/log",
		map[string]string{"direction": "sent", "channel": "phone", "text": "They call back", "document_id": h.document})
	return boat
}

// Every operation that reads, asked in everybody's name: no amount, no private
// title, no word of what they hold, and to a guest no sister ship.
func TestNobodySeesMoreThanTheirClass(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		h := newHarbour(t, s)
		hidden := map[string][]string{
			"admin": nil, "viewer": {privateTitle, moneyTitle, secretAmount, buyerAddress}, "member": {privateTitle},
			"guest viewer": {privateTitle, moneyTitle, secretAmount, buyerAddress, sisterName, h.sister}, "guest editor": {privateTitle, moneyTitle, secretAmount, buyerAddress, sisterName, h.sister},
			"guest who sees money": {privateTitle, "ariadne-", sisterName, h.sister},
		}
		found := map[string]map[string]bool{}
		for path, item := range s.API.OpenAPI().Paths {
			if item.Get == nil || uncovered[item.Get.OperationID] {
				continue
			}
			for who, c := range h.people {
				body := h.ask(c, path, item.Get.OperationID)
				for _, text := range hidden[who] {
					if bytes.Contains(body, []byte(text)) {
						t.Errorf("%s shows %q to the %s: %s", item.Get.OperationID, text, who, around(body, text))
					}
				}
				for _, text := range []string{privateTitle, moneyTitle, secretAmount, buyerAddress, h.boat} {
					if bytes.Contains(body, []byte(text)) {
						if found[who] == nil {
							found[who] = map[string]bool{}
						}
						found[who][text] = true
					}
				}
			}
		}
		for who, want := range map[string][]string{ // else the texts would be nowhere, and the test could not fail
			"admin": {privateTitle, moneyTitle, secretAmount, buyerAddress, h.boat}, "member": {moneyTitle, secretAmount, buyerAddress, h.boat}, "viewer": {h.boat},
			"guest viewer": {h.boat}, "guest editor": {h.boat}, "guest who sees money": {moneyTitle, secretAmount, buyerAddress, h.boat},
		} {
			for _, text := range want {
				if !found[who][text] {
					t.Errorf("the %s finds %q nowhere", who, text)
				}
			}
		}
	})
}

// uncovered operations stream without end, or answer with a picture.
var uncovered = map[string]bool{"stream-notifications": true, "watch-progress": true, "get-page-image": true, "get-content": true}

// ask calls an operation about each thing that it can be about.
func (h harbour) ask(c *apptest.Client, path, id string) (all []byte) {
	queries := []string{""}
	if id == "search" {
		queries = []string{"?q=amount", "?q=passport", "?q=invoice", "?q=ariadne", "?q=watermaker", "?q=pasport", "?q=48213"}
	}
	for _, query := range queries {
		all = append(all, c.Do("GET", fill(path, h.fixture)+query, nil).Body...)
	}
	return all
}

func around(body []byte, text string) string {
	at := bytes.Index(body, []byte(text))
	return string(body[max(0, at-120):min(len(body), at+120)])
}
