package sale

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/dossier"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/record"
	"navidocs/internal/warranty"
)

// gathered is what a package is made of.
type gathered struct {
	selection Selection
	input     dossier.Input
	record    *record.Files
	key       ed25519.PrivateKey
}

// Close lets go of what is on disk.
func (g *gathered) Close() {
	if g.record != nil {
		_ = g.record.Close() // a leftover is swept with the folder
	}
}

// fileName is what the archive is called.
func (g gathered) fileName() string {
	what := "As-built package"
	if g.input.Supplement {
		what = "Supplement"
	}
	return bundle.SafeName(fmt.Sprintf("%s %s %s", what, g.input.Boat.Name, g.input.At.Format(time.DateOnly)), "application/zip")
}

// gather reads what goes into a package, as the choices stand, and lays it out.
func (s *Service) gather(ctx context.Context, who account.Actor, p *Package) (_ *dossier.Package, g gathered, err error) {
	x, err := s.load(ctx, s.db, who, p.SaleID, account.Manager)
	if err != nil {
		return nil, g, err
	}
	if x.Status == Cancelled {
		return nil, g, fault.New(fault.Conflict, "the sale was cancelled")
	}
	options, err := s.optionsOf(ctx, p.ID)
	if err != nil {
		return nil, g, err
	}
	if g.selection, err = s.selection(ctx, s.db, who, x); err != nil {
		return nil, g, err
	}
	if p.Kind == Supplement {
		g.selection.Missing = nil
		if g.selection.Documents, err = afterOf(ctx, s.db, x); err != nil {
			return nil, g, err
		}
	}
	if g.key, err = s.Signer(ctx, x.OrgID); err != nil {
		return nil, g, err
	}
	in := &g.input
	in.At, in.Fingerprint, in.TempDir = s.db.Now().UTC().Truncate(24*time.Hour), fingerprint(g.key), s.config.TempDir
	in.Supplement, in.NoSummary = p.Kind == Supplement, no(options.WarrantySummary)
	in.Buyer, in.TransferDate, in.Pages = x.buyer(), x.TransferDate, s.eachPage
	in.Missing, in.Withheld = g.selection.Missing, g.selection.Withheld()
	if err := s.gatherBoat(ctx, who, x, &g); err != nil {
		return nil, g, err
	}
	if err := s.gatherPapers(ctx, options, &g); err != nil {
		return nil, g, err
	}
	if err := s.gatherCovers(ctx, who, x, &g); err != nil {
		return nil, g, err
	}
	if !in.Supplement {
		if g.record, err = s.records.Files(ctx, s.db, g.scope(x)); err != nil {
			return nil, g, err
		}
		in.Data = g.record.List
	}
	files, err := dossier.New(ctx, *in)
	if err != nil {
		g.Close()
	}
	return files, g, err
}

// scope is what of the record goes: what the buyer gets, without amounts and
// people.
func (g *gathered) scope(x Sale) record.Scope {
	sc := record.Scope{Org: x.OrgID, Boats: []account.BoatID{x.BoatID}, Documents: map[string]bool{}, Equipment: map[string]bool{}, Redact: true}
	for _, p := range g.input.Papers {
		sc.Documents[string(p.ID)] = true
	}
	for _, e := range g.input.Equipment {
		sc.Equipment[string(e.ID)] = true
	}
	return sc
}

func (s *Service) optionsOf(ctx context.Context, id PackageID) (o GenerateOptions, err error) {
	text, err := db.One(ctx, s.db, db.Scalar[string], "SELECT options FROM sale_packages WHERE id = $1", id)
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal([]byte(text), &o)
}

// buyer is the name of whom the boat is sold to, else the address.
func (x *Sale) buyer() string {
	if x.BuyerName != "" {
		return x.BuyerName
	}
	return x.BuyerEmail
}

// gatherBoat reads the boat as its buyer may know it: whose it is stands on what
// is signed, by name alone.
func (s *Service) gatherBoat(ctx context.Context, who account.Actor, x Sale, g *gathered) (err error) {
	in := &g.input
	if in.Boat, err = s.boats.Boat(ctx, who, x.BoatID); err != nil {
		return err
	}
	for _, o := range in.Boat.Owners {
		if o.Signs {
			in.Seller = append(in.Seller, o.Name)
		}
	}
	in.Boat.OrgID, in.Boat.Slug, in.Boat.Owners, in.Boat.Warnings = "", "", []fleet.Owner{}, []fleet.Warning{}
	if in.Engines, err = s.boats.Engines(ctx, who, x.BoatID); err != nil {
		return err
	}
	all, _, err := s.boats.EquipmentList(ctx, who, fleet.EquipmentFilter{BoatID: x.BoatID, Page: fleet.Page{Limit: everything}})
	if err != nil {
		return err
	}
	stays := map[fleet.EquipmentID]bool{}
	for _, e := range g.selection.Equipment {
		stays[e.EquipmentID] = e.Going == Out
	}
	for _, e := range all {
		if stays[e.ID] {
			in.Excluded = append(in.Excluded, e)
		} else {
			in.Equipment = append(in.Equipment, e)
		}
	}
	return s.gatherMeters(ctx, in)
}

// everything is more than a boat has of anything.
const everything = 100_000

func (s *Service) gatherMeters(ctx context.Context, in *dossier.Input) error {
	read := func(name string, m fleet.Meter) error {
		readings, err := fleet.Readings(ctx, s.db, m)
		if len(readings) > 0 {
			in.Meters = append(in.Meters, dossier.Meter{Name: name, Readings: readings})
		}
		return err
	}
	for _, e := range in.Engines {
		if err := read(strings.Join(strings.Fields("Engine "+e.Position+" "+e.Maker+" "+e.Model), " "), e.ID.Meter()); err != nil {
			return err
		}
	}
	for _, e := range in.Equipment {
		if err := read(e.Name, e.ID.Meter()); err != nil {
			return err
		}
	}
	return nil
}

// gatherPapers lists the papers that go in. One that was chosen to go as another
// file goes under its own title and type, with the other's bytes and text.
func (s *Service) gatherPapers(ctx context.Context, o GenerateOptions, g *gathered) error {
	for i := range g.selection.Documents {
		x := &g.selection.Documents[i]
		if x.Going != In && x.Going != Use {
			continue
		}
		if no(o.Manuals) && x.Type == "MAN-EQ" {
			g.input.Withheld = append(g.input.Withheld, bundle.Gap{What: x.TypeName, Why: "manuals were left out of this package"})
			continue
		}
		sent := x.sent()
		dates, err := db.One(ctx, s.db, func(r db.Row) (d [2]*fleet.Date, err error) { return d, r.Scan(&d[0], &d[1]) },
			"SELECT issued_on, expires_on FROM documents WHERE id = $1", x.DocumentID)
		if err != nil {
			return err
		}
		g.input.Papers = append(g.input.Papers, dossier.Paper{
			File: archive.File{MediaType: sent.mediaType, SHA256: sent.digest, Open: s.opener(sent)},
			ID:   sent.DocumentID, Title: x.Title, Type: x.Type, TypeName: x.TypeName, Pages: sent.Pages, Bytes: sent.Bytes, IssuedOn: dates[0], ExpiresOn: dates[1],
		})
	}
	return nil
}

// opener reads a paper's bytes; what is gone from storage is named by its title,
// which whoever asked for the package may see.
func (s *Service) opener(p *Candidate) func(context.Context) (io.ReadCloser, error) {
	title, digest := p.Title, blob.Digest(p.digest)
	return func(ctx context.Context) (io.ReadCloser, error) {
		r, err := s.store.Open(ctx, digest)
		if fault.Is(err, fault.NotFound) {
			return nil, fault.Because(err, fault.NotFound, "the file of %q is gone from storage: restore it from a backup, or leave it out", title)
		}
		return r, err
	}
}

// eachPage gives the text of a paper, page by page.
func (s *Service) eachPage(ctx context.Context, id document.ID, yield func(int, string) error) error {
	type page struct {
		number int
		text   string
	}
	pages, err := db.Collect(ctx, s.db, func(r db.Row) (p page, err error) { return p, r.Scan(&p.number, &p.text) },
		"SELECT number, text FROM pages WHERE document_id = $1 AND status = 'ready' AND text <> '' ORDER BY number", id)
	if err != nil {
		return err
	}
	for _, p := range pages {
		if err := yield(p.number, p.text); err != nil {
			return err
		}
	}
	return nil
}

// gatherCovers reads the warranties, without what was covered up to which amount,
// and the claims that are still open.
func (s *Service) gatherCovers(ctx context.Context, who account.Actor, x Sale, g *gathered) error {
	in := &g.input
	all, _, err := s.warranties.Warranties(ctx, who, warranty.Filter{BoatID: x.BoatID, Within: -1, IncludeExpired: true, Page: fleet.Page{Limit: everything}})
	if err != nil {
		return err
	}
	stays := map[fleet.EquipmentID]bool{}
	for _, e := range in.Excluded {
		stays[e.ID] = true
	}
	for _, w := range all {
		if w.EquipmentID != nil && stays[*w.EquipmentID] {
			continue
		}
		w.CoverageAmount = nil
		c := dossier.Cover{Warranty: w}
		c.Deadline, c.Assumed = registerBy(w, x.TransferDate, in.At)
		in.Covers = append(in.Covers, c)
		claims, err := s.warranties.Claims(ctx, who, w.ID)
		if err != nil {
			return err
		}
		for _, claim := range claims {
			if claim.State != warranty.Closed && claim.State != warranty.Draft && len(claim.History) > 0 {
				in.Claims = append(in.Claims, dossier.Claim{Item: w.ItemName, State: string(claim.State), Since: claim.History[len(claim.History)-1].On})
			}
		}
	}
	return nil
}

// usualWindow is how many days a new owner has where nobody knows better
// (reference.md 4.2).
const usualWindow = 30

// registerBy is by when the maker wants to know of the new owner: so many days
// after the transfer, the planned one or else today; nil for a warranty that has
// ended or does not pass on. assumed says that the window is the usual one.
func registerBy(w warranty.Warranty, transfer *fleet.Date, today time.Time) (by *fleet.Date, assumed bool) {
	if !w.Transferable || w.Status != warranty.Active && w.Status != warranty.Claimed {
		return nil, false
	}
	from := today
	if transfer != nil {
		if day, err := time.Parse(time.DateOnly, string(*transfer)); err == nil {
			from = day
		}
	}
	window := usualWindow
	if w.TransferWindowDays != nil {
		window = *w.TransferWindowDays
	} else {
		assumed = true
	}
	day := fleet.Date(from.AddDate(0, 0, window).Format(time.DateOnly))
	return &day, assumed
}
