package warranty

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/sheet"
)

// PackageOptions say what a claim package is for.
type PackageOptions struct {
	// ClaimID is the claim whose form and evidence go in; "" leaves the form's
	// fields about the failure to be filled in by hand.
	ClaimID ClaimID
	// Jurisdiction is one of Jurisdictions; "" is the claim's, or what its answers
	// and the boat's flag suggest.
	Jurisdiction string
	Letter       bool // US Letter instead of A4
}

// Package is a claim package that can be written.
type Package struct {
	// Name is the file's name.
	Name string

	service  *Service
	who      account.Actor
	at       time.Time
	letter   bool
	warranty Warranty
	claim    *Claim
	law      Law
	boat     fleet.Boat
	owner    fleet.Owner
	item     fleet.Equipment // zero when the warranty names none
	engines  []fleet.Engine
	readings []fleet.Reading
	letters  []Letter
	names    map[fleet.ContactID]string // of whom the letters were exchanged with
	contact  *fleet.Contact
	papers   []Paper
	hidden   []Paper
	missing  []bundle.Gap
	gone     map[document.ID]bool // whose files are no longer in storage
}

// folders are the numbered folders of a claim package, in the order of
// reference.md 4.3, by the purpose of what lies in them.
var folders = map[Purpose]string{
	"proof_of_owner": "02_Owner_and_Boat", "plate": "03_Item", "proof_of_purchase": "04_Proof_of_Purchase",
	"registration": "05_Registration", "warranty_card": "05_Registration", "installation": "06_Installation", "terms": "07_Warranty_Terms",
	"hours": "08_Hours", "service_record": "09_Maintenance", "report": "10_Failure", "photo": "11_Photos", "diagnosis": "12_Diagnosis",
	"estimate": "13_Estimate", "correspondence": "15_Correspondence", "shipping": "15_Correspondence", "other": "16_Other_Papers",
}

// Package gathers what a claim needs; members may. Write writes it.
func (s *Service) Package(ctx context.Context, who account.Actor, id ID, o PackageOptions) (_ *Package, err error) {
	defer fault.Wrap(&err, "warranty.Package %s", id)
	p := &Package{service: s, who: who, at: s.db.Now(), letter: o.Letter, gone: map[document.ID]bool{}}
	if err := p.gatherClaim(ctx, id, o.ClaimID); err != nil {
		return nil, err
	}
	if err := p.gatherBoat(ctx); err != nil {
		return nil, err
	}
	if err := p.gatherPapers(ctx); err != nil {
		return nil, err
	}
	if err := p.chooseLaw(o.Jurisdiction); err != nil {
		return nil, err
	}
	p.Name = bundle.SafeName(fmt.Sprintf("Claim %s %s %s", p.boat.Name, p.warranty.ItemName, Today(p.at, p.warranty.timeZone)), "application/zip")
	return p, nil
}

// gatherClaim reads the warranty, and the claim when there is one.
func (p *Package) gatherClaim(ctx context.Context, id ID, claim ClaimID) (err error) {
	s := p.service
	if claim == "" {
		p.warranty, err = s.load(ctx, s.db, p.who, id, account.Member)
		return err
	}
	var x Claim
	if p.warranty, x, err = s.loadClaim(ctx, s.db, p.who, id, claim, account.Member); err != nil {
		return err
	}
	p.claim = &x
	if x.ContactID != nil {
		c, err := s.boats.NamedContact(ctx, s.db, p.who, *x.ContactID, account.Viewer)
		if err != nil {
			return err
		}
		p.contact = &c
	}
	if p.letters, err = letters(ctx, s.db, x.ID); err != nil {
		return err
	}
	return p.gatherNames(ctx)
}

// gatherNames reads whom the letters were exchanged with.
func (p *Package) gatherNames(ctx context.Context) error {
	p.names = map[fleet.ContactID]string{}
	for _, l := range p.letters {
		if l.ContactID == nil || p.names[*l.ContactID] != "" {
			continue
		}
		c, err := p.service.boats.NamedContact(ctx, p.service.db, p.who, *l.ContactID, account.Viewer)
		if err != nil {
			return err
		}
		p.names[c.ID] = join(", ", c.Name, c.Person)
	}
	return nil
}

func (p *Package) gatherBoat(ctx context.Context) (err error) {
	s, w := p.service, p.warranty
	if p.boat, err = s.boats.Boat(ctx, p.who, w.BoatID); err != nil {
		return err
	}
	if len(p.boat.Owners) > 0 {
		p.owner = p.boat.Owners[0]
	}
	if p.engines, err = s.boats.Engines(ctx, p.who, w.BoatID); err != nil {
		return err
	}
	if w.EquipmentID != nil {
		if p.item, err = s.boats.Equipment(ctx, p.who, *w.EquipmentID); err != nil && !fault.Is(err, fault.NotFound) { // it may be gone
			return err
		}
	}
	if m, ok := w.meter(); ok {
		p.readings, err = fleet.Readings(ctx, s.db, m)
		return err
	}
	return nil
}

// gatherPapers collects the papers of the warranty and of the claim, each once:
// the claim's purpose counts.
func (p *Package) gatherPapers(ctx context.Context) error {
	var all []Paper
	if p.claim != nil {
		evidence, err := p.claim.ID.folder().papers(ctx, p.service.db)
		if err != nil {
			return err
		}
		all = evidence
	}
	linked, err := p.warranty.ID.folder().papers(ctx, p.service.db)
	if err != nil {
		return err
	}
	for _, paper := range linked {
		if !slices.ContainsFunc(all, func(x Paper) bool { return x.DocumentID == paper.DocumentID }) {
			all = append(all, paper)
		}
	}
	slices.SortStableFunc(all, func(a, b Paper) int {
		return slices.Index(Purposes(), a.Purpose) - slices.Index(Purposes(), b.Purpose)
	})
	p.papers, p.hidden = seen(all, p.who.On(p.warranty.OrgID, p.warranty.BoatID))
	return nil
}

func (p *Package) chooseLaw(jurisdiction string) error {
	if jurisdiction == "" && p.claim != nil {
		jurisdiction = p.claim.Jurisdiction
	}
	if jurisdiction == "" {
		country, private := p.boat.Flag, false
		if p.claim != nil {
			private = p.claim.Seller == "private"
			if p.claim.Country != "" {
				country = p.claim.Country
			}
		}
		jurisdiction = SuggestLaw(country, private)
	}
	law, ok := LawOf(jurisdiction)
	if !ok {
		return fault.Fields(fault.Field{
			Location: "body.jurisdiction", Value: fault.Echo(jurisdiction), Message: "is none of " + strings.Join(Jurisdictions(), ", "),
		})
	}
	p.law = law
	return nil
}

// Write writes the ZIP. Papers come first and the index last, so that it can say
// which of them turned out to be gone or damaged. An error means that what was
// written is no package.
func (p *Package) Write(ctx context.Context, out io.Writer) (err error) {
	defer fault.Wrap(&err, "write the claim package of %s", p.warranty.ID)
	return p.logged(ctx, out, func(out io.Writer) error {
		b := bundle.New(out, p.at)
		p.missing = p.gaps()
		if err := p.addPapers(ctx, b); err != nil {
			return err
		}
		if err := p.addSheets(ctx, b); err != nil {
			return err
		}
		return b.Close(p.manifest())
	})
}

// logged notes in the trail that a package leaves, before it does, and its hash
// in the log of the claim, once it has.
func (p *Package) logged(ctx context.Context, out io.Writer, write func(io.Writer) error) error {
	if err := p.noteDownload(ctx); err != nil {
		return err
	}
	sum, size := sha256.New(), &counter{}
	if err := write(io.MultiWriter(out, sum, size)); err != nil || p.claim == nil {
		return err
	}
	return p.service.packageMade(ctx, p.who, p.warranty, p.claim.ID, hex.EncodeToString(sum.Sum(nil)), size.n)
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// noteDownload is in the trail before a byte leaves.
func (p *Package) noteDownload(ctx context.Context) error {
	ids := make([]string, len(p.papers))
	for i, paper := range p.papers {
		ids[i] = string(paper.DocumentID)
	}
	detail := map[string]any{"document_ids": ids, "jurisdiction": p.law.Jurisdiction}
	if p.claim != nil {
		detail["claim_id"] = p.claim.ID
	}
	s := p.service
	return s.db.Transact(ctx, func(tx *db.Tx) error { return s.audit(ctx, tx, p.who, "claim_package", p.warranty, detail) })
}

func (p *Package) addPapers(ctx context.Context, b *bundle.Bundle) error {
	numbers := map[string]int{}
	for _, paper := range p.papers {
		if paper.Deleted {
			p.miss("%q (%s)", "it is in the bin: restore it, or unlink it", paper.Title, paper.Purpose)
			continue
		}
		folder := folders[paper.Purpose]
		numbers[folder]++
		if err := p.addPaper(ctx, b, paper, folder, numbers[folder]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Package) addPaper(ctx context.Context, b *bundle.Bundle, paper Paper, folder string, n int) error {
	r, err := p.service.store.Open(ctx, blob.Digest(paper.digest))
	if fault.Is(err, fault.NotFound) {
		p.gone[paper.DocumentID] = true
		p.miss("%q (%s)", "its file is gone from storage: restore it from a backup", paper.Title, paper.Purpose)
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read from
	e, err := b.Add(ctx, bundle.File{
		Folder: folder, Name: fmt.Sprintf("%02d %s", n, paper.name()), MediaType: paper.MediaType,
		DocumentID: string(paper.DocumentID), SHA256: paper.digest, Pages: paper.PageCount,
	}, r)
	if errors.Is(err, bundle.ErrDamaged) {
		p.miss("%s", "its file is damaged in storage, and goes in as far as it can be read: restore it from a backup", e.Path)
		return nil
	}
	return err
}

// name is what a paper is called in a package.
func (x Paper) name() string {
	if x.Caption != "" {
		return x.Caption
	}
	return x.Title
}

func (p *Package) miss(what, why string, args ...any) {
	p.missing = append(p.missing, bundle.Gap{What: fmt.Sprintf(what, args...), Why: why})
}

func (p *Package) addSheets(ctx context.Context, b *bundle.Bundle) error {
	for _, x := range p.leaves() {
		if err := p.addSheet(ctx, b, x); err != nil {
			return err
		}
	}
	if _, err := b.Add(ctx, bundle.File{Name: "README.txt", MediaType: "text/plain"}, strings.NewReader(p.readme())); err != nil {
		return err
	}
	entries := b.Entries()
	return p.addSheet(ctx, b, leaf{"", "00_Index", "Index", func(s *sheet.Sheet) { p.index(s, entries) }})
}

func (p *Package) addSheet(ctx context.Context, b *bundle.Bundle, x leaf) error {
	var text bytes.Buffer
	s := p.sheet(x.title)
	s.Title(x.title)
	x.fill(s)
	pages, err := s.Write(&text)
	if err != nil {
		return err
	}
	_, err = b.Add(ctx, bundle.File{Folder: x.folder, Name: x.name, MediaType: "application/pdf", Pages: pages}, &text)
	return err
}

// manifestSchema names the form of manifest.json; it changes with the form.
const manifestSchema = "navidocs-claim-package/1"

func (p *Package) manifest() bundle.Manifest {
	data := map[string]any{"boat": p.boatForMaker(), "warranty": p.warrantyForMaker(), "jurisdiction": p.law.Jurisdiction}
	if p.claim != nil {
		data["claim"] = p.claim
	}
	return bundle.Manifest{Schema: manifestSchema, Title: p.title(), Data: data, Missing: p.missing, Withheld: p.withheld()}
}

// boatForMaker is the boat without what does not concern who answers the claim:
// of the owners it has the claimant's name alone, whose contact is on the form.
func (p *Package) boatForMaker() fleet.Boat {
	b := p.boat
	b.Owners = []fleet.Owner{}
	if p.owner.Name != "" {
		b.Owners = append(b.Owners, fleet.Owner{Name: p.owner.Name, Signs: p.owner.Signs})
	}
	return b
}

// warrantyForMaker is the warranty without its amounts.
func (p *Package) warrantyForMaker() Warranty {
	w := p.warranty
	w.CoverageAmount, w.TransferCost = nil, nil
	return w
}

func (p *Package) title() string {
	return fmt.Sprintf("Claim package: %s, %s", p.warranty.ItemName, p.boat.Name)
}

// withheld tells what the actor's role does not show, by its purpose alone: a
// title would say too much.
func (p *Package) withheld() (out []bundle.Gap) {
	for _, paper := range p.hidden {
		out = append(out, bundle.Gap{What: "a paper (" + string(paper.Purpose) + ")", Why: "your role does not show " + string(paper.Class) + " papers: ask a manager to make the package"})
	}
	return out
}

// has says whether a paper of some purpose is linked; one that the actor's role
// does not show is not missing but withheld.
func (p *Package) has(purposes ...Purpose) bool {
	linked := func(x Paper) bool { return !x.Deleted && slices.Contains(purposes, x.Purpose) }
	return slices.ContainsFunc(p.papers, linked) || slices.ContainsFunc(p.hidden, linked)
}

// gaps are what a claim usually needs and the file does not hold.
func (p *Package) gaps() (out []bundle.Gap) {
	need := func(there bool, what, why string) {
		if !there {
			out = append(out, bundle.Gap{What: what, Why: why})
		}
	}
	w, x := p.warranty, Claim{}
	if p.claim != nil {
		x = *p.claim
	}
	need(p.has("proof_of_owner"), "proof of owner", "no registration card, bill of sale or transfer confirmation is linked (purpose proof_of_owner)")
	need(p.owner.Name != "", "claimant", "the boat has no owner recorded: fill in the form by hand")
	need(p.boat.HIN != "", "HIN", "the boat's hull identification number is not recorded")
	need(p.serial() != "", "serial number", "neither the warranty nor its equipment has one")
	need(p.has("plate"), "photo of the plate", "no photo of the item's plate is linked (purpose plate)")
	need(p.has("proof_of_purchase"), "proof of purchase", "no invoice or receipt is linked (purpose proof_of_purchase)")
	need(w.RegistrationNumber != "" || p.has("registration", "warranty_card"), "registration", "neither a registration number nor a warranty card is there: some terms depend on it")
	need(p.has("terms"), "warranty terms", "the maker's terms are not linked (purpose terms): mark the clause")
	if w.countsHours() || x.Hours != nil {
		need(x.Hours != nil, "hours at failure", "the cover is limited by hours, and the claim does not say how many there were")
		need(p.has("hours"), "photo of the hour meter", "none is linked (purpose hours)")
	}
	need(p.has("service_record"), "maintenance history", "no service record is linked (purpose service_record): makers ask for each service that was due")
	need(x.FailedOn != nil && x.Story != "", "failure story", "no claim says when and how it failed: fill in the form by hand")
	need(p.has("photo", "report"), "evidence of the failure", "no photo or report of the failure is linked")
	need(p.has("diagnosis"), "diagnosis", "no dealer's or surveyor's diagnosis is linked (purpose diagnosis)")
	need(p.has("estimate") || x.Parts != nil || x.Labour != nil, "estimate", "no estimate of parts and labour is there")
	need(x.Remedy != "", "remedy asked", "no claim says what is asked for")
	return out
}

// serial is the item's: as the warranty has it, else its equipment or engine.
func (p *Package) serial() string {
	if p.warranty.SerialNumber != "" {
		return p.warranty.SerialNumber
	}
	if e := p.engine(); e.SerialNumber != "" {
		return e.SerialNumber
	}
	return p.item.SerialNumber
}

func (p *Package) engine() fleet.Engine {
	for _, e := range p.engines {
		if p.warranty.EngineID != nil && e.ID == *p.warranty.EngineID {
			return e
		}
	}
	return fleet.Engine{}
}
