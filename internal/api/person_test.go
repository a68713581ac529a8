package api_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
)

// The operations that TestPermissionWalk leaves out, for they change who is
// there: each role, a stranger, and whoever may.
func TestEndsAndWhoMayBringThemAbout(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		stranger := s.User("stranger@example.org", "", "")
		path := "/api/organizations/" + string(admin.Org)
		confirm := map[string]string{"confirm": "Org of admin@example.org"}
		manager := s.User("manager@example.org", admin.Org, account.Manager)
		var me account.User
		manager.Get("/api/auth/me", &me)
		to := map[string]any{"user_id": me.ID}
		for _, role := range []account.Role{account.Viewer, account.Member, account.Manager} {
			c := s.User(string(role)+"-2@example.org", admin.Org, role)
			c.Want(http.StatusForbidden, "DELETE", path, confirm)
			c.Want(http.StatusForbidden, "POST", path+"/handover", to)
			c.Want(http.StatusNotFound, "POST", path+"/restore", nil)
		}
		stranger.Want(http.StatusNotFound, "DELETE", path, confirm)
		stranger.Want(http.StatusNotFound, "POST", path+"/handover", to)
		admin.Want(http.StatusBadRequest, "DELETE", path, nil)

		admin.Want(http.StatusOK, "DELETE", path+"?confirm=Org%20of%20admin@example.org", nil)
		manager.Want(http.StatusNotFound, "GET", path, nil)
		stranger.Want(http.StatusNotFound, "POST", path+"/restore", nil)
		manager.Want(http.StatusNotFound, "POST", path+"/restore", nil)
		var closed []account.Organization
		if admin.Get("/api/organizations?deleted=true", &closed); len(closed) != 1 || closed[0].DeletedAt == nil {
			t.Errorf("%+v", closed)
		}
		if manager.Get("/api/organizations?deleted=true", &closed); len(closed) != 0 {
			t.Errorf("%+v", closed)
		}
		admin.Want(http.StatusOK, "POST", path+"/restore", nil)
		admin.Want(http.StatusOK, "DELETE", path, confirm)
		admin.Want(http.StatusOK, "POST", path+"/restore", nil)

		admin.Want(http.StatusConflict, "DELETE", "/api/auth/me", map[string]string{"password": apptest.Password})
		admin.Want(http.StatusOK, "POST", path+"/handover", to)
		manager.Want(http.StatusOK, "PATCH", path, map[string]string{"name": "Mine now"})
		admin.Want(http.StatusForbidden, "PATCH", path, map[string]string{"name": "Mine"})
		admin.Want(http.StatusBadRequest, "DELETE", "/api/auth/me", map[string]string{"password": "not the passphrase"})
		admin.Want(http.StatusOK, "DELETE", "/api/auth/me", map[string]string{"password": apptest.Password})
		admin.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
		s.SignIn("admin@example.org", apptest.Password).Want(http.StatusOK, "GET", path, nil)
	})
}

func TestTheTrailComesAsAFile(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		d := admin.Upload("log.txt", []byte("nine hours"))
		admin.Want(http.StatusOK, "GET", "/api/documents/"+string(d.ID)+"/content", nil)
		a := admin.Want(http.StatusOK, "GET", "/api/audit/export?action=document.", nil)
		rows, err := csv.NewReader(strings.NewReader(string(a.Body))).ReadAll()
		if err != nil || len(rows) != 3 || rows[1][4] != "document.downloaded" || rows[2][4] != "document.uploaded" {
			t.Error(rows, err)
		}
		if got := a.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=audit-2") || !strings.HasSuffix(got, ".csv") {
			t.Error(got)
		}
		var all []account.Record
		admin.Get("/api/audit/export?format=json&subject_kind=document&subject_id="+string(d.ID), &all)
		if len(all) != 2 {
			t.Error(all)
		}
		admin.Get("/api/audit?action=audit.exported", &all)
		if len(all) != 2 {
			t.Error("exports are not in the trail:", all)
		}
		admin.Want(http.StatusBadRequest, "GET", "/api/audit?since=yesterday", nil)
		admin.Want(http.StatusBadRequest, "GET", "/api/audit/export?format=xlsx", nil)
	})
}

func TestOneExportsWhatConcernsOne(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		viewer := s.User("viewer@example.org", admin.Org, account.Member)
		open := viewer.Upload("open.txt", []byte("open"), "type=MAN-EQ")
		hidden := viewer.Upload("hidden.txt", []byte("hidden"), "type=MAN-EQ")
		admin.Want(http.StatusOK, "PATCH", "/api/documents/"+string(hidden.ID), map[string]string{"class": "personal"})
		admin.Upload("other.txt", []byte("another's"), "type=MAN-EQ")
		a := viewer.Want(http.StatusOK, "POST", "/api/auth/me/export", nil)
		var all []account.Holding
		if err := json.Unmarshal(a.Body, &all); err != nil {
			t.Fatal(err)
		}
		var papers []string
		for _, h := range all {
			if h.Kind == "uploaded_document" {
				papers = append(papers, h.ID)
			}
		}
		if len(papers) != 1 || papers[0] != string(open.ID) || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; filename=navidocs-personal-data-") {
			t.Error(papers, a.Header)
		}
	})
}
