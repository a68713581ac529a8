// Package dossier turns a boat's record into the files of an as-built package:
// folders by chapter with the papers as they are stored, sheets that people read
// and sign, tables, and an index that opens and searches without a network.
//
// It decides what stands where, and nothing about what may be shared: whatever is
// handed in is shown. The same input gives the same files.
package dossier

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/sheet"
	"navidocs/internal/warranty"
)

// Paper is a document that goes to the buyer.
type Paper struct {
	archive.File // its path is decided here
	ID           document.ID
	Title        string
	Type         string // its code
	TypeName     string
	Pages        int
	Bytes        int64
	IssuedOn     *fleet.Date
	ExpiresOn    *fleet.Date
}

// Meter is a series of hours that were read of an engine or a piece of equipment.
type Meter struct {
	Name     string
	Readings []fleet.Reading
}

// Cover is a warranty, and by when its maker wants to know of the new owner.
type Cover struct {
	warranty.Warranty
	Deadline *fleet.Date // nil when it does not pass to a new owner
	Assumed  bool        // the window is not known, and the usual one was taken
}

// Claim is one that is not closed.
type Claim struct {
	Item, State string
	Since       fleet.Date
}

// Input is a boat's record as far as it goes to the buyer.
type Input struct {
	At           time.Time // the day it is issued
	Boat         fleet.Boat
	Engines      []fleet.Engine
	Meters       []Meter
	Equipment    []fleet.Equipment
	Excluded     []fleet.Equipment // aboard, and not sold with the boat
	Covers       []Cover
	Claims       []Claim
	Papers       []Paper
	Data         []archive.File // the machine-readable record
	Missing      []bundle.Gap
	Withheld     []bundle.Gap
	Seller       []string // names of the owners who sign
	Buyer        string
	TransferDate *fleet.Date
	Fingerprint  string // of the key that signs
	// Pages gives the pages of a paper with their text, one after the other.
	Pages func(ctx context.Context, id document.ID, yield func(number int, text string) error) error
	// TempDir takes the index while the package is made.
	TempDir string
	// Supplement makes a package of papers alone, for what came after the sale.
	Supplement bool
	// NoSummary leaves the warranty summary out.
	NoSummary bool
}

// Package is what is to be archived. Close it when that is done.
type Package struct {
	Files []archive.File
	in    Input
	paths *bundle.Paths
	index *spool
	err   error
}

// New lays the package out.
func New(ctx context.Context, in Input) (p *Package, err error) {
	defer fault.Wrap(&err, "dossier.New")
	p = &Package{in: in, paths: archive.NewPaths()}
	for _, name := range []string{"README.txt", "VERIFY.txt", "index.html"} { // they stand first, and are written last
		p.paths.Take("", name, "")
	}
	p.addPapers()
	if !in.Supplement {
		p.addSheets()
		p.addTables()
	}
	p.addEmpty()
	p.Files = append(p.Files, in.Data...)
	if p.err != nil {
		return nil, p.err
	}
	if p.index, err = p.writeIndex(ctx); err != nil {
		return nil, err
	}
	p.Files = append([]archive.File{
		archive.Content("README.txt", "text/plain", []byte(p.readme())),
		archive.Content("VERIFY.txt", "text/plain", []byte(archive.Readme(in.Fingerprint))),
		p.index.file("index.html", "text/html"),
	}, p.Files...)
	return p, nil
}

// Close lets go of what the package needed on disk.
func (p *Package) Close() error { return p.index.Close() }

// Title is what the package is called.
func (p *Package) Title() string {
	what := "As-built package"
	if p.in.Supplement {
		what = "Supplement"
	}
	return what + ": " + Name(p.in.Boat)
}

// Name is a boat as people tell it from others.
func Name(b fleet.Boat) string {
	more := strings.TrimSpace(b.Make + " " + b.Model)
	if b.Year != nil {
		more = strings.TrimSpace(fmt.Sprintf("%s %d", more, *b.Year))
	}
	if more == "" {
		return b.Name
	}
	return b.Name + " (" + more + ")"
}

// addPapers puts each paper into the chapter of its type. The extension is its
// media type's, the name its title's.
func (p *Package) addPapers() {
	for i := range p.in.Papers {
		x := &p.in.Papers[i]
		x.Path = p.paths.Take(chapterOf(x.Type).folder(), x.Title, x.MediaType)
		x.DocumentID = string(x.ID)
		p.Files = append(p.Files, x.File)
	}
}

func (p *Package) add(folder, name, mediaType string, content []byte) {
	p.Files = append(p.Files, archive.Content(p.paths.Take(folder, name, mediaType), mediaType, content))
}

// addSheet adds a PDF of one page or more.
func (p *Package) addSheet(number, name, title string, fill func(*sheet.Sheet)) {
	folder := ""
	if number != "" {
		folder = numbered(number).folder()
	}
	s := sheet.New(sheet.Options{Title: title, Subject: p.Title(), Language: "en", At: p.in.At, Footer: Name(p.in.Boat)})
	s.Title(title)
	fill(s)
	var text bytes.Buffer
	if _, err := s.Write(&text); err != nil && p.err == nil {
		p.err = err
	}
	p.add(folder, name, "application/pdf", text.Bytes())
}

// addEmpty says in each chapter that holds nothing that this is so.
func (p *Package) addEmpty() {
	for _, c := range chapters() {
		if p.in.Supplement || p.count(c) > 0 {
			continue
		}
		text := c.title + "\r\n\r\nThe boat's file holds nothing here. What belongs in this chapter: " + c.content + ".\r\n"
		p.add(c.folder(), "Nothing here.txt", "text/plain", []byte(text))
	}
}

// count is how many files a chapter holds.
func (p *Package) count(c chapter) (n int) {
	for _, f := range p.Files {
		if strings.HasPrefix(f.Path, c.folder()+"/") {
			n++
		}
	}
	return n
}
