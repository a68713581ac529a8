package account

import (
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const idle = time.Hour

func eachIdle(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	each(t, func(c *Config) { c.SessionIdle, c.AccessTTL = idle, 24*time.Hour }, f)
}

func TestAnIdleSessionHasEnded(t *testing.T) {
	t.Parallel()
	eachIdle(t, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		used, unused := b.login("ada@example.org"), b.login("ada@example.org")
		for range 4 { // use keeps it, for longer than the limit
			b.clock.Add(idle / 2)
			if _, err := b.Authenticate(t.Context(), used.Token); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Refresh(t.Context(), used.RefreshToken); err != nil {
			t.Error(err)
		}
		_, err := b.Authenticate(t.Context(), unused.Token)
		wantKind(t, err, fault.Unauthenticated)
		_, err = b.Refresh(t.Context(), unused.RefreshToken)
		wantKind(t, err, fault.Unauthenticated)
		if fault.Message(err) != errSession.Message {
			t.Error(err)
		}
		if b.alive(who) {
			t.Error("an open stream of an idle session goes on")
		}
		all, err := b.Sessions(t.Context(), who)
		if err != nil || len(all) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

func TestTheLimitIsExact(t *testing.T) {
	t.Parallel()
	eachIdle(t, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		tokens := b.login("ada@example.org")
		b.clock.Add(idle - time.Second)
		if _, err := b.Authenticate(t.Context(), tokens.Token); err != nil {
			t.Error("a second too early", err)
		}
		b.clock.Add(idle)
		_, err := b.Authenticate(t.Context(), tokens.Token)
		wantKind(t, err, fault.Unauthenticated)
	})
}

func TestAUsersOwnDeviceIsNeverIdle(t *testing.T) {
	t.Parallel()
	eachIdle(t, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		tokens, err := b.Service.Login(t.Context(), SigningIn{Email: "ada@example.org", Password: password, Remember: true})
		if err != nil {
			t.Fatal(err)
		}
		b.clock.Add(20 * time.Hour)
		who, err := b.Authenticate(t.Context(), tokens.Token)
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.Sessions(t.Context(), who)
		if err != nil || len(all) != 1 || !all[0].Remembered {
			t.Errorf("%+v, %v", all, err)
		}
		b.clock.Add(6 * 24 * time.Hour)
		if _, err := b.Refresh(t.Context(), tokens.RefreshToken); err != nil {
			t.Error(err)
		}
	})
}

func TestAnOpenStreamIsUse(t *testing.T) {
	t.Parallel()
	eachIdle(t, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		for range 240 {
			b.clock.Add(30 * time.Second)
			if !b.alive(who) {
				t.Fatal("it ended at", b.clock.Now())
			}
		}
	})
}

// Requests come by the dozen; the database hears of one a minute.
func TestUseIsWrittenAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	for limit, every := range map[time.Duration]time.Duration{0: time.Minute, time.Hour: time.Minute, 5 * time.Minute: 30 * time.Second} {
		each(t, func(c *Config) { c.SessionIdle = limit }, func(t *testing.T, b *bench) {
			who := b.actor("ada@example.org", "", "")
			seen := func() time.Time {
				at, err := db.One(t.Context(), b.db, db.Scalar[int64], "SELECT last_seen_at FROM sessions WHERE id = $1", who.SessionID)
				if err != nil {
					t.Fatal(err)
				}
				return db.Time(at)
			}
			b.clock.Add(every - time.Second)
			if b.alive(who); !seen().Equal(start) {
				t.Errorf("limit %v: written after %v", limit, every-time.Second)
			}
			b.clock.Add(time.Second)
			if b.alive(who); !seen().Equal(start.Add(every)) {
				t.Errorf("limit %v: not written after %v", limit, every)
			}
		})
	}
}
