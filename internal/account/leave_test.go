package account

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// journal is one in memory.
type journal struct {
	mu    sync.Mutex // guards lines
	lines [][]byte
}

func (j *journal) Lines() ([][]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines), nil
}

func (j *journal) Append(lines [][]byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, lines...)
	return nil
}

func journalling(c *Config) { c.Journal = &journal{} }

func (b *bench) leave(who Actor) Leaving {
	b.t.Helper()
	out, err := b.DeleteMe(b.t.Context(), who, password)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) tidy(after time.Duration) {
	b.t.Helper()
	b.clock.Add(after)
	if err := b.Tidy(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func TestAnAccountIsDeleted(t *testing.T) {
	t.Parallel()
	each(t, journalling, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo := b.actor("bo@example.org", org, Member)
		if _, err := b.Invite(t.Context(), ada, org, Inviting{Email: "eve@example.org", Role: Viewer}); err != nil {
			t.Fatal(err)
		}
		eve := b.actor("eve@example.org", org, Viewer)
		token, err := b.CreateToken(t.Context(), eve, NewToken{Name: "Plotter", Scopes: []Scope{Read}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.DeleteMe(t.Context(), eve, "not the passphrase")
		wantKind(t, err, fault.Invalid)
		if got := locations(err); !slices.Equal(got, []string{"body.password"}) {
			t.Error(got)
		}
		if !b.alive(eve) {
			t.Fatal("a wrong password deleted the account")
		}
		out := b.leave(eve)
		if !out.Until.Equal(start.Add(graceFor)) || len(out.Organizations) != 0 {
			t.Errorf("%+v", out)
		}
		if b.alive(eve) {
			t.Error("the session goes on")
		}
		_, err = b.Authenticate(t.Context(), token.Secret)
		wantKind(t, err, fault.Unauthenticated)
		if members, err := b.Members(t.Context(), bo, org); err != nil || len(members) != 2 {
			t.Error("whoever left is still listed:", members, err)
		}
		b.tidy(graceFor)
		if n := b.count("SELECT count(*) FROM users WHERE email = 'eve@example.org' OR name = 'eve@example.org'"); n != 0 {
			t.Error("the name stayed")
		}
		if n := b.count("SELECT count(*) FROM users WHERE id = $1 AND email = $2 AND password_hash = '' AND name = 'deleted user'", eve.UserID, "deleted:"+string(eve.UserID)); n != 1 {
			t.Error("no id is left")
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE user_id = $1", eve.UserID); n == 0 {
			t.Error("the trail forgot the id")
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE detail LIKE '%eve@example.org%' OR (user_id = $1 AND address <> '')", eve.UserID); n != 0 {
			t.Error("the trail knows the address")
		}
		for _, table := range []string{"sessions", "memberships", "personal_tokens", "account_tokens"} {
			if n := b.count("SELECT count(*) FROM "+table+" WHERE user_id = $1", eve.UserID); n != 0 {
				t.Error(table, n)
			}
		}
		_, err = b.Login(t.Context(), "eve@example.org", password, "192.0.2.1", "a test")
		wantKind(t, err, fault.Unauthenticated)
		_, err = b.Login(t.Context(), "deleted:"+string(eve.UserID), "", "192.0.2.1", "a test")
		wantKind(t, err, fault.Unauthenticated)
		b.user("eve@example.org", "", "") // the address is free again
	})
}

func TestSigningInKeepsAnAccount(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		if out := b.leave(ada); !slices.Equal(out.Organizations, []OrgID{org}) {
			t.Fatalf("%+v", out)
		}
		b.tidy(graceFor - time.Second)
		_, err := b.Login(t.Context(), "ada@example.org", "not the passphrase", "192.0.2.1", "a test")
		wantKind(t, err, fault.Unauthenticated)
		back, err := b.Authenticate(t.Context(), b.login("ada@example.org").Token)
		if err != nil || back.Roles[org] != Admin {
			t.Fatalf("%+v, %v", back, err)
		}
		b.tidy(graceFor)
		if !b.alive(signedIn(b, "ada@example.org")) {
			t.Error("it was erased all the same")
		}
		for _, action := range []string{"user.deletion_requested", "user.deletion_cancelled", "organization.deleted", "organization.restored"} {
			if n := b.count("SELECT count(*) FROM audit_log WHERE action = $1", action); n != 1 {
				t.Error(action, n)
			}
		}
	})
}

// signedIn signs somebody in.
func signedIn(b *bench, email string) Actor {
	b.t.Helper()
	who, err := b.Authenticate(b.t.Context(), b.login(email).Token)
	if err != nil {
		b.t.Fatal(err)
	}
	return who
}

// After the grace nobody signs in, though the nightly work is late.
func TestTheGraceEnds(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.leave(b.actor("ada@example.org", "", ""))
		b.clock.Add(graceFor)
		_, err := b.Login(t.Context(), "ada@example.org", password, "192.0.2.1", "a test")
		wantKind(t, err, fault.Unauthenticated)
		if n := b.count("SELECT count(*) FROM sessions WHERE ended_at IS NULL"); n != 0 {
			t.Error(n)
		}
		b.tidy(0)
		for _, table := range []string{"organizations", "organization_settings", "memberships"} {
			if n := b.count("SELECT count(*) FROM " + table); n != 0 {
				t.Error(table, n)
			}
		}
	})
}

func TestALastAdminNamesASuccessor(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo := b.actor("bo@example.org", org, Member)
		_, err := b.DeleteMe(t.Context(), ada, password)
		wantKind(t, err, fault.Conflict)
		if e, ok := asFault(err); !ok || !strings.Contains(e.Message, "ada@example.org") || !slices.Equal(e.Details["organizations"].([]OrgID), []OrgID{org}) {
			t.Error(err)
		}
		if m, err := b.HandOver(t.Context(), ada, org, bo.UserID, false); err != nil || m.Role != Admin {
			t.Fatal(m, err)
		}
		if ada, err = b.Again(t.Context(), ada); err != nil || ada.Roles[org] != Manager {
			t.Errorf("%+v, %v", ada, err)
		}
		if out := b.leave(ada); len(out.Organizations) != 0 {
			t.Errorf("%+v", out)
		}
		if bo, err = b.Again(t.Context(), bo); err != nil || bo.Roles[org] != Admin {
			t.Errorf("%+v, %v", bo, err)
		}
	})
}

func TestHandingOver(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo, eve := b.actor("bo@example.org", org, Manager), b.actor("eve@example.org", "", "")
		for name, test := range map[string]struct {
			who  Actor
			to   UserID
			want fault.Kind
		}{
			"a manager":      {bo, ada.UserID, fault.Forbidden},
			"a stranger":     {eve, bo.UserID, fault.NotFound},
			"to a stranger":  {ada, eve.UserID, fault.NotFound},
			"to oneself":     {ada, ada.UserID, fault.Invalid},
			"to nobody else": {ada, "nobody", fault.NotFound},
		} {
			if _, err := b.HandOver(t.Context(), test.who, org, test.to, true); !fault.Is(err, test.want) {
				t.Error(name, err)
			}
		}
		if _, err := b.HandOver(t.Context(), ada, org, bo.UserID, true); err != nil {
			t.Fatal(err)
		}
		if ada, err := b.Again(t.Context(), ada); err != nil || ada.Roles[org] != Nobody {
			t.Errorf("%+v, %v", ada, err)
		}
	})
}

func TestWhatConcernsOneIsExported(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo := b.actor("bo@example.org", org, Member)
		token, err := b.CreateToken(t.Context(), bo, NewToken{Name: "Plotter", Scopes: []Scope{Read}})
		if err != nil {
			t.Fatal(err)
		}
		b.audit(ada, Entry{OrgID: org, Action: "thing.changed", Kind: "thing", SubjectID: "of ada"})
		b.audit(bo, Entry{OrgID: org, Action: "thing.changed", Kind: "thing", SubjectID: "of bo"})
		m, err := b.ExportMe(t.Context(), bo)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := m.Write(t.Context(), &text); err != nil {
			t.Fatal(err)
		}
		var all []Holding
		if err := json.Unmarshal([]byte(text.String()), &all); err != nil {
			t.Fatal(err, text.String())
		}
		kinds := map[string]int{}
		for _, h := range all {
			kinds[h.Kind]++
		}
		if kinds["user"] != 1 || kinds["membership"] != 1 || kinds["session"] != 1 || kinds["token"] != 1 || kinds["audit"] < 3 {
			t.Error(kinds)
		}
		for _, secret := range []string{token.Secret, vault.Hash(token.Secret), "argon2", "of ada"} {
			if strings.Contains(text.String(), secret) {
				t.Errorf("it holds %q", secret)
			}
		}
		if !strings.Contains(text.String(), "of bo") {
			t.Error("it lacks what bo did")
		}
	})
}

func TestAnOrganizationIsDeleted(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo, eve := b.actor("bo@example.org", org, Manager), b.actor("eve@example.org", "", "")
		_, err := b.CloseOrganization(t.Context(), bo, org, "ada@example.org")
		wantKind(t, err, fault.Forbidden)
		_, err = b.CloseOrganization(t.Context(), eve, org, "ada@example.org")
		wantKind(t, err, fault.NotFound)
		_, err = b.CloseOrganization(t.Context(), ada, org, "another name")
		wantKind(t, err, fault.Invalid)
		closed, err := b.CloseOrganization(t.Context(), ada, org, "ada@example.org")
		if err != nil || closed.DeletedAt == nil {
			t.Fatal(closed, err)
		}
		for _, who := range []*Actor{&ada, &bo} {
			if *who, err = b.Again(t.Context(), *who); err != nil || len(who.Roles) != 0 {
				t.Errorf("%+v, %v", who, err)
			}
			_, err := b.Organization(t.Context(), *who, org)
			wantKind(t, err, fault.NotFound)
		}
		for who, want := range map[*Actor]int{&ada: 1, &bo: 0, &eve: 0} {
			if all, err := b.ClosedOrganizations(t.Context(), *who); err != nil || len(all) != want {
				t.Error(all, err)
			}
		}
		for _, who := range []Actor{bo, eve} {
			_, err = b.ReopenOrganization(t.Context(), who, org)
			wantKind(t, err, fault.NotFound)
		}
		b.tidy(graceFor - time.Second)
		if _, err := b.ReopenOrganization(t.Context(), ada, org); err != nil {
			t.Fatal(err)
		}
		if who := signedIn(b, "bo@example.org"); who.Roles[org] != Manager {
			t.Errorf("%+v", who.Roles)
		}
		_, err = b.ReopenOrganization(t.Context(), ada, org)
		wantKind(t, err, fault.NotFound)
	})
}

func TestAnOrganizationIsPurged(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org, stays := ada.Orgs(Admin)[0], b.actor("bo@example.org", "", "").Orgs(Admin)[0]
		var purged []OrgID
		b.OnPurge(func(_ context.Context, id OrgID) error {
			purged = append(purged, id)
			return nil
		})
		if _, err := b.CloseOrganization(t.Context(), ada, org, "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		b.tidy(graceFor - time.Second)
		if len(purged) > 0 {
			t.Fatal("early:", purged)
		}
		b.clock.Add(time.Second)
		_, err := b.ReopenOrganization(t.Context(), ada, org)
		wantKind(t, err, fault.NotFound)
		b.tidy(0)
		if !slices.Equal(purged, []OrgID{org}) {
			t.Error(purged)
		}
		for table, column := range map[string]string{"organizations": "id", "organization_settings": "org_id", "memberships": "org_id", "audit_log": "org_id"} {
			if n := b.count("SELECT count(*) FROM "+table+" WHERE "+column+" = $1", org); n != 0 {
				t.Error(table, n)
			}
			if n := b.count("SELECT count(*) FROM "+table+" WHERE "+column+" = $1", stays); n == 0 {
				t.Error(table, "of another went too")
			}
		}
		if n := b.count("SELECT count(*) FROM users WHERE email = 'ada@example.org' AND deleted_at IS NULL"); n != 1 {
			t.Error("its people went with it")
		}
	})
}
