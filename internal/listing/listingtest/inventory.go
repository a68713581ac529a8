package listingtest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
)

// Inventory is the read-only interface of Boats Group: GET /inventory/search, with
// Key.
type Inventory struct {
	server
	listings []map[string]any
}

// NewInventory is an inventory over HTTPS until the end of the test; its Client
// trusts it. Each listing has the shape of the domain reference 1.2; DocumentID at
// least.
func NewInventory(t testing.TB, listings ...map[string]any) *Inventory {
	t.Helper()
	i := &Inventory{listings: listings}
	i.start(t, true, i.serve)
	return i
}

// NewPlainInventory is one over HTTP, for a server that lists 127.0.0.1 in
// EGRESS_ALLOW.
func NewPlainInventory(t testing.TB, listings ...map[string]any) *Inventory {
	t.Helper()
	i := &Inventory{listings: listings}
	i.start(t, false, i.serve)
	return i
}

// Set says what the inventory holds from now on.
func (i *Inventory) Set(listings ...map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listings = listings
}

// Listing is one as a broker would have it: active, a price with its currency, a
// length in feet, two engines.
func Listing(id, name, price string) map[string]any {
	return map[string]any{
		"DocumentID": id, "SalesStatus": "Active", "CoOpIndicator": "true", "Price": price, "PriceHideInd": false,
		"MakeString": "Example", "Model": "50 Fly", "ModelYear": 2008, "BoatName": name, "BoatCategoryCode": "Power", "SaleClassCode": "Used",
		"BoatLocation":  map[string]any{"BoatCityName": "Palma", "BoatCountryID": "ES", "BoatStateCode": nil},
		"NominalLength": "50 ft", "LengthOverall": "52.17 ft", "TaxStatusCode": "Paid", "NumberOfEngines": 2, "TotalEngineHoursNumeric": 720,
		"Engines": []map[string]any{
			{"Make": "Example", "Hours": 360, "BoatEngineLocationCode": "Port", "EnginePower": "575|horsepower", "Fuel": "diesel"},
			{"Make": "Example", "Hours": 360, "BoatEngineLocationCode": "Starboard", "EnginePower": "575|horsepower", "Fuel": "diesel"},
		},
		"Images":               []map[string]any{{"Priority": 0, "Caption": "Bow", "Uri": "https://images.example.org/" + id + "/1.jpg"}},
		"LastModificationDate": "2026-01-30", "ItemReceivedDate": "2025-11-01",
	}
}

func (i *Inventory) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/inventory/search":
		http.NotFound(w, r)
		return
	case q.Get("key") != Key:
		http.Error(w, "unknown key "+q.Get("key"), http.StatusUnauthorized)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	start, rows := number(q.Get("start"), 0), number(q.Get("rows"), 10)
	end := min(start+rows, len(i.listings))
	w.Header().Set("Content-Type", "application/json")
	page := append([]map[string]any{}, i.listings[min(start, end):end]...)
	err := json.NewEncoder(w).Encode(map[string]any{"numResults": len(i.listings), "results": page})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func number(s string, otherwise int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}
