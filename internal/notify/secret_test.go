package notify

import (
	"context"
	"slices"
	"strings"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// handover queues the mail of a link and returns its id.
func (b *bench) handover(values map[string]string) (id string) {
	b.t.Helper()
	b.do(func(tx *db.Tx) error {
		return b.SecretMail(b.t.Context(), tx, SecretMail{Kind: "handover", To: "bo@example.org", Language: "en", Subject: "link-1", Values: values})
	})
	id, err := db.One(b.t.Context(), b.db, db.Scalar[string], "SELECT id FROM secret_mails ORDER BY id DESC LIMIT 1")
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func TestWhoeverSentALostSecretMailIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		var told []string
		b.OnUndelivered(func(_ context.Context, _ *db.Tx, kind, subject, reason string) error {
			told = append(told, kind+" "+subject+": "+reason)
			return nil
		})
		record := func(id string, r Receipt) {
			t.Helper()
			x, err := b.loadSecret(t.Context(), b.db, id)
			if err != nil {
				t.Fatal(err)
			}
			b.do(func(tx *db.Tx) error { return b.recordSecret(t.Context(), tx, x, r) })
		}
		record(b.handover(nil), Receipt{Outcome: Deferred, Reason: "busy"})
		record(b.handover(nil), Receipt{Outcome: Refused, Reason: "no"})
		record(b.handover(nil), Receipt{Outcome: Gone, Reason: "nobody"})
		came := b.handover(nil)
		record(came, Receipt{Outcome: Accepted})
		for _, r := range []Report{{came, "soft", "full"}, {came, "complaint", "spam"}, {came, "hard", "gone"}, {came, "hard", "gone again"}} {
			if err := b.report(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"handover link-1: no", "handover link-1: nobody", "handover link-1: gone"}; !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
		if err := b.report(t.Context(), Report{db.NewID(), "hard", "unknown"}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestALetterLeavesOutWhatItLacks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		values := map[string]string{
			"boat_name": "Calypso", "link": "https://docs.example.org/p/x", "expires_on": "2026-05-31", "downloads": "5", "files": "3", "size": "2 MB",
			"contents": "01 Identity (2)\n02 <Engines> (1)", "fingerprint": "5f1d", "seller_name": "Ada", "seller_email": "ada@example.org",
		}
		write := func() Message {
			t.Helper()
			x, err := b.loadSecret(t.Context(), b.db, b.handover(values))
			if err != nil {
				t.Fatal(err)
			}
			m, err := b.secretLetter(x, values)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := write()
		if strings.Contains(m.Text, "Warranties") || strings.Contains(m.Text, "\n\n\n") || !strings.Contains(m.Text, "Contents:\n01 Identity (2)\n02 <Engines> (1)") ||
			!strings.Contains(m.Text, "Open the page: https://docs.example.org/p/x") {
			t.Errorf("%s", m.Text)
		}
		if !strings.Contains(m.HTML, "Contents:<br>01 Identity (2)<br>02 &lt;Engines&gt; (1)</p>") || !strings.Contains(m.HTML, ">Open the page</a>") {
			t.Errorf("%s", m.HTML)
		}
		values["message"], values["warranties"] = "Fair winds,\n\n{{link}} Ada", "Engine: 2028-01-15"
		if m = write(); !strings.Contains(m.Text, "Fair winds,\n\n{{link}} Ada") || !strings.Contains(m.Text, "Engine: 2028-01-15") {
			t.Errorf("%s", m.Text)
		}
	})
}
