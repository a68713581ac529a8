package account

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

// work counts what takes time: hashes with their parameters, queries, transactions.
type work struct {
	// mu guards done.
	mu   sync.Mutex
	done map[string]int
}

func (w *work) add(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[what]++
}

// of is what f costs.
func (w *work) of(f func()) map[string]int {
	w.done = map[string]int{}
	f()
	return w.done
}

// Nobody learns by the clock whose addresses are registered: known and unknown ones
// cost the same hashes, queries and commits. prove/ measures the time itself.
func TestKnownAndUnknownAddressesCostTheSame(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		w := &work{done: map[string]int{}}
		counted, err := db.Open(t.Context(), db.Options{URL: testkit.URL(d), Now: clock.Now, Observe: func(kind string, _ time.Duration) { w.add(kind) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { counted.Close() })
		s := New(counted, Config{Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}, AccessTTL: time.Hour, RefreshTTL: time.Hour})
		s.hasher.key = func(password, salt []byte, time, memory uint32, lanes uint8, size uint32) []byte {
			w.add("hash")
			if time != dear().Time || memory != dear().Memory || lanes != argonLanes || size != argonKey || len(salt) != 16 {
				w.add("a cheaper hash")
			}
			return argon2.IDKey(password, salt, time, memory, lanes, size)
		}
		b := &bench{s, t, clock}
		b.user("ada@example.org", "", "")
		b.secure(b.actor("bo@example.org", "", "")) // a second factor shows nothing either
		login := func(email string) map[string]int {
			return w.of(func() {
				if err := b.signIn(email, "wrong"); err == nil {
					t.Error("a wrong password signs in")
				}
			})
		}
		want := map[string]int{"hash": 1, db.Read: 3, db.Write: 1}
		for range maxFailures { // the last one locks, which is told
			for _, email := range []string{"ada@example.org", "bo@example.org", "nobody@example.org"} {
				if diff := cmp.Diff(want, login(email)); diff != "" {
					t.Errorf("login as %s: %s", email, diff)
				}
			}
		}
		for _, email := range []string{"ada@example.org", "nobody@example.org"} {
			got := w.of(func() {
				if err := b.ForgotPassword(t.Context(), Actor{}, email); err != nil {
					t.Error(err)
				}
			})
			if diff := cmp.Diff(map[string]int{db.Write: 1}, got); diff != "" {
				t.Errorf("forgotten by %s: %s", email, diff)
			}
		}
	})
}
