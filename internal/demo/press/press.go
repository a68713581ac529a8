// Package press prints the papers of the demo boats: what a broker finds in
// the drawer, as PDFs, scans, photographs and notes, with the text that
// stands on every page. The same program prints the same bytes each time.
//
// Everything on the papers is invented. It leaves the description of the
// papers and of the boats to package demo, and is not part of the product.
package press

import (
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"time"
)

// TruthFile holds the text of all papers, one string a page.
const TruthFile = "truth.json"

// File is one printed paper. Truth has one entry a page; stamps, seals and
// signatures are not in it.
type File struct {
	Name  string
	Data  []byte
	Truth []string
}

// All prints every paper, and their truth as the last file.
func All() ([]File, error) {
	printers := []func() (File, error){
		registry, billOfSale, survey, warrantyCard, watermakerInvoice, yardInvoice,
		manual, wiringNote, serviceLog, raftCertificate, beaconRegistration,
		insurancePolicy, francisation, gasInspection, enginePlate, seaTrial, quoteMail,
	}
	files := make([]File, 0, len(printers)+1)
	truth := map[string][]string{}
	for _, print := range printers {
		f, err := print()
		if err != nil {
			return nil, fmt.Errorf("press: %w", err)
		}
		truth[f.Name] = f.Truth
		files = append(files, f)
	}
	data, err := json.MarshalIndent(truth, "", " ")
	if err != nil {
		return nil, fmt.Errorf("press: %w", err)
	}
	return append(files, File{Name: TruthFile, Data: append(data, '\n')}), nil
}

// Write prints every paper into dir and removes what is no longer printed.
func Write(dir string) error {
	files, err := All()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 9, 0, 0, 0, time.UTC)
}

// scannedPDF is a PDF without any text: one picture a page.
func scannedPDF(name, title string, on time.Time, s scanner, draw func(*page)) (File, error) {
	b := newBook(title, on)
	p, sheet := newSheet(a4Width, a4Height)
	draw(p)
	if err := b.scanned(p, s.read(sheet.img), 46); err != nil {
		return File{}, err
	}
	return b.file(name)
}

// picture is a JPEG of one page.
func picture(name string, p *page, img image.Image, quality int) (File, error) {
	data, err := jpegBytes(img, quality)
	return File{Name: name, Data: data, Truth: []string{p.truth()}}, err
}
