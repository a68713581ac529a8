package sale

import (
	"bytes"
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/dossier"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/sheet"
)

// Delivery is what a protocol of delivery says besides what is recorded. Texts that
// are empty become lines to write on.
type Delivery struct {
	At    time.Time // zero is now
	Place string
	Fuel  string
	Hours string // of the engines; empty: those that were read last
}

// Protocol is the protocol of delivery and acceptance as a PDF, with its file name:
// who hands over to whom, where and when, the engines' hours, the package by its
// SHA-256, and lines to sign. Whoever manages the boat may make it; NotFound without
// a package.
func (s *Service) Protocol(ctx context.Context, who account.Actor, id ID, d Delivery) (name string, pdf []byte, err error) {
	defer fault.Wrap(&err, "sale.Protocol %s", id)
	for location, text := range map[string]*string{"query.place": &d.Place, "query.fuel": &d.Fuel, "query.hours": &d.Hours} {
		if *text = strings.Join(strings.Fields(db.Text(*text)), " "); utf8.RuneCountInString(*text) > 200 {
			return "", nil, fault.Fields(fault.Field{Location: location, Message: "must have at most 200 characters"})
		}
	}
	x, err := s.load(ctx, s.db, who, id, account.Manager)
	if err != nil {
		return "", nil, err
	}
	if x.Package == nil {
		return "", nil, fault.New(fault.NotFound, "the sale has no package yet: generate it first")
	}
	boat, err := s.boats.Boat(ctx, who, x.BoatID)
	if err != nil {
		return "", nil, err
	}
	engines, err := s.boats.Engines(ctx, who, x.BoatID)
	if err != nil {
		return "", nil, err
	}
	if d.At.IsZero() {
		d.At = s.db.Now()
	}
	p, err := s.handedPackage(ctx, x)
	if err != nil {
		return "", nil, err
	}
	pdf, err = d.print(x, p, boat, engines)
	return bundle.SafeName("Protocol of delivery and acceptance "+boat.Name, "application/pdf"), pdf, err
}

// handedPackage is what the buyer's link opens, else what would be handed over.
func (s *Service) handedPackage(ctx context.Context, x Sale) (Package, error) {
	if x.Link == nil {
		return *x.Package, nil
	}
	return packageOf(ctx, s.db, x.Link.packageID)
}

func (d Delivery) print(x Sale, p Package, boat fleet.Boat, engines []fleet.Engine) ([]byte, error) {
	const title = "Protocol of delivery and acceptance"
	out := sheet.New(sheet.Options{Title: title + ": " + boat.Name, Language: "en", At: d.At, Footer: "NaviDocs " + string(x.ID)})
	out.Title(title)
	out.Paragraph("The seller hands the boat over to the buyer, and the buyer accepts it, at the time and in the state below.")
	sellers, labels := []string{}, []string{}
	for _, o := range boat.Owners {
		if o.Signs {
			sellers, labels = append(sellers, o.Name), append(labels, "Seller: "+o.Name)
		}
	}
	if len(labels) == 0 {
		labels = []string{"Seller"}
	}
	out.Fields(
		sheet.Field{Label: "Boat", Value: dossier.Name(boat)}, sheet.Field{Label: "HIN", Value: boat.HIN},
		sheet.Field{Label: "Seller", Value: strings.Join(sellers, ", ")}, sheet.Field{Label: "Buyer", Value: x.buyer()},
		sheet.Field{Label: "Date and time (UTC)", Value: d.At.UTC().Format("2006-01-02 15:04 UTC")}, sheet.Field{Label: "Place", Value: d.Place},
	)
	out.Fields(d.hours(engines)...)
	out.Fields(sheet.Field{Label: "Fuel aboard", Value: d.Fuel}, sheet.Field{Label: "Keys handed over"}, sheet.Field{Label: "Remarks"})
	out.Heading("The boat's papers")
	out.Fields(
		sheet.Field{Label: "Package", Value: p.FileName}, sheet.Field{Label: "SHA-256 of the package", Value: p.SHA256},
		sheet.Field{Label: "Fingerprint of the key that signed it", Value: p.Fingerprint},
	)
	out.Signature(append(labels, "Buyer: "+x.buyer())...)
	var b bytes.Buffer
	_, err := out.Write(&b)
	return b.Bytes(), err
}

// hours are those that were given, else those that were read last.
func (d Delivery) hours(engines []fleet.Engine) (all []sheet.Field) {
	if d.Hours != "" || len(engines) == 0 {
		return []sheet.Field{{Label: "Engine hours", Value: d.Hours}}
	}
	for _, e := range engines {
		all = append(all, sheet.Field{Label: strings.TrimSpace("Engine hours " + e.Position), Value: dossier.HoursOn(e.Hours, e.HoursOn)})
	}
	return all
}
