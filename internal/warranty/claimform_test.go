package warranty

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

func TestTheFormIsThatOfItsJurisdiction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		for _, jurisdiction := range Jurisdictions() {
			m := b.pack(b.ada, w.ID, PackageOptions{Jurisdiction: jurisdiction})
			form := "01_Claim_Form_" + jurisdiction + ".pdf"
			m.says(form, haveItChecked, strings.Join(Exclusions(), ", "))
			for _, l := range LawsFor(jurisdiction) {
				m.says(form, l.Basis, l.Against, l.Time, l.Burden, l.KeyPoints)
			}
			if !strings.Contains(m.files["README.txt"], form) || m.manifest.Data.Jurisdiction != jurisdiction {
				t.Error(m.files["README.txt"], m.manifest.Data.Jurisdiction)
			}
		}
		_, err := b.Package(t.Context(), b.ada, w.ID, PackageOptions{Jurisdiction: "../x"})
		wantFields(t, err, "body.jurisdiction")
	})
}

func TestWhichJurisdictionIsChosen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		chosen := func(o PackageOptions) string {
			t.Helper()
			p, err := b.Package(t.Context(), b.ada, w.ID, o)
			if err != nil {
				t.Fatal(err)
			}
			return p.law.Jurisdiction
		}
		of := func(in ClaimInput) PackageOptions { return PackageOptions{ClaimID: b.claim(w.ID, in).ID} }
		if got := chosen(PackageOptions{}); got != "maker" {
			t.Error("of a boat without a flag:", got)
		}
		if _, err := b.boats.UpdateBoat(t.Context(), b.ada, b.boat, fleet.BoatInput{Flag: ptr("GB")}, ""); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			options PackageOptions
			want    string
		}{
			"the flag":                {PackageOptions{}, "UK"},
			"the flag, with a claim":  {of(ClaimInput{}), "UK"},
			"the country of purchase": {of(ClaimInput{Country: ptr("ES"), Seller: ptr("trader")}), "EU"},
			"a private seller":        {of(ClaimInput{Country: ptr("ES"), Seller: ptr("private")}), "private"},
			"what the claim says":     {of(ClaimInput{Country: ptr("ES"), Jurisdiction: ptr("US")}), "US"},
			"what is asked for":       {PackageOptions{ClaimID: of(ClaimInput{Jurisdiction: ptr("US")}).ClaimID, Jurisdiction: "maker"}, "maker"},
		} {
			if got := chosen(test.options); got != test.want {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
		}
		_, err := b.Package(t.Context(), b.ada, b.ending("Mast", 50).ID, of(ClaimInput{}))
		wantKind(t, err, fault.NotFound)
	})
}

// The form of one fixed claim, as a reader has it.
func TestTheWholeForm(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w, x := b.dossier()
		m := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
		spaces := regexp.MustCompile(`  +`)
		var lines []string
		for line := range strings.Lines(m.text("01_Claim_Form_EU.pdf", "-layout")) {
			if line = spaces.ReplaceAllString(strings.TrimSpace(line), "  "); line != "" {
				lines = append(lines, line)
			}
		}
		got, file := strings.Join(lines, "\n")+"\n", filepath.Join("testdata", "form.txt")
		if *update {
			if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if diff := cmp.Diff(string(want), got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}
