package sale

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// built generates a package and does the job's work.
func (b *bench) built(x Sale, o GenerateOptions) (Package, []byte) {
	b.t.Helper()
	p, err := b.Generate(b.t.Context(), b.ada, x.ID, o)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.make(b.t.Context(), p.ID, func(*db.Tx) error { return nil }); err != nil {
		b.t.Fatal(err)
	}
	p, f, err := b.PackageContent(b.t.Context(), b.ada, x.ID, true)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		b.t.Fatal(err)
	}
	return p, all
}

func entries(t *testing.T, archived []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archived), int64(len(archived)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range r.File {
		x, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

func (b *bench) fill() {
	b.t.Helper()
	name, code := "Watermaker", fleet.Systems()[0].Code
	e, err := b.boats.CreateEquipment(b.t.Context(), b.ada, b.boat.ID, fleet.EquipmentInput{Name: &name, SystemCode: &code})
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = b.warranties.Create(b.t.Context(), b.ada, warranty.Input{
		BoatID: b.boat.ID, EquipmentID: &e.ID, ItemName: "Watermaker", Provider: "Acme", PurchaseDate: "2026-01-15", Months: 24, Transferable: true,
		CoverageAmount: ptr(87654321.0), Currency: "EUR",
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestThePackageHoldsWhatGoesAndNothingElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.fill()
		const secret = "Zanzibar-4711"
		b.paper(b.boat, "Raft service", "SAF-RAFT", account.Open, "serviced in Piraeus")
		b.paper(b.boat, secret+" policy", "INS-POL", account.Personal, secret+" premium 1234")
		b.paper(b.boat, secret+" survey", "SUR-PRE", account.Open, secret)
		hidden := b.paper(b.boat, secret+" invoice", "INV-PUR", account.Money, secret)
		x := b.start(b.boat)
		b.choose(x, Decisions{Documents: []Decision{decided(hidden, Hidden)}})
		p, archived := b.built(x, GenerateOptions{})
		if bytes.Contains(archived, []byte(secret)) || bytes.Contains(archived, []byte("87654321")) {
			t.Error("what is withheld is in the package")
		}
		report, err := archive.Verify(t.Context(), bytes.NewReader(archived), int64(len(archived)))
		if err != nil || report.Fingerprint != p.Fingerprint || report.Files != p.Files {
			t.Fatalf("%+v, %v", report, err)
		}
		all := entries(t, archived)
		for _, name := range []string{
			"README.txt", "VERIFY.txt", "index.html", "WARRANTY_SUMMARY.pdf", "WARRANTY_SUMMARY.csv", "manifest.json", "manifest.sig",
			"01_Identity_and_specification/Specification.pdf", "07_Systems_and_equipment/Equipment sheets.pdf", "10_Safety/Raft service.txt",
			"11_Modifications_and_refits/Nothing here.txt", "13_Inventory_and_spares/Inventory to sign.pdf", "15_Handover/Protocol of delivery and acceptance.pdf",
		} {
			if _, there := all[name]; !there {
				t.Errorf("%s is not in the package", name)
			}
		}
		if !strings.Contains(all["index.html"], "serviced in Piraeus") || !strings.Contains(all["WARRANTY_SUMMARY.csv"], "Watermaker,Acme,,active,2028-01-15") {
			t.Error(all["WARRANTY_SUMMARY.csv"])
		}
		var withheld []string
		for _, g := range p.Withheld {
			withheld = append(withheld, g.What+": "+g.Why)
		}
		if want := []string{"Policy and certificate: insurance stays with the seller", "Pre-purchase survey: the seller has not decided to share it"}; !slices.Equal(withheld, want) {
			t.Errorf("withheld: %q", withheld)
		}
		now, err := b.Sale(t.Context(), b.ada, x.ID)
		if err != nil || now.Status != Packed || !now.Generated || now.Package.SHA256 != p.SHA256 || now.Timeline[1].Event != "sale.package_generated" {
			t.Errorf("%+v, %v", now, err)
		}
	})
}

func TestTheSameRecordGivesTheSamePackage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.fill()
		b.paper(b.boat, "Raft service", "SAF-RAFT", account.Open, "serviced in Piraeus")
		x := b.start(b.boat)
		first, _ := b.built(x, GenerateOptions{})
		b.clock.Add(3 * time.Hour)
		second, _ := b.built(x, GenerateOptions{})
		if first.SHA256 != second.SHA256 || first.ID == second.ID {
			t.Errorf("%s, %s", first.SHA256, second.SHA256)
		}
		no := false
		less, archived := b.built(x, GenerateOptions{WarrantySummary: &no})
		if _, there := entries(t, archived)["WARRANTY_SUMMARY.pdf"]; there || less.SHA256 == first.SHA256 {
			t.Error("the summary is in it")
		}
		key, err := b.RotateKey(t.Context(), b.ada, b.boat.OrgID)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := b.built(x, GenerateOptions{}); again.Fingerprint != key.Fingerprint || again.Fingerprint == first.Fingerprint {
			t.Errorf("signed by %s", again.Fingerprint)
		}
		keys, err := b.Keys(t.Context())
		if err != nil || len(keys) != 2 || keys[0].RetiredAt == nil || keys[1].RetiredAt != nil {
			t.Errorf("%+v, %v", keys, err)
		}
	})
}

func TestAMissingFileStopsThePackage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		id := b.paper(b.boat, "Raft service", "SAF-RAFT", account.Open, "")
		x := b.start(b.boat)
		d, err := b.documents.Document(t.Context(), b.ada, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.store.Delete(t.Context(), blob.Digest(d.SHA256)); err != nil {
			t.Fatal(err)
		}
		p, err := b.Generate(t.Context(), b.ada, x.ID, GenerateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.Generate(t.Context(), b.ada, x.ID, GenerateOptions{})
		if err != nil || again.ID != p.ID {
			t.Errorf("a second one is begun: %v", err)
		}
		err = b.make(t.Context(), p.ID, func(*db.Tx) error { return nil })
		if !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "Raft service") {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(b.config.TempDir); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
		now, err := b.Sale(t.Context(), b.ada, x.ID)
		if err != nil || now.Generated || now.Status != Initiated {
			t.Errorf("%+v, %v", now, err)
		}
	})
}

func TestAnEndInTheMiddleLeavesNoPackage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.paper(b.boat, "Raft service", "SAF-RAFT", account.Open, "")
		x := b.start(b.boat)
		p, err := b.Generate(t.Context(), b.ada, x.ID, GenerateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		killed := errors.New("killed")
		if err := b.make(t.Context(), p.ID, func(*db.Tx) error { return killed }); !errors.Is(err, killed) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.make(ctx, p.ID, func(*db.Tx) error { return nil }); err == nil {
			t.Error("a cancelled build is made")
		}
		if now, err := b.Sale(t.Context(), b.ada, x.ID); err != nil || now.Generated || len(now.Timeline) != 1 {
			t.Errorf("%+v, %v", now, err)
		}
		if err := b.make(t.Context(), p.ID, func(*db.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if now, err := b.Sale(t.Context(), b.ada, x.ID); err != nil || !now.Generated || len(now.Timeline) != 2 {
			t.Errorf("%+v, %v", now, err)
		}
	})
}
