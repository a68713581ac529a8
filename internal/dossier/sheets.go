package dossier

import (
	"strings"

	"navidocs/internal/bundle"
	"navidocs/internal/fleet"
	"navidocs/internal/sheet"
	"navidocs/internal/warranty"
)

func (p *Package) addSheets() {
	if !p.in.NoSummary {
		p.addSheet("", "WARRANTY_SUMMARY.pdf", "Warranty summary", p.warranties)
	}
	p.addSheet("00", "Contents", p.Title(), p.contents)
	p.addSheet("01", "Specification", "Specification", p.specification)
	if len(p.certificates()) > 0 {
		p.addSheet("04", "Certificates", "Certificates", p.certificateSheet)
	}
	if len(p.in.Equipment) > 0 {
		p.addSheet("07", "Equipment sheets", "Equipment", p.equipment)
	}
	if len(p.in.Meters) > 0 {
		p.addSheet("08", "Hours", "Hours that were read", p.hours)
	}
	p.addSheet("13", "Inventory to sign", "Inventory: what is sold with the boat", p.inventory)
	if len(p.in.Claims) > 0 || len(p.in.Missing) > 0 {
		p.addSheet("14", "Open items", "Open items", p.open)
	}
	p.addSheet("15", "Protocol of delivery and acceptance", "Protocol of delivery and acceptance", p.protocol)
}

func (p *Package) contents(s *sheet.Sheet) {
	s.Fields(
		sheet.Field{Label: "Issued on", Value: p.in.At.UTC().Format("2006-01-02")},
		sheet.Field{Label: "HIN", Value: p.in.Boat.HIN},
		sheet.Field{Label: "Signed by the key", Value: p.in.Fingerprint},
	)
	s.Paragraph("manifest.json lists every file with its SHA-256 and is signed (manifest.sig). VERIFY.txt tells how to check it.")
	for _, c := range chapters() {
		var rows [][]string
		for _, x := range p.in.Papers {
			if name, ok := strings.CutPrefix(x.Path, c.folder()+"/"); ok {
				rows = append(rows, []string{name, x.TypeName, whole(&x.Pages)})
			}
		}
		if len(rows) == 0 {
			continue
		}
		s.Heading(c.number + " " + c.title)
		s.Table([]sheet.Column{{Title: "File", Width: 5}, {Title: "Kind", Width: 4}, {Title: "Pages", Right: true}}, rows)
	}
	gapTable(s, "Not in this package", p.in.Withheld)
	gapTable(s, "Missing from the boat's file", p.in.Missing)
}

func gapTable(s *sheet.Sheet, title string, gaps []bundle.Gap) {
	if len(gaps) == 0 {
		return
	}
	s.Heading(title)
	s.Table([]sheet.Column{{Title: "What"}, {Title: "Why"}}, rowsOf(gaps, func(g bundle.Gap) []string { return []string{g.What, g.Why} }))
}

// known are the fields that have a value: a specification has no lines to fill in.
func known(all ...sheet.Field) (out []sheet.Field) {
	for _, f := range all {
		if strings.TrimSpace(f.Value) != "" {
			out = append(out, f)
		}
	}
	return out
}

func (p *Package) specification(s *sheet.Sheet) {
	b := p.in.Boat
	kilograms := number(b.DisplacementKg)
	if kilograms != "" {
		kilograms += " kg"
	}
	s.Heading("Identity")
	s.Fields(known(
		sheet.Field{Label: "Name", Value: b.Name}, sheet.Field{Label: "Maker", Value: b.Make}, sheet.Field{Label: "Model", Value: b.Model},
		sheet.Field{Label: "Model year", Value: whole(b.Year)}, sheet.Field{Label: "Build year", Value: whole(b.BuildYear)},
		sheet.Field{Label: "Launch year", Value: whole(b.LaunchYear)}, sheet.Field{Label: "Last refit", Value: whole(b.RefitYear)},
		sheet.Field{Label: "HIN", Value: b.HIN}, sheet.Field{Label: "MMSI", Value: b.MMSI}, sheet.Field{Label: "IMO number", Value: b.IMO},
		sheet.Field{Label: "Call sign", Value: b.CallSign}, sheet.Field{Label: "Official number", Value: b.OfficialNumber},
		sheet.Field{Label: "Sail number", Value: b.SailNumber}, sheet.Field{Label: "Hull number", Value: b.HullNumber},
		sheet.Field{Label: "Flag", Value: b.Flag}, sheet.Field{Label: "Home port", Value: b.HomePort},
	)...)
	s.Heading("Hull")
	s.Fields(known(
		sheet.Field{Label: "Builder", Value: b.Builder}, sheet.Field{Label: "Designer", Value: b.Designer}, sheet.Field{Label: "Class", Value: b.Class},
		sheet.Field{Label: "Material", Value: b.HullMaterial}, sheet.Field{Label: "Nominal length", Value: metres(b.LengthM)},
		sheet.Field{Label: "Length over all", Value: metres(b.LOAM)}, sheet.Field{Label: "Waterline", Value: metres(b.LWLM)},
		sheet.Field{Label: "Beam", Value: metres(b.BeamM)}, sheet.Field{Label: "Draft", Value: metres(b.DraftM)},
		sheet.Field{Label: "Air draft", Value: metres(b.AirDraftM)}, sheet.Field{Label: "Displacement", Value: kilograms},
	)...)
	for _, e := range p.in.Engines {
		s.Heading(strings.TrimSpace("Engine " + e.Position))
		power := number(e.PowerKW)
		if power != "" {
			power += " kW"
		}
		s.Fields(known(
			sheet.Field{Label: "Maker and model", Value: strings.TrimSpace(e.Maker + " " + e.Model)}, sheet.Field{Label: "Serial number", Value: e.SerialNumber},
			sheet.Field{Label: "Year", Value: whole(e.Year)}, sheet.Field{Label: "Power", Value: power}, sheet.Field{Label: "Fuel", Value: e.Fuel},
			sheet.Field{Label: "Hours", Value: HoursOn(e.Hours, e.HoursOn)},
		)...)
	}
	if len(b.Uses) > 0 {
		s.Heading("How it was used")
		s.Table([]sheet.Column{{Title: "Use"}, {Title: "From"}, {Title: "To"}},
			rowsOf(b.Uses, func(u fleet.Use) []string { return []string{u.Use, string(u.StartsOn), string(u.EndsOn)} }))
	}
}

// HoursOn writes hours with the day on which they were read; nil hours are empty.
func HoursOn(hours *float64, on *fleet.Date) string {
	if hours == nil {
		return ""
	}
	return strings.TrimSpace(number(hours) + " h " + date(on))
}

func (p *Package) warranties(s *sheet.Sheet) {
	s.Paragraph("What is left, and by when each maker or dealer wants to know of the new owner. A window that nobody knows is taken for 30 days from the transfer.")
	if len(p.in.Covers) == 0 {
		s.Paragraph("The boat's file holds no warranties.")
		return
	}
	columns := []sheet.Column{{Title: "Item", Width: 3}, {Title: "Provider", Width: 2}, {Title: "Covered until and including", Width: 2}, {Title: "Register by", Width: 2}, {Title: "Fee", Width: 1.5}}
	s.Table(columns, rowsOf(p.in.Covers, func(c Cover) []string {
		return []string{c.ItemName, c.Provider, ends(c), register(c), fee(c)}
	}))
	for _, c := range p.in.Covers {
		s.Heading(c.ItemName)
		s.Fields(known(
			sheet.Field{Label: "Serial number", Value: c.SerialNumber}, sheet.Field{Label: "Bought on", Value: string(c.PurchaseDate)},
			sheet.Field{Label: "Registration", Value: c.RegistrationNumber}, sheet.Field{Label: "Terms", Value: c.TermsSource},
			sheet.Field{Label: "Form and how to claim", Value: c.ClaimInstructions},
		)...)
		if len(c.Lines) > 0 {
			s.Table([]sheet.Column{{Title: "Cover", Width: 3}, {Title: "Until and including", Width: 2}, {Title: "Hours", Right: true}},
				rowsOf(c.Lines, func(l warranty.Line) []string {
					return []string{l.Coverage, date(l.ExpirationDate), number(l.HoursLimit)}
				}))
		}
	}
}

func ends(c Cover) string {
	switch c.Status {
	case warranty.Active, warranty.Claimed:
		text := string(c.ExpirationDate)
		if c.HoursLimit != nil {
			text += " or " + number(c.HoursLimit) + " h"
		}
		return text
	case warranty.Expired, warranty.Void, warranty.Deleted:
	}
	return string(c.ExpirationDate) + " (" + string(c.Status) + ")"
}

func register(c Cover) string {
	switch {
	case c.Deadline == nil && c.Transferable:
		return "at once"
	case c.Deadline == nil:
		return "does not pass on"
	case c.Assumed:
		return string(*c.Deadline) + " (assumed)"
	}
	return string(*c.Deadline)
}

func fee(c Cover) string {
	if c.TransferCost == nil {
		return ""
	}
	return strings.TrimSpace(number(c.TransferCost) + " " + c.Currency)
}

func (p *Package) certificateSheet(s *sheet.Sheet) {
	s.Table([]sheet.Column{{Title: "Certificate", Width: 3}, {Title: "Kind", Width: 3}, {Title: "Issued", Width: 1.5}, {Title: "Expires", Width: 1.5}},
		rowsOf(p.certificates(), func(x Paper) []string { return []string{x.Title, x.TypeName, date(x.IssuedOn), date(x.ExpiresOn)} }))
}

// equipment has a page for each item.
func (p *Package) equipment(s *sheet.Sheet) {
	for i, e := range p.in.Equipment {
		if i > 0 {
			s.Break()
		}
		s.Heading(e.Name)
		s.Fields(known(
			sheet.Field{Label: "System", Value: strings.TrimSpace(e.SystemCode + " " + systemName(e.SystemCode))},
			sheet.Field{Label: "Maker", Value: e.Maker}, sheet.Field{Label: "Model", Value: e.Model}, sheet.Field{Label: "Serial number", Value: e.SerialNumber},
			sheet.Field{Label: "Place aboard", Value: e.Place}, sheet.Field{Label: "Installed on", Value: date(e.InstalledOn)},
			sheet.Field{Label: "Hours", Value: HoursOn(e.Hours, e.HoursOn)}, sheet.Field{Label: "Notes", Value: e.Notes},
		)...)
		var covers [][]string
		for _, c := range p.in.Covers {
			if c.EquipmentID != nil && *c.EquipmentID == e.ID {
				covers = append(covers, []string{c.ItemName, ends(c), register(c)})
			}
		}
		if len(covers) > 0 {
			s.Table([]sheet.Column{{Title: "Warranty", Width: 2}, {Title: "Covered until and including"}, {Title: "Register by"}}, covers)
		}
	}
}

func systemName(code string) string {
	for _, x := range fleet.Systems() {
		if x.Code == code {
			return x.Name
		}
	}
	return ""
}

func (p *Package) hours(s *sheet.Sheet) {
	for _, m := range p.in.Meters {
		s.Heading(m.Name)
		s.Table([]sheet.Column{{Title: "Read on"}, {Title: "Hours", Right: true}, {Title: "Source", Width: 2}},
			rowsOf(m.Readings, func(r fleet.Reading) []string { return []string{string(r.ReadOn), number(&r.Hours), r.Source} }))
	}
}

func (p *Package) inventory(s *sheet.Sheet) {
	columns := []sheet.Column{{Title: "Item", Width: 3}, {Title: "Maker and model", Width: 3}, {Title: "Serial number", Width: 2}, {Title: "Place", Width: 2}}
	row := func(e fleet.Equipment) []string {
		return []string{e.Name, strings.TrimSpace(e.Maker + " " + e.Model), e.SerialNumber, e.Place}
	}
	s.Heading("Included")
	if len(p.in.Equipment) == 0 {
		s.Paragraph("No equipment is recorded.")
	} else {
		s.Table(columns, rowsOf(p.in.Equipment, row))
	}
	s.Heading("Excluded")
	if len(p.in.Excluded) == 0 {
		s.Paragraph("Nothing of what is recorded.")
	} else {
		s.Table(columns, rowsOf(p.in.Excluded, row))
	}
	s.Signature(p.signers()...)
}

// signers are both sides, each owner who signs for themselves.
func (p *Package) signers() (out []string) {
	for _, name := range p.in.Seller {
		out = append(out, "Seller: "+name)
	}
	if len(out) == 0 {
		out = append(out, "Seller")
	}
	return append(out, strings.TrimSpace("Buyer: "+p.in.Buyer))
}

func (p *Package) open(s *sheet.Sheet) {
	if len(p.in.Claims) > 0 {
		s.Heading("Warranty claims that are not closed")
		s.Table([]sheet.Column{{Title: "Item", Width: 2}, {Title: "State"}, {Title: "Since"}},
			rowsOf(p.in.Claims, func(c Claim) []string { return []string{c.Item, c.State, string(c.Since)} }))
	}
	gapTable(s, "Missing from the boat's file", p.in.Missing)
	s.Heading("Known defects")
	s.Lines(6)
}

func (p *Package) protocol(s *sheet.Sheet) {
	s.Paragraph("Template, have it checked. To be filled in and signed when the boat is handed over.")
	s.Fields(
		sheet.Field{Label: "Boat", Value: Name(p.in.Boat)}, sheet.Field{Label: "HIN", Value: p.in.Boat.HIN},
		sheet.Field{Label: "Date and time (UTC)"}, sheet.Field{Label: "Place"},
	)
	for _, e := range p.in.Engines {
		s.Fields(sheet.Field{Label: strings.TrimSpace("Engine hours " + e.Position)})
	}
	s.Fields(sheet.Field{Label: "Fuel aboard"}, sheet.Field{Label: "Keys handed over"}, sheet.Field{Label: "Codes handed over (not written here)"})
	s.Heading("To be moved to the buyer or ended by the seller")
	s.Table([]sheet.Column{{Title: "What", Width: 2}, {Title: "Number", Width: 2}, {Title: "Done on"}}, [][]string{
		{"MMSI: registration moved, or deleted in every radio and AIS", p.in.Boat.MMSI, ""},
		{"EPIRB and PLB: sale reported, registered anew", "", ""},
		{"Call sign and radio licence", p.in.Boat.CallSign, ""},
		{"Accounts of devices: plotter, cameras, alarm, satellite", "", ""},
	})
	s.Signature(p.signers()...)
}
