package api_test

import (
	"net/http"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
)

// A file for a boat of one organization and a warranty of another is refused
// before it is kept.
func TestAnUploadStaysInTheOrganizationOfItsWarranty(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		ada := s.User("ada@example.org", "", "")
		var other account.Organization
		ada.Post("/api/organizations", map[string]string{"name": "Other"}, &other)
		var boat, elsewhere, cover struct{ ID string }
		ada.Narrow = ada.Org
		ada.Post("/api/boats", map[string]string{"name": "Calypso"}, &boat)
		ada.Narrow = other.ID
		ada.Post("/api/boats", map[string]string{"name": "Second"}, &elsewhere)
		ada.Narrow = ""
		ada.Post("/api/warranties", map[string]any{
			"boat_id": elsewhere.ID, "item_name": "Engine", "purchase_date": "2026-01-15", "warranty_period_months": 12,
		}, &cover)
		a := ada.UploadAnswer("photo.txt", []byte("P"), "", "boat_id="+boat.ID, "warranty_id="+cover.ID)
		if a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "form.warranty_id") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		var all []any
		if ada.Get("/api/documents", &all); len(all) != 0 {
			t.Error("it was kept")
		}
		if d := ada.Upload("photo.txt", []byte("P"), "warranty_id="+cover.ID); d.OrgID != other.ID {
			t.Error(d.OrgID)
		}
	})
}
