package api_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/integration"
)

// calendarOf fetches a calendar and gives the ids and summaries in it.
func calendarOf(t *testing.T, s *apptest.Server, f integration.Feed) (ids, summaries []string, a apptest.Answer) {
	t.Helper()
	a = s.Anonymous().Want(http.StatusOK, "GET", "/feeds/"+f.Token+"/calendar.ics", nil)
	cal, err := ics.ParseCalendar(bytes.NewReader(a.Body))
	if err != nil {
		t.Fatalf("%v\n%s", err, a.Body)
	}
	for _, e := range cal.Events() {
		ids = append(ids, e.Id())
		summaries = append(summaries, ics.FromText(e.GetProperty(ics.ComponentPropertySummary).Value))
	}
	slices.Sort(ids)
	return ids, summaries, a
}

// TestACalendarIsItsOwners: what it shows is what they may see now.
func TestACalendarIsItsOwners(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		viewer := s.User("viewer@example.org", admin.Org, account.Viewer)
		var calypso, other struct{ ID string }
		admin.Post("/api/boats", map[string]string{"name": "Calypso"}, &calypso)
		admin.Post("/api/boats", map[string]string{"name": "Other"}, &other)
		today := time.Now().UTC()
		var engine struct{ ID string }
		cover := map[string]any{
			"boat_id": calypso.ID, "item_name": "Engine; 2 x, big", "purchase_date": today.AddDate(0, -1, 0).Format(time.DateOnly), "warranty_period_months": 24,
		}
		admin.Post("/api/warranties", cover, &engine)
		cover["boat_id"], cover["item_name"] = other.ID, "Raft"
		var raft struct{ ID string }
		admin.Post("/api/warranties", cover, &raft)
		policy := admin.Upload("policy.txt", []byte("insurance"), "boat_id="+calypso.ID, "title=Policy")
		admin.Want(http.StatusOK, "PATCH", "/api/documents/"+string(policy.ID), map[string]any{"expires_on": today.AddDate(0, 2, 0).Format(time.DateOnly)})

		var all, one, theirs integration.Feed
		admin.Post("/api/feeds", map[string]any{"name": "Mine"}, &all)
		admin.Post("/api/feeds", map[string]any{"boat_id": calypso.ID, "alarm_days": 0}, &one)
		viewer.Post("/api/feeds", nil, &theirs)
		onCalypso := []string{"certificate-" + string(policy.ID) + "@navidocs", "warranty-" + engine.ID + "@navidocs"}
		ofRaft := "warranty-" + raft.ID + "@navidocs"
		got, said, first := calendarOf(t, s, all)
		if want := slices.Sorted(slices.Values(append(slices.Clone(onCalypso), ofRaft))); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if !slices.Contains(said, "Warranty ends: Engine; 2 x, big (Calypso)") || !slices.Contains(said, "Expires: Policy (Calypso)") {
			t.Error(said)
		}
		if got, _, a := calendarOf(t, s, one); !slices.Equal(got, onCalypso) || bytes.Contains(a.Body, []byte("VALARM")) {
			t.Errorf("%v, %s", got, a.Body)
		}
		if got, _, _ := calendarOf(t, s, theirs); len(got) != 2 || slices.Contains(got, onCalypso[0]) {
			t.Errorf("a viewer sees a personal paper: %v", got)
		}
		if tag := first.Header.Get("ETag"); !strings.HasPrefix(first.Header.Get("Content-Type"), "text/calendar") || tag == "" {
			t.Error(first.Header)
		} else if a := s.Anonymous().Want(http.StatusNotModified, "GET", "/feeds/"+all.Token+"/calendar.ics", nil, "If-None-Match: \"x\", W/"+tag); len(a.Body) != 0 {
			t.Errorf("%s", a.Body)
		}
		admin.Want(http.StatusOK, "PATCH", "/api/auth/me", map[string]string{"language": "de"})
		again, said, changed := calendarOf(t, s, all)
		if !slices.Equal(again, got) || !slices.Contains(said, "Läuft ab: Policy (Calypso)") || changed.Header.Get("ETag") == first.Header.Get("ETag") {
			t.Errorf("in German: %v %v", again, said)
		}
		admin.Want(http.StatusOK, "DELETE", "/api/organizations/"+string(admin.Org)+"/members/"+string(userID(viewer)), nil)
		if got, _, _ := calendarOf(t, s, theirs); len(got) != 0 {
			t.Errorf("who has left still sees %v", got)
		}
		s.Anonymous().Want(http.StatusNotFound, "GET", "/feeds/"+all.Token+"x/calendar.ics", nil)
		viewer.Want(http.StatusNotFound, "DELETE", "/api/feeds/"+string(all.ID), nil)
		admin.Want(http.StatusOK, "DELETE", "/api/feeds/"+string(all.ID), nil)
		s.Anonymous().Want(http.StatusNotFound, "GET", "/feeds/"+all.Token+"/calendar.ics", nil)
		var left []integration.Feed
		admin.Get("/api/feeds", &left)
		if len(left) != 1 || left[0].Token != "" || left[0].URL != "" || left[0].LastFetchedAt == nil {
			t.Errorf("%+v", left)
		}
		viewer.Want(http.StatusNotFound, "POST", "/api/feeds", map[string]any{"boat_id": calypso.ID})
		viewer.Want(http.StatusBadRequest, "POST", "/api/feeds", map[string]any{"alarm_days": 366})
	})
}

func userID(c *apptest.Client) account.UserID {
	var me account.User
	c.Get("/api/auth/me", &me)
	return me.ID
}
