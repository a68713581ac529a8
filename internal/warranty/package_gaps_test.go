package warranty

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
)

// packed is a claim package by its paths.
func (b *bench) packed(who account.Actor, id ID) (map[string][]byte, bundle.Manifest) {
	b.t.Helper()
	p, err := b.Package(b.t.Context(), who, id, PackageOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Write(b.t.Context(), &out); err != nil {
		b.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		b.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			b.t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			b.t.Fatal(err)
		}
	}
	var m bundle.Manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		b.t.Fatal(err)
	}
	return files, m
}

// printedText is what a PDF says, without spaces.
func printedText(t *testing.T, pdf []byte) string {
	t.Helper()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("SKIPPED: pdftotext is not installed (package poppler-utils); the text of the package was not read")
	}
	name := filepath.Join(t.TempDir(), "sheet.pdf")
	if err := os.WriteFile(name, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "-raw", name, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(out)), "")
}

// A paper that a role does not show is withheld, and not said to be missing.
func TestWhatIsWithheldIsNotMissing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{DocumentID: b.paper("Passport", "OWN-ID", "P"), Purpose: "proof_of_owner"}); err != nil {
			t.Fatal(err)
		}
		_, m := b.packed(b.user("member@example.org", b.org, account.Member), w.ID)
		for _, g := range m.Missing {
			if g.What == "proof of owner" {
				t.Error(g)
			}
		}
		if len(m.Withheld) != 1 || m.Withheld[0].What != "a paper (proof_of_owner)" {
			t.Error(m.Withheld)
		}
	})
}

// The maintenance proof names only papers that are there.
func TestMaintenanceIsProvenByWhatIsThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		proof := func() string {
			files, _ := b.packed(b.ada, w.ID)
			return printedText(t, files["09_Maintenance/00 Maintenance proof.pdf"])
		}
		if text := proof(); !strings.Contains(text, "Noservicerecordislinked") {
			t.Error(text)
		}
		for _, title := range []string{"Oilchange", "Impeller"} {
			if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{DocumentID: b.paper(title, "MNT-LOG", title), Purpose: "service_record"}); err != nil {
				t.Fatal(err)
			}
		}
		papers, err := b.Papers(t.Context(), b.ada, w.ID)
		if err != nil {
			t.Fatal(err)
		}
		loses := func(p Paper) {
			if err := b.store.Delete(t.Context(), blob.Digest(p.digest)); err != nil {
				t.Fatal(err)
			}
		}
		if loses(papers[0]); strings.Contains(proof(), "Oilchange") || !strings.Contains(proof(), "Impeller") {
			t.Error(proof())
		}
		if loses(papers[1]); !strings.Contains(proof(), "arenotinthispackage") {
			t.Error(proof())
		}
	})
}
