package warranty

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

func claimStates() []ClaimState {
	return []ClaimState{Draft, Sent, Acknowledged, Inspection, Accepted, Partly, Refused, Repaired, Closed}
}

func (b *bench) claim(id ID, in ClaimInput) Claim {
	b.t.Helper()
	x, err := b.CreateClaim(b.t.Context(), b.ada, id, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

func (b *bench) advanceTo(x Claim, in ClaimInput, to ...ClaimState) Claim {
	b.t.Helper()
	var err error
	for _, state := range to {
		in.State = &state
		if x, err = b.UpdateClaim(b.t.Context(), b.ada, x.WarrantyID, x.ID, in, ""); err != nil {
			b.t.Fatal(err)
		}
	}
	return x
}

func (b *bench) contact(who account.Actor, org account.OrgID, name string) fleet.ContactID {
	b.t.Helper()
	c, err := b.boats.CreateContact(b.t.Context(), who, org, fleet.ContactInput{Name: &name})
	if err != nil {
		b.t.Fatal(err)
	}
	return c.ID
}

// The way of a claim, as the trade knows it.
func TestWhichStateFollows(t *testing.T) {
	t.Parallel()
	want := map[ClaimState]string{
		Draft:        "sent closed",
		Sent:         "acknowledged inspection accepted partly refused closed",
		Acknowledged: "inspection accepted partly refused closed",
		Inspection:   "accepted partly refused closed",
		Accepted:     "repaired refused closed",
		Partly:       "repaired refused closed",
		Refused:      "sent acknowledged inspection accepted partly closed",
		Repaired:     "closed",
		Closed:       "",
	}
	for _, s := range claimStates() {
		var got []string
		for _, n := range s.next() {
			got = append(got, string(n))
		}
		if diff := cmp.Diff(want[s], strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", s, diff)
		}
	}
}

// Each of the 81 steps is taken or refused as the table says.
func TestEveryStepOfAClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		for _, from := range claimStates() {
			for _, to := range claimStates() {
				x := b.claim(w.ID, ClaimInput{RefusalReason: ptr("wear")})
				b.exec("UPDATE warranty_claims SET state = $1 WHERE id = $2", from, x.ID)
				got, err := b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{State: &to, Note: ptr("so")}, "")
				switch {
				case from == to:
					if err != nil || len(got.History) != 1 {
						t.Errorf("%s again: %v, %v", from, got.History, err)
					}
				case slices.Contains(from.next(), to):
					want := []ClaimStep{{Draft, "2026-05-01", ""}, {to, "2026-05-01", "so"}}
					if diff := cmp.Diff(want, got.History); err != nil || diff != "" || got.State != to || !slices.Equal(got.Next, to.next()) {
						t.Errorf("%s to %s: %s, %v%s", from, to, got.State, err, diff)
					}
				default:
					if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("a claim that is %s cannot become %s", from, to)) {
						t.Errorf("%s to %s: %v", from, to, err)
					}
					if kept, err := b.Claim(t.Context(), b.ada, w.ID, x.ID); err != nil || kept.State != from || len(kept.History) != 1 {
						t.Errorf("%s to %s left %s, %v", from, to, kept.State, err)
					}
				}
			}
		}
	})
}

func TestAClaimFromDraftToAnAppeal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{Story: ptr(" it stopped "), FailedOn: ptr(fleet.Date("2026-04-10")), StateOn: ptr(fleet.Date("2026-04-11")), Note: ptr("by hand")})
		step := func(to ClaimState, on fleet.Date, in ClaimInput) {
			t.Helper()
			in.StateOn = &on
			x = b.advanceTo(x, in, to)
		}
		step(Sent, "2026-04-12", ClaimInput{})
		step(Acknowledged, "2026-04-12", ClaimInput{CaseNumber: ptr("RMA-7"), Note: ptr("by mail")})
		refused := Refused
		_, err := b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{State: &refused, StateOn: ptr(fleet.Date("2026-04-11"))}, "")
		wantFields(t, err, "body.refusal_reason", "body.state_on")
		_, err = b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{State: &refused, StateOn: ptr(fleet.Date("2026-13-01")), Note: ptr(strings.Repeat("x", 2001))}, "")
		wantFields(t, err, "body.state_on", "body.note", "body.refusal_reason")
		_, err = b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{State: &refused, StateOn: ptr(fleet.Date("2062-04-13")), RefusalReason: ptr("wear")}, "")
		wantFields(t, err, "body.state_on") // it would bar every later step
		step(Refused, "2026-04-20", ClaimInput{RefusalReason: ptr("wear"), AppealBy: ptr(fleet.Date("2026-05-20"))})
		step(Inspection, "2026-05-02", ClaimInput{Note: ptr("appealed")}) // tomorrow, as it is where ada is
		x = b.advanceTo(x, ClaimInput{}, Closed)
		want := []ClaimStep{
			{Draft, "2026-04-11", "by hand"},
			{Sent, "2026-04-12", ""},
			{Acknowledged, "2026-04-12", "by mail"},
			{Refused, "2026-04-20", ""},
			{Inspection, "2026-05-02", "appealed"},
			{Closed, "2026-05-02", ""},
		}
		if diff := cmp.Diff(want, x.History); diff != "" || x.RefusalReason != "wear" || *x.AppealBy != "2026-05-20" || x.CaseNumber != "RMA-7" || x.Story != "it stopped" {
			t.Errorf("%+v%s", x, diff)
		}
		read, err := b.Claim(t.Context(), b.ada, w.ID, x.ID)
		if diff := cmp.Diff(x, read); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

// A warranty is claimed from the first claim that is sent until the last one is
// closed, and is told of again then.
func TestClaimsMakeTheWarrantyClaimed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 100)
		first, second, never := b.claim(w.ID, ClaimInput{}), b.claim(w.ID, ClaimInput{}), b.claim(w.ID, ClaimInput{})
		want := func(status Status, thresholds string) {
			t.Helper()
			got := b.read(w.ID)
			if got.Status != status || armed(got) != thresholds {
				t.Errorf("%s with %q, want %s with %q", got.Status, armed(got), status, thresholds)
			}
		}
		want(Active, allDue)
		first = b.advanceTo(first, ClaimInput{}, Sent)
		if b.read(w.ID).UpdatedAt.Equal(w.UpdatedAt) {
			t.Error("a claimed warranty has the version of before")
		}
		second = b.advanceTo(second, ClaimInput{}, Sent)
		want(Claimed, "")
		b.advanceTo(first, ClaimInput{}, Accepted, Repaired, Closed)
		want(Claimed, "")
		b.clock.Set(start.AddDate(0, 0, 75))
		b.advanceTo(second, ClaimInput{}, Closed)
		want(Active, "90 passed, 30 passed, 14 due, 0 due")
		b.advanceTo(never, ClaimInput{}, Closed)
		want(Active, "90 passed, 30 passed, 14 due, 0 due")
		told, err := event.OfBoat(t.Context(), b.db, string(b.boat), 20, 0)
		if err != nil {
			t.Fatal(err)
		}
		var claims []string
		for _, e := range told {
			if e.Type == "warranty.claimed" {
				claims = append(claims, string(e.Data))
			}
		}
		if len(claims) != 2 || !strings.Contains(claims[1], string(first.ID)) || !strings.Contains(claims[1], `"status":"claimed"`) {
			t.Error(claims)
		}
	})
}

// What somebody set by hand is not taken back by a claim that was never sent,
// and void stays void.
func TestAClaimLeavesWhatWasSetByHand(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 100)
		b.update(w.ID, Patch{Status: ptr(Claimed)})
		b.advanceTo(b.claim(w.ID, ClaimInput{}), ClaimInput{}, Closed)
		if got := b.read(w.ID); got.Status != Claimed {
			t.Error(got.Status)
		}
		b.update(w.ID, Patch{Status: ptr(Void), VoidReason: ptr("raced")})
		b.advanceTo(b.claim(w.ID, ClaimInput{}), ClaimInput{}, Sent, Closed)
		if got := b.read(w.ID); got.Status != Void || got.VoidReason != "raced" {
			t.Error(got.Status)
		}
	})
}

func TestFaultsOfAClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		bad := ClaimInput{
			CaseNumber: ptr(strings.Repeat("x", 201)), Story: ptr(strings.Repeat("ä", 20_001)), DeliveredOn: ptr(fleet.Date("never")), AppealBy: ptr(fleet.Date("2026-02-30")),
			Jurisdiction: ptr("Atlantis"), Buyer: ptr("king"), Seller: ptr("thief"), ItemCondition: ptr("broken"), Country: ptr("it"), Hours: ptr(-1.0), Parts: ptr(1e10),
		}
		want := []string{
			"body.case_number", "body.story", "body.delivered_on", "body.appeal_by", "body.jurisdiction", "body.buyer", "body.seller", "body.item_condition",
			"body.country", "body.hours_at_failure", "body.estimate_parts", "body.currency",
		}
		_, err := b.CreateClaim(t.Context(), b.ada, w.ID, bad)
		wantFields(t, err, want...)
		_, err = b.CreateClaim(t.Context(), b.ada, w.ID, ClaimInput{State: ptr(Sent)})
		wantFields(t, err, "body.state")
		if all, err := b.Claims(t.Context(), b.ada, w.ID); err != nil || len(all) != 0 {
			t.Error("a refused claim was kept:", all, err)
		}
		x := b.claim(w.ID, ClaimInput{})
		_, err = b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, bad, "")
		wantFields(t, err, want...)
		_, err = b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{Parts: ptr(-1.0), Labour: ptr(-1.0), HaulOut: ptr(-1.0), Currency: ptr("EUR")}, "")
		wantFields(t, err, "body.estimate_parts", "body.estimate_labour", "body.estimate_haul_out")
		b.advanceTo(x, ClaimInput{}, Sent)
		_, err = b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{Remedy: ptr("x")}, fleet.VersionOf(x.UpdatedAt))
		wantKind(t, err, fault.Stale)
	})
}

func TestAClaimTakesAwayWhatIsEmpty(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		contact := b.contact(b.ada, b.org, "Dealer")
		x := b.claim(w.ID, ClaimInput{ContactID: &contact, Country: ptr("ES"), NoticeBy: ptr(fleet.Date("2026-06-01")), Parts: ptr(12.5), Currency: ptr("EUR")})
		if *x.ContactID != contact || *x.NoticeBy != "2026-06-01" || *x.Parts != 12.5 {
			t.Errorf("%+v", x)
		}
		x = b.advanceTo(x, ClaimInput{ContactID: ptr(fleet.ContactID("")), Country: ptr(""), NoticeBy: ptr(fleet.Date(""))}, Sent)
		if x.ContactID != nil || x.Country != "" || x.NoticeBy != nil || *x.Parts != 12.5 {
			t.Errorf("%+v", x)
		}
	})
}

func TestAClaimIsAddressedToAContactOfItsOrganization(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		org, err := b.accounts.CreateOrganization(t.Context(), b.ada, "Second")
		if err != nil {
			t.Fatal(err)
		}
		if b.ada, err = b.accounts.ActorFor(t.Context(), "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		foreign := b.contact(b.eve, b.eve.Orgs(account.Admin)[0], "Hers")
		elsewhere := b.contact(b.ada, org.ID, "Mine, there")
		gone := b.contact(b.ada, b.org, "Gone")
		named := b.claim(w.ID, ClaimInput{ContactID: &gone})
		if _, err := b.boats.DeleteContact(t.Context(), b.ada, gone, ""); err != nil {
			t.Fatal(err)
		}
		x := b.claim(w.ID, ClaimInput{})
		for _, id := range []fleet.ContactID{foreign, elsewhere, gone, "none"} {
			_, err := b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{ContactID: &id}, "")
			wantKind(t, err, fault.NotFound)
			_, err = b.CreateClaim(t.Context(), b.ada, w.ID, ClaimInput{ContactID: &id})
			wantKind(t, err, fault.NotFound)
			_, err = b.AddLetter(t.Context(), b.ada, w.ID, x.ID, LetterInput{Direction: "sent", Channel: "phone", Text: "x", ContactID: id})
			wantKind(t, err, fault.NotFound)
		}
		if got := b.advanceTo(named, ClaimInput{}, Sent); *got.ContactID != gone { // it was named before
			t.Error(got.ContactID)
		}
	})
}

func TestClaimsAreForTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{Parts: ptr(1.0), Labour: ptr(2.0), HaulOut: ptr(3.0), Currency: ptr("EUR")})
		paper := b.paper("Invoice", openPaper, "one")
		link, letter := Link{DocumentID: paper, Purpose: "report"}, LetterInput{Direction: "sent", Channel: "phone", Text: "x"}
		viewer := b.viewer()
		for who, kind := range map[*account.Actor]fault.Kind{&b.eve: fault.NotFound, &viewer: fault.Forbidden} {
			_, err := b.CreateClaim(t.Context(), *who, w.ID, ClaimInput{})
			wantKind(t, err, kind)
			_, err = b.UpdateClaim(t.Context(), *who, w.ID, x.ID, ClaimInput{}, "")
			wantKind(t, err, kind)
			_, err = b.LinkEvidence(t.Context(), *who, w.ID, x.ID, link)
			wantKind(t, err, kind)
			_, err = b.UnlinkEvidence(t.Context(), *who, w.ID, x.ID, paper)
			wantKind(t, err, kind)
			_, err = b.AddLetter(t.Context(), *who, w.ID, x.ID, letter)
			wantKind(t, err, kind)
			_, err = b.LinkPaper(t.Context(), *who, w.ID, link)
			wantKind(t, err, kind)
			_, err = b.Package(t.Context(), *who, w.ID, PackageOptions{ClaimID: x.ID})
			wantKind(t, err, kind)
		}
		for _, read := range []func(account.Actor) error{
			func(who account.Actor) error { _, err := b.Claims(t.Context(), who, w.ID); return err },
			func(who account.Actor) error { _, err := b.Claim(t.Context(), who, w.ID, x.ID); return err },
			func(who account.Actor) error { _, err := b.Evidence(t.Context(), who, w.ID, x.ID); return err },
			func(who account.Actor) error { _, err := b.Letters(t.Context(), who, w.ID, x.ID); return err },
			func(who account.Actor) error { _, err := b.Papers(t.Context(), who, w.ID); return err },
		} {
			wantKind(t, read(b.eve), fault.NotFound)
			if err := read(viewer); err != nil {
				t.Error(err)
			}
		}
		// A claim is found under its own warranty only.
		_, err := b.Claim(t.Context(), b.ada, b.ending("Mast", 50).ID, x.ID)
		wantKind(t, err, fault.NotFound)

		all, err := b.Claims(t.Context(), viewer, w.ID)
		if err != nil || len(all) != 1 || all[0].Parts != nil || all[0].Labour != nil || all[0].HaulOut != nil || len(all[0].History) != 1 {
			t.Error(all, err)
		}
		one, err := b.Claim(t.Context(), viewer, w.ID, x.ID)
		if err != nil || one.Parts != nil || one.Labour != nil || one.HaulOut != nil {
			t.Error(one, err)
		}
		one, err = b.Claim(t.Context(), b.member(), w.ID, x.ID)
		if err != nil || *one.Parts != 1 || *one.Labour != 2 || *one.HaulOut != 3 {
			t.Error(one, err)
		}
	})
}

// filed writes papers as "title: purpose (caption)".
func filed(all []Paper) (out []string) {
	for _, p := range all {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s: %s (%s)", p.Title, p.Purpose, p.Caption), " ()"))
	}
	return out
}

func TestEvidenceKeepsItsPurposes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		photo, report := b.paper("Photo", openPaper, "one"), b.paper("Report", openPaper, "two")
		link := func(l Link) {
			t.Helper()
			if _, err := b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, l); err != nil {
				t.Fatal(err)
			}
		}
		evidence := func() []string {
			t.Helper()
			all, err := b.Evidence(t.Context(), b.ada, w.ID, x.ID)
			if err != nil {
				t.Fatal(err)
			}
			return filed(all)
		}
		link(Link{photo, "photo", " the pump "})
		link(Link{report, "report", ""})
		// On the warranty the same paper proves something else.
		if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{photo, "plate", ""}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Photo: photo (the pump)", "Report: report"}, evidence()); diff != "" {
			t.Error(diff)
		}
		link(Link{photo, "diagnosis", ""}) // anew, in its place
		if diff := cmp.Diff([]string{"Photo: diagnosis", "Report: report"}, evidence()); diff != "" {
			t.Error(diff)
		}
		all, err := b.Papers(t.Context(), b.ada, w.ID)
		if diff := cmp.Diff([]string{"Photo: plate"}, filed(all)); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for name, bad := range map[string]Link{"body.purpose": {photo, "decoration", ""}, "body.document_id": {"", "photo", ""}, "body.caption": {photo, "photo", strings.Repeat("x", 301)}} {
			_, err := b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, bad)
			wantFields(t, err, name)
			_, err = b.LinkPaper(t.Context(), b.ada, w.ID, bad)
			wantFields(t, err, name)
		}
		if gone, err := b.UnlinkEvidence(t.Context(), b.ada, w.ID, x.ID, photo); err != nil || gone.Purpose != "diagnosis" {
			t.Error(gone, err)
		}
		_, err = b.UnlinkEvidence(t.Context(), b.ada, w.ID, x.ID, photo)
		wantKind(t, err, fault.NotFound)
		if diff := cmp.Diff([]string{"Report: report"}, evidence()); diff != "" {
			t.Error(diff)
		}
		if _, err := b.papers.Document(t.Context(), b.ada, photo); err != nil {
			t.Error("the document went with its link:", err)
		}
	})
}

func TestPapersAreShownByTheirClass(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		papers := map[string]document.ID{"Open": b.paper("Open", openPaper, "1"), "Money": b.paper("Money", moneyPaper, "2"), "Personal": b.paper("Personal", personalPaper, "3")}
		for _, title := range []string{"Open", "Money", "Personal"} {
			if _, err := b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, Link{papers[title], "other", ""}); err != nil {
				t.Fatal(err)
			}
			if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{papers[title], "other", ""}); err != nil {
				t.Fatal(err)
			}
		}
		member, viewer := b.member(), b.viewer()
		for who, want := range map[*account.Actor]string{&b.ada: "Open Money Personal", &member: "Open Money", &viewer: "Open"} {
			evidence, err := b.Evidence(t.Context(), *who, w.ID, x.ID)
			if err != nil {
				t.Fatal(err)
			}
			linked, err := b.Papers(t.Context(), *who, w.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, all := range [][]Paper{evidence, linked} {
				var got []string
				for _, p := range all {
					got = append(got, p.Title)
				}
				if strings.Join(got, " ") != want {
					t.Errorf("%s sees %v, want %s", who.Email, got, want)
				}
			}
		}
		// What one does not see one can neither link nor unlink.
		_, err := b.LinkEvidence(t.Context(), member, w.ID, x.ID, Link{papers["Personal"], "photo", ""})
		wantKind(t, err, fault.NotFound)
		_, err = b.UnlinkEvidence(t.Context(), member, w.ID, x.ID, papers["Personal"])
		wantKind(t, err, fault.NotFound)
		_, err = b.UnlinkPaper(t.Context(), member, w.ID, papers["Personal"])
		wantKind(t, err, fault.NotFound)
		// Nor what is another organization's, or in the bin.
		theirs, err := b.papers.Upload(t.Context(), b.eve, document.Upload{FileName: "a.txt"}, strings.NewReader("hers"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.papers.Delete(t.Context(), b.ada, papers["Open"], ""); err != nil {
			t.Fatal(err)
		}
		for _, id := range []document.ID{theirs.ID, papers["Open"], "none"} {
			_, err = b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, Link{id, "photo", ""})
			wantKind(t, err, fault.NotFound)
		}
		all, err := b.Evidence(t.Context(), b.ada, w.ID, x.ID)
		if err != nil || len(all) != 3 || !all[0].Deleted || all[1].Deleted {
			t.Error("a paper in the bin is shown as such:", all, err)
		}
	})
}

func TestClaimsAreAudited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		b.advanceTo(x, ClaimInput{}, Sent)
		paper := b.paper("Photo", openPaper, "one")
		for _, err := range []error{
			second(b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, Link{paper, "photo", ""})),
			second(b.AddLetter(t.Context(), b.ada, w.ID, x.ID, LetterInput{Direction: "received", Channel: "letter", Text: "no"})),
			second(b.UnlinkEvidence(t.Context(), b.ada, w.ID, x.ID, paper)),
			second(b.LinkPaper(t.Context(), b.ada, w.ID, Link{paper, "photo", ""})),
			second(b.UnlinkPaper(t.Context(), b.ada, w.ID, paper)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"claim.document_unlinked", "claim.letter_received", "claim.document_linked", "claim.updated", "claim.created"}
		if diff := cmp.Diff(want, b.trail("claim")); diff != "" {
			t.Error(diff)
		}
		want = []string{"warranty.document_unlinked", "warranty.document_linked", "warranty.claimed", "warranty.created"}
		if diff := cmp.Diff(want, b.trail("warranty")); diff != "" {
			t.Error(diff)
		}
	})
}

func second[T any](_ T, err error) error { return err }
