package api_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/sale"
)

// submit sends what a page without scripts sends.
func submit(c *apptest.Client, path, body string) apptest.Answer {
	return c.Send("POST", path, strings.NewReader(body), "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin", "Origin: null")
}

func TestAReceiptForBoth(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		h := handOver(s, []byte("the package"), 3, "fr")
		page := h.buyer.Want(http.StatusOK, "GET", h.page, nil)
		if text := string(page.Body); !strings.Contains(text, `action="`+h.page+`/receipt?lang=fr"`) || !strings.Contains(page.Header.Get("Content-Security-Policy"), "form-action 'self'") {
			t.Errorf("%s", text)
		}
		if a := submit(h.buyer, h.page+"/receipt?lang=fr", "name=+"); a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "Indiquez votre nom") {
			t.Errorf("%d: %s", a.Status, a.Body)
		}
		got := submit(h.buyer, h.page+"/receipt?lang=fr", "name=Bo+S%C3%B8ndergaard")
		if got.Status != http.StatusOK || got.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(got.Body, []byte("%PDF")) ||
			!strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%d: %.200s", got.Status, got.Body)
		}
		var all []sale.Receipt
		h.seller.Get(h.sale+"/receipts", &all)
		if len(all) != 1 || all[0].Name != "Bo Søndergaard" || all[0].Language != "fr" || all[0].Email != "buyer@example.org" || all[0].SHA256 != h.now().Package.SHA256 {
			t.Fatalf("%+v", all)
		}
		for range 2 {
			if same := h.seller.Want(http.StatusOK, "GET", h.sale+"/receipts/"+string(all[0].ID), nil); !bytes.Equal(same.Body, got.Body) {
				t.Error("the seller's receipt is another")
			}
		}
		h.seller.Want(http.StatusNotFound, "GET", h.sale+"/receipts/another", nil)
		if x := h.now(); x.Timeline[len(x.Timeline)-1].Event != "sale.accepted" || x.Link.Finished != 0 {
			t.Errorf("%+v", x)
		}
		for range 19 {
			submit(h.buyer, h.page+"/receipt", "name=Bo")
		}
		if a := submit(h.buyer, h.page+"/receipt?lang=de", "name=Bo"); a.Status != http.StatusConflict || !strings.Contains(string(a.Body), "so viele Bestätigungen") {
			t.Errorf("%d: %s", a.Status, a.Body)
		}
		h.seller.Want(http.StatusOK, "POST", h.sale+"/revoke", nil)
		if a := submit(h.buyer, h.page+"/receipt", "name=Bo"); a.Status != http.StatusGone {
			t.Errorf("%d: %s", a.Status, a.Body)
		}
	})
}

func TestAnOwnersPage(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		letters := []string{}
		s.Sales.OnMail(func(_ context.Context, tx *db.Tx, m sale.Mail) error {
			tx.OnCommit(func() { letters = append(letters, strings.TrimPrefix(m.Vars["link"], "http://localhost:3000")) })
			return nil
		})
		seller := s.User("seller@example.org", "", "")
		boat, made := boatOf(seller, "Calypso"), named{}
		seller.Want(http.StatusOK, "PATCH", "/api/boats/"+boat, map[string]any{"owners": []map[string]any{{"name": "Ann", "share_percent": 100, "contact": "ann@example.org", "signs": true}}})
		seller.Post("/api/sales", map[string]string{"boat_id": boat, "buyer_email": "buyer@example.org"}, &made)
		path := "/api/sales/" + made.ID
		var pump named
		seller.Post("/api/equipment", map[string]string{"boat_id": boat, "system_code": "400", "name": "Dinghy <1>"}, &pump)
		seller.Want(http.StatusOK, "PATCH", path+"/selection", map[string]any{"equipment": []map[string]string{{"id": pump.ID, "choice": "out"}}})
		s.Packaged(made.ID, []byte("the package"), 3)
		if a := seller.Do("POST", path+"/transfer", nil); a.Status != http.StatusConflict || !strings.Contains(a.Problem(), "Ann") {
			t.Errorf("%d: %s", a.Status, a.Body)
		}
		seller.Want(http.StatusOK, "POST", path+"/approvals", map[string]string{})
		if len(letters) != 1 || !strings.Contains(letters[0], "/approve/nda_") {
			t.Fatalf("%q", letters)
		}
		link := letters[0][strings.Index(letters[0], "/approve/"):]
		owner := s.Anonymous()
		for _, language := range []string{"en", "fr", "de", "it", "es"} {
			a := owner.Want(http.StatusOK, "GET", link+"?lang="+language, nil)
			accessible(t, a.Body, language)
			if text := string(a.Body); !strings.Contains(text, "Dinghy &lt;1&gt;") || !strings.Contains(text, "Chapter") || !strings.Contains(text, `action="`+link+"?lang="+language+`"`) {
				t.Errorf("%s", text)
			}
			accessible(t, owner.Want(http.StatusNotFound, "GET", "/approve/nda_unknown?lang="+language, nil).Body, language)
		}
		if a := seller.Do("POST", path+"/transfer", nil); a.Status != http.StatusConflict {
			t.Error("looking at it approved it")
		}
		for range 2 {
			if a := submit(owner, link+"?lang=en", ""); a.Status != http.StatusOK || !strings.Contains(string(a.Body), "Thank you") || strings.Contains(string(a.Body), "<form") {
				t.Errorf("%d: %s", a.Status, a.Body)
			}
		}
		seller.Want(http.StatusOK, "POST", path+"/transfer", nil)
		seller.Want(http.StatusOK, "PATCH", path+"/selection", map[string]any{"equipment": []map[string]string{{"id": pump.ID, "choice": "in"}}})
		ended := owner.Want(http.StatusGone, "GET", link+"?lang=de", nil)
		accessible(t, ended.Body, "de")
		if !strings.Contains(string(ended.Body), "seither geändert") {
			t.Errorf("%s", ended.Body)
		}
		pdf := seller.Want(http.StatusOK, "GET", path+"/protocol?at=2026-06-01T10:00:00Z&place=Antibes&fuel=half&hours=1200", nil)
		again := seller.Want(http.StatusOK, "GET", path+"/protocol?at=2026-06-01T10:00:00Z&place=Antibes&fuel=half&hours=1200", nil)
		if !bytes.HasPrefix(pdf.Body, []byte("%PDF")) || !bytes.Equal(pdf.Body, again.Body) {
			t.Errorf("%.100s", pdf.Body)
		}
	})
}
