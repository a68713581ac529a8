package press

import (
	"fmt"
	"time"
)

// entry is one line of an invoice in cents.
type entry struct {
	code, text string
	count      float64
	unit       string
	price      int
}

// invoiceTable prints the lines and the sums below them.
func invoiceTable(p *page, currency string, vat int, entries ...entry) {
	rows := make([][]string, len(entries))
	net := 0
	for i, e := range entries {
		sum := int(e.count*float64(e.price) + 0.5)
		net += sum
		rows[i] = []string{e.code, e.text, fmt.Sprintf("%g %s", e.count, e.unit), money(e.price), money(sum)}
	}
	p.table(9, []column{
		{"Part no.", 2.4, false},
		{"Description", 6, false},
		{"Quantity", 1.6, true},
		{"Price " + currency, 1.9, true},
		{"Sum " + currency, 1.9, true},
	}, rows...)
	tax := (net*vat + 50) / 100
	for _, r := range [][2]string{
		{"Net", money(net)}, {fmt.Sprintf("VAT %d %%", vat), money(tax)}, {"Total " + currency, money(net + tax)},
	} {
		f := font{bold, 10}
		p.put(130, p.y+4, f, black(), r[0])
		p.put(p.right-1.5-p.measure(f, r[1]), p.y+4, f, black(), r[1])
		p.y += 5.6
	}
	p.rule(p.y+0.5, 0.5, black())
	p.y += 6
}

// money writes cents with a comma between thousands.
func money(cents int) string {
	whole, rest := cents/100, cents%100
	if whole >= 1000 {
		return fmt.Sprintf("%d,%03d.%02d", whole/1000, whole%1000, rest)
	}
	return fmt.Sprintf("%d.%02d", whole, rest)
}

// watermakerInvoice is a native PDF.
func watermakerInvoice() (File, error) {
	b := newBook("Invoice 24-0217", day(2024, time.February, 12))
	p := b.page()
	p.letterhead(firm{
		name: "Brackwell Example Dealers", trade: "Watermakers, sales and installation",
		address: []string{"11 Example Wharf", "Gosport", "accounts@brackwell.example.org"}, tint: ink{0, 110, 150},
	})
	p.lines(font{sans, 10}, "A. Example", "Motor yacht Calypso", "Quayside House, 1 Example Quay", "Southampton")
	p.y += 4
	p.title(font{bold, 16}, "INVOICE")
	p.boxes(13, box{1, "INVOICE NO.", "24-0217"}, box{1, "DATE", "12 February 2024"}, box{1, "ORDER", "C-1188"}, box{1, "PAY WITHIN", "14 days"})
	p.y += 5
	invoiceTable(p, "EUR", 20,
		entry{"BW-160-24", "Watermaker Brackwell DS-160, 24 V, 160 l/h, serial DS160-24-03317", 1, "pc", 1184000},
		entry{"BW-REM-02", "Remote panel with 10 m cable, serial RP2-9921", 1, "pc", 68500},
		entry{"BW-FF-020", "Prefilter cartridge 20 micron", 4, "pc", 2150},
		entry{"BW-FF-005", "Prefilter cartridge 5 micron", 4, "pc", 2350},
		entry{"BW-CC-001", "Charcoal flush filter", 1, "pc", 9400},
		entry{"HOSE-25", "Feed hose 25 mm with stainless clamps", 8.5, "m", 1480},
		entry{"LAB-01", "Installation and commissioning aboard", 14, "h", 9200})
	p.para(font{sans, 9.5}, "Warranty: 36 months from the date of this invoice, on board when installed by a certified dealer. "+
		"Commissioned on 12 February 2024: product 162 l/h at 55 bar, salinity 310 ppm, sea 11 °C.")
	p.para(font{sans, 9.5}, "Goods remain the property of the seller until paid in full. Bank details are sent on request by letter.")
	p.stamp(132, 236, ink{20, 110, 60}, "PAID", "19 FEB 2024")
	p.footer("Brackwell Example Dealers, VAT no. XX 000 0000 00 (specimen)")
	return b.file("invoice-watermaker.pdf")
}

// yardInvoice is a scan.
func yardInvoice() (File, error) {
	s := scanner{skew: 1.9, grain: 22, dust: 420, seed: 505}
	return scannedPDF("invoice-yard.pdf", "", day(2026, time.April, 30), s, func(p *page) {
		p.letterhead(firm{
			name: "Chantier Exemple", trade: "Haul-out, paint and engineering",
			address: []string{"8 chemin de l'Exemple", "Antibes", "yard@chantier.example.org"}, tint: ink{60, 60, 60},
		})
		p.lines(font{sans, 10}, "SARL Étoile Exemple", "Motor yacht Mistral Étoilé", "3 quai de l'Exemple, Antibes")
		p.y += 4
		p.title(font{bold, 16}, "SERVICE INVOICE")
		p.boxes(13, box{1, "INVOICE NO.", "F26-1093"}, box{1, "DATE", "28 April 2026"}, box{1, "WORK ORDER", "WO 7741"}, box{1, "HIN", "GB-XSK68M17C021"})
		p.y += 5
		invoiceTable(p, "EUR", 20,
			entry{"HL-68", "Haul-out and launch, travel hoist, boat of 21 m", 1, "x", 168000},
			entry{"STOR", "Storage ashore on cradle", 19, "day", 8600},
			entry{"WASH", "Pressure wash and scraping", 1, "x", 62000},
			entry{"AF-20", "Antifouling, two coats, 20 litre drums", 4, "drum", 54900},
			entry{"AN-SH", "Shaft anodes, zinc, 2.25 inch", 4, "pc", 7850},
			entry{"CB-112", "Cutless bearing port shaft, renewed", 1, "pc", 46300},
			entry{"SS-DRP", "Dripless shaft seal kit", 2, "pc", 58800},
			entry{"LAB-02", "Labour, engineers", 63.5, "h", 7800})
		p.para(font{sans, 9.5}, "Remarks: the starboard propeller shows light cavitation burn on two blades, polished only. "+
			"Clearance of the starboard cutless bearing 0.8 mm, renew at the next haul-out. Engine hours 1,148 and 1,152.")
		p.signature(24, 258, 55, 71, "Received for the owner")
		p.stamp(120, 252, ink{60, 60, 140}, "CHANTIER EXEMPLE", "28 AVR 2026")
	})
}

// insurancePolicy is a native PDF of three pages.
func insurancePolicy() (File, error) {
	b := newBook("Yacht policy YP-77-301245", day(2026, time.March, 20))
	tint := ink{90, 30, 90}
	p := b.page()
	b.chapter(0, "Schedule")
	p.letterhead(firm{name: "Lantern Example Mutual", trade: "Yacht insurance", address: []string{"1 Example Square", "London", "yachts@lantern.example.org"}, tint: tint})
	p.title(font{bold, 17}, "YACHT POLICY, SCHEDULE")
	p.boxes(13, box{1, "POLICY NO.", "YP-77-301245"}, box{1, "INSURED", "A. Example"}, box{1, "BOAT", "Calypso, Azimut 55S"})
	p.boxes(13, box{1, "FROM", "1 April 2026"}, box{1, "UNTIL, INCLUDING", "31 March 2027"}, box{1, "HIN", "IT-AZI55S42L920"})
	p.y += 4
	p.table(9.5, []column{{"Cover", 5, false}, {"Sum insured EUR", 2, true}, {"Deductible EUR", 2, true}},
		[]string{"Hull and machinery, agreed value", "1,050,000", "7,500"}, []string{"Tender Puffling P320", "30,000", "500"},
		[]string{"Personal effects", "25,000", "250"}, []string{"Third party liability", "6,000,000", "none"},
		[]string{"Crew and guests, accident", "250,000", "none"})
	p.pairs(50, [2]string{"Premium for the year", "EUR 9,384.00, paid in two parts"}, [2]string{"Waters", "Baltic, North Sea, English Channel, Mediterranean"},
		[2]string{"Lay-up", "1 November to 15 March, ashore or afloat"}, [2]string{"Use", "private only, no charter, no racing"})
	p.footer("Policy YP-77-301245, page 1 of 3")
	p = b.page()
	b.chapter(0, "Conditions")
	p.heading("Conditions")
	for i, s := range policyConditions() {
		p.item(font{serif, 11}, fmt.Sprintf("%d.", i+1), s)
	}
	p.footer("Policy YP-77-301245, page 2 of 3")
	p = b.page()
	b.chapter(0, "Certificate of third party liability")
	p.letterhead(firm{name: "Lantern Example Mutual", trade: "Yacht insurance", address: []string{"1 Example Square", "London"}, tint: tint})
	p.title(font{bold, 17}, "CERTIFICATE OF INSURANCE")
	p.para(font{serif, 11}, "We confirm that the boat Calypso, official number 990142, is insured against liability towards third parties "+
		"for EUR 6,000,000 including pollution and removal of wreck, from 1 April 2026 until 31 March 2027 included. "+
		"This certificate may be shown to harbour authorities; it does not change the policy.")
	p.signature(24, 150, 60, 81, "For the underwriters")
	p.seal(150, 142, "LANTERN", "MUTUAL", "SPECIMEN")
	p.footer("Policy YP-77-301245, page 3 of 3")
	return b.file("insurance-policy.pdf")
}

func policyConditions() []string {
	return []string{
		"The insured keeps the boat seaworthy and follows the maintenance schedules of the makers. Services are proven by invoices or by the service log.",
		"A survey of condition and value is due when the boat is ten years old and every fifth year after that.",
		"Recommendations of the last survey are to be carried out before the boat leaves the marina; notice by the owner is enough.",
		"The automatic fire extinguishing system and all portable extinguishers are inspected every year.",
		"The life-raft is serviced at the intervals printed on its certificate.",
		"Single-handed passages are covered up to eighteen hours.",
		"In a named storm within 200 nautical miles the boat lies doubled up, with canvas struck; the deductible is then twice the sum in the schedule.",
		"Theft of outboard engines and tenders is covered only when a lock of an approved kind was forced.",
		"Gradual deterioration, osmosis, corrosion by stray current and wear are not covered; their consequences are.",
		"Salvage, sue and labour are paid above the sum insured when they were reasonable.",
		"A claim is reported within seven days, with photographs and, for collision, the names of witnesses.",
		"Cover ends with the sale of the boat. Premium for the remaining days is given back.",
		"Average, general or particular, is adjusted by the practice of the port of refuge.",
	}
}
