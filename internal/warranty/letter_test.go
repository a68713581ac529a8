package warranty

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/document"
	"navidocs/internal/fault"
)

func (b *bench) letter(x Claim, in LetterInput) Letter {
	b.t.Helper()
	l, err := b.AddLetter(b.t.Context(), b.ada, x.WarrantyID, x.ID, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func TestTheLogOfAClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.zone("Pacific/Kiritimati")
		w := b.ending("Engine", 50)
		x, other := b.claim(w.ID, ClaimInput{}), b.claim(w.ID, ClaimInput{})
		contact := b.contact(b.ada, b.org, "Dealer")
		b.clock.Set(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
		hash := strings.Repeat("0af9", 16)
		letters := []Letter{
			b.letter(x, LetterInput{Direction: "received", Channel: "phone", On: "2026-04-03", Text: " they call back "}),
			b.letter(x, LetterInput{Direction: "sent", Channel: "email", On: "2026-04-01", ContactID: contact, Subject: "Claim"}),
			b.letter(x, LetterInput{Direction: "sent", Channel: "package", PackageSHA256: hash}),
		}
		if l := letters[2]; l.On != "2026-05-02" { // today where the boat is
			t.Error(l.On)
		}
		if l := letters[0]; l.Text != "they call back" || l.ContactID != nil || l.DocumentID != nil {
			t.Errorf("%+v", l)
		}
		got, err := b.Letters(t.Context(), b.ada, w.ID, x.ID)
		want := []Letter{letters[1], letters[0], letters[2]}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Letter{})); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if got, err := b.Letters(t.Context(), b.ada, w.ID, other.ID); err != nil || len(got) != 0 {
			t.Error(got, err)
		}
	})
}

func TestFaultsOfALetter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		for name, test := range map[string]struct {
			in   LetterInput
			want []string
		}{
			"nothing":           {LetterInput{}, []string{"body.direction", "body.channel", "body.text"}},
			"made up":           {LetterInput{Direction: "prepared", Channel: "pigeon", Text: "x"}, []string{"body.direction", "body.channel"}},
			"blank":             {LetterInput{Direction: "sent", Channel: "phone", Text: " \n"}, []string{"body.text"}},
			"no date":           {LetterInput{Direction: "sent", Channel: "phone", Text: "x", On: "2026-02-29"}, []string{"body.on"}},
			"no hash":           {LetterInput{Direction: "sent", Channel: "package", PackageSHA256: "0AF9"}, []string{"body.package_sha256"}},
			"long":              {LetterInput{Direction: "sent", Channel: "email", Subject: strings.Repeat("x", 301), Text: strings.Repeat("x", 20_001)}, []string{"body.subject", "body.text"}},
			"a hash on 2 lines": {LetterInput{Direction: "sent", Channel: "package", PackageSHA256: strings.Repeat("0af9", 16) + "\n"}, []string{"body.package_sha256"}},
		} {
			_, err := b.AddLetter(t.Context(), b.ada, w.ID, x.ID, test.in)
			if wantFields(t, err, test.want...); t.Failed() {
				t.Fatal(name)
			}
		}
		_, err := b.AddLetter(t.Context(), b.ada, w.ID, x.ID, LetterInput{Direction: "sent", Channel: "email", DocumentID: "none"})
		wantKind(t, err, fault.NotFound)
		if got, err := b.Letters(t.Context(), b.ada, w.ID, x.ID); err != nil || len(got) != 0 {
			t.Error("a refused entry was kept:", got, err)
		}
	})
}

// The paper of an entry is evidence too: as correspondence, unless it is there
// for another purpose.
func TestALettersPaperIsFiled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		answer, report := b.paper("Answer", openPaper, "one"), b.paper("Report", personalPaper, "two")
		if _, err := b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, Link{report, "diagnosis", "of the dealer"}); err != nil {
			t.Fatal(err)
		}
		b.letter(x, LetterInput{Direction: "received", Channel: "email", On: "2026-04-01", DocumentID: answer})
		b.letter(x, LetterInput{Direction: "received", Channel: "email", On: "2026-04-02", DocumentID: report})
		all, err := b.Evidence(t.Context(), b.ada, w.ID, x.ID)
		if diff := cmp.Diff([]string{"Report: diagnosis (of the dealer)", "Answer: correspondence"}, filed(all)); diff != "" || err != nil {
			t.Error(err, diff)
		}
		// Which paper it was is for who may see it.
		shown := func(all []Letter, err error) string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			var ids []document.ID
			for _, l := range all {
				if l.DocumentID != nil {
					ids = append(ids, *l.DocumentID)
				}
			}
			return fmt.Sprint(len(all), ids)
		}
		if got, want := shown(b.Letters(t.Context(), b.ada, w.ID, x.ID)), fmt.Sprint(2, []document.ID{answer, report}); got != want {
			t.Error(got)
		}
		member := b.member()
		if got, want := shown(b.Letters(t.Context(), member, w.ID, x.ID)), fmt.Sprint(2, []document.ID{answer}); got != want {
			t.Error(got)
		}
		_, err = b.AddLetter(t.Context(), member, w.ID, x.ID, LetterInput{Direction: "sent", Channel: "email", DocumentID: report})
		wantKind(t, err, fault.NotFound)
	})
}
