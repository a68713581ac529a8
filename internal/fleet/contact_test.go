package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

func (b *bench) contact(kind ContactKind, name string) Contact {
	b.t.Helper()
	c, err := b.CreateContact(b.t.Context(), b.ada, b.org, ContactInput{Kind: &kind, Name: &name})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestContactLives(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		made, err := b.CreateContact(t.Context(), b.ada, b.org, ContactInput{
			Kind: ptr(Yard), Name: ptr(" Astilleros Núñez "), Person: ptr("María"), Email: ptr(" Taller@Example.org "), Phone: ptr("+34 (971) 12-34.56/7"),
			Address: ptr("Muelle 1\r\n07001 Palma\n"), Country: ptr("es"), Website: ptr("example.org/taller"), AccountNumber: ptr("K-1"), Notes: ptr("by ten"),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := Contact{
			ID: made.ID, OrgID: b.org, Kind: Yard, Name: "Astilleros Núñez", Person: "María", Email: "taller@example.org", Phone: "+34 (971) 12-34.56/7",
			Address: "Muelle 1\n07001 Palma", Country: "ES", Website: "https://example.org/taller", AccountNumber: "K-1", Notes: "by ten",
			CreatedAt: start, UpdatedAt: start,
		}
		got, err := b.Contact(t.Context(), b.ada, made.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		empty := ContactInput{Email: ptr(""), Phone: ptr(""), Country: ptr(""), Website: ptr("")}
		changed, err := b.UpdateContact(t.Context(), b.ada, made.ID, empty, VersionOf(made.UpdatedAt))
		if err != nil || changed.Email+changed.Phone+changed.Country+changed.Website != "" || changed.Name != want.Name || changed.Kind != Yard {
			t.Error(changed, err)
		}
		if again, err := b.Contact(t.Context(), b.ada, made.ID); again != changed || err != nil {
			t.Error(again, err)
		}
		_, err = b.UpdateContact(t.Context(), b.ada, made.ID, ContactInput{}, VersionOf(made.UpdatedAt))
		wantKind(t, err, fault.Stale)
		_, err = b.DeleteContact(t.Context(), b.ada, made.ID, VersionOf(made.UpdatedAt))
		wantKind(t, err, fault.Stale)
		gone, err := b.DeleteContact(t.Context(), b.ada, made.ID, VersionOf(changed.UpdatedAt))
		if err != nil || !gone.Deleted {
			t.Error(gone, err)
		}
		_, audits := b.told()
		if diff := cmp.Diff([]string{"contact.created", "contact.updated", "contact.deleted"}, audits); diff != "" {
			t.Error(diff)
		}
	})
}

// A claim that names a contact shows it after it was deleted, but nothing can
// be done with it any more.
func TestADeletedContactIsStillNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		gone, err := b.DeleteContact(t.Context(), b.ada, b.contact(Dealer, "Gone").ID, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.NamedContact(t.Context(), b.db, b.ada, gone.ID, account.Viewer); got != gone || err != nil {
			t.Error(got, err)
		}
		_, err = b.NamedContact(t.Context(), b.db, b.eve, gone.ID, account.Viewer)
		wantKind(t, err, fault.NotFound)
		_, err = b.ContactIn(t.Context(), b.db, b.ada, gone.ID, account.Viewer)
		wantKind(t, err, fault.NotFound)
		_, err = b.UpdateContact(t.Context(), b.ada, gone.ID, ContactInput{}, "")
		wantKind(t, err, fault.NotFound)
		_, err = b.DeleteContact(t.Context(), b.ada, gone.ID, "")
		wantKind(t, err, fault.NotFound)
		if all, total, err := b.Contacts(t.Context(), b.ada, ContactFilter{Page: Page{Limit: 50}}); len(all) != 0 || total != 0 || err != nil {
			t.Error(all, total, err)
		}
	})
}

func TestContactFaults(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for name, test := range map[string]struct {
			in   ContactInput
			want []string
		}{
			"nothing": {ContactInput{}, []string{"body.name"}},
			"all at once": {ContactInput{
				Name: ptr(" "), Notes: ptr(strings.Repeat("n", 5001)), Kind: ptr(ContactKind("friend")), Country: ptr("Spain"), Email: ptr("a@b@c"),
				Phone: ptr("ask Maria"), Website: ptr("ftp://example.org"),
			}, []string{"body.notes", "body.name", "body.kind", "body.country", "body.email", "body.phone", "body.website"}},
			"no bare address": {ContactInput{Name: ptr("N"), Email: ptr("Yard <yard@example.org>")}, []string{"body.email"}},
			"a script":        {ContactInput{Name: ptr("N"), Website: ptr("javascript:alert(1)")}, []string{"body.website"}},
			"a mail link":     {ContactInput{Name: ptr("N"), Website: ptr("mailto:yard@example.org")}, []string{"body.website"}},
			"no host":         {ContactInput{Name: ptr("N"), Website: ptr("https:///path")}, []string{"body.website"}},
		} {
			_, err := b.CreateContact(t.Context(), b.ada, b.org, test.in)
			if diff := cmp.Diff(test.want, locations(err)); diff != "" {
				t.Error(name, diff)
			}
		}
		_, err := b.UpdateContact(t.Context(), b.ada, "none", ContactInput{}, "")
		wantKind(t, err, fault.NotFound)
	})
}

func TestContacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.contact(Yard, "Ölwerft")
		b.contact(Maker, "Zinc & Co")
		b.contact(Yard, "anode_yard")
		if c, err := b.CreateContact(t.Context(), b.eve, b.eve.Orgs(account.Admin)[0], ContactInput{Name: ptr("Eve's")}); err != nil || c.Kind != OtherContact {
			t.Fatal(c, err)
		}
		for name, test := range map[string]struct {
			filter ContactFilter
			want   string
			total  int
		}{
			"all":       {ContactFilter{}, "anode_yard, Ölwerft, Zinc & Co", 3},
			"of a kind": {ContactFilter{Kind: Yard}, "anode_yard, Ölwerft", 2},
			"by name":   {ContactFilter{Query: "OLW"}, "Ölwerft", 1},
			"literally": {ContactFilter{Query: "_"}, "anode_yard", 1},
			"both":      {ContactFilter{Query: "o", Kind: Maker}, "Zinc & Co", 1},
			"none":      {ContactFilter{Query: "eve"}, "", 0},
			"a page":    {ContactFilter{Page: Page{Limit: 1, Offset: 1}}, "Ölwerft", 3},
		} {
			if test.filter.Limit == 0 {
				test.filter.Limit = 50
			}
			all, total, err := b.Contacts(t.Context(), b.ada, test.filter)
			var names []string
			for _, c := range all {
				names = append(names, c.Name)
			}
			if got := strings.Join(names, ", "); got != test.want || total != test.total || err != nil {
				t.Errorf("%s: %q of %d, want %q: %v", name, got, total, test.want, err)
			}
		}
	})
}

func TestContactIsForItsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.contact(Yard, "Yard")
		viewer, member := b.user("viewer@example.org", b.org, account.Viewer), b.user("member@example.org", b.org, account.Member)
		calls := map[string]struct {
			role account.Role
			call func(who account.Actor) error
		}{
			"read": {account.Viewer, func(who account.Actor) error { _, err := b.Contact(t.Context(), who, c.ID); return err }},
			"create": {account.Member, func(who account.Actor) error {
				_, err := b.CreateContact(t.Context(), who, b.org, ContactInput{Name: ptr("N")})
				return err
			}},
			"update": {account.Member, func(who account.Actor) error {
				_, err := b.UpdateContact(t.Context(), who, c.ID, ContactInput{}, "")
				return err
			}},
			"delete": {account.Manager, func(who account.Actor) error { _, err := b.DeleteContact(t.Context(), who, c.ID, ""); return err }},
		}
		for name, test := range calls {
			if err := test.call(b.eve); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s as a stranger: %v", name, err)
			}
			for role, who := range map[account.Role]account.Actor{account.Viewer: viewer, account.Member: member} {
				err := test.call(who)
				if allowed := role.AtLeast(test.role); allowed && err != nil || !allowed && !fault.Is(err, fault.Forbidden) {
					t.Errorf("%s as a %s: %v", name, role, err)
				}
			}
		}
	})
}
