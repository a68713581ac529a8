package features

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/demo"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// claiming is what a scenario knows of a claim and of its package.
type claiming struct {
	*cover

	claim   warranty.Claim // as it was read last
	papers  map[string]document.Document
	content map[document.ID][]byte

	archive  []byte
	folder   string            // where it is unpacked
	files    map[string][]byte // by their paths
	manifest bundle.Manifest
}

func (c *cover) claimSteps(sc *godog.ScenarioContext) {
	x := &claiming{cover: c, papers: map[string]document.Document{}, content: map[document.ID][]byte{}}
	const on = `^(?:on (\S+) )?the captain `
	sc.Step(`^the captain begins a claim to the dealer "([^"]*)"$`, x.begins)
	sc.Step(`^the claim is (\w+), and may become: (.*)$`, x.isIn)
	sc.Step(on+`moves the claim to (\w+)$`, func(day, to string) error { return x.moves(day, to, nil) })
	sc.Step(on+`moves the claim to (\w+) with the case number "([^"]*)"$`, func(day, to, number string) error {
		return x.moves(day, to, map[string]any{"case_number": number})
	})
	sc.Step(on+`moves the claim to (\w+) because "([^"]*)", with an appeal until (\S+)$`, func(day, to, why, until string) error {
		return x.moves(day, to, map[string]any{"refusal_reason": why, "appeal_by": until})
	})
	sc.Step(`^it says what may follow: (.*)$`, x.saysNext)
	sc.Step(`^the captain makes the package of the claim$`, func() error { return x.asks("the captain") })
	sc.Step(`^the log of the claim has it as prepared, with its SHA-256$`, x.isPrepared)
	sc.Step(on+`records that the package was sent by (\w+)$`, x.recordsSent)
	sc.Step(on+`records the answer "([^"]*)"$`, x.recordsAnswer)
	sc.Step(`^the claim keeps "([^"]*)", (\S+) and "([^"]*)"$`, x.keeps)
	sc.Step(`^its history is:$`, x.historyIs)
	sc.Step(`^its log is:$`, x.logIs)
	sc.Step(`^the package that was prepared is the one that was sent$`, x.sentWhatWasPrepared)
	x.packageSteps(sc)
}

func (x *claiming) path() string { return x.cover.path() + "/claims/" + string(x.claim.ID) }

func (x *claiming) begins(dealer string) error {
	var to fleet.Contact
	x.captain.Post("/api/contacts", map[string]string{"kind": "dealer", "name": dealer, "email": "service@example.org"}, &to)
	x.captain.Post(x.cover.path()+"/claims", map[string]any{"contact_id": to.ID, "story": "The pump leaks."}, &x.claim)
	return nil
}

func (x *claiming) reads() warranty.Claim {
	x.claim = warranty.Claim{ID: x.claim.ID}
	x.captain.Get(x.path(), &x.claim)
	return x.claim
}

func (x *claiming) isIn(state, next string) error {
	if c := x.reads(); string(c.State) != state || list(c.Next) != next {
		return fmt.Errorf("it is %s, and may become: %s", c.State, list(c.Next))
	}
	return nil
}

func list(states []warranty.ClaimState) string {
	text := make([]string, len(states))
	for i, s := range states {
		text[i] = string(s)
	}
	return strings.Join(text, ", ")
}

// comes is the day of a step, in the morning; none is the day before.
func (x *claiming) comes(day string) error {
	if day == "" {
		return nil
	}
	at, err := time.Parse(time.DateOnly, day)
	x.goesOn(at.Add(8 * time.Hour))
	return err
}

func (x *claiming) moves(day, to string, more map[string]any) error {
	if err := x.comes(day); err != nil {
		return err
	}
	change := map[string]any{"state": to}
	for name, value := range more {
		change[name] = value
	}
	x.answer = x.captain.Do("PATCH", x.path(), change)
	return nil
}

func (x *claiming) saysNext(next string) error {
	said := x.answer.Problem()
	for _, state := range strings.Split(next, ", ") {
		if !strings.Contains(said, state) {
			return fmt.Errorf("it says %q", said)
		}
	}
	if strings.Contains(said, "repaired") {
		return fmt.Errorf("it says %q", said)
	}
	return nil
}

func (x *claiming) log() (all []warranty.Letter) {
	x.captain.Get(x.path()+"/log", &all)
	return all
}

func (x *claiming) isPrepared() error {
	all, sum := x.log(), sha256.Sum256(x.archive)
	if len(all) != 1 || all[0].Direction != "prepared" || all[0].PackageSHA256 != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("it has %+v", all)
	}
	return nil
}

func (x *claiming) recordsSent(day, channel string) error {
	if err := x.comes(day); err != nil {
		return err
	}
	x.captain.Want(http.StatusCreated, "POST", x.path()+"/log", map[string]any{
		"direction": "sent", "channel": channel, "subject": "the package", "contact_id": x.claim.ContactID, "package_sha256": x.log()[0].PackageSHA256,
	})
	return nil
}

func (x *claiming) recordsAnswer(day, text string) error {
	if err := x.comes(day); err != nil {
		return err
	}
	x.captain.Want(http.StatusCreated, "POST", x.path()+"/log", map[string]any{"direction": "received", "channel": "email", "text": text})
	return nil
}

func (x *claiming) keeps(why, until, number string) error {
	c := x.reads()
	if c.RefusalReason != why || c.AppealBy == nil || string(*c.AppealBy) != until || c.CaseNumber != number {
		return fmt.Errorf("it is %+v", c)
	}
	return nil
}

func (x *claiming) historyIs(table *godog.Table) error {
	var got [][]string
	for _, s := range x.reads().History {
		got = append(got, []string{string(s.State), string(s.On)})
	}
	return same(table, got)
}

// logIs compares the begin of what was written or said.
func (x *claiming) logIs(table *godog.Table) error {
	all, want := x.log(), rows(table)
	var got [][]string
	for i, l := range all {
		what := l.Subject + l.Text
		if i < len(want) && strings.HasPrefix(what, want[i][3]) {
			what = want[i][3]
		}
		got = append(got, []string{string(l.On), l.Direction, l.Channel, what})
	}
	return same(table, got)
}

func (x *claiming) sentWhatWasPrepared() error {
	all := x.log()
	if all[0].PackageSHA256 == "" || all[0].PackageSHA256 != all[1].PackageSHA256 {
		return fmt.Errorf("it is %s, not %s", all[1].PackageSHA256, all[0].PackageSHA256)
	}
	return nil
}

func (x *claiming) packageSteps(sc *godog.ScenarioContext) {
	sc.Step(`^these papers of it, of which all but the pictures are read:$`, x.haveComeIn)
	sc.Step(`^a member's photo of the failure, which nobody has sorted yet$`, x.memberAdds)
	sc.Step(`^a claim that says when and how it failed$`, x.says)
	sc.Step(`^the paper "([^"]*)" lies in the bin$`, x.liesInBin)
	sc.Step(`^the file of "([^"]*)" is gone from storage$`, x.isGone)
	sc.Step(`^(the captain|a member of the organization|a viewer of the organization|a stranger) asks for the claim package$`, x.asks)
	sc.Step(`^it is a ZIP that opens, with these files:$`, x.opens)
	sc.Step(`^the papers in it are the bytes that were uploaded$`, x.areTheirBytes)
	sc.Step(`^the manifest lists every file but itself, with its size and SHA-256$`, x.manifestLists)
	sc.Step(`^every PDF in it is a good one$`, x.areGoodPDFs)
	sc.Step(`^the form has what is known, and says that it is a template$`, x.formHas)
	sc.Step(`^the index names every other file, with its pages and SHA-256$`, x.indexNames)
	sc.Step(`^index and manifest say what is missing and why:$`, x.sayMissing)
	sc.Step(`^the maintenance proof does not say that the service log is there$`, x.proofIsTrue)
	sc.Step(`^they do not say that (.*) is missing$`, x.doNotSay)
	sc.Step(`^the audit trail says who took which papers$`, x.isAudited)
	sc.Step(`^it withholds these, of which it tells the purpose alone:$`, x.withhold)
}

// haveComeIn uploads papers to the warranty and waits until they are read; the
// pictures come when the queue is paused, for to read them takes long and adds
// nothing to a package.
func (x *claiming) haveComeIn(table *godog.Table) error {
	var pictures [][]string
	for _, row := range rows(table) {
		if strings.HasSuffix(row[0], ".jpg") {
			pictures = append(pictures, row)
		} else if err := x.comesIn(row); err != nil {
			return err
		}
	}
	for title, d := range x.papers {
		x.papers[title] = x.captain.Read(d.ID)
	}
	errs := []error{x.drains()}
	for _, row := range pictures {
		errs = append(errs, x.comesIn(row))
	}
	return errors.Join(errs...)
}

func (x *claiming) comesIn(row []string) error {
	content, err := demo.Bytes(row[0])
	if err != nil {
		return err
	}
	d := x.captain.Upload(row[0], content, "warranty_id="+string(x.warranty.ID), "purpose="+row[1], "type="+row[2], "title="+row[3])
	x.papers[row[3]], x.content[d.ID] = d, content
	return nil
}

// memberAdds uploads a picture without a type, which its uploader does not see
// again until somebody sorts it.
func (x *claiming) memberAdds() error {
	var content bytes.Buffer
	if err := png.Encode(&content, image.NewGray(image.Rect(0, 0, 90, 60))); err != nil {
		return err
	}
	d := x.person("a member of the organization").Upload("IMG_0412.png", content.Bytes(), "warranty_id="+string(x.warranty.ID), "purpose=photo", "title=the pump")
	x.papers[d.Title], x.content[d.ID] = d, content.Bytes()
	return nil
}

func (x *claiming) says() error {
	x.captain.Post(x.cover.path()+"/claims", map[string]any{
		"buyer": "consumer", "seller": "trader", "item_condition": "new", "country": "GB", "failed_on": "2025-11-02", "hours_at_failure": 412.5,
		"story": "Under way off Elba the high-pressure pump seized.", "fault_codes": "E-17", "remedy": "Repair free of charge.",
		"estimate_parts": 1380.5, "estimate_labour": 640, "currency": "EUR",
	}, &x.claim)
	return nil
}

func (x *claiming) liesInBin(title string) error {
	x.captain.Want(http.StatusOK, "DELETE", "/api/documents/"+string(x.papers[title].ID), nil)
	return nil
}

func (x *claiming) isGone(title string) error {
	return x.server.Store.Delete(x.t.Context(), blob.Digest(x.papers[title].SHA256))
}

func (x *claiming) asks(who string) error {
	x.answer = x.person(who).Do("POST", x.cover.path()+"/claim-package", map[string]any{"claim_id": x.claim.ID})
	if x.answer.Status != http.StatusOK {
		return nil
	}
	_, named, err := mime.ParseMediaType(x.answer.Header.Get("Content-Disposition"))
	if media := x.answer.Header.Get("Content-Type"); err != nil || media != "application/zip" || !strings.HasPrefix(named["filename"], "Claim Calypso Watermaker ") {
		return fmt.Errorf("it is %s, %v, %w", media, named, err)
	}
	x.archive = x.answer.Body
	return x.unpack()
}

// unpack reads the archive and lays it into a folder for the tools.
func (x *claiming) unpack() error {
	r, err := zip.NewReader(bytes.NewReader(x.archive), int64(len(x.archive)))
	if err != nil {
		return err
	}
	x.folder, x.files, x.manifest = x.t.TempDir(), map[string][]byte{}, bundle.Manifest{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(in) // with its checksum
		if err := errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if x.files[f.Name] != nil {
			return fmt.Errorf("%s is there twice", f.Name)
		}
		x.files[f.Name] = content
		at := filepath.Join(x.folder, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, content, 0o600)); err != nil {
			return err
		}
	}
	return json.Unmarshal(x.files["manifest.json"], &x.manifest)
}

// tool runs a program on a file of the package and returns what it prints;
// without the program it says aloud what is not looked at.
func (x *claiming) tool(name string, args ...string) (string, error) {
	if !x.has(name) {
		x.t.Logf("SKIPPED: %s is not installed; nothing was compared with what it says", name)
		return "", nil
	}
	out, err := exec.CommandContext(x.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (x *claiming) has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func (x *claiming) opens(table *godog.Table) error {
	at := filepath.Join(x.t.TempDir(), "claim.zip")
	if err := os.WriteFile(at, x.archive, 0o600); err != nil {
		return err
	}
	if _, err := x.tool("unzip", "-tq", at); err != nil {
		return err
	}
	var want, got []string
	for _, row := range table.Rows {
		want = append(want, row.Cells[0].Value)
	}
	for name := range x.files {
		got = append(got, name)
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(want, got) {
		return fmt.Errorf("they are\n%s", strings.Join(got, "\n"))
	}
	return nil
}

func (x *claiming) areTheirBytes() error {
	n := 0
	for _, f := range x.manifest.Files {
		if f.DocumentID == "" {
			continue
		}
		if n++; !bytes.Equal(x.files[f.Path], x.content[document.ID(f.DocumentID)]) {
			return fmt.Errorf("%s is another file", f.Path)
		}
	}
	if n != len(x.papers)-2 { // one lies in the bin, one is gone
		return fmt.Errorf("they are %d", n)
	}
	return nil
}

func (x *claiming) manifestLists() error {
	listed := map[string]bool{}
	for _, f := range x.manifest.Files {
		sum := sha256.Sum256(x.files[f.Path])
		if f.SHA256 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(x.files[f.Path])) || f.MediaType == "" {
			return fmt.Errorf("it says %+v", f)
		}
		listed[f.Path] = true
	}
	for name := range x.files {
		if listed[name] == (name == "manifest.json") {
			return fmt.Errorf("%s is listed: %t", name, listed[name])
		}
	}
	return nil
}

var pagesLine = regexp.MustCompile(`(?m)^Pages:\s+(\d+)$`)

// areGoodPDFs asks two readers of others about each PDF that was made.
func (x *claiming) areGoodPDFs() error {
	for _, f := range x.manifest.Files {
		if f.MediaType != "application/pdf" || f.DocumentID != "" {
			continue
		}
		at := filepath.Join(x.folder, filepath.FromSlash(f.Path))
		_, broken := x.tool("qpdf", "--check", at)
		info, err := x.tool("pdfinfo", at)
		if err := errors.Join(broken, err); err != nil {
			return err
		}
		if info != "" && (pagesLine.FindString(info) == "" || !strings.Contains(info, "Title:")) {
			return fmt.Errorf("%s: pdfinfo says\n%s", f.Path, info)
		}
	}
	return nil
}

// text is what a PDF says, without the breaks that its columns make.
func (x *claiming) text(name string) (string, error) {
	out, err := x.tool("pdftotext", "-raw", filepath.Join(x.folder, name), "-")
	return strings.Join(strings.Fields(out), ""), err
}

// says demands texts in a PDF.
func (x *claiming) contains(name string, texts ...string) error {
	got, err := x.text(name)
	if err != nil || !x.has("pdftotext") {
		return err
	}
	for _, want := range texts {
		if !strings.Contains(got, strings.Join(strings.Fields(want), "")) {
			return fmt.Errorf("%s does not say %q, but\n%s", name, want, got)
		}
	}
	return nil
}

func (x *claiming) formHas() error {
	return x.contains("01_Claim_Form_UK.pdf", "Template, have it checked", "Watermaker", "2024-02-12", "2026-02-12", "2025-11-02", "412.5",
		"Under way off Elba the high-pressure pump seized.", "E-17", "Repair free of charge.", "EUR 1380.50", "EUR 640.00", "consumer", "trader")
}

// indexNames looks for what the index can know of: all but itself and the
// manifest, which lists it.
func (x *claiming) indexNames() error {
	var want []string
	for _, f := range x.manifest.Files {
		if f.Path == "00_Index.pdf" {
			continue
		}
		pages := "–"
		if d, ok := x.byID(f.DocumentID); ok && d.PageCount > 0 {
			pages = fmt.Sprint(d.PageCount)
		}
		if f.DocumentID == "" && path.Ext(f.Path) == ".pdf" {
			info, err := x.tool("pdfinfo", filepath.Join(x.folder, filepath.FromSlash(f.Path)))
			if err != nil || info == "" {
				return err
			}
			pages = pagesLine.FindStringSubmatch(info)[1]
		}
		want = append(want, fmt.Sprintf("%s %s %d %s", f.Path, pages, f.Bytes, f.SHA256))
	}
	return x.contains("00_Index.pdf", want...)
}

func (x *claiming) byID(id string) (document.Document, bool) {
	for _, d := range x.papers {
		if string(d.ID) == id {
			return d, true
		}
	}
	return document.Document{}, false
}

func (x *claiming) sayMissing(table *godog.Table) error {
	for _, row := range rows(table) {
		i := slices.IndexFunc(x.manifest.Missing, func(g bundle.Gap) bool { return g.What == row[0] })
		if i < 0 || !strings.Contains(x.manifest.Missing[i].Why, row[1]) {
			return fmt.Errorf("the manifest says of %s: %+v", row[0], x.manifest.Missing)
		}
	}
	var all []string
	for _, g := range x.manifest.Missing {
		all = append(all, g.What+" "+g.Why)
	}
	return x.contains("00_Index.pdf", all...)
}

func (x *claiming) proofIsTrue() error {
	proof, err := x.text("09_Maintenance/00 Maintenance proof.pdf")
	if err == nil && strings.Contains(proof, "Servicelog") {
		err = fmt.Errorf("it says %q", proof)
	}
	return err
}

func (x *claiming) doNotSay(what string) error {
	if i := slices.IndexFunc(x.manifest.Missing, func(g bundle.Gap) bool { return g.What == what }); i >= 0 {
		return fmt.Errorf("the manifest says: %+v", x.manifest.Missing[i])
	}
	return nil
}

func (x *claiming) isAudited() error {
	var trail []account.Record
	x.captain.Get("/api/audit?action=warranty.claim_package", &trail)
	if len(trail) != 1 || trail[0].UserID == nil || trail[0].SubjectID != string(x.warranty.ID) {
		return fmt.Errorf("it says %+v", trail)
	}
	for title, d := range x.papers {
		if !strings.Contains(string(trail[0].Detail), string(d.ID)) {
			return fmt.Errorf("it does not name %q, but %s", title, trail[0].Detail)
		}
	}
	return nil
}

// withhold demands that a package tells nothing of some papers but their purpose.
func (x *claiming) withhold(table *godog.Table) error {
	index, err := x.text("00_Index.pdf")
	if err != nil {
		return err
	}
	for i, row := range rows(table) {
		if len(x.manifest.Withheld) != len(table.Rows)-1 || x.manifest.Withheld[i].What != "a paper ("+row[1]+")" {
			return fmt.Errorf("it withholds %+v", x.manifest.Withheld)
		}
		d := x.papers[row[0]]
		for _, secret := range []string{d.Title, d.FileName, string(d.ID), d.SHA256, string(x.content[d.ID])} {
			for name, content := range x.files {
				if strings.Contains(name, secret) || bytes.Contains(content, []byte(secret)) {
					return fmt.Errorf("%s tells %q", name, secret)
				}
			}
			if strings.Contains(index, strings.Join(strings.Fields(secret), "")) {
				return fmt.Errorf("the index tells %q", secret)
			}
		}
		if err := x.contains("00_Index.pdf", "Withheld", "a paper ("+row[1]+")"); err != nil {
			return err
		}
	}
	return nil
}
