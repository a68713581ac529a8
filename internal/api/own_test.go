package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
)

// team is somebody of each role of an organization.
func team(s *apptest.Server) (admin *apptest.Client, all map[account.Role]*apptest.Client) {
	admin = s.User("admin@example.org", "", "")
	all = map[account.Role]*apptest.Client{account.Admin: admin}
	for _, role := range []account.Role{account.Viewer, account.Member, account.Manager} {
		all[role] = s.User(string(role)+"@example.org", admin.Org, role)
	}
	return admin, all
}

func TestTheFirstConnection(t *testing.T) {
	t.Parallel()
	home := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(home.Close)
	apptest.Each(t, apptest.Options{NoWorker: true, Settings: []string{"EGRESS_ALLOW=" + strings.TrimPrefix(home.URL, "http://")}}, func(t *testing.T, s *apptest.Server) {
		const path = "/api/integrations/home-assistant"
		_, all := team(s)
		body := map[string]string{"url": home.URL + "/api/webhook/x"}
		for _, role := range []account.Role{account.Viewer, account.Member} {
			all[role].Want(http.StatusForbidden, "PUT", path, body)
			all[role].Want(http.StatusForbidden, "DELETE", path, nil)
		}
		s.Anonymous().Want(http.StatusUnauthorized, "DELETE", path, nil)
		manager := all[account.Manager]
		manager.Want(http.StatusNotFound, "DELETE", path, nil)
		manager.Want(http.StatusCreated, "POST", path, body)
		manager.Want(http.StatusOK, "PUT", path, body)
		s.User("stranger@example.org", "", "").Want(http.StatusNotFound, "DELETE", path, nil)
		manager.Want(http.StatusOK, "DELETE", path, nil)
		manager.Want(http.StatusNotFound, "GET", path, nil)
	})
}

func TestWhoMayAcceptAPackage(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		h := handOver(s, []byte("the package"), 3, "en")
		token := map[string]string{"token": strings.TrimPrefix(h.page, "/p/")}
		_, all := team(s)
		for _, role := range []account.Role{account.Viewer, account.Member} {
			all[role].Want(http.StatusForbidden, "POST", "/api/packages/accept", token)
		}
		s.Anonymous().Want(http.StatusUnauthorized, "POST", "/api/packages/accept", token)
		all[account.Manager].Want(http.StatusNotFound, "POST", "/api/packages/accept", map[string]string{"token": "ndh_another"})
		all[account.Manager].Want(http.StatusBadRequest, "POST", "/api/packages/accept", token) // these bytes are no archive
		h.seller.Want(http.StatusConflict, "POST", "/api/packages/accept", token)
	})
}
