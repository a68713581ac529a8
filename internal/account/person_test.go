package account

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestAddressesInAText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                             nil,
		"call at noon":                 nil,
		"Ada@Example.org":              {"ada@example.org"},
		"Ada <ada@example.org>, +44 1": {"ada@example.org"},
		"ask ada@example.org. Or mailto:bo@example.org!": {"ada@example.org", "bo@example.org"},
		`{"email":"ada@example.org","role":"viewer"}`:    {"ada@example.org"},
	} {
		if diff := cmp.Diff(want, AddressesIn(text)); diff != "" {
			t.Error(text, diff)
		}
	}
	got := Unnamed("Ada <Ada@Example.org>, lada@example.org, ada@example.org.uk; ada@example.org.", "ada@example.org")
	if got != "Ada <erased>, lada@example.org, ada@example.org.uk; erased." {
		t.Error(got)
	}
}

// mention leaves an address in the trail and among the invitations.
func (b *bench) mention(who Actor, address string) OrgID {
	b.t.Helper()
	org := who.Orgs(Admin)[0]
	if _, err := b.Invite(b.t.Context(), who, org, Inviting{Email: address, Role: Viewer}); err != nil {
		b.t.Fatal(err)
	}
	return org
}

func (b *bench) named(address string) int {
	b.t.Helper()
	return b.count("SELECT (SELECT count(*) FROM invitations WHERE email = $1) + (SELECT count(*) FROM audit_log WHERE detail LIKE '%' || $1 || '%')", address)
}

func TestAnOrganizationErasesAPerson(t *testing.T) {
	t.Parallel()
	each(t, journalling, func(t *testing.T, b *bench) {
		const buyer = "buyer@example.org"
		ada, bo := b.actor("ada@example.org", "", ""), b.actor("bo@example.org", "", "")
		org, other := b.mention(ada, buyer), b.mention(bo, buyer)
		viewer := b.actor("viewer@example.org", org, Manager)
		_, err := b.ErasePerson(t.Context(), viewer, org, buyer, false)
		wantKind(t, err, fault.Forbidden)
		_, err = b.ErasePerson(t.Context(), bo, org, buyer, false)
		wantKind(t, err, fault.NotFound)
		_, err = b.ErasePerson(t.Context(), ada, org, "no address", false)
		wantKind(t, err, fault.Invalid)
		held, err := b.ExportPerson(t.Context(), ada, org, "Buyer@Example.org")
		if err != nil || len(held.Holdings) != 2 || held.Address != buyer {
			t.Fatal(held, err)
		}
		trial, err := b.ErasePerson(t.Context(), ada, org, buyer, true)
		if err != nil || len(trial.Outcomes) != 2 || trial.ID != "" || b.named(buyer) != 4 {
			t.Fatal(trial, err)
		}
		done, err := b.ErasePerson(t.Context(), ada, org, buyer, false)
		if diff := cmp.Diff(trial.Outcomes, done.Outcomes); diff != "" || err != nil || done.ID == "" {
			t.Error(diff, err)
		}
		if held, err := b.ExportPerson(t.Context(), ada, org, buyer); err != nil || len(held.Holdings) != 0 {
			t.Error(held, err)
		}
		if held, err := b.ExportPerson(t.Context(), bo, other, buyer); err != nil || len(held.Holdings) != 2 {
			t.Error("another organization's went too:", held, err)
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action LIKE 'person.%' AND (subject_id LIKE '%@%' OR detail LIKE '%@%')"); n != 0 {
			t.Error("the trail names whom it erased")
		}
		if again, err := b.ErasePerson(t.Context(), ada, org, buyer, false); err != nil || len(again.Outcomes) != 0 {
			t.Error(again, err)
		}
	})
}

// An organization's admins do not end another person's account, nor does an
// operator one whose organization would have nobody to decide.
func TestAnAccountIsErasedByOperatorsAlone(t *testing.T) {
	t.Parallel()
	each(t, journalling, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo := b.actor("bo@example.org", org, Member)
		out, err := b.ErasePerson(t.Context(), ada, org, "bo@example.org", false)
		if err != nil || len(out.Outcomes) != 1 || out.Outcomes[0].Erased || !strings.Contains(out.Outcomes[0].Why, "DELETE /api/auth/me") || !b.alive(bo) {
			t.Errorf("%+v, %v", out, err)
		}
		if out, err = b.EraseAnybody(t.Context(), "ada@example.org", false); err != nil || out.Outcomes[0].Erased || !strings.Contains(out.Outcomes[0].Why, "only admin") || !b.alive(ada) {
			t.Errorf("%+v, %v", out, err)
		}
		if out, err = b.EraseAnybody(t.Context(), "bo@example.org", false); err != nil || !out.Outcomes[0].Erased || b.alive(bo) {
			t.Errorf("%+v, %v", out, err)
		}
		if out, err = b.EraseAnybody(t.Context(), "ada@example.org", false); err != nil || !out.Outcomes[0].Erased {
			t.Errorf("%+v, %v", out, err)
		}
		b.tidy(0)
		if n := b.count("SELECT count(*) FROM organizations"); n != 0 {
			t.Error("an organization without anybody stays:", n)
		}
	})
}

// What an older backup brings back is erased again: of accounts and of people,
// also by a hash under an earlier key.
func TestErasuresAreAppliedAgain(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.config.Journal = &journal{}
		const buyer = "buyer@example.org"
		ada := b.actor("ada@example.org", "", "")
		bo := b.actor("bo@example.org", ada.Orgs(Admin)[0], Member)
		b.mention(ada, buyer)
		if err := b.SyncErasures(t.Context()); err != nil || b.named(buyer) != 2 {
			t.Fatal("nothing was erased yet", err)
		}
		// As if in a database that was exchanged for an older one since.
		lost := Service{db: b.db, config: b.config}
		lost.config.Keys.Present = []byte("an earlier key of at least thirty-two bytes")
		hashed := lost.mark(buyer)
		lines := `{"id":"1","kind":"user","user_id":"` + string(bo.UserID) + `","at":"2026-04-01T00:00:00Z"}` + "\n" +
			`{"id":"2","kind":"person","address":"` + hashed + `","at":"2026-04-02T00:00:00Z"}` + "\n" + `{"id":"3","ki`
		for line := range strings.Lines(lines) {
			if err := b.config.Journal.Append([][]byte{[]byte(line)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SyncErasures(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.alive(bo) || b.count("SELECT count(*) FROM users WHERE email = 'bo@example.org'") != 0 {
			t.Error("the account is back")
		}
		all, err := b.Erasures(t.Context())
		if err != nil || len(all) != 2 || all[0].AppliedAt == nil || all[1].AppliedAt != nil || b.named(buyer) != 2 {
			t.Errorf("without its key: %+v, %v", all, err)
		}
		b.config.Keys.Earlier = [][]byte{lost.config.Keys.Present}
		if err := b.SyncErasures(t.Context()); err != nil {
			t.Fatal(err)
		}
		if all, err = b.Erasures(t.Context()); err != nil || all[1].AppliedAt == nil || b.named(buyer) != 0 {
			t.Errorf("with its key: %+v, %v", all, err)
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action = 'erasure.applied_again'"); n != 2 {
			t.Error(n)
		}
		if lines, err := b.config.Journal.Lines(); err != nil || len(lines) != 3 {
			t.Error("the journal grew:", len(lines), err)
		}
	})
}

func TestTheJournalNamesNobody(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		kept := &journal{}
		b.config.Journal = kept
		b.mention(b.actor("ada@example.org", "", ""), "buyer@example.org")
		if _, err := b.EraseAnybody(t.Context(), "buyer@example.org", false); err != nil {
			t.Fatal(err)
		}
		if _, err := b.EraseAnybody(t.Context(), "ada@example.org", false); err != nil {
			t.Fatal(err)
		}
		lines := slices.Concat(kept.lines...)
		if strings.Contains(string(lines), "@") || len(kept.lines) != 3 { // a person, an account, and its address
			t.Error(string(lines))
		}
		// A table that lost its lines has them back, and nothing is done twice.
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "DELETE FROM erasures")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SyncErasures(t.Context()); err != nil || len(kept.lines) != 3 {
			t.Error(len(kept.lines), err)
		}
		if all, err := b.Erasures(t.Context()); err != nil || len(all) != 3 {
			t.Error(all, err)
		}
	})
}
