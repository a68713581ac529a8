package account

import (
	"slices"
	"testing"
	"time"

	"navidocs/internal/fault"
)

func TestAPersonalTokenAsksInItsUsersName(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		made, err := b.CreateToken(t.Context(), ada, NewToken{Name: " Chart plotter ", Scopes: []Scope{Write, Read}})
		if err != nil {
			t.Fatal(err)
		}
		if made.Scope != Write || made.Name != "Chart plotter" || made.ExpiresAt != nil {
			t.Errorf("%+v", made)
		}
		who, err := b.Authenticate(t.Context(), made.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if who.UserID != ada.UserID || who.TokenID != made.ID || who.SessionID != "" || len(who.Roles) != 1 {
			t.Errorf("%+v", who)
		}
		if who.RequireScope(Read) != nil || who.RequireScope(Write) != nil || ada.RequireScope(Administer) != nil || ada.RequireSession() != nil {
			t.Error("what is allowed is refused")
		}
		wantKind(t, who.RequireScope(Administer), fault.Forbidden)
		wantKind(t, who.RequireSession(), fault.Forbidden)
		if n := b.count("SELECT count(*) FROM personal_tokens WHERE hash = $1", made.Secret); n != 0 {
			t.Error("the token itself is stored")
		}
		all, err := b.Tokens(t.Context(), ada)
		if err != nil || len(all) != 1 || all[0].Secret != "" || all[0].LastUsedAt == nil {
			t.Errorf("%+v, %v", all, err)
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action = 'token.created' AND subject_id = $1", made.ID); n != 1 {
			t.Errorf("%d lines in the audit trail", n)
		}
	})
}

func TestAPersonalTokenEnds(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada, bo := b.actor("ada@example.org", "", ""), b.actor("bo@example.org", "", "")
		until := b.clock.Now().Add(time.Hour)
		made := func(expires *time.Time) (Token, Actor) {
			token, err := b.CreateToken(t.Context(), ada, NewToken{Name: "For a day", Scopes: []Scope{Read}, ExpiresAt: expires})
			if err != nil {
				t.Fatal(err)
			}
			who, err := b.Authenticate(t.Context(), token.Secret)
			if err != nil {
				t.Fatal(err)
			}
			return token, who
		}
		gone, byGone := made(nil)
		short, byShort := made(&until)
		wantKind(t, b.DeleteToken(t.Context(), bo, gone.ID), fault.NotFound)
		if err := b.DeleteToken(t.Context(), ada, gone.ID); err != nil {
			t.Fatal(err)
		}
		if b.alive(byGone) || !b.alive(byShort) {
			t.Error("the wrong one ended")
		}
		b.clock.Add(time.Hour)
		if b.alive(byShort) {
			t.Error("it outlived its time")
		}
		for _, secret := range []string{gone.Secret, short.Secret, "nd_", "nd_unknown"} {
			_, err := b.Authenticate(t.Context(), secret)
			wantKind(t, err, fault.Unauthenticated)
		}
	})
}

func TestCreatingATokenNamesEveryFault(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada, now := b.actor("ada@example.org", "", ""), b.clock.Now()
		_, err := b.CreateToken(t.Context(), ada, NewToken{Scopes: []Scope{"root"}, ExpiresAt: &now})
		if got := locations(err); !slices.Equal(got, []string{"body.name", "body.scopes", "body.expires_at"}) {
			t.Error(got)
		}
		_, err = b.CreateToken(t.Context(), ada, NewToken{Name: "None"})
		if got := locations(err); !slices.Equal(got, []string{"body.scopes"}) {
			t.Error(got)
		}
		for range maxTokens {
			if _, err := b.CreateToken(t.Context(), ada, NewToken{Name: "One of many", Scopes: []Scope{Read}}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = b.CreateToken(t.Context(), ada, NewToken{Name: "One too many", Scopes: []Scope{Read}})
		wantKind(t, err, fault.Conflict)
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada, bo := b.actor("ada@example.org", "", ""), b.actor("bo@example.org", "", "")
		b.clock.Add(time.Minute)
		elsewhere, err := b.Authenticate(t.Context(), b.login("ada@example.org").Token)
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.Sessions(t.Context(), ada)
		if err != nil || len(all) != 2 || all[0].ID != elsewhere.SessionID || all[0].Current || !all[1].Current || all[0].Agent != "a test" || all[0].Address != "192.0.2.1" {
			t.Fatalf("%+v, %v", all, err)
		}
		wantKind(t, b.EndSession(t.Context(), bo, elsewhere.SessionID), fault.NotFound)
		if err := b.EndSession(t.Context(), ada, elsewhere.SessionID); err != nil {
			t.Fatal(err)
		}
		wantKind(t, b.EndSession(t.Context(), ada, elsewhere.SessionID), fault.NotFound)
		if b.alive(elsewhere) || !b.alive(ada) {
			t.Error("the wrong one ended")
		}
		if all, err = b.Sessions(t.Context(), ada); err != nil || len(all) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
