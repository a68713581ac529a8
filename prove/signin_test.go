//go:build prove

package prove_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
)

// TestNobodyLearnsByTheClockWhoHasAnAccount times sign-ins with wrong passwords, of
// registered addresses and of others by turns, as a stranger sees them: over HTTP.
// An account takes four, so that neither locks nor slowness join in. Who is first
// changes too, or what the one leaves to be collected would slow the other.
func TestNobodyLearnsByTheClockWhoHasAnAccount(t *testing.T) {
	const accounts, each, low, high = 50, 4, 0.8, 1.25
	s := apptest.New(t, apptest.Options{NoWorker: true, Dear: true})
	for i := range accounts {
		_, err := s.Accounts.CreateUser(t.Context(), account.NewUser{Registering: account.Registering{
			Email: fmt.Sprintf("known-%02d@example.org", i), Password: apptest.Password, Name: "Ada",
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	took := map[string][]time.Duration{}
	c := s.Anonymous()
	for i := range accounts * each {
		kinds := []string{"known", "other"}
		if i/2%2 == 1 {
			slices.Reverse(kinds)
		}
		for _, kind := range kinds {
			body := map[string]string{"email": fmt.Sprintf("%s-%02d@example.org", kind, i%accounts), "password": "a wrong passphrase"}
			began := time.Now()
			c.Want(http.StatusUnauthorized, "POST", "/api/auth/login", body)
			took[kind] = append(took[kind], time.Since(began))
		}
	}
	median := func(kind string) time.Duration {
		all := slices.Sorted(slices.Values(took[kind]))
		return all[len(all)/2]
	}
	ratio := float64(median("known")) / float64(median("other"))
	if ratio < low || ratio > high {
		t.Errorf("a registered address takes %.2f times as long as another", ratio)
	}
	t.Logf("PROVED: %d sign-ins of each kind take %v (registered) and %v (not) in the median, ratio %.2f, bounds %v to %v", accounts*each, median("known"), median("other"), ratio, low, high)
}
