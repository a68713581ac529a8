package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"navidocs/internal/apptest"
)

// benchmark calls one operation again and again, without a network between.
func benchmark(b *testing.B, method, path, body string) {
	b.Helper()
	s := apptest.New(b, apptest.Options{NoWorker: true})
	c := s.User("bench@example.org", "", "")
	var boat struct{ ID string }
	for i := range 50 {
		c.Post("/api/boats", map[string]any{"name": fmt.Sprint("Boat ", i), "make": "Example", "year": 2020, "hin": "ABC12345A788"}, &boat)
	}
	insure(c, boat.ID)
	h := s.API.Handler()
	replace := strings.NewReplacer("BOAT", boat.ID)
	path, body = replace.Replace(path), replace.Replace(body)
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+c.Token)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code >= http.StatusBadRequest {
			b.Fatal(w.Code, w.Body)
		}
	}
}

// insure gives a boat warranties of which all end within a month.
func insure(c *apptest.Client, boat string) {
	bought := time.Now().AddDate(-1, 0, 1)
	for i := range 150 {
		c.Post("/api/warranties", map[string]any{
			"boat_id": boat, "item_name": fmt.Sprint("Item ", i), "provider": "Maker", "serial_number": fmt.Sprint("SN-", i), "coverage_amount": 1000, "currency": "EUR",
			"purchase_date": bought.AddDate(0, 0, i%28).Format(time.DateOnly), "warranty_period_months": 12,
		}, &struct{}{})
	}
}

func BenchmarkExpiring(b *testing.B) { benchmark(b, "GET", "/api/warranties/expiring?days=30", "") }

func BenchmarkListBoats(b *testing.B) { benchmark(b, "GET", "/api/boats?limit=50", "") }

func BenchmarkGetBoat(b *testing.B) { benchmark(b, "GET", "/api/boats/BOAT", "") }

func BenchmarkCreateEquipment(b *testing.B) {
	benchmark(b, "POST", "/api/equipment", `{"boat_id":"BOAT","system_code":"400","name":"Watermaker"}`)
}
