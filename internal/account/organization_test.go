package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func (b *bench) exec(statement string, args ...any) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.t.Context(), statement, args...)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("zoe@example.org", "", "")
		token := b.login("zoe@example.org").Token
		who, err := b.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		made, err := b.CreateOrganization(t.Context(), who, "  Ångström Yachts ")
		if err != nil || made.Name != "Ångström Yachts" || made.Role != Admin {
			t.Fatal(made, err)
		}
		if who, err = b.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		all, err := b.Organizations(t.Context(), who)
		if err != nil || len(all) != 2 || all[0].ID != made.ID || all[1].Role != Admin {
			t.Errorf("%+v, %v", all, err)
		}
		renamed, err := b.RenameOrganization(t.Context(), who, made.ID, "Zebra")
		if err != nil || renamed.Name != "Zebra" {
			t.Error(renamed, err)
		}
		got, err := b.Organization(t.Context(), who, made.ID)
		if diff := cmp.Diff(renamed, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for _, name := range []string{"", "  ", strings.Repeat("ä", 201)} {
			_, err := b.CreateOrganization(t.Context(), who, name)
			wantKind(t, err, fault.Invalid)
			_, err = b.RenameOrganization(t.Context(), who, made.ID, name)
			wantKind(t, err, fault.Invalid)
		}
	})
}

// What another organization owns is not there; what one's role does not allow
// is refused.
func TestOrganizationsAreForTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		admin := b.actor("ada@example.org", "", "")
		org := admin.Orgs(Admin)[0]
		viewer, stranger := b.actor("viewer@example.org", org, Viewer), b.actor("eve@example.org", "", "")
		calls := map[string]func(who Actor) error{
			"read":     func(who Actor) error { _, err := b.Organization(t.Context(), who, org); return err },
			"settings": func(who Actor) error { _, err := b.Settings(t.Context(), who, org); return err },
			"members":  func(who Actor) error { _, err := b.Members(t.Context(), who, org); return err },
			"rename":   func(who Actor) error { _, err := b.RenameOrganization(t.Context(), who, org, "New"); return err },
			"put settings": func(who Actor) error {
				_, err := b.PutSettings(t.Context(), who, org, Settings{TimeZone: "UTC", Languages: []string{"eng"}, AuditYears: 7})
				return err
			},
		}
		for name, call := range calls {
			if err := call(stranger); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s as a stranger: %v", name, err)
			}
			if err := call(admin); err != nil {
				t.Errorf("%s as an admin: %v", name, err)
			}
			err := call(viewer)
			if reads := name == "read" || name == "settings"; reads && err != nil || !reads && !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s as a viewer: %v", name, err)
			}
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		org := who.Orgs(Admin)[0]
		want := Settings{TimeZone: "Europe/Madrid", Languages: []string{"eng", "chi_sim"}, AuditYears: 3}
		if _, err := b.PutSettings(t.Context(), who, org, want); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			change func(*Settings)
			want   []string
		}{
			"no zone":       {func(x *Settings) { x.TimeZone = "" }, []string{"body.time_zone"}},
			"local":         {func(x *Settings) { x.TimeZone = "Local" }, []string{"body.time_zone"}},
			"unknown zone":  {func(x *Settings) { x.TimeZone = "Mars/Olympus" }, []string{"body.time_zone"}},
			"a path":        {func(x *Settings) { x.TimeZone = "../../etc/passwd" }, []string{"body.time_zone"}},
			"no language":   {func(x *Settings) { x.Languages = nil }, []string{"body.languages"}},
			"bad languages": {func(x *Settings) { x.Languages = []string{"EN", "eng,deu", "../x"} }, []string{"body.languages", "body.languages", "body.languages"}},
			"both":          {func(x *Settings) { *x = Settings{} }, []string{"body.time_zone", "body.languages"}},
		} {
			x := want
			test.change(&x)
			_, err := b.PutSettings(t.Context(), who, org, x)
			if diff := cmp.Diff(test.want, locations(err)); diff != "" {
				t.Error(name, diff)
			}
		}
		got, err := b.Settings(t.Context(), who, org)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		admin := b.actor("b@example.org", "", "")
		org := admin.Orgs(Admin)[0]
		b.user("a@example.org", org, Viewer)
		b.user("gone@example.org", org, Viewer)
		b.exec("UPDATE users SET deleted_at = 1 WHERE email = $1", "gone@example.org")
		all, err := b.Members(t.Context(), admin, org)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, m := range all {
			got = append(got, m.Email+" "+string(m.Role))
		}
		if diff := cmp.Diff([]string{"a@example.org viewer", "b@example.org admin"}, got); diff != "" {
			t.Error(diff)
		}
	})
}
