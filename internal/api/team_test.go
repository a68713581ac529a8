package api_test

import (
	"net/http"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
)

// What opens an account is seen and ended by its owner alone, and bites at once.
func TestWhatOpensAnAccountIsOnePersons(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		ada, bo := s.User("ada@example.org", "", ""), s.User("bo@example.org", "", "")
		elsewhere := s.SignIn("ada@example.org", apptest.Password)
		program, token := tokenOf(ada, s, account.Read)
		var sessions []account.Session
		if ada.Get("/api/auth/sessions", &sessions); len(sessions) != 2 {
			t.Fatalf("%+v", sessions)
		}
		other := sessions[0]
		if other.Current {
			other = sessions[1]
		}
		for _, path := range []string{"/api/auth/sessions/" + string(other.ID), "/api/auth/tokens/" + string(token.ID)} {
			bo.Want(http.StatusNotFound, "DELETE", path, nil)
		}
		elsewhere.Want(http.StatusOK, "GET", "/api/auth/me", nil)
		program.Want(http.StatusOK, "GET", "/api/auth/me", nil)
		for _, path := range []string{"/api/auth/sessions/" + string(other.ID), "/api/auth/tokens/" + string(token.ID)} {
			ada.Want(http.StatusOK, "DELETE", path, nil)
		}
		elsewhere.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
		program.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
		ada.Want(http.StatusNoContent, "POST", "/api/auth/logout-all", nil)
		ada.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
	})
}

func TestAMemberLeaves(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		viewer := s.User("viewer@example.org", admin.Org, account.Viewer)
		var me account.User
		viewer.Get("/api/auth/me", &me)
		path := "/api/organizations/" + string(admin.Org)
		viewer.Want(http.StatusOK, "GET", path, nil)
		viewer.Want(http.StatusOK, "DELETE", path+"/members/"+string(me.ID), nil)
		viewer.Want(http.StatusNotFound, "GET", path, nil)
	})
}
