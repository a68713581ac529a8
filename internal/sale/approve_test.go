package sale

import (
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// owned gives the boat owners.
func (b *bench) owned(owners ...fleet.Owner) {
	b.t.Helper()
	if _, err := b.boats.UpdateBoat(b.t.Context(), b.ada, b.boat.ID, fleet.BoatInput{Owners: &owners}, ""); err != nil {
		b.t.Fatal(err)
	}
}

// twoOwners are one who can be mailed and one who cannot.
func (b *bench) twoOwners() {
	b.t.Helper()
	b.owned(
		fleet.Owner{Name: "Ann", SharePercent: ptr(60.0), Contact: "Ann@Example.org, +33 1", Signs: true},
		fleet.Owner{Name: "Ben", SharePercent: ptr(40.0), Contact: "by the harbour", Signs: true},
		fleet.Owner{Name: "Cid", Contact: "cid@example.org", Signs: true},
	)
}

// approval is the secret of the newest mail that asks to approve.
func (b *bench) approval() string {
	b.t.Helper()
	for i := len(b.mails) - 1; i >= 0; i-- {
		if m := b.mails[i]; m.Kind == "sale_approval" {
			return strings.TrimPrefix(m.Vars["link"], "https://docs.example.org/approve/")
		}
	}
	b.t.Fatal("no owner was asked")
	return ""
}

// audits counts entries of the trail about a sale.
func (b *bench) audits(action string, id ID) int {
	b.t.Helper()
	n, err := db.One(b.t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM audit_log WHERE action = $1 AND subject_id = $2", action, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestWhatNobodyDecidedStopsTheTransfer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		survey := b.paper(b.boat, "Survey of May", "SUR-PRE", account.Open, "sound")
		x := b.start(b.boat)
		b.packaged(x, 100)
		_, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, "")
		wantKind(t, err, fault.Conflict)
		if !strings.Contains(fault.Message(err), "Survey of May") {
			t.Errorf("it names nothing: %v", err)
		}
		if _, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{ConfirmLeftOut: true}, ""); err != nil {
			t.Fatal(err)
		}
		b.choose(x, Decisions{Documents: []Decision{decided(survey, In)}})
		_, err = b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, "")
		wantKind(t, err, fault.Conflict)
		if !strings.Contains(fault.Message(err), "generate it again") {
			t.Errorf("another list went out: %v", err)
		}
		b.packaged(x, 200)
		if _, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, ""); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOwnersApproveBeforeATransfer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.twoOwners()
		x := b.start(b.boat)
		_, err := b.Ask(ctx, b.ada, x.ID, Asking{})
		wantKind(t, err, fault.Conflict)
		b.packaged(x, 100)
		_, err = b.Transfer(ctx, b.ada, x.ID, Transfer{}, "")
		wantKind(t, err, fault.Conflict)
		if text := fault.Message(err); !strings.Contains(text, "Ann, Ben") || strings.Contains(text, "Cid") {
			t.Errorf("it names %q", text)
		}
		all, err := b.Ask(ctx, b.ada, x.ID, Asking{})
		if err != nil || len(all) != 2 || all[0].AskedAt == nil || all[0].Email != "ann@example.org" || all[1].AskedAt != nil || len(b.mails) != 1 || b.mails[0].To != "ann@example.org" {
			t.Fatalf("%+v, %v, %+v", all, err, b.mails)
		}
		token := b.approval()
		if n, err := db.One(ctx, b.db, db.Scalar[int], "SELECT count(*) FROM sale_approvals WHERE token_hash LIKE $1", "%"+token+"%"); n != 0 || err != nil {
			t.Error("the secret is stored", err)
		}
		for range 2 {
			if a, err := b.Approving(ctx, token); err != nil || a.Owner != "Ann" || a.ApprovedAt != nil || len(a.Chapters) != 3 {
				t.Fatalf("%+v, %v", a, err)
			}
		}
		for range 2 {
			if a, err := b.Approve(ctx, account.Actor{Address: "192.0.2.7"}, token); err != nil || a.ApprovedAt == nil {
				t.Fatalf("%+v, %v", a, err)
			}
		}
		if n := b.audits("sale.approved", x.ID); n != 1 {
			t.Errorf("approving once is %d times in the trail", n)
		}
		_, err = b.Ask(ctx, b.ada, x.ID, Asking{Owner: "Cid"})
		wantKind(t, err, fault.Invalid)
		all, err = b.Ask(ctx, b.ada, x.ID, Asking{Owner: "Ben", Note: " signed on paper "})
		if err != nil || all[0].How != ByLink || !all[0].Current || all[1].How != ByHand || all[1].Note != "signed on paper" || !all[1].Current {
			t.Fatalf("%+v, %v", all, err)
		}
		h, err := b.Transfer(ctx, b.ada, x.ID, Transfer{}, "")
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for _, step := range h.Sale.Timeline {
			steps = append(steps, step.Event)
		}
		if got := strings.Join(steps, " "); got != "sale.initiated sale.approved sale.approved sale.transferred" {
			t.Errorf("the timeline: %s", got)
		}
		_, err = b.Approve(ctx, account.Actor{}, "nda_another")
		wantKind(t, err, fault.NotFound)
	})
}

func TestAnotherListIsApprovedAnew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.twoOwners()
		raft := b.paper(b.boat, "Raft", "SAF-RAFT", account.Open, "serviced")
		x := b.start(b.boat)
		b.packaged(x, 100)
		if _, err := b.Ask(ctx, b.ada, x.ID, Asking{}); err != nil {
			t.Fatal(err)
		}
		first := b.approval()
		if _, err := b.Approve(ctx, account.Actor{}, first); err != nil {
			t.Fatal(err)
		}
		b.choose(x, Decisions{Documents: []Decision{decided(raft, Out)}})
		b.goneAs(first, endedByList)
		_, err := b.Ask(ctx, b.ada, x.ID, Asking{})
		wantKind(t, err, fault.Conflict)
		b.packaged(x, 200)
		b.goneAs(first, endedByList)
		all, err := b.Approvals(ctx, b.ada, x.ID)
		if err != nil || all[0].ApprovedAt == nil || all[0].Current {
			t.Fatalf("%+v, %v", all, err)
		}
		if _, err := b.Update(ctx, b.ada, x.ID, Patch{Approval: ptr(ByAny)}, ""); err != nil {
			t.Fatal(err)
		}
		_, err = b.Transfer(ctx, b.ada, x.ID, Transfer{}, "")
		wantKind(t, err, fault.Conflict)
		if _, err := b.Ask(ctx, b.ada, x.ID, Asking{}); err != nil {
			t.Fatal(err)
		}
		second := b.approval()
		b.clock.Add(14*24*time.Hour + time.Second)
		b.goneAs(second, endedByTime)
		if _, err := b.Ask(ctx, b.ada, x.ID, Asking{Owner: "Ben"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Transfer(ctx, b.ada, x.ID, Transfer{}, ""); err != nil {
			t.Error(err)
		}
	})
}

// goneAs demands that a link to approve works no more, and why.
func (b *bench) goneAs(token string, why Ended) {
	b.t.Helper()
	_, err := b.Approving(b.t.Context(), token)
	wantKind(b.t, err, fault.Gone)
	if got := reasonOf(err); got != string(why) {
		b.t.Errorf("it ended as %q, want %q", got, why)
	}
}

func TestApprovalIsASetting(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.twoOwners()
		x := b.start(b.boat)
		if x.Approval != ByAll {
			t.Errorf("%q by default", x.Approval)
		}
		b.packaged(x, 100)
		_, err := b.Update(t.Context(), b.ada, x.ID, Patch{Approval: ptr(Approval("some"))}, "")
		wantKind(t, err, fault.Invalid)
		if x, err = b.Update(t.Context(), b.ada, x.ID, Patch{Approval: ptr(NoOne)}, ""); err != nil || x.Approval != NoOne {
			t.Fatalf("%+v, %v", x, err)
		}
		if _, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, ""); err != nil {
			t.Error(err)
		}
		member := b.user("member@example.org", b.boat.OrgID, account.Member)
		_, err = b.Approvals(t.Context(), member, x.ID)
		wantKind(t, err, fault.Forbidden)
		_, err = b.Approvals(t.Context(), b.eve, x.ID)
		wantKind(t, err, fault.NotFound)
	})
}

func TestOwnersOfOneNameApproveEach(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.owned(fleet.Owner{Name: "Jon", SharePercent: ptr(50.0), Signs: true}, fleet.Owner{Name: "Jon", SharePercent: ptr(50.0), Signs: true})
		x := b.start(b.boat)
		b.packaged(x, 100)
		if _, err := b.Ask(t.Context(), b.ada, x.ID, Asking{Owner: "Jon"}); err != nil {
			t.Fatal(err)
		}
		_, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, "")
		if !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Message(err), "Jon (2)") {
			t.Errorf("one approved for both: %v", err)
		}
	})
}
