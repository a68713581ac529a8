package api_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/api"
	"navidocs/internal/apptest"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	apptest.Main(m)
}

func TestContractIsCommitted(t *testing.T) {
	t.Parallel()
	v31, v30, err := api.New(api.Services{}, api.Config{Version: "1"}).Contract()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"openapi.yaml": v31, "openapi-3.0.yaml": v30} {
		path := filepath.Join("..", "..", "api", name)
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs from the code; look at the change, then go test ./internal/api -update\n%s", name, diff)
		}
	}
}

func TestFirstContact(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{Demo: true, NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		c := s.SignIn("demo@navidocs.app", "test")
		var boats []map[string]any
		c.Get("/api/boats", &boats)
		if len(boats) != 3 {
			t.Errorf("%d boats, want 3", len(boats))
		}
		var expiring []struct {
			Days  int    `json:"days_until_expiration"`
			Level string `json:"level"`
		}
		c.Get("/api/warranties/expiring", &expiring)
		if len(expiring) != 2 || expiring[0].Days != 10 || expiring[0].Level != "critical" || expiring[1].Days != 25 {
			t.Errorf("expiring: %+v", expiring)
		}
		var w struct {
			Expiry string `json:"expiration_date"`
		}
		c.Post("/api/warranties", map[string]any{"boat_id": "test-boat", "item_name": "Engine", "purchase_date": "2023-01-15", "warranty_period_months": 24}, &w)
		if w.Expiry != "2025-01-15" {
			t.Errorf("expiry %s, want 2025-01-15", w.Expiry)
		}
	})
}
