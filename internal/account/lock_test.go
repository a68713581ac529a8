package account

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

func TestSlowness(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{
		0: 0, 9: 0, 10: time.Second, 11: 2 * time.Second, 12: 4 * time.Second, 13: 8 * time.Second, 14: 8 * time.Second, 1_000_000: 8 * time.Second,
	} {
		if got := slowness(failures); got != want {
			t.Errorf("%d failures: %v, want %v", failures, got, want)
		}
	}
}

// waits writes down how long sign-ins were made to wait, and waits for none.
type waits struct {
	// mu guards all.
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) wait(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return nil
}

func (w *waits) taken() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.all
	w.all = nil
	return out
}

func TestFailuresFromEverywhereSlowAnAccount(t *testing.T) {
	t.Parallel()
	for _, email := range []string{"ada@example.org", "nobody@example.org"} {
		each(t, nil, func(t *testing.T, b *bench) {
			w := &waits{}
			b.config.Wait = w.wait
			b.user("ada@example.org", "", "")
			for i := range 14 {
				_, err := b.Login(t.Context(), email, "wrong", fmt.Sprint("203.0.113.", i), "")
				wantKind(t, err, fault.Unauthenticated)
			}
			s := time.Second
			if diff := cmp.Diff([]time.Duration{s, 2 * s, 4 * s, 8 * s}, w.taken()); diff != "" {
				t.Error(email, diff)
			}
			_, err := b.Login(t.Context(), email, password, "198.51.100.1", "") // the owner waits, and comes in
			if diff := cmp.Diff([]time.Duration{8 * s}, w.taken()); diff != "" || (err == nil) != (email == "ada@example.org") {
				t.Error(email, err, diff)
			}
			b.clock.Add(lockFor + s)
			b.login("ada@example.org")
			if got := w.taken(); got != nil {
				t.Error("still slow:", got)
			}
		})
	}
}

func TestFewWaitAtOnce(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		inside, leave := make(chan struct{}), make(chan struct{})
		b.config.Wait = func(context.Context, time.Duration) error {
			inside <- struct{}{}
			<-leave
			return nil
		}
		b.user("ada@example.org", "", "")
		b.exec("INSERT INTO login_failures (email, address, failures, last_at) VALUES ('ada@example.org', '*', 50, " + fmt.Sprint(start.UnixMicro()) + ")")
		var all sync.WaitGroup
		for range maxWaiting {
			all.Go(func() {
				if err := b.signIn("ada@example.org", password); err != nil {
					t.Error(err)
				}
			})
			<-inside
		}
		err := b.signIn("ada@example.org", password)
		wantKind(t, err, fault.RateLimited)
		if e, _ := asFault(err); e == nil || e.Details["retry_after"] != 8 {
			t.Errorf("%+v", e)
		}
		for range maxWaiting {
			leave <- struct{}{}
		}
		all.Wait()
		if len(b.waiting.n) != 0 {
			t.Error(b.waiting.n)
		}
		b.config.Wait = (&waits{}).wait
		if err := b.signIn("ada@example.org", password); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx, time.Hour); err == nil {
		t.Error("it waited")
	}
	if err := wait(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}

// lock fails until the pair is locked.
func (b *bench) lock(email string) {
	b.t.Helper()
	for range maxFailures {
		wantKind(b.t, b.signIn(email, "wrong"), fault.Unauthenticated)
	}
	wantKind(b.t, b.signIn(email, password), fault.RateLimited)
}

func TestAMailedLinkEndsTheLocks(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		for range 2 { // unlocked, the next lock is told at once
			b.lock("ada@example.org")
			token := tokenOf(t, p.taken(), mailLocked)
			if err := b.UnlockByLink(t.Context(), Actor{Address: "192.0.2.9"}, token); err != nil {
				t.Fatal(err)
			}
			if err := b.signIn("ada@example.org", password); err != nil {
				t.Error(err)
			}
			for _, bad := range []string{token, "", "ndu_unknown"} {
				wantKind(t, b.UnlockByLink(t.Context(), Actor{}, bad), fault.Invalid)
			}
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action = 'account.unlocked' AND address = '192.0.2.9' AND user_id <> ''"); n != 2 {
			t.Errorf("%d lines in the audit trail", n)
		}
		b.lock("ada@example.org")
		token := tokenOf(t, p.taken(), mailLocked)
		b.clock.Add(lockFor)
		wantKind(t, b.UnlockByLink(t.Context(), Actor{}, token), fault.Invalid)
	})
}

func TestAnOperatorAndAnAdminUnlock(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.config.Wait = (&waits{}).wait
		admin := b.actor("admin@example.org", "", "")
		org := admin.Orgs(Admin)[0]
		manager := b.actor("manager@example.org", org, Manager)
		ada, stranger := b.actor("ada@example.org", org, Member), b.actor("stranger@example.org", "", "")
		b.lock("ada@example.org")
		if err := b.Unlock(t.Context(), "ADA@example.org"); err != nil {
			t.Fatal(err)
		}
		b.lock("ada@example.org")
		wantKind(t, b.UnlockMember(t.Context(), manager, org, ada.UserID), fault.Forbidden)
		wantKind(t, b.UnlockMember(t.Context(), stranger, org, ada.UserID), fault.NotFound)
		wantKind(t, b.UnlockMember(t.Context(), stranger, stranger.Orgs(Admin)[0], ada.UserID), fault.NotFound)
		wantKind(t, b.signIn("ada@example.org", password), fault.RateLimited)
		if err := b.UnlockMember(t.Context(), admin, org, ada.UserID); err != nil {
			t.Fatal(err)
		}
		if err := b.signIn("ada@example.org", password); err != nil {
			t.Error(err)
		}
		if n := b.count("SELECT failures FROM login_failures WHERE email = 'ada@example.org' AND address = '*'"); n != maxFailures {
			t.Errorf("%d failures on the account: an admin must not guess without end", n)
		}
		wantKind(t, b.Unlock(t.Context(), "nobody@example.org"), fault.NotFound)
	})
}
