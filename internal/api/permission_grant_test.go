package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/api"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
)

// guests are people outside the organization with a right on one boat of it, by
// what it allows; ended is one whose right is over.
type guests struct {
	levels map[account.Level]*apptest.Client
	ended  *apptest.Client
}

// atBoat reports whether an operation concerns one boat, so that a grant on it
// counts.
func atBoat(path, id string) bool {
	switch strings.Split(path, "/")[2] {
	case "boats", "documents", "equipment", "warranties", "sales":
		return strings.Contains(path, "{") || strings.Contains(bodies[id], "BOAT") || id == "upload-document"
	}
	return false
}

// strange reports whether an answer is one that tells nothing of an organization.
func strange(got apptest.Answer, path string) bool {
	if strings.Contains(string(got.Body), "you belong to none") {
		return true
	}
	return got.Status == http.StatusNotFound || got.Status >= 400 && !strings.Contains(path, "{")
}

// newGuests makes them; they belong to no organization.
func (w *walk) newGuests(t *testing.T) guests {
	t.Helper()
	g := guests{levels: map[account.Level]*apptest.Client{}}
	for _, level := range []account.Level{account.ViewBoat, account.EditBoat, account.ManageBoat, "ended"} {
		c := w.s.User("guest-"+string(level)+"@example.org", "", "")
		err := w.s.DB.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "DELETE FROM memberships WHERE org_id = $1", c.Org)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.Org = ""; level == "ended" {
			g.ended = c
			continue
		}
		g.levels[level] = c
	}
	return g
}

// give gives the guests their rights on the fixture's boat.
func (w *walk) give(t *testing.T, f fixture) {
	t.Helper()
	for level := range w.guests.levels {
		w.roles[account.Admin].Want(http.StatusCreated, "POST", "/api/boats/"+f.boat+"/grants",
			map[string]any{"user_email": "guest-" + string(level) + "@example.org", "level": level, "money": true})
	}
	w.roles[account.Admin].Want(http.StatusCreated, "POST", "/api/boats/"+f.boat+"/grants",
		map[string]any{"user_email": "guest-ended@example.org", "level": account.ManageBoat, "expires_at": time.Now().Add(time.Hour)})
	err := w.s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE boat_grants SET expires_at = $1 WHERE expires_at IS NOT NULL", db.Micros(time.Now()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// walkGuests calls as people with a right on one boat: there they may what the
// role may that their level reads like; the organization they do not see.
func (w *walk) walkGuests(t *testing.T, method, path, id string, perm api.Permission) {
	t.Helper()
	if perm.Role == account.Nobody {
		return // lists of what is theirs, which TestAGuestSeesOneBoat walks
	}
	w.verified(t, true)
	if got := w.call(w.guests.ended, method, path, id, w.ready).Status; got < 400 || atBoat(path, id) && strings.Contains(path, "{") && got != http.StatusNotFound {
		t.Errorf("%s by a grant that ended: %d, want 404", id, got)
	}
	for level, c := range w.guests.levels {
		allowed, f := atBoat(path, id) && level.Role().AtLeast(perm.Role), w.ready
		if allowed && method != http.MethodGet {
			f = w.fixture(t, path+" "+bodies[id])
			w.verified(t, true)
			w.give(t, f)
			w.before(t, method, path, id, &f)
		}
		got := w.call(c, method, path, id, f)
		switch {
		case allowed && got.Status >= 300:
			t.Errorf("%s with a grant as %s: %d, want success: %s", id, level, got.Status, got.Body)
		case !allowed && atBoat(path, id) && got.Status != http.StatusForbidden:
			t.Errorf("%s with a grant as %s: %d, want 403: %s", id, level, got.Status, got.Body)
		case !atBoat(path, id) && !strange(got, path):
			t.Errorf("%s, which is the organization's, with a grant as %s: %d, want 404: %s", id, level, got.Status, got.Body)
		}
	}
}
