package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
)

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

type named struct {
	ID   string
	Name string
}

func TestVersionsGuardChanges(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		c := s.User("ada@example.org", "", "")
		made := c.Want(http.StatusCreated, "POST", "/api/boats", map[string]string{"name": "Calypso"})
		first, path := made.Header.Get("ETag"), made.Header.Get("Location")
		if got := c.Want(http.StatusOK, "GET", path, nil).Header.Get("ETag"); got != first || !strings.HasPrefix(first, `"`) {
			t.Errorf("ETag %s, then %s", first, got)
		}
		second := c.Want(http.StatusOK, "PATCH", path, map[string]string{"name": "B"}, "If-Match: "+first).Header.Get("ETag")
		for _, old := range []string{first, `"other"`, `W/"other"`} {
			problemOf(t, s, c.Want(http.StatusPreconditionFailed, "PATCH", path, map[string]string{"name": "C"}, "If-Match: "+old))
		}
		c.Want(http.StatusOK, "PATCH", path, map[string]string{"name": "C"}, "If-Match: *")
		c.Want(http.StatusPreconditionFailed, "DELETE", path, nil, "If-Match: "+second)
		var boat named
		if c.Get(path, &boat); boat.Name != "C" {
			t.Error(boat)
		}
	})
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		c, key := s.User("ada@example.org", "", ""), "Idempotency-Key: key-1"
		body := map[string]string{"name": "Calypso"}
		first := c.Want(http.StatusCreated, "POST", "/api/boats", body, key)
		again := c.Want(http.StatusCreated, "POST", "/api/boats", body, key)
		for _, h := range []string{"Location", "ETag", "Content-Type"} {
			if first.Header.Get(h) == "" || first.Header.Get(h) != again.Header.Get(h) {
				t.Errorf("%s: %q, then %q", h, first.Header.Get(h), again.Header.Get(h))
			}
		}
		if diff := cmp.Diff(string(first.Body), string(again.Body)); diff != "" || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
			t.Error(diff)
		}
		problemOf(t, s, c.Want(http.StatusConflict, "POST", "/api/boats", map[string]string{"name": "Other"}, key))
		c.Want(http.StatusConflict, "POST", "/api/equipment", body, key)
		c.Want(http.StatusBadRequest, "POST", "/api/boats", body, "Idempotency-Key: "+strings.Repeat("k", 201))
		s.User("eve@example.org", "", "").Want(http.StatusCreated, "POST", "/api/boats", body, key)
		for range 2 { // a refusal is an answer too
			c.Want(http.StatusBadRequest, "POST", "/api/boats", map[string]string{"name": ""}, "Idempotency-Key: key-2")
		}
		var boats []named
		if c.Get("/api/boats", &boats); len(boats) != 1 {
			t.Errorf("%d boats", len(boats))
		}
	})
}

// The same request in the name of another organization is another request.
func TestIdempotencyKeysAreOfOneOrganization(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c := s.User("ada@example.org", "", "")
	var second account.Organization
	c.Post("/api/organizations", map[string]string{"name": "Second"}, &second)
	c.Narrow = c.Org
	c.Want(http.StatusCreated, "POST", "/api/boats", map[string]string{"name": "A"}, "Idempotency-Key: key")
	c.Narrow = second.ID
	c.Want(http.StatusConflict, "POST", "/api/boats", map[string]string{"name": "A"}, "Idempotency-Key: key")
}

func TestAuthIsNeverReplayed(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	s.User("ada@example.org", "", "")
	seen := map[string]bool{}
	for range 2 {
		a := s.Anonymous().Want(http.StatusOK, "POST", "/api/auth/login", map[string]string{"email": "ada@example.org", "password": apptest.Password}, "Idempotency-Key: key")
		seen[string(a.Body)] = true
	}
	if len(seen) != 2 {
		t.Error("a sign-in was repeated from memory")
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c := s.User("ada@example.org", "", "")
	for i := range 5 {
		c.Post("/api/boats", map[string]any{"name": fmt.Sprint("Boat ", i), "make": "X & Y"}, &named{})
	}
	for name, test := range map[string]struct{ query, link, names string }{
		"all":     {"", "", "01234"},
		"first":   {"?limit=2&sort=name", `</api/boats?sort=name&limit=2&offset=2>; rel="next"`, "01"},
		"middle":  {"?limit=2&offset=1", `</api/boats?limit=2&offset=3>; rel="next", </api/boats?limit=2&offset=0>; rel="prev"`, "12"},
		"last":    {"?limit=2&offset=4", `</api/boats?limit=2&offset=2>; rel="prev"`, "4"},
		"escaped": {"?q=x+%26+y&limit=4", `</api/boats?q=x+%26+y&limit=4&offset=4>; rel="next"`, "0123"},
		"beyond":  {"?offset=50", `</api/boats?limit=50&offset=0>; rel="prev"`, ""},
	} {
		a := c.Want(http.StatusOK, "GET", "/api/boats"+test.query, nil)
		var boats []named
		a.Into(s, &boats)
		names := ""
		for _, b := range boats {
			names += strings.TrimPrefix(b.Name, "Boat ")
		}
		if names != test.names || a.Header.Get("Link") != test.link || a.Header.Get("X-Total-Count") != "5" {
			t.Errorf("%s: %s, %s of %s", name, names, a.Header.Get("Link"), a.Header.Get("X-Total-Count"))
		}
	}
	for _, path := range []string{"/api/organizations?offset=7", "/api/audit?limit=1", "/api/equipment", "/api/contacts", "/api/documents", "/api/warranties"} {
		if a := c.Want(http.StatusOK, "GET", path, nil); a.Header.Get("X-Total-Count") == "" || a.Body[0] != '[' {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
}

func TestNarrowingToAnOrganization(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c, eve := s.User("ada@example.org", "", ""), s.User("eve@example.org", "", "")
	var second account.Organization
	c.Post("/api/organizations", map[string]string{"name": "Second"}, &second)
	c.Want(http.StatusBadRequest, "POST", "/api/boats", map[string]string{"name": "Which?"})
	for _, org := range []account.OrgID{c.Org, second.ID} {
		c.Narrow = org
		c.Post("/api/boats", map[string]string{"name": "In " + string(org)}, &named{})
	}
	count := func(query string) int {
		t.Helper()
		var boats []named
		c.Get("/api/boats"+query, &boats)
		return len(boats)
	}
	if n := count(""); n != 1 {
		t.Errorf("narrowed: %d", n)
	}
	c.Narrow = ""
	if all, one := count(""), count("?organization_id="+string(second.ID)); all != 2 || one != 1 {
		t.Error(all, one)
	}
	for _, org := range []account.OrgID{eve.Org, "none"} {
		c.Narrow = org
		problemOf(t, s, c.Want(http.StatusNotFound, "GET", "/api/boats", nil))
	}
}
