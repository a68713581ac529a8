package account

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada, eve := Actor{UserID: "ada"}, Actor{UserID: "eve"}
		first := func(who Actor, request string) []byte {
			t.Helper()
			stored, err := b.FirstAnswer(t.Context(), who, "key", request)
			if err != nil {
				t.Fatal(err)
			}
			return stored
		}
		conflict := func(request string) {
			t.Helper()
			_, err := b.FirstAnswer(t.Context(), ada, "key", request)
			wantKind(t, err, fault.Conflict)
		}
		if first(ada, "request") != nil {
			t.Error("a new key has an answer")
		}
		conflict("request") // which has not ended
		b.keep("ada", []byte("the answer"))
		if got := first(ada, "request"); string(got) != "the answer" {
			t.Errorf("%q", got)
		}
		conflict("another request")
		if first(eve, "request") != nil {
			t.Error("a key is another user's")
		}
		b.clock.Add(answerTTL)
		if got := first(ada, "request"); got == nil {
			t.Error("the answer is gone within 24 hours")
		}
		b.clock.Add(time.Second)
		if first(ada, "another request") != nil {
			t.Error("the answer is kept beyond 24 hours")
		}
		b.keep("ada", nil) // a failure of ours: the key may be used again
		if first(ada, "request") != nil {
			t.Error("the key was not given back")
		}
	})
}

func (b *bench) keep(user UserID, answer []byte) {
	b.t.Helper()
	if err := b.KeepAnswer(b.t.Context(), user, "key", answer); err != nil {
		b.t.Fatal(err)
	}
}

func TestAnswersAreSealed(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := Actor{UserID: "ada"}
		if _, err := b.FirstAnswer(t.Context(), who, "key", "request"); err != nil {
			t.Fatal(err)
		}
		b.keep("ada", []byte(strings.Repeat("secret ", 10)))
		stored, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT answer || key_hash FROM idempotency_keys")
		if err != nil || strings.Contains(stored, "secret") || strings.Contains(stored, "key") {
			t.Error(stored, err)
		}
		for name, damaged := range map[string]string{"short": "AAAA", "no base64": "***", "changed": "A" + stored[1:40]} {
			b.exec("UPDATE idempotency_keys SET answer = $1", damaged)
			if _, err := b.FirstAnswer(t.Context(), who, "key", "request"); fault.KindOf(err) != fault.Internal || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestTidy(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ended := b.actor("ada@example.org", "", "")
		fail := func() {
			_, err := b.Login(t.Context(), "nobody@example.org", password, "192.0.2.7", "")
			wantKind(t, err, fault.Unauthenticated)
		}
		fail()
		if _, err := b.FirstAnswer(t.Context(), ended, "key", "request"); err != nil {
			t.Fatal(err)
		}
		if err := b.Logout(t.Context(), ended, false); err != nil {
			t.Fatal(err)
		}
		rows := func() []int {
			out := []int{}
			for _, table := range []string{"idempotency_keys", "login_failures", "sessions", "refresh_tokens"} {
				out = append(out, b.count("SELECT count(*) FROM "+table))
			}
			return out
		}
		for _, step := range []struct {
			wait time.Duration
			want []int
		}{
			{answerTTL, []int{1, 2, 1, 1}},
			{time.Second, []int{0, 0, 1, 1}},
			{32 * 24 * time.Hour, []int{0, 0, 0, 0}},
		} {
			b.clock.Add(step.wait)
			if err := b.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, rows()); diff != "" {
				t.Errorf("after %s: %s", step.wait, diff)
			}
		}
		live := b.login("ada@example.org")
		if err := b.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Authenticate(t.Context(), live.Token); err != nil {
			t.Error("a live session was tidied away", err)
		}
	})
}
