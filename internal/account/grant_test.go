package account

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// boat makes a row of an organization's, as the package that keeps boats does.
func (b *bench) boat(org OrgID) Place {
	b.t.Helper()
	at := Place{OrgID: org, Boat: BoatID(db.NewID()), Name: "Nemo"}
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.t.Context(), `INSERT INTO boats (id, org_id, slug, name, name_fold, search_fold, created_at, updated_at)
			VALUES ($1, $2, $1, 'Nemo', 'nemo', 'nemo', 0, 0)`, at.Boat, org)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}

func (b *bench) grant(who Actor, at Place, n NewGrant) (g Grant, err error) {
	b.t.Helper()
	err = b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		g, err = b.Grant(b.t.Context(), tx, who, at, n)
		return err
	})
	return g, err
}

func (b *bench) endGrant(who Actor, at Place, user string) error {
	b.t.Helper()
	return b.db.Transact(b.t.Context(), func(tx *db.Tx) error { return b.EndGrant(b.t.Context(), tx, who, at, user) })
}

// again is an actor as the next request finds them.
func (b *bench) again(who Actor) Actor {
	b.t.Helper()
	now, err := b.Again(b.t.Context(), who)
	if err != nil {
		b.t.Fatal(err)
	}
	return now
}

func TestAPresetGivesALevelAndAnEnd(t *testing.T) {
	t.Parallel()
	each(t, func(c *Config) { c.SkipVerification = true }, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		at := b.boat(org)
		bo := b.actor("bo@example.org", "", "")
		for _, test := range []struct {
			give    NewGrant
			role    Role
			classes []Class
			lasts   time.Duration
		}{
			{NewGrant{Preset: Captain}, Manager, []Class{Open, Money, Personal}, 0},
			{NewGrant{Preset: Crew}, Member, []Class{Open}, 8 * time.Hour},
			{NewGrant{Preset: Contractor, Money: true}, Member, []Class{Open, Money}, 168 * time.Hour},
			{NewGrant{Preset: Inspector}, Viewer, []Class{Open}, 24 * time.Hour},
			{NewGrant{Preset: Inspector, Level: EditBoat}, Member, []Class{Open}, 24 * time.Hour},
			{NewGrant{Level: ViewBoat}, Viewer, []Class{Open}, 0},
		} {
			test.give.Email = " Bo@Example.org"
			g, err := b.grant(ada, at, test.give)
			if err != nil {
				t.Fatal(err)
			}
			right := b.again(bo).On(org, at.Boat)
			if right.Role != test.role || cmp.Diff(test.classes, right.Classes()) != "" {
				t.Errorf("%+v gives %s and %v", test.give, right.Role, right.Classes())
			}
			if (g.ExpiresAt == nil) != (test.lasts == 0) || g.ExpiresAt != nil && g.ExpiresAt.Sub(b.db.Now()) != test.lasts || g.UserID != bo.UserID {
				t.Errorf("%+v makes %+v", test.give, g)
			}
			if test.lasts == 0 {
				continue
			}
			b.clock.Add(test.lasts - time.Second)
			bo = b.actorAgain("bo@example.org")
			if bo.On(org, at.Boat).Role == Nobody {
				t.Errorf("%+v ended early", test.give)
			}
			b.clock.Add(time.Second)
			if bo = b.again(bo); bo.On(org, at.Boat).Role != Nobody || len(bo.Everywhere()) != 1 {
				t.Errorf("%+v does not end by itself", test.give)
			}
		}
	})
}

// actorAgain signs a user in anew.
func (b *bench) actorAgain(email string) Actor {
	b.t.Helper()
	who, err := b.Authenticate(b.t.Context(), b.login(email).Token)
	if err != nil {
		b.t.Fatal(err)
	}
	return who
}

func TestGrantsOnlyAdd(t *testing.T) {
	t.Parallel()
	who := Actor{
		Roles: map[OrgID]Role{"mine": Viewer},
		Grants: map[BoatID]Granted{
			"a": {OrgID: "mine", Level: EditBoat}, "b": {OrgID: "mine", Level: ViewBoat, Money: true}, "x": {OrgID: "theirs", Level: ManageBoat},
		},
	}
	for name, test := range map[string]struct {
		got     Right
		role    Role
		classes []Class
	}{
		"without a boat":                   {who.On("mine"), Viewer, []Class{Open}},
		"a grant above the role":           {who.On("mine", "a"), Member, []Class{Open}},
		"a grant that shows money":         {who.On("mine", "b"), Viewer, []Class{Open, Money}},
		"seen by either boat":              {who.On("mine", "a", "b"), Member, []Class{Open, Money}},
		"changed by both boats":            {who.OnAll("mine", "a", "b"), Viewer, []Class{Open}},
		"changed with a boat without one":  {who.OnAll("mine", "a", "other"), Viewer, []Class{Open}},
		"of another organization":          {who.On("theirs", "x"), Manager, []Class{Open, Money, Personal}},
		"nothing else there":               {who.On("theirs"), Nobody, nil},
		"not a sister ship there":          {who.OnAll("theirs", "x", "y"), Nobody, nil},
		"a boat named in the wrong one":    {who.On("theirs", "a"), Nobody, nil},
		"another boat of the organization": {who.On("theirs", "y"), Nobody, nil},
	} {
		if test.got.Role != test.role || cmp.Diff(test.classes, test.got.Classes()) != "" {
			t.Errorf("%s: %s, %v", name, test.got.Role, test.got.Classes())
		}
	}
	if diff := cmp.Diff([]OrgID{"mine", "theirs"}, who.Everywhere()); diff != "" {
		t.Error(diff)
	}
	if who.Narrow = "mine"; cmp.Diff([]BoatID{"b"}, who.GrantedBoats(Viewer, Money)) != "" || who.Knows("theirs", "organization") == nil {
		t.Error("the request's organization does not narrow")
	}
}

func TestWhoMayGrant(t *testing.T) {
	t.Parallel()
	each(t, func(c *Config) { c.SkipVerification = true }, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		at := b.boat(org)
		member, eve, mate := b.actor("member@example.org", org, Member), b.actor("eve@example.org", "", ""), b.actor("mate@example.org", "", "")
		n := NewGrant{Email: "mate@example.org", Preset: Crew}
		_, err := b.grant(member, at, n)
		wantKind(t, err, fault.Forbidden)
		_, err = b.grant(eve, at, n)
		wantKind(t, err, fault.NotFound)
		until := start.Add(48 * time.Hour)
		if _, err := b.grant(ada, at, NewGrant{Email: "eve@example.org", Level: ManageBoat, ExpiresAt: &until}); err != nil {
			t.Fatal(err)
		}
		eve = b.again(eve)
		_, err = b.grant(eve, at, NewGrant{Email: "mate@example.org", Preset: Captain})
		wantKind(t, err, fault.Forbidden) // it would outlast her own
		if _, err = b.grant(eve, at, n); err != nil {
			t.Error(err)
		}
		all, err := b.Grants(t.Context(), eve, at)
		if err != nil || len(all) != 2 {
			t.Errorf("%+v, %v", all, err)
		}
		_, err = b.Grants(t.Context(), b.again(mate), at)
		wantKind(t, err, fault.Forbidden)
		wantKind(t, b.endGrant(b.again(mate), at, string(eve.UserID)), fault.Forbidden)
		if err := b.endGrant(b.again(mate), at, string(mate.UserID)); err != nil { // whoever leaves
			t.Error(err)
		}
		if err := b.endGrant(ada, at, string(eve.UserID)); err != nil {
			t.Error(err)
		}
		wantKind(t, b.endGrant(ada, at, string(eve.UserID)), fault.NotFound)
		if got := b.again(eve).On(org, at.Boat).Role; got != Nobody {
			t.Errorf("an ended grant opens as %s", got)
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action IN ('grant.created', 'grant.ended') AND boat_id = $1", at.Boat); n != 4 {
			t.Errorf("%d lines in the audit trail", n)
		}
		unverified := ada
		unverified.Verified = false
		_, err = b.grant(unverified, at, n)
		wantKind(t, err, fault.Forbidden)
		past := start.Add(-time.Second)
		for location, bad := range map[string]NewGrant{
			"body.user_email": {Email: "nobody", Preset: Crew}, "body.preset": {Email: "a@example.org", Preset: "guest"},
			"body.level": {Email: "a@example.org"}, "body.expires_at": {Email: "a@example.org", Level: ViewBoat, ExpiresAt: &past},
		} {
			_, err := b.grant(ada, at, bad)
			if got := locations(err); len(got) != 1 || got[0] != location {
				t.Errorf("%s: %v, %v", location, got, err)
			}
		}
	})
}

func TestAGrantWaitsInAnInvitation(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.config.SkipVerification = true
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		first, second, third := b.boat(org), b.boat(org), b.boat(org)
		p.taken()
		g, err := b.grant(ada, first, NewGrant{Email: "cy@example.org", Preset: Crew})
		if err != nil || !g.Pending || g.UserID != "" || g.ExpiresAt != nil {
			t.Fatalf("%+v, %v", g, err)
		}
		token := tokenOf(t, p.taken(), mailInvitation)
		for _, at := range []Place{second, third} { // the same link, no other mail
			if _, err = b.grant(ada, at, NewGrant{Email: "cy@example.org", Preset: Inspector}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(p.taken()); n != 0 {
			t.Errorf("%d mails more", n)
		}
		if err := b.endGrant(ada, third, "cy@example.org"); err != nil {
			t.Error(err)
		}
		all, err := b.Grants(t.Context(), ada, second)
		if err != nil || len(all) != 1 || !all[0].Pending || all[0].Email != "cy@example.org" || all[0].Level != ViewBoat {
			t.Errorf("%+v, %v", all, err)
		}
		b.clock.Add(24 * time.Hour)
		got, err := b.Accept(t.Context(), Actor{}, token, Accepting{Name: "Cy", Password: password})
		if err != nil || got.Role != Nobody || len(got.BoatIDs) != 2 || !got.Registered {
			t.Fatalf("%+v, %v", got, err)
		}
		cy := b.actorAgain("cy@example.org")
		if len(cy.Roles) != 0 || cy.On(org, first.Boat).Role != Member || cy.On(org, second.Boat).Role != Viewer || cy.On(org, third.Boat).Role != Nobody {
			t.Errorf("%+v", cy)
		}
		if until := cy.Grants[first.Boat].Until; until == nil || until.Sub(b.db.Now()) != 8*time.Hour { // from when it was accepted
			t.Errorf("crew until %v", until)
		}
	})
}

func TestAGuestIsTold(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.config.SkipVerification = true
		ada := b.actor("ada@example.org", "", "")
		at := b.boat(ada.Orgs(Admin)[0])
		b.user("bo@example.org", "", "")
		p.taken()
		for range 2 { // the second replaces the first, and is not told within the hour
			if _, err := b.grant(ada, at, NewGrant{Email: "bo@example.org", Preset: Crew}); err != nil {
				t.Fatal(err)
			}
		}
		mails := p.taken()
		if len(mails) != 1 {
			t.Fatalf("%+v", mails)
		}
		m := mails[0]
		if m.Kind != mailGranted || m.To != "bo@example.org" || m.Vars["boat_name"] != "Nemo" || m.Vars["ends"] != "2026-05-01 16:00 UTC" || m.Vars["inviter_name"] != ada.Name {
			t.Errorf("%+v", m)
		}
	})
}

func TestAnInvitationOntoBoats(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.config.SkipVerification = true
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		at := b.boat(org)
		p.taken()
		_, err := b.Invite(t.Context(), ada, org, Inviting{Email: "cy@example.org", Role: Admin, BoatIDs: []BoatID{at.Boat}})
		if got := locations(err); len(got) != 1 || got[0] != "body.role" {
			t.Error(got, err)
		}
		i, err := b.Invite(t.Context(), ada, org, Inviting{Email: "cy@example.org", Role: Member, BoatIDs: []BoatID{at.Boat}})
		if err != nil || i.Role != Nobody || len(i.BoatIDs) != 1 {
			t.Fatalf("%+v, %v", i, err)
		}
		if err := b.endGrant(ada, at, "CY@example.org"); err != nil {
			t.Error(err)
		}
		_, err = b.Accept(t.Context(), Actor{}, tokenOf(t, p.taken(), mailInvitation), Accepting{Name: "Cy", Password: password})
		wantKind(t, err, fault.NotFound) // with its last boat the invitation went
	})
}

func TestWhoIsWithin(t *testing.T) {
	t.Parallel()
	each(t, func(c *Config) { c.SkipVerification = true }, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		at, other := b.boat(org), b.boat(org)
		for role, name := range map[Role]string{Viewer: "viewer", Member: "member"} {
			b.user(name+"@example.org", org, role)
		}
		for name, n := range map[string]NewGrant{"guest": {Preset: Inspector}, "mate": {Preset: Crew}, "purser": {Preset: Crew, Money: true}, "captain": {Preset: Captain}} {
			b.user(name+"@example.org", "", "")
			n.Email = name + "@example.org"
			if _, err := b.grant(ada, at, n); err != nil {
				t.Fatal(err)
			}
		}
		names := func(boat BoatID, role Role, class Class) []string {
			t.Helper()
			var w db.Where
			query, args := Within(org, boat, role, class, b.db.Now())
			w.Add("id IN ("+query+")", args...)
			all, err := db.Collect(t.Context(), b.db, db.Scalar[string], "SELECT replace(email, '@example.org', '') FROM users WHERE "+w.SQL()+" ORDER BY email", w.Args()...)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		for _, test := range []struct {
			boat  BoatID
			role  Role
			class Class
			want  []string
		}{
			{at.Boat, Viewer, Open, []string{"ada", "captain", "guest", "mate", "member", "purser", "viewer"}},
			{at.Boat, Member, Open, []string{"ada", "captain", "mate", "member", "purser"}},
			{at.Boat, Viewer, Money, []string{"ada", "captain", "member", "purser"}},
			{at.Boat, Member, Personal, []string{"ada", "captain"}},
			{at.Boat, Admin, Open, []string{"ada"}},
			{other.Boat, Viewer, Open, []string{"ada", "member", "viewer"}},
			{"", Viewer, Open, []string{"ada", "member", "viewer"}},
		} {
			if diff := cmp.Diff(test.want, names(test.boat, test.role, test.class)); diff != "" {
				t.Errorf("%s, %s on %q: %s", test.role, test.class, test.boat, diff)
			}
		}
		b.clock.Add(8 * time.Hour)
		if diff := cmp.Diff([]string{"ada", "captain", "member"}, names(at.Boat, Member, Open)); diff != "" {
			t.Error("after a watch:", diff)
		}
	})
}
