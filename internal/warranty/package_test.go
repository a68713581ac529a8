package warranty

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/bundle"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/sheet"
)

var update = flag.Bool("update", false, "write the golden files")

// made is a claim package as whoever gets it has it.
type made struct {
	t        *testing.T
	name     string
	bytes    []byte
	files    map[string]string
	order    []string
	manifest struct {
		bundle.Manifest

		Data struct {
			Boat         fleet.Boat
			Warranty     Warranty
			Claim        *Claim
			Jurisdiction string
		} `json:"data"`
	}
}

func (b *bench) pack(who account.Actor, id ID, o PackageOptions) *made {
	b.t.Helper()
	p, err := b.Package(b.t.Context(), who, id, o)
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Write(b.t.Context(), &out); err != nil {
		b.t.Fatal(err)
	}
	return b.unpack(p.Name, out.Bytes())
}

// unpack demands that the manifest says the truth about every file.
func (b *bench) unpack(name string, archive []byte) *made {
	b.t.Helper()
	m := &made{t: b.t, name: name, bytes: archive, files: map[string]string{}}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			b.t.Fatal(f.Name, err)
		}
		content, err := io.ReadAll(r) // checks the CRC
		if err := errors.Join(err, r.Close()); err != nil {
			b.t.Fatal(f.Name, err)
		}
		m.files[f.Name], m.order = string(content), append(m.order, f.Name)
	}
	if err := json.Unmarshal([]byte(m.files["manifest.json"]), &m.manifest); err != nil {
		b.t.Fatal(err)
	}
	if m.manifest.Schema != manifestSchema || len(m.manifest.Files) != len(m.files)-1 {
		b.t.Errorf("%s lists %d of %d files", m.manifest.Schema, len(m.manifest.Files), len(m.files)-1)
	}
	for _, e := range m.manifest.Files {
		if content := m.files[e.Path]; sha(content) != e.SHA256 || int64(len(content)) != e.Bytes {
			b.t.Errorf("%+v has %d bytes with %s", e, len(content), sha(content))
		}
	}
	return m
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// text is what pdftotext reads in a PDF of the package.
func (m *made) text(name string, options ...string) string {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, []byte(m.files[name]), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return tool(m.t, "pdftotext", append(options, file, "-")...)
}

// says demands that a PDF has each of some texts, however their lines break.
func (m *made) says(name string, texts ...string) {
	m.t.Helper()
	have := solid(m.text(name, "-raw"))
	for _, want := range texts {
		if !strings.Contains(have, solid(want)) {
			m.t.Errorf("%s does not say %q:\n%s", name, want, m.text(name, "-layout"))
		}
	}
}

// solid is a text without its spaces.
func solid(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// gap is why something is missing, "" when it is not.
func gap(all []bundle.Gap, what string) string {
	for _, g := range all {
		if g.What == what {
			return g.Why
		}
	}
	return ""
}

// sound has other programs look at the package and at the PDFs that we wrote.
func (m *made) sound() {
	m.t.Helper()
	dir := m.t.TempDir()
	file := filepath.Join(dir, "package.zip")
	if err := os.WriteFile(file, m.bytes, 0o600); err != nil {
		m.t.Fatal(err)
	}
	if out := tool(m.t, "unzip", "-t", file); !strings.Contains(out, "No errors detected") {
		m.t.Error(out)
	}
	into := filepath.Join(dir, "out")
	tool(m.t, "unzip", "-q", file, "-d", into)
	for _, e := range m.manifest.Files {
		content, err := os.ReadFile(filepath.Join(into, filepath.FromSlash(e.Path)))
		if err != nil || string(content) != m.files[e.Path] {
			m.t.Errorf("unzip has not written %q: %v", e.Path, err)
		}
		if e.MediaType != "application/pdf" || e.DocumentID != "" {
			continue
		}
		pdf := filepath.Join(into, filepath.FromSlash(e.Path))
		tool(m.t, "qpdf", "--check", pdf)
		info := tool(m.t, "pdfinfo", pdf)
		if !regexp.MustCompile(`(?m)^Pages: +[1-9]`).MatchString(info) || !strings.Contains(info, "Title:") {
			m.t.Errorf("%s: %s", e.Path, info)
		}
		for i, line := range strings.Split(strings.TrimSpace(tool(m.t, "pdffonts", pdf)), "\n") {
			if fields := strings.Fields(line); i > 1 && (len(fields) < 6 || fields[len(fields)-5] != "yes") {
				m.t.Errorf("%s: a font is not embedded: %s", e.Path, line)
			}
		}
	}
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed; scripts/setup does it", name)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // unzip writes names as the locale can
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// pdf is a real one with some pages that begin with a text.
func pdf(t *testing.T, text string, pages int) string {
	t.Helper()
	s := sheet.New(sheet.Options{Title: text, At: start})
	for range pages {
		s.Title(text)
		s.Lines(40)
	}
	var out bytes.Buffer
	if _, err := s.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func picture(t *testing.T, shade uint8, encode func(io.Writer, image.Image) error) string {
	t.Helper()
	p := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range p.Pix {
		p.Pix[i] = shade + uint8(i)
	}
	var out bytes.Buffer
	if err := encode(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func asJPEG(w io.Writer, p image.Image) error { return jpeg.Encode(w, p, nil) }

func (b *bench) link(id ID, doc document.ID, purpose Purpose, caption string) {
	b.t.Helper()
	if _, err := b.LinkPaper(b.t.Context(), b.ada, id, Link{doc, purpose, caption}); err != nil {
		b.t.Fatal(err)
	}
}

// dossier is a warranty with a claim that lacks nothing.
func (b *bench) dossier() (Warranty, Claim) {
	b.t.Helper()
	_, err := b.boats.UpdateBoat(b.t.Context(), b.ada, b.boat, fleet.BoatInput{
		Make: ptr("Beneteau"), Model: ptr("Oceanis 40"), Year: ptr(2019), HIN: ptr("FR-SPBXY123D919"), Flag: ptr("FR"), HomePort: ptr("Marseille"),
		MMSI: ptr("227123456"), Owners: &[]fleet.Owner{{Name: "Zoë Łukaszewicz", Contact: "zoe@example.org"}},
	}, "")
	if err != nil {
		b.t.Fatal(err)
	}
	engine := b.engine(b.boat)
	_, err = b.boats.UpdateEngine(b.t.Context(), b.ada, b.boat, engine, fleet.EngineInput{
		SerialNumber: ptr("E-4711"), Hours: ptr(412.5), HoursOn: ptr(fleet.Date("2026-03-30")), HoursSource: ptr("hour meter"),
	}, "")
	if err != nil {
		b.t.Fatal(err)
	}
	w := b.create(Input{
		EngineID: &engine, ItemName: "Main engine", Provider: "Yanmar", PurchaseDate: "2025-04-10", Months: 24, HoursLimit: ptr(2000.0),
		RegistrationNumber: "REG-1", ClaimInstructions: "Call the dealer first.", CoverageAmount: ptr(9000.0), Currency: "EUR",
		Lines: []LineInput{{Coverage: "emission parts", Months: ptr(36)}},
	})
	contact := b.contact(b.ada, b.org, "Diesel Service S.L.")
	x := b.claim(w.ID, ClaimInput{
		ContactID: &contact, Buyer: ptr("consumer"), Seller: ptr("trader"), ItemCondition: ptr("new"), Country: ptr("FR"), DeliveredOn: ptr(fleet.Date("2025-04-10")),
		FailedOn: ptr(fleet.Date("2026-04-01")), Hours: ptr(413.0), Story: ptr("It lost power off Cap Canaille and stopped."), FaultCodes: ptr("P0087"),
		Measures: ptr("Anchored, towed in."), Access: ptr("Vieux-Port, berth 12"), Remedy: ptr("Replace the injection pump."), AnswerBy: ptr(fleet.Date("2026-05-20")),
		Parts: ptr(1800.0), Labour: ptr(650.5), HaulOut: ptr(0.0), Currency: ptr("EUR"), CaseNumber: ptr("RMA-77"),
	})
	for i, p := range []struct {
		purpose Purpose
		title   string
		content string
	}{
		{"proof_of_owner", "Acte de francisation", pdf(b.t, "Acte", 1)},
		{"plate", "Plate", picture(b.t, 1, asJPEG)},
		{"proof_of_purchase", "Invoice Diesel Service", pdf(b.t, "Invoice", 3)},
		{"registration", "Confirmation", "Your registration is confirmed."},
		{"warranty_card", "Warranty card", picture(b.t, 2, png.Encode)},
		{"installation", "Installation certificate", pdf(b.t, "Installation", 1)},
		{"terms", "Yanmar terms 2025", pdf(b.t, "Terms", 12)},
		{"hours", "Hour meter", picture(b.t, 3, asJPEG)},
		{"service_record", "Service 250 h", pdf(b.t, "Service", 2)},
		{"report", "Tow report", "Towed at 17:20."},
		{"photo", "Pump", picture(b.t, 4, asJPEG)},
		{"photo", "Pump", picture(b.t, 5, asJPEG)},
		{"diagnosis", "Diagnosis", pdf(b.t, "Diagnosis", 1)},
		{"estimate", "Estimate", pdf(b.t, "Estimate", 1)},
		{"correspondence", "Mail", "Dear all,"},
		{"shipping", "Waybill", pdf(b.t, "Waybill", 1)},
		{"other", "Sketch", picture(b.t, 6, png.Encode)},
	} {
		id := b.paper(p.title, openPaper, p.content)
		b.exec("UPDATE documents SET page_count = $1, issued_on = '2026-02-10' WHERE id = $2", 1+i%3, id)
		if i%2 == 0 {
			b.link(w.ID, id, p.purpose, "")
		} else if _, err := b.LinkEvidence(b.t.Context(), b.ada, w.ID, x.ID, Link{id, p.purpose, ""}); err != nil {
			b.t.Fatal(err)
		}
	}
	b.letter(x, LetterInput{Direction: "sent", Channel: "email", On: "2026-04-02", ContactID: contact, Subject: "Claim", Text: "Please look at it."})
	return w, x
}

func TestAPackageHoldsEverythingInItsFolders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w, x := b.dossier()
		m := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
		want := []string{
			"00_Index.pdf", "01_Claim_Form_EU.pdf", "02_Owner_and_Boat/01 Acte de francisation.pdf", "03_Item/00 Item and serial numbers.pdf",
			"03_Item/01 Plate.jpg", "04_Proof_of_Purchase/01 Invoice Diesel Service.pdf", "05_Registration/01 Confirmation.txt",
			"05_Registration/02 Warranty card.png", "06_Installation/01 Installation certificate.pdf", "07_Warranty_Terms/01 Yanmar terms 2025.pdf",
			"08_Hours/00 Hours.pdf", "08_Hours/01 Hour meter.jpg", "09_Maintenance/00 Maintenance proof.pdf", "09_Maintenance/01 Service 250 h.pdf",
			"10_Failure/01 Tow report.txt", "11_Photos/01 Pump.jpg", "11_Photos/02 Pump.jpg", "12_Diagnosis/01 Diagnosis.pdf", "13_Estimate/01 Estimate.pdf",
			"15_Correspondence/00 Correspondence log.pdf", "15_Correspondence/01 Mail.txt", "15_Correspondence/02 Waybill.pdf", "16_Other_Papers/01 Sketch.png",
			"README.txt", "manifest.json",
		}
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(m.order))); diff != "" {
			t.Error(diff)
		}
		if m.name != "Claim Calypso Main engine 2026-05-01.zip" {
			t.Error(m.name)
		}
		if len(m.manifest.Missing)+len(m.manifest.Withheld) > 0 {
			t.Errorf("of a whole file is missing: %v %v", m.manifest.Missing, m.manifest.Withheld)
		}
		if d := m.manifest.Data; d.Boat.ID != b.boat || d.Warranty.ID != w.ID || d.Claim.ID != x.ID || d.Jurisdiction != "EU" || !m.manifest.CreatedAt.Equal(start) {
			t.Errorf("%+v", d)
		}
		m.sound()
		m.says("00_Index.pdf", "Claim package: Main engine, Calypso", "Nothing that a claim usually needs is missing.",
			m.manifest.Files[0].Path, m.manifest.Files[0].SHA256, "07_Warranty_Terms/01 Yanmar terms 2025.pdf")
		m.says("03_Item/00 Item and serial numbers.pdf", "E-4711", "FR-SPBXY123D919", "227123456", "412.5")
		m.says("08_Hours/00 Hours.pdf", "2026-03-30 412.5 hour meter")
		m.says("09_Maintenance/00 Maintenance proof.pdf", "2026-02-10 Service 250 h")
		m.says("15_Correspondence/00 Correspondence log.pdf", "2026-04-02 sent email Diesel Service S.L. Claim Please look at it.", "2026-05-01 draft")
		for _, text := range []string{"01_Claim_Form_EU.pdf", "Template, have it checked", "Call the dealer first.", "\r\n"} {
			if !strings.Contains(m.files["README.txt"], text) {
				t.Errorf("README.txt has no %q: %s", text, m.files["README.txt"])
			}
		}
	})
}

// It goes to the maker: how the other owners are reached and what the cover is
// worth is not the maker's.
func TestThePackageTellsTheMakerNoMoreThanTheClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w, x := b.dossier()
		_, err := b.boats.UpdateBoat(t.Context(), b.ada, b.boat, fleet.BoatInput{Owners: &[]fleet.Owner{
			{Name: "Zoë Łukaszewicz", Contact: "zoe@example.org"}, {Name: "Silent Partner", Contact: "+33 6 00 00 00 00", SharePercent: ptr(49.0)},
		}}, "")
		if err != nil {
			t.Fatal(err)
		}
		b.update(w.ID, Patch{Transferable: ptr(true), TransferCost: ptr(431.0)})
		m := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
		for _, secret := range []string{"zoe@example.org", "Silent Partner", "+33 6", "9000", "431"} {
			if strings.Contains(dataOf(m), secret) {
				t.Errorf("%q is in the manifest", secret)
			}
		}
		if got := m.manifest.Data.Boat.Owners; len(got) != 1 || got[0].Name != "Zoë Łukaszewicz" {
			t.Errorf("%+v", got)
		}
		m.says("01_Claim_Form_EU.pdf", "zoe@example.org") // where the answer is to go
		// The package of another maker is made of the same boat.
		if boat, err := b.boats.Boat(t.Context(), b.ada, b.boat); err != nil || len(boat.Owners) != 2 {
			t.Error(boat.Owners, err)
		}
	})
}

// dataOf is what the manifest says besides the list of files, whose hashes may
// hold any digits.
func dataOf(m *made) string {
	var manifest struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(m.files["manifest.json"]), &manifest); err != nil {
		m.t.Fatal(err)
	}
	return string(uuids.ReplaceAll(manifest.Data, nil))
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// The index says of each file how many pages it has, how many bytes, and its
// digest.
func TestTheIndexListsEveryFile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		for i := range 45 {
			id := b.paper(fmt.Sprintf("Photo number %d", i), openPaper, fmt.Sprint("photo ", i))
			b.exec("UPDATE documents SET page_count = $1 WHERE id = $2", 1000+i, id)
			b.link(w.ID, id, "photo", "")
		}
		m := b.pack(b.ada, w.ID, PackageOptions{Letter: true})
		m.sound()
		index := solid(m.text("00_Index.pdf", "-raw"))
		for _, e := range m.manifest.Files {
			if e.Path == "00_Index.pdf" {
				continue // it cannot name itself
			}
			for _, want := range []string{e.Path, e.SHA256} {
				if !strings.Contains(index, solid(want)) {
					t.Errorf("the index has no %q", want)
				}
			}
		}
		m.says("00_Index.pdf", "1000", "1044", "page 1 of")
		if info := tool(t, "pdfinfo", m.saved("00_Index.pdf")); !strings.Contains(info, "612 x 792") {
			t.Error("not US Letter:", info)
		}
	})
}

// saved writes a file of the package to a folder of its own.
func (m *made) saved(name string) string {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(m.files[name]), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// scripts are names as people write them.
func scripts() map[string]string {
	return map[string]string{
		"latin": "Žofie Łódź Ångström œuvre", "greek": "Ποσειδών Αιγαίου", "cyrillic": "Штурман Ёлкин Їжак", "chinese": "海鸥号 发动机", "japanese": "かもめ エンジン 保証書", "korean": "갈매기호 엔진",
	}
}

func TestAPackageInSixScripts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for script, name := range scripts() {
			boat, owner, item, title := "Boat "+name, "Owner "+name, "Item "+name, "Title "+name
			made, err := b.boats.CreateBoat(t.Context(), b.ada, b.org, fleet.BoatInput{Name: &boat, Owners: &[]fleet.Owner{{Name: owner}}})
			if err != nil {
				t.Fatal(err)
			}
			w := b.create(Input{BoatID: made.ID, ItemName: item, Provider: "Maker " + name, PurchaseDate: "2026-01-15", Months: 12})
			x := b.claim(w.ID, ClaimInput{Story: ptr("Story " + name)})
			b.link(w.ID, b.paper(title, openPaper, script), "terms", "")
			m := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
			m.sound()
			m.says("01_Claim_Form_maker.pdf", boat, owner, item, "Maker "+name, "Story "+name)
			path := "07_Warranty_Terms/01 " + title + ".txt"
			m.says("00_Index.pdf", boat, item, path)
			if m.files[path] != script || m.name != "Claim "+boat+" "+item+" 2026-05-01.zip" {
				t.Errorf("%q, %q", m.order, m.name)
			}
			if m.manifest.Data.Boat.Name != boat || m.manifest.Data.Claim.Story != "Story "+name {
				t.Errorf("%+v", m.manifest.Data)
			}
		}
	})
}

// blob is the file on disk of what was uploaded.
func (b *bench) blob(content string) string {
	digest := sha(content)
	return filepath.Join(b.blobs, digest[:2], digest[2:4], digest)
}

func TestWhatIsGoneOrDamagedIsNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		contents := map[string]string{}
		for i, title := range []string{"Whole", "In the bin", "Gone from disk", "Changed on disk", "Cut on disk"} {
			contents[title] = strings.Repeat(fmt.Sprintf("%s %d.", title, i), 9000)
			b.link(w.ID, b.paper(title, openPaper, contents[title]), "terms", "")
		}
		binned, err := b.Papers(t.Context(), b.ada, w.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.papers.Delete(t.Context(), b.ada, binned[1].DocumentID, ""); err != nil {
			t.Fatal(err)
		}
		changed := contents["Changed on disk"][:70_000] + "!" + contents["Changed on disk"][70_001:]
		cut := contents["Cut on disk"][:70_000]
		for _, err := range []error{
			os.Remove(b.blob(contents["Gone from disk"])),
			os.WriteFile(b.blob(contents["Changed on disk"]), []byte(changed), 0o600),
			os.WriteFile(b.blob(contents["Cut on disk"]), []byte(cut), 0o600),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		m := b.pack(b.ada, w.ID, PackageOptions{})
		m.sound()
		for path, content := range map[string]string{
			"07_Warranty_Terms/01 Whole.txt": contents["Whole"], "07_Warranty_Terms/03 Changed on disk.txt": changed, "07_Warranty_Terms/04 Cut on disk.txt": cut,
		} {
			if m.files[path] != content {
				t.Errorf("%s has %d bytes: %v", path, len(m.files[path]), m.order)
			}
		}
		for what, why := range map[string]string{
			`"In the bin" (terms)`:                     "it is in the bin: restore it, or unlink it",
			`"Gone from disk" (terms)`:                 "its file is gone from storage: restore it from a backup",
			"07_Warranty_Terms/03 Changed on disk.txt": "its file is damaged in storage, and goes in as far as it can be read: restore it from a backup",
			"07_Warranty_Terms/04 Cut on disk.txt":     "its file is damaged in storage, and goes in as far as it can be read: restore it from a backup",
		} {
			if got := gap(m.manifest.Missing, what); got != why {
				t.Errorf("%s: %q in %v", what, got, m.manifest.Missing)
			}
			m.says("00_Index.pdf", what, why)
		}
		for path := range m.files {
			if strings.Contains(path, "bin") || strings.Contains(path, "Gone") {
				t.Error(path)
			}
		}
	})
}

func TestWhatOneMayNotSeeIsWithheldWithoutItsName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		secret := b.paper("Passport of Zoe", personalPaper, "passport number 4711")
		b.link(w.ID, secret, "proof_of_owner", "with her face")
		b.letter(x, LetterInput{Direction: "sent", Channel: "email", Subject: "Hello", DocumentID: b.paper("Identity card", personalPaper, "card")})
		m := b.pack(b.member(), w.ID, PackageOptions{ClaimID: x.ID})
		want := []bundle.Gap{
			{What: "a paper (proof_of_owner)", Why: "your role does not show personal papers: ask a manager to make the package"},
			{What: "a paper (correspondence)", Why: "your role does not show personal papers: ask a manager to make the package"},
		}
		if diff := cmp.Diff(want, m.manifest.Withheld); diff != "" {
			t.Error(diff)
		}
		m.says("00_Index.pdf", "Withheld", want[0].What, want[1].Why)
		for path, content := range m.files {
			text := path + content
			if strings.HasSuffix(path, ".pdf") {
				text += m.text(path)
			}
			for _, word := range []string{"Passport", "passport", "face", "Identity card", string(secret)} {
				if strings.Contains(text, word) {
					t.Errorf("%s says %q", path, word)
				}
			}
		}
		whole := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
		if len(whole.manifest.Withheld) != 0 || whole.files["02_Owner_and_Boat/01 with her face.txt"] != "passport number 4711" {
			t.Error(whole.order, whole.manifest.Withheld)
		}
	})
}

func TestWhatIsMissingIsListed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		all := []string{
			"proof of owner", "claimant", "HIN", "serial number", "photo of the plate", "proof of purchase", "registration", "warranty terms",
			"maintenance history", "failure story", "evidence of the failure", "diagnosis", "estimate", "remedy asked",
		}
		missing := func(m *made) (names []string) {
			for _, g := range m.manifest.Missing {
				names = append(names, g.What)
			}
			return names
		}
		w := b.ending("Engine", 50)
		m := b.pack(b.ada, w.ID, PackageOptions{})
		if diff := cmp.Diff(all, missing(m)); diff != "" {
			t.Error(diff)
		}
		for _, g := range m.manifest.Missing {
			m.says("00_Index.pdf", g.What, g.Why)
		}
		limited := b.create(Input{PurchaseDate: "2026-01-15", Months: 12, Lines: []LineInput{{Coverage: "parts", HoursLimit: ptr(10.0)}}})
		withHours := slices.Insert(slices.Clone(all), slices.Index(all, "maintenance history"), "hours at failure", "photo of the hour meter")
		if diff := cmp.Diff(withHours, missing(b.pack(b.ada, limited.ID, PackageOptions{}))); diff != "" {
			t.Error(diff)
		}
		// What is there but cannot go in is missing.
		terms := b.paper("Terms", openPaper, "terms")
		b.link(w.ID, terms, "terms", "")
		if m := b.pack(b.ada, w.ID, PackageOptions{}); gap(m.manifest.Missing, "warranty terms") != "" {
			t.Error(m.manifest.Missing)
		}
		if _, err := b.papers.Delete(t.Context(), b.ada, terms, ""); err != nil {
			t.Fatal(err)
		}
		if m := b.pack(b.ada, w.ID, PackageOptions{}); gap(m.manifest.Missing, "warranty terms") == "" || gap(m.manifest.Missing, `"Terms" (terms)`) == "" {
			t.Error(m.manifest.Missing)
		}
	})
}

// breaking is a connection that breaks after so many bytes.
func breaking(room int, how error) writerFunc {
	return func(p []byte) (int, error) {
		if room -= len(p); room < 0 {
			return 0, how
		}
		return len(p), nil
	}
}

func TestAPackageThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w, x := b.dossier()
		broken := errors.New("the connection broke")
		write := func(ctx context.Context, claim ClaimID, out io.Writer) error {
			t.Helper()
			p, err := b.Package(t.Context(), b.ada, w.ID, PackageOptions{ClaimID: claim})
			if err != nil {
				t.Fatal(err)
			}
			return p.Write(ctx, out)
		}
		size := len(b.pack(b.ada, w.ID, PackageOptions{}).bytes)
		for _, room := range []int{0, 100, size / 2, size - 1} {
			if err := write(t.Context(), "", breaking(room, broken)); !errors.Is(err, broken) {
				t.Errorf("after %d bytes: %v", room, err)
			}
		}
		if err := write(t.Context(), "", breaking(size, broken)); err != nil {
			t.Error(err)
		}
		for _, room := range []int{0, size / 2} {
			if err := write(t.Context(), x.ID, breaking(room, broken)); !errors.Is(err, broken) {
				t.Errorf("with a claim, after %d bytes: %v", room, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			out := breaking(room, broken)
			err := write(ctx, x.ID, writerFunc(func(p []byte) (int, error) {
				if _, err := out(p); err != nil {
					cancel()
				}
				return len(p), nil
			}))
			if cancel(); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled after %d bytes: %v", room, err)
			}
		}
		log, err := b.Letters(t.Context(), b.ada, w.ID, x.ID)
		if err != nil || len(log) != 1 {
			t.Errorf("a package that was never whole is in the log: %+v, %v", log, err)
		}
		// The trail says that papers left, whole or not.
		if n := count(b.trail("warranty"), "warranty.claim_package"); n != 10 {
			t.Error(n)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func TestTheLogProvesWhatWasSent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		x := b.claim(w.ID, ClaimInput{})
		b.pack(b.ada, w.ID, PackageOptions{}) // of no claim
		m := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
		log, err := b.Letters(t.Context(), b.ada, w.ID, x.ID)
		if err != nil || len(log) != 1 {
			t.Fatal(log, err)
		}
		l := log[0]
		if l.PackageSHA256 != sha(string(m.bytes)) || l.Direction != "prepared" || l.Channel != "package" || l.On != "2026-05-01" || l.Subject != fmt.Sprintf("Claim package, %d bytes", len(m.bytes)) {
			t.Errorf("%+v", l)
		}
		again := b.pack(b.ada, w.ID, PackageOptions{ClaimID: x.ID})
		again.says("15_Correspondence/00 Correspondence log.pdf", "prepared", "SHA-256 "+l.PackageSHA256)
		trail, _, err := b.accounts.AuditTrail(t.Context(), b.ada, account.AuditFilter{Action: "warranty.claim_package", Limit: 10})
		if err != nil || len(trail) != 3 || !strings.Contains(string(trail[0].Detail), string(x.ID)) || strings.Contains(string(trail[2].Detail), "claim_id") {
			t.Error(trail, err)
		}
	})
}

func TestTheSamePackageIsTheSameBytes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w, _ := b.dossier()
		if a, c := b.pack(b.ada, w.ID, PackageOptions{}), b.pack(b.ada, w.ID, PackageOptions{}); !bytes.Equal(a.bytes, c.bytes) {
			t.Error("two packages of the same file differ")
		}
	})
}

func TestHostileTitles(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		titles := []string{
			"../../../etc/passwd", `..\..\windows\system32`, "CON", "nul.txt", "a\x01b\x7fc", "invoice\u202efdp.exe", "\u200b\u200b", "....", " .. ",
			strings.Repeat("ä", 300), strings.Repeat("海", 300), "same", "SAME", "sa\u0301me", "sáme", "C:\\x", "a/b", "line\nbreak", "%s%n%d", "'; DROP TABLE documents; --", "<b>&amp;",
		}
		w := b.create(Input{BoatID: b.newBoat("../"+titles[5], ""), ItemName: `..\CON ` + strings.Repeat("ü", 190), PurchaseDate: "2026-01-15", Months: 12})
		for i, title := range titles {
			b.link(w.ID, b.paper(title, openPaper, fmt.Sprint("paper ", i)), Purposes()[i%len(Purposes())], "")
		}
		b.link(w.ID, b.paper("Captioned", openPaper, "captioned"), "photo", "../../up "+strings.Repeat("ß", 250))
		m := b.pack(b.ada, w.ID, PackageOptions{})
		m.sound()
		papers, seen := 0, map[string]bool{}
		for _, e := range m.manifest.Files {
			if e.DocumentID != "" {
				papers++
			}
			folded := strings.ToLower(e.Path)
			if seen[folded] || len(e.Path) > 200 || strings.ContainsFunc(e.Path, func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`\:*?"<>|`, r)
			}) {
				t.Errorf("%q", e.Path)
			}
			seen[folded] = true
			for part := range strings.SplitSeq(e.Path, "/") {
				if part != strings.Trim(part, ". ") || part == "" || len(part) > 120 {
					t.Errorf("%q in %q", part, e.Path)
				}
			}
			if strings.Count(e.Path, "/") > 1 {
				t.Errorf("%q leaves its folder", e.Path)
			}
		}
		if papers != len(titles)+1 {
			t.Errorf("%d of %d papers", papers, len(titles)+1)
		}
		if strings.ContainsAny(m.name, `/\`) || len(m.name) > 120 || !strings.HasSuffix(m.name, ".zip") || strings.Contains(m.name, "\u202e") {
			t.Errorf("%q", m.name)
		}
	})
}
