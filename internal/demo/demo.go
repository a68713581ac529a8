// Package demo holds what a demonstration server starts with: three invented
// boats, their papers as files, and the text that stands on each page.
//
// It describes and does not load: it knows no database and no other package
// of NaviDocs, so that the loader, the tests of search and of reading may all
// use it. The papers are printed by package press.
package demo

//go:generate go run ./gen papers

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"path"
)

//go:embed papers
var files embed.FS

// Paper is one file of the demo. Dates are written 2006-01-02 and empty when
// the paper has none; Type is a code of document_types.csv; Boat is the slug
// of its boat; Equipment is the key of the item it is about, or empty.
//
// Truth has the printed text of every page, without stamps and signatures.
// An e-mail has one page, its subject and body.
type Paper struct {
	File      string
	MediaType string
	Title     string
	Type      string
	Boat      string
	IssuedOn  string
	ExpiresOn string
	Equipment string
	Language  string // ISO 639-1
	Scanned   bool   // at least one page has no text of its own
	// Warranty is the equipment whose warranty the paper belongs to, Purpose what
	// it proves there.
	Warranty, Purpose string

	Truth []string
}

// Papers lists the papers of all boats.
func Papers() ([]Paper, error) {
	data, err := files.ReadFile("papers/truth.json")
	if err != nil {
		return nil, fmt.Errorf("demo.Papers: %w", err)
	}
	var truth map[string][]string
	if err := json.Unmarshal(data, &truth); err != nil {
		return nil, fmt.Errorf("demo.Papers: %w", err)
	}
	papers := describe()
	for i := range papers {
		papers[i].Truth = truth[papers[i].File]
	}
	return papers, nil
}

// Bytes is the content of a paper.
func Bytes(file string) ([]byte, error) {
	data, err := files.ReadFile(path.Join("papers", file))
	if err != nil {
		return nil, fmt.Errorf("demo.Bytes: %w", err)
	}
	return data, nil
}

// Open reads a paper, as an upload would.
func Open(file string) (io.ReadSeekCloser, error) {
	data, err := Bytes(file)
	if err != nil {
		return nil, err
	}
	return reader{bytes.NewReader(data)}, nil
}

// reader has nothing to close.
type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func describe() []Paper {
	const azimut, sunseeker, princess = "test-boat", "mistral-etoile", "aurelia-example"
	return []Paper{
		{File: "certificate-of-registry.pdf", MediaType: "application/pdf", Title: "Certificate of British registry", Type: "OWN-REG-UK1", Boat: azimut, IssuedOn: "2022-03-14", ExpiresOn: "2027-03-13", Language: "en", Scanned: true},
		{File: "bill-of-sale.pdf", MediaType: "application/pdf", Title: "Bill of sale 2022", Type: "OWN-BOS", Boat: azimut, IssuedOn: "2022-02-25", Language: "en", Warranty: "watermaker", Purpose: "proof_of_owner"},
		{File: "pre-purchase-survey.pdf", MediaType: "application/pdf", Title: "Pre-purchase survey SR-2022-031", Type: "SUR-PRE", Boat: azimut, IssuedOn: "2022-02-10", Language: "en"},
		{File: "engine-warranty-card.png", MediaType: "image/png", Title: "Warranty card, centre engine", Type: "WAR-DOC", Boat: azimut, IssuedOn: "2020-07-02", ExpiresOn: "2025-06-26", Equipment: "engine-centre", Language: "en", Scanned: true, Warranty: "engine-centre", Purpose: "warranty_card"},
		{File: "invoice-watermaker.pdf", MediaType: "application/pdf", Title: "Invoice 24-0217, watermaker", Type: "INV-PUR", Boat: azimut, IssuedOn: "2024-02-12", Equipment: "watermaker", Language: "en", Warranty: "watermaker", Purpose: "proof_of_purchase"},
		{File: "invoice-yard.pdf", MediaType: "application/pdf", Title: "Yard invoice F26-1093, haul-out 2026", Type: "INV-SRV", Boat: sunseeker, IssuedOn: "2026-04-28", Language: "en", Scanned: true},
		{File: "watermaker-manual.pdf", MediaType: "application/pdf", Title: "Operator's manual, watermaker Brackwell DS-160", Type: "MAN-EQ", Boat: azimut, IssuedOn: "2023-09-04", Equipment: "watermaker", Language: "en", Warranty: "watermaker", Purpose: "other"},
		{File: "wiring-note.md", MediaType: "text/markdown", Title: "Wiring as found", Type: "DRW-EL", Boat: azimut, Language: "en"},
		{File: "service-log.tif", MediaType: "image/tiff", Title: "Service log, book 1", Type: "MNT-LOG", Boat: azimut, IssuedOn: "2026-08-31", Language: "en", Scanned: true, Warranty: "engine-centre", Purpose: "service_record"},
		{File: "liferaft-certificate.jpg", MediaType: "image/jpeg", Title: "Life-raft service certificate", Type: "SAF-RAFT", Boat: azimut, IssuedOn: "2024-03-11", ExpiresOn: "2027-03-11", Equipment: "liferaft", Language: "en", Scanned: true},
		{File: "epirb-registration.pdf", MediaType: "application/pdf", Title: "EPIRB registration", Type: "SAF-EPIRB-REG", Boat: azimut, IssuedOn: "2025-04-02", ExpiresOn: "2027-04-02", Equipment: "epirb", Language: "en"},
		{File: "insurance-policy.pdf", MediaType: "application/pdf", Title: "Yacht policy YP-77-301245", Type: "INS-POL", Boat: azimut, IssuedOn: "2026-03-20", ExpiresOn: "2027-03-31", Language: "en"},
		{File: "acte-de-francisation.pdf", MediaType: "application/pdf", Title: "Acte de francisation", Type: "OWN-REG-EU", Boat: sunseeker, IssuedOn: "2021-06-09", ExpiresOn: "2031-06-08", Language: "fr", Scanned: true},
		{File: "gaspruefung.pdf", MediaType: "application/pdf", Title: "Prüfbescheinigung der Gasanlage", Type: "SUR-GAS", Boat: azimut, IssuedOn: "2025-05-14", ExpiresOn: "2027-05-14", Equipment: "gas", Language: "de"},
		{File: "engine-plate.jpg", MediaType: "image/jpeg", Title: "Plate of the centre engine", Type: "PHO", Boat: azimut, Equipment: "engine-centre", Language: "en", Scanned: true, Warranty: "engine-centre", Purpose: "plate"},
		{File: "sea-trial-report.pdf", MediaType: "application/pdf", Title: "Sea trial report", Type: "SUR-SEA", Boat: princess, IssuedOn: "2026-05-22", Language: "en", Scanned: true},
		{File: "stabiliser-quote.eml", MediaType: "message/rfc822", Title: "Quote Q-5520, stabilisers", Type: "OTH", Boat: princess, IssuedOn: "2026-10-05", Equipment: "stabilisers", Language: "en"},
	}
}

// Find is a word that stands on exactly one page of all papers.
type Find struct {
	Word string
	File string
	Page int // from 1
}

// Finds lists words that a search must answer with exactly one page.
func Finds() []Find {
	const manual, survey = "watermaker-manual.pdf", "pre-purchase-survey.pdf"
	return []Find{
		{"impeller", manual, 73},
		{"E-4711", manual, 73},
		{"metabisulphite", manual, 90},
		{"glycerine", manual, 84},
		{"petcock", manual, 79},
		{"verdigris", manual, 38},
		{"thixotropic", manual, 33},
		{"manometer", manual, 49},
		{"stroboscope", manual, 98},
		{"BW-IMP-04", manual, 73},
		{"delamination", survey, 4},
		{"dezincification", survey, 7},
		{"polysulphide", survey, 3},
		{"cutless", "invoice-yard.pdf", 1},
		{"Flaschenkasten", "gaspruefung.pdf", 1},
		{"réquisition", "acte-de-francisation.pdf", 1},
		{"francisation", "acte-de-francisation.pdf", 1},
		{"paralleling", "wiring-note.md", 1},
		{"gypsy", "service-log.tif", 3},
		{"squeaks", "sea-trial-report.pdf", 2},
		{"passerelle", "sea-trial-report.pdf", 3},
		{"wreck", "insurance-policy.pdf", 3},
		{"Gozo", "stabiliser-quote.eml", 1},
	}
}
