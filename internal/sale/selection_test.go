package sale

import (
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

func (b *bench) choose(x Sale, in Decisions) Selection {
	b.t.Helper()
	out, err := b.Choose(b.t.Context(), b.ada, x.ID, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (s Selection) paper(t *testing.T, id document.ID) Candidate {
	t.Helper()
	for _, p := range s.Documents {
		if p.DocumentID == id {
			return p
		}
	}
	t.Fatalf("no paper %s", id)
	return Candidate{}
}

func decided(id document.ID, choice Going) Decision { return Decision{ID: string(id), Choice: &choice} }

func TestATypeDecidesWhetherAPaperGoes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		for _, test := range []struct {
			docType string
			class   account.Class
			going   Going
			reason  string
		}{
			{"SAF-RAFT", account.Open, In, ""},
			{"SAF-RAFT", account.Personal, Ask, "the seller has not decided to share it"},
			{"SUR-PRE", account.Open, Ask, "the seller has not decided to share it"},
			{"INS-POL", account.Personal, Out, "insurance stays with the seller"},
			{"OWN-ID", account.Personal, Out, "it identifies the owner"},
			{"OWN-REG-UK3", account.Open, Out, "it ends with the sale"},
			{"CE-DOC", account.Open, Out, "the original is handed over at closing"},
			{"", account.Personal, Ask, "the seller has not decided to share it"},
			{"SAL-CLOSE", account.Money, Out, "it is between the seller and others"},
		} {
			id := b.paper(b.boat, "paper "+test.docType+" "+string(test.class), test.docType, test.class, "")
			all, err := b.Selection(t.Context(), b.ada, x.ID)
			if err != nil {
				t.Fatal(err)
			}
			if p := all.paper(t, id); p.Going != test.going || p.Default != test.going || p.Reason != test.reason {
				t.Errorf("%s %s: %s (%q), want %s (%q)", test.docType, test.class, p.Going, p.Reason, test.going, test.reason)
			}
		}
	})
}

func TestEveryDefaultCanBeChanged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		survey := b.paper(b.boat, "survey", "SUR-PRE", account.Open, "")
		copied := b.paper(b.boat, "survey without prices", "SUR-PRE", account.Open, "")
		policy := b.paper(b.boat, "policy", "INS-POL", account.Personal, "")
		name := "Tender"
		tender, err := b.boats.CreateEquipment(t.Context(), b.ada, b.boat.ID, fleet.EquipmentInput{Name: &name, SystemCode: ptr(fleet.Systems()[0].Code)})
		if err != nil {
			t.Fatal(err)
		}
		use := decided(survey, Use)
		use.UseID = &copied
		before, err := b.Selection(t.Context(), b.ada, x.ID)
		if err != nil || before.Undecided != 2 || before.Files != 0 {
			t.Fatalf("%+v, %v", before, err)
		}
		now := b.choose(x, Decisions{
			Documents: []Decision{use, decided(copied, Hidden), decided(policy, In)},
			Equipment: []Decision{{ID: string(tender.ID), Choice: ptr(Out)}},
		})
		if p := now.paper(t, survey); p.Going != Use || p.instead == nil || p.instead.DocumentID != copied || p.By == nil || *p.By != string(b.ada.UserID) {
			t.Errorf("%+v", p)
		}
		if now.Files != 2 || now.Undecided != 0 || len(now.Withheld()) != 0 || now.Equipment[0].Going != Out || now.ListHash == before.ListHash {
			t.Errorf("%+v", now)
		}
		now = b.choose(x, Decisions{Documents: []Decision{{ID: string(policy)}}})
		if p := now.paper(t, policy); p.Going != Out || p.Choice.Choice != nil || len(now.Withheld()) != 1 {
			t.Errorf("the default does not hold again: %+v", p)
		}
		if err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE documents SET deleted_at = 1 WHERE id = $1", copied)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		now, err = b.Selection(t.Context(), b.ada, x.ID)
		if p := now.paper(t, survey); err != nil || p.Going != Ask {
			t.Errorf("a file that is gone goes in: %+v, %v", p, err)
		}
	})
}

func TestBadDecisions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.start(b.boat)
		paper := b.paper(b.boat, "survey", "SUR-PRE", account.Open, "")
		other := b.paper(b.newBoat("Nemo", "US"), "elsewhere", "SUR-PRE", account.Open, "")
		stranger := document.ID("another")
		for name, in := range map[string]Decisions{
			"another boat's paper": {Documents: []Decision{decided(other, In)}},
			"use without a paper":  {Documents: []Decision{decided(paper, Use)}},
			"a paper without use":  {Documents: []Decision{{ID: string(paper), Choice: ptr(In), UseID: &other}}},
			"use of itself":        {Documents: []Decision{{ID: string(paper), Choice: ptr(Use), UseID: &paper}}},
			"use of a stranger's":  {Documents: []Decision{{ID: string(paper), Choice: ptr(Use), UseID: &stranger}}},
			"no such choice":       {Documents: []Decision{decided(paper, "burn")}},
			"no such equipment":    {Equipment: []Decision{decided(paper, Out)}},
		} {
			if _, err := b.Choose(t.Context(), b.ada, x.ID, in); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		member := b.user("member@example.org", b.boat.OrgID, account.Member)
		_, err := b.Selection(t.Context(), member, x.ID)
		wantKind(t, err, fault.Forbidden)
		_, err = b.Choose(t.Context(), b.eve, x.ID, Decisions{})
		wantKind(t, err, fault.NotFound)
	})
}

func ptr[T any](v T) *T { return &v }
