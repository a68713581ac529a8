// Package accounttest makes users for the tests of the packages above account.
package accounttest

import (
	"testing"

	"navidocs/internal/account"
)

// Password is every user's.
const Password = "a long test passphrase"

// Cheap is the cost of their passwords' hashes, which guard nothing: the real one is
// a quarter of what all tests take.
func Cheap() account.Cost { return account.Cost{Memory: 64, Time: 1} }

// User makes a user, with an organization of their own, or in one with a role,
// and returns them as a command on the machine knows them.
func User(t testing.TB, accounts *account.Service, email string, org account.OrgID, role account.Role) account.Actor {
	t.Helper()
	_, err := accounts.CreateUser(t.Context(), account.NewUser{
		Registering: account.Registering{Email: email, Password: Password, Name: email}, Join: org, Role: role,
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := accounts.ActorFor(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return who
}
