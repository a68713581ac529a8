package account

import (
	"errors"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

func asFault(err error) (*fault.Error, bool) { return errors.AsType[*fault.Error](err) }

func ada() Registering {
	return Registering{Email: "Ada@Example.org", Password: password, Name: "Ada"}
}

func TestRegisterListsEveryFault(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 201)
	tests := map[string]struct {
		change func(*Registering)
		want   []string
	}{
		"everything":          {func(r *Registering) { *r = Registering{Email: "nobody", Organization: long} }, []string{"body.email", "body.name", "body.organization_name", "body.password"}},
		"short password":      {func(r *Registering) { r.Password = "ninechars" }, []string{"body.password"}},
		"long password":       {func(r *Registering) { r.Password = long }, []string{"body.password"}},
		"common password":     {func(r *Registering) { r.Password = "0123456789" }, []string{"body.password"}},
		"address as password": {func(r *Registering) { r.Password = "ADA@example.org" }, []string{"body.password"}},
		"blank name":          {func(r *Registering) { r.Name = "  " }, []string{"body.name"}},
		"long organization":   {func(r *Registering) { r.Organization = long }, []string{"body.organization_name"}},
		"an address's name":   {func(r *Registering) { r.Email = "Ada <ada@example.org>" }, []string{"body.email"}},
	}
	each(t, nil, func(t *testing.T, b *bench) {
		for name, test := range tests {
			r := ada()
			test.change(&r)
			err := b.Register(t.Context(), r, "")
			wantKind(t, err, fault.Invalid)
			if diff := cmp.Diff(test.want, locations(err)); diff != "" {
				t.Error(name, diff)
			}
		}
		if n := b.count("SELECT count(*) FROM users"); n != 0 {
			t.Errorf("%d users were made", n)
		}
	})
}

// Nobody learns from the answer whose address is registered.
func TestRegisterAnswersTheSameForAKnownAddress(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		for _, email := range []string{"ada@example.org", " ADA@example.org "} {
			r := ada()
			r.Email = email
			if err := b.Register(t.Context(), r, ""); err != nil {
				t.Error(err)
			}
		}
		if users, orgs := b.count("SELECT count(*) FROM users"), b.count("SELECT count(*) FROM organizations"); users != 1 || orgs != 1 {
			t.Errorf("%d users, %d organizations", users, orgs)
		}
		who, err := b.Authenticate(t.Context(), b.login("ada@example.org").Token)
		if err != nil || len(who.Orgs(Admin)) != 1 || who.Name != "Ada" || who.Verified {
			t.Errorf("%+v, %v", who, err)
		}
	})
}

func TestRegisterTwiceAtOnceMakesOneUser(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := b.Register(t.Context(), ada(), ""); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if users, orgs := b.count("SELECT count(*) FROM users"), b.count("SELECT count(*) FROM organizations"); users != 1 || orgs != 1 {
			t.Errorf("%d users, %d organizations", users, orgs)
		}
	})
}

func TestWhoMayRegister(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind       Registration
		code, give string
		users      bool
		forbidden  bool
	}{
		"open":                           {kind: Anyone},
		"invite":                         {kind: Invite, forbidden: true},
		"closed":                         {kind: Closed, forbidden: true},
		"empty server, right code":       {kind: Invite, code: "code", give: "code"},
		"empty closed server, the code":  {kind: Closed, code: "code", give: "code"},
		"empty server, wrong code":       {kind: Invite, code: "code", give: "other", forbidden: true},
		"empty server, no code":          {kind: Invite, code: "code", forbidden: true},
		"the code works for the first":   {kind: Invite, code: "code", give: "code", users: true, forbidden: true},
		"no code is no code to be given": {kind: Invite, code: "", give: "", forbidden: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(c *Config) { c.Registration, c.SetupCode, c.SkipVerification = test.kind, test.code, true }, func(t *testing.T, b *bench) {
				if test.users {
					b.user("first@example.org", "", "")
				}
				r := ada()
				r.SetupCode = test.give
				err := b.Register(t.Context(), r, "")
				if test.forbidden {
					wantKind(t, err, fault.Forbidden)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		admin := b.actor("ada@example.org", "", "")
		org := admin.Orgs(Admin)[0]
		for name, test := range map[string]struct {
			user NewUser
			want fault.Kind
		}{
			"known address":        {NewUser{Registering: ada()}, fault.Conflict},
			"weak password":        {NewUser{Registering: Registering{Email: "b@example.org", Password: "test", Name: "B"}}, fault.Invalid},
			"unknown organization": {NewUser{Registering: Registering{Email: "b@example.org", Password: password, Name: "B"}, Join: "none", Role: Viewer}, fault.NotFound},
		} {
			_, err := b.CreateUser(t.Context(), test.user)
			if !fault.Is(err, test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := b.count("SELECT count(*) FROM users"); n != 1 {
			t.Errorf("%d users", n)
		}
		who := b.actor("joined@example.org", org, Viewer)
		if diff := cmp.Diff(map[OrgID]Role{org: Viewer}, who.Roles); diff != "" || !who.Verified {
			t.Error(who.Verified, diff)
		}
		weak := NewUser{Registering: Registering{Email: "demo@example.org", Password: "test", Name: "Demo"}, AnyPassword: true, Operator: true}
		if _, err := b.CreateUser(t.Context(), weak); err != nil {
			t.Error(err)
		}
		if n, err := b.CountUsers(t.Context()); n != 3 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestMe(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		name, language, blank := " Ada Lovelace ", "de", "  "
		if _, err := b.UpdateMe(t.Context(), who, &name, &language); err != nil {
			t.Fatal(err)
		}
		_, err := b.UpdateMe(t.Context(), who, &blank, nil)
		wantKind(t, err, fault.Invalid)
		if _, err := b.UpdateMe(t.Context(), who, nil, nil); err != nil {
			t.Error(err)
		}
		got, err := b.Me(t.Context(), who)
		want := User{ID: who.UserID, Email: "ada@example.org", Name: "Ada Lovelace", EmailVerified: true, Language: "de", CreatedAt: start}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if _, err := b.UpdateMe(t.Context(), Actor{UserID: "nobody"}, &name, nil); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestOperatorsActInAUsersName(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		_, err := b.OnlyUser(t.Context())
		wantKind(t, err, fault.Invalid)
		who := b.actor("ada@example.org", "", "")
		if only, err := b.OnlyUser(t.Context()); only != "ada@example.org" || err != nil {
			t.Error(only, err)
		}
		got, err := b.ActorFor(t.Context(), "ADA@example.org")
		if diff := cmp.Diff(who.Roles, got.Roles); diff != "" || err != nil || got.Address != "console" || got.UserID != who.UserID {
			t.Error(got, err, diff)
		}
		_, err = b.ActorFor(t.Context(), "eve@example.org")
		wantKind(t, err, fault.NotFound)
		b.user("eve@example.org", "", "")
		_, err = b.OnlyUser(t.Context())
		wantKind(t, err, fault.Invalid)
	})
}

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"ada@example.org": "ada@example.org", "  ADA@Example.ORG\t": "ada@example.org", "ada+boat@example.org": "ada+boat@example.org",
		"": "", "ada": "", "ada@": "", "@example.org": "", "Ada <ada@example.org>": "", "<ada@example.org>": "", "ada@example.org, eve@example.org": "",
		"ada\x00@example.org": "", strings.Repeat("a", 250) + "@example.org": "", "ada@example.org\r\nBcc: eve@example.org": "",
	} {
		got, ok := NormalEmail(given)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %t, want %q", given, got, ok, want)
		}
	}
}

// An accepted address is bare, normal already, and cannot break out of a header.
func FuzzNormalEmail(f *testing.F) {
	for _, seed := range []string{"ada@example.org", "Ada <ada@example.org>", `"a b"@example.org`, "\u00c4@example.org", "a@[127.0.0.1]", "a@b\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		email, ok := NormalEmail(s)
		if !ok {
			return
		}
		if again, ok := NormalEmail(email); !ok || again != email {
			t.Errorf("%q becomes %q, and that %q, %t", s, email, again, ok)
		}
		if strings.ContainsAny(email, "\r\n\x00") || len(email) > 254 {
			t.Errorf("%q is accepted", email)
		}
		if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
			t.Errorf("%q: %v", email, err)
		}
	})
}
