package sale

import (
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
)

// supplemented builds what waits and is what came of it.
func (b *bench) supplemented(x Sale) After {
	b.t.Helper()
	p, err := b.Supplement(b.t.Context(), b.ada, x.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.make(b.t.Context(), p.ID, func(*db.Tx) error { return nil }); err != nil {
		b.t.Fatal(err)
	}
	return b.waiting(x)
}

func (b *bench) waiting(x Sale) After {
	b.t.Helper()
	out, err := b.After(b.t.Context(), b.ada, x.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (a After) ids() (all []document.ID) {
	for _, p := range a.Documents {
		all = append(all, p.DocumentID)
	}
	return all
}

func TestPapersThatComeLaterGoAsASupplement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.paper(b.boat, "Raft service", "SAF-RAFT", account.Open, "serviced")
		policy := b.paper(b.boat, "Policy", "INS-POL", account.Personal, "premium")
		x := b.start(b.boat)
		b.built(x, GenerateOptions{})
		_, err := b.Supplement(ctx, b.ada, x.ID)
		wantKind(t, err, fault.Conflict)
		h, err := b.Transfer(ctx, b.ada, x.ID, Transfer{}, "")
		if err != nil {
			t.Fatal(err)
		}
		first := b.secret(h.DownloadURL)
		if all := b.waiting(x); len(all.Documents) != 0 || len(all.Supplements) != 0 {
			t.Errorf("%+v waits", all)
		}
		if _, err := b.Complete(ctx, b.ada, x.ID, ""); err != nil {
			t.Fatal(err)
		}
		_, err = b.Supplement(ctx, b.ada, x.ID)
		wantKind(t, err, fault.Conflict)
		b.clock.Add(time.Hour)
		late := b.paper(b.boat, "Late service", "SAF-RAFT", account.Open, "again")
		survey := b.paper(b.boat, "Late survey", "SUR-PRE", account.Open, "sound")
		if got := b.waiting(x).ids(); len(got) != 2 || got[0] != late || got[1] != survey {
			t.Errorf("%v, want %s and %s", got, late, survey)
		}
		all := b.supplemented(x)
		if got := all.ids(); len(got) != 1 || got[0] != survey || len(all.Supplements) != 1 || all.Supplements[0].Link == nil {
			t.Fatalf("%+v", all)
		}
		p, err := packageOf(t.Context(), b.db, all.Supplements[0].Package.ID)
		if err != nil {
			t.Fatal(err)
		}
		l := b.lettersOf("handover_supplement")
		m, err := p.Manifest()
		if err != nil || len(l) != 1 || l[0].To != "bo@example.org" {
			t.Fatalf("%+v, %v, %+v", m, err, l)
		}
		papers := 0
		for _, f := range m.Files {
			if f.DocumentID != "" {
				papers++
			}
			if strings.HasPrefix(f.Path, "data/") {
				t.Errorf("%s is in a supplement", f.Path)
			}
		}
		if papers != 1 || len(m.Withheld) != 1 {
			t.Errorf("%d papers, withheld %+v", papers, m.Withheld)
		}
		for _, token := range []string{first, b.secret(l[0].Vars["link"])} {
			if _, err := b.Handover(ctx, token); err != nil {
				t.Errorf("one link ended the other: %v", err)
			}
		}
		if now, err := b.Sale(ctx, b.ada, x.ID); err != nil || now.Link.ID != h.Sale.Link.ID || now.Timeline[len(now.Timeline)-1].Event != "sale.supplement_sent" {
			t.Errorf("%+v, %v", now, err)
		}
		b.choose(x, Decisions{Documents: []Decision{decided(survey, In), decided(policy, In)}})
		if all = b.supplemented(x); len(all.Documents) != 0 || len(all.Supplements) != 2 {
			t.Errorf("%+v", all)
		}
		_, err = b.Choose(ctx, b.ada, x.ID, Decisions{Documents: []Decision{decided(late, Out)}})
		wantKind(t, err, fault.Conflict)
	})
}

func TestBytesGoAndEvidenceStays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		x := b.start(b.boat)
		released := func(want int) {
			t.Helper()
			if err := b.Tidy(ctx); err != nil {
				t.Fatal(err)
			}
			n, err := db.One(ctx, b.db, db.Scalar[int], "SELECT count(*) FROM sale_packages WHERE released_at IS NOT NULL")
			if err != nil || n != want {
				t.Errorf("%d were released, want %d, %v", n, want, err)
			}
		}
		b.built(x, GenerateOptions{})
		b.clock.Add(time.Hour)
		b.built(x, GenerateOptions{WarrantySummary: ptr(false)})
		released(1)
		h, err := b.Transfer(ctx, b.ada, x.ID, Transfer{}, "")
		if err != nil {
			t.Fatal(err)
		}
		b.clock.Add(time.Hour)
		b.built(x, GenerateOptions{})
		released(1) // the buyer's link leads to the second
		page, err := b.Handover(ctx, b.secret(h.DownloadURL))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Receive(ctx, account.Actor{}, page, "Bo", "en"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Complete(ctx, b.ada, x.ID, ""); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(31 * 24 * time.Hour)
		released(2)
		_, err = b.Extend(ctx, b.ada, x.ID, Extension{Days: 1})
		wantKind(t, err, fault.Conflict)
		b.clock.Add(60 * 24 * time.Hour)
		released(3)
		receipts := func(want int) {
			t.Helper()
			if all, err := b.Receipts(ctx, b.ada, x.ID); err != nil || len(all) != want {
				t.Errorf("%+v, %v", all, err)
			}
		}
		receipts(1)
		if _, err := b.Contents(ctx, b.ada, x.ID); err != nil {
			t.Error(err)
		}
		b.clock.Add(7 * 366 * 24 * time.Hour)
		released(3)
		receipts(0)
		_, err = b.Contents(ctx, b.ada, x.ID)
		wantKind(t, err, fault.NotFound)
	})
}

func TestARecordMovesOnTheSameServer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.fill()
		x := b.start(b.boat)
		b.built(x, GenerateOptions{})
		h, err := b.Transfer(ctx, b.ada, x.ID, Transfer{}, "")
		if err != nil {
			t.Fatal(err)
		}
		token, theirs := b.secret(h.DownloadURL), b.eve.Orgs(account.Admin)[0]
		b.jobs.Register(b.records.Jobs()...)
		_, err = b.Accept(ctx, b.ada, b.boat.OrgID, token)
		wantKind(t, err, fault.Conflict)
		_, err = b.Accept(ctx, b.eve, b.boat.OrgID, token)
		wantKind(t, err, fault.NotFound)
		_, err = b.Accept(ctx, b.eve, theirs, "ndh_another")
		wantKind(t, err, fault.NotFound)
		in, err := b.Accept(ctx, b.eve, theirs, token)
		if err != nil || in.Already || in.OrgID != theirs {
			t.Fatalf("%+v, %v", in, err)
		}
		again, err := b.Accept(ctx, b.eve, theirs, token)
		if err != nil || !again.Already || again.ID != in.ID {
			t.Errorf("%+v, %v", again, err)
		}
		if n := b.audits("sale.accepted", x.ID); n != 1 || len(b.data("sale.accepted")) != 1 {
			t.Errorf("%d in the trail", n)
		}
		if n, err := db.One(ctx, b.db, db.Scalar[int], "SELECT count(*) FROM audit_log WHERE action = 'package.received' AND org_id = $1", theirs); n != 1 || err != nil {
			t.Errorf("%d in the buyer's trail, %v", n, err)
		}
		if now, err := b.Sale(ctx, b.ada, x.ID); err != nil || now.Link.DownloadsLeft != 5 {
			t.Errorf("it cost a download: %+v, %v", now.Link, err)
		}
		if _, err := b.Revoke(ctx, b.ada, x.ID); err != nil {
			t.Fatal(err)
		}
		_, err = b.Accept(ctx, b.eve, theirs, token)
		wantKind(t, err, fault.Gone)
	})
}
