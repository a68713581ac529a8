package press

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"time"
)

// warrantyCard is a PNG of sixteen greys: the registration card of an engine.
func warrantyCard() (File, error) {
	p, sheet := newSheet(210, 148)
	p.letterhead(firm{
		name: "Norskerry Diesel", trade: "Warranty registration card, keep with the boat's papers",
		address: []string{"Example Works", "register@norskerry.example.org"}, tint: ink{40, 40, 40},
	})
	p.y = 34
	p.boxes(13, box{2, "ENGINE MODEL", "NK6-435 pod, 320 kW"}, box{2, "ENGINE SERIAL", "NK6A-20418"}, box{1, "POSITION", "centre"})
	p.boxes(13, box{2, "DRIVE SERIAL", "PD-3-88071"}, box{2, "HULL (HIN)", "IT-AZI55S42L920"}, box{1, "RATING", "R5 pleasure"})
	p.boxes(13, box{1, "DELIVERED ON", "26 June 2020"}, box{1, "HOURS AT DELIVERY", "6"}, box{2, "DEALER", "Riviera Example Motors, Savona"})
	p.boxes(13, box{2, "OWNER", "Farniente Example S.r.l."}, box{1, "USE", "private"}, box{1, "WARRANTY ENDS", "26 June 2025"})
	p.y += 3
	p.para(font{sans, 9}, "Warranty runs 60 months or 2,000 hours, whichever comes first, for private use; 24 months for charter. "+
		"Services at 50, 200 and every 200 hours must be entered below by a certified workshop. Transfer to a next owner "+
		"within 30 days of sale with this card and the bill of sale.")
	p.signature(24, 138, 50, 91, "Dealer")
	p.stamp(128, 133, grey(60), "REGISTERED", "02 JUL 2020")
	s := scanner{skew: -1.5, grain: 7, dust: 900, seed: 606}
	img := s.read(sheet.img)
	return pngFile("engine-warranty-card.png", p, img)
}

// pngFile reduces a picture to sixteen greys, as scanners do for small files.
func pngFile(name string, p *page, img *image.Gray) (File, error) {
	palette := make(color.Palette, 16)
	for i := range palette {
		palette[i] = color.Gray{Y: uint8(i * 17)}
	}
	small := image.NewPaletted(img.Rect, palette)
	for i, v := range img.Pix {
		small.Pix[i] = uint8((int(v) + 8) / 17)
	}
	var out bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	err := enc.Encode(&out, small)
	return File{Name: name, Data: out.Bytes(), Truth: []string{p.truth()}}, err
}

// serviceLog is a bilevel TIFF of three pages.
func serviceLog() (File, error) {
	f := File{Name: "service-log.tif"}
	var pages []*image.Gray
	for i, rows := range logRows() {
		p, sheet := newSheet(a4Width, a4Height)
		p.letterhead(firm{name: "SERVICE LOG", trade: "Motor yacht Calypso, engines Norskerry NK6-435", address: []string{"Book 1", "IT-AZI55S42L920"}, tint: black()})
		p.table(10.5, []column{{"Date", 2.2, false}, {"Hours", 1.4, true}, {"Work done, parts", 8, false}, {"Done by", 2.4, false}}, rows...)
		p.signature(130, 268, 50, uint64(700+i), "Checked by the captain")
		s := scanner{skew: []float64{1.6, -1.8, 0.9}[i], dust: 160, seed: uint64(707 + i)}
		pages = append(pages, s.read(sheet.img))
		f.Truth = append(f.Truth, p.truth())
	}
	f.Data = tiffPages(pages)
	return f, nil
}

func logRows() [][][]string {
	return [][][]string{
		{
			{"2020-08-14", "52", "First service all three engines: oil 3 x 22 l, oil filters, fuel prefilters, gearbox oil, valve clearance checked", "dealer"},
			{"2021-05-03", "198", "200 h service, zinc pencils, belts port and centre, coolant hose starboard", "dealer"},
			{"2021-09-20", "311", "Pods: oil changed, anodes 6 pieces, propeller cones greased", "yard"},
			{"2021-12-04", "398", "House batteries renewed: 4 x Volthaven LFP-300, serials VH300-7781 to 7784, charger profile set", "electrician"},
			{"2022-03-02", "414", "Fuel return hose centre engine renewed and rerouted, survey finding 4.1 cured", "dealer"},
			{"2022-03-04", "414", "Bilge float lazarette renewed, alarm tested at both helms", "captain"},
			{"2022-04-11", "421", "Haul-out: antifouling, port pod seal ring, seacock 9 renewed", "yard"},
		},
		{
			{"2022-08-29", "566", "Generator Kelpwatt G18: oil, filter, anode, belt; 689 generator hours", "captain"},
			{"2023-04-17", "640", "600 h service engines, injectors tested, aftercooler starboard cleaned, end cap gasket", "dealer"},
			{"2023-05-06", "640", "Refit: teak side decks re-caulked, new upholstery saloon, wiring of DC panel tidied", "yard"},
			{"2023-11-24", "733", "Plotter Sextantia S16 renewed at lower helm, serial SX16-40231, chart card moved", "electrician"},
			{"2024-02-12", "735", "Watermaker Brackwell DS-160 fitted under port berth, serial DS160-24-03317", "dealer"},
			{"2024-07-30", "861", "800 h service, thermostats all, turbo play measured 0.06 mm", "dealer"},
		},
		{
			{"2025-04-09", "948", "Haul-out: antifouling, anodes, bow thruster brushes and tunnel grid", "yard"},
			{"2025-05-14", "951", "Gas installation inspected, regulator and hose renewed", "gas fitter"},
			{"2025-09-02", "1,064", "1,000 h service: coolant, dampers of the crankshaft inspected, alternator centre renewed", "dealer"},
			{"2026-04-20", "1,102", "Stern light LED, windlass gypsy renewed, chain 80 m turned end for end", "captain"},
			{"2026-08-31", "1,187", "Air conditioning: condensate trays flushed, descaler circulated 2 h, sea strainer lid seal", "captain"},
		},
	}
}

// quoteMail is an e-mail with one small PDF attached.
func quoteMail() (File, error) {
	b := newBook("Quote Q-5520", day(2026, time.October, 5))
	p := b.page()
	p.letterhead(firm{name: "Gyroswell Example Service", trade: "Stabiliser service Malta", address: []string{"4 Example Creek", "Gzira", "service@gyroswell.example.org"}, tint: ink{100, 40, 20}})
	p.title(font{bold, 15}, "QUOTE Q-5520")
	p.lines(font{sans, 10}, "Motor yacht Aurelia Example, Princess Y95, HIN GB-PRLY9504E122")
	invoiceTable(p, "EUR", 18,
		entry{"GS-BRG-9", "Spherical bearing set, fin stabiliser", 2, "set", 118500},
		entry{"GS-SEAL", "Lip seal kit", 4, "pc", 21400},
		entry{"LAB-05", "Technician, boat afloat", 22, "h", 8500})
	quote, err := b.file("quote-q-5520.pdf")
	if err != nil {
		return File{}, err
	}
	body := `Dear captain,

please find attached our quote Q-5520 for the fin stabilisers of Aurelia
Example. The knocking at the port fin that you recorded off Gozo points to
the spherical bearing; we measured 1.4 mm of play against 0.5 mm allowed.

We can start on 16 November and need the boat for three days. Please keep
the hydraulic unit switched off until then, the manual locking pin is enough
at the berth.

Kind regards
Service desk, Gyroswell Example Service
`
	return letter("stabiliser-quote.eml", body, quote), nil
}
