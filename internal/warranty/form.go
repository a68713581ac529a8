package warranty

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"navidocs/internal/bundle"
	"navidocs/internal/fleet"
	"navidocs/internal/money"
	"navidocs/internal/sheet"
)

const haveItChecked = "Template, have it checked. The wording rests on general information about the law; it is not legal advice."

func (p *Package) sheet(title string) *sheet.Sheet {
	return sheet.New(sheet.Options{
		Title: title, Subject: p.title(), Language: "en", At: p.at, Letter: p.letter,
		Footer: p.boat.Name + " · " + p.warranty.ItemName,
	})
}

// leaf is a sheet of a package: its place, its title, and what stands on it.
type leaf struct {
	folder, name, title string
	fill                func(s *sheet.Sheet)
}

// leaves are the sheets that go in beside the index.
func (p *Package) leaves() []leaf {
	all := []leaf{
		{"", "01_Claim_Form_" + p.law.Jurisdiction, "Warranty claim", p.form},
		{"03_Item", "00 Item and serial numbers", "Item and serial numbers", p.serials},
	}
	if len(p.readings) > 0 {
		all = append(all, leaf{"08_Hours", "00 Hours", "Hours", p.hours})
	}
	all = append(all, leaf{"09_Maintenance", "00 Maintenance proof", "Maintenance proof", p.maintenance})
	if len(p.letters) > 0 {
		all = append(all, leaf{"15_Correspondence", "00 Correspondence log", "Correspondence log", p.correspondence})
	}
	return all
}

// form is the claim, in the order of reference.md 4.3, with what is known filled
// in and lines to write on for the rest.
func (p *Package) form(s *sheet.Sheet) {
	s.Warning(haveItChecked)
	s.Fields(
		sheet.Field{Label: "To", Value: p.addressee()}, sheet.Field{Label: "Date", Value: string(Today(p.at, p.warranty.timeZone))},
		sheet.Field{Label: "RMA or case number", Value: p.claimed().CaseNumber},
	)
	p.formLaw(s)
	p.formClaimant(s)
	p.formItem(s)
	p.formFailure(s)
	s.Heading("Usually not covered")
	s.Note("So that nobody is surprised, makers' terms usually leave out: " + strings.Join(Exclusions(), ", ") + ".")
	s.Signature("Place and date", "Signature of the claimant")
}

func (p *Package) formClaimant(s *sheet.Sheet) {
	x := p.claimed()
	s.Heading("2. Claimant, owner and boat")
	s.Fields(
		sheet.Field{Label: "Name", Value: p.owner.Name}, sheet.Field{Label: "Contact", Value: p.owner.Contact},
		sheet.Field{Label: "Boat", Value: join(", ", p.boat.Name, join(" ", p.boat.Make, p.boat.Model), whole(p.boat.Year))},
		sheet.Field{Label: "HIN", Value: p.boat.HIN}, sheet.Field{Label: "Registration", Value: p.boat.OfficialNumber},
		sheet.Field{Label: "Flag and home port", Value: join(", ", p.boat.Flag, p.boat.HomePort)},
		sheet.Field{Label: "Where she lies, access", Value: x.Access},
	)
}

func (p *Package) formLaw(s *sheet.Sheet) {
	s.Heading("1. What the claim rests on")
	for _, l := range LawsFor(p.law.Jurisdiction) {
		s.Fields(sheet.Field{Label: "Basis", Value: l.Basis}, sheet.Field{Label: "Against", Value: l.Against}, sheet.Field{Label: "Time", Value: l.Time},
			sheet.Field{Label: "Burden of proof", Value: l.Burden}, sheet.Field{Label: "Points to make", Value: l.KeyPoints})
	}
	x := p.claimed()
	s.Fields(
		sheet.Field{Label: "Bought as", Value: x.Buyer}, sheet.Field{Label: "From a seller who is", Value: x.Seller},
		sheet.Field{Label: "New or used", Value: x.ItemCondition}, sheet.Field{Label: "Country of purchase", Value: x.Country},
		sheet.Field{Label: "Delivered on", Value: date(x.DeliveredOn)},
	)
}

func (p *Package) formItem(s *sheet.Sheet) {
	w := p.warranty
	s.Heading("3. The item and its cover")
	s.Fields(
		sheet.Field{Label: "Item", Value: w.ItemName}, sheet.Field{Label: "Warranty given by", Value: w.Provider},
		sheet.Field{Label: "Maker and model", Value: p.makerModel()}, sheet.Field{Label: "Serial number", Value: p.serial()},
		sheet.Field{Label: "Place aboard", Value: p.item.Place}, sheet.Field{Label: "Registration number", Value: w.RegistrationNumber},
		sheet.Field{Label: "Bought on", Value: string(w.PurchaseDate)}, sheet.Field{Label: "Cover begins", Value: string(w.StartDate)},
		sheet.Field{Label: "Covered until and including", Value: string(w.ExpirationDate) + " (" + endsBy(w.EndsBy) + ")"},
	)
	if w.HoursLimit != nil {
		s.Fields(sheet.Field{Label: "Limit of hours", Value: number(w.HoursLimit)})
	}
	if len(w.Lines) == 0 {
		return
	}
	rows := [][]string{}
	for _, l := range w.Lines {
		rows = append(rows, []string{l.Coverage, whole(l.Months), number(l.HoursLimit), date(l.ExpirationDate)})
	}
	s.Table([]sheet.Column{{Title: "Covered", Width: 3}, {Title: "Months", Width: 1, Right: true}, {Title: "Hours", Width: 1, Right: true}, {Title: "Until and including", Width: 2}}, rows)
}

func (p *Package) formFailure(s *sheet.Sheet) {
	x := p.claimed()
	s.Heading("8. Hours")
	s.Fields(sheet.Field{Label: "At failure", Value: number(x.Hours)}, sheet.Field{Label: "Last reading", Value: p.lastReading()})
	s.Heading("10. The failure")
	s.Fields(sheet.Field{Label: "Failed on", Value: date(x.FailedOn)}, sheet.Field{Label: "Alarms and fault codes", Value: x.FaultCodes})
	written(s, "What happened", x.Story, 8)
	written(s, "What was done at once", x.Measures, 3)
	s.Heading("13. Estimate")
	s.Fields(
		sheet.Field{Label: "Parts", Value: priced(x.Parts, x.Currency)}, sheet.Field{Label: "Labour", Value: priced(x.Labour, x.Currency)},
		sheet.Field{Label: "Haul-out, separately", Value: priced(x.HaulOut, x.Currency)},
	)
	s.Heading("14. What is asked for")
	written(s, "Remedy", x.Remedy, 3)
	s.Fields(sheet.Field{Label: "Answer asked by", Value: date(x.AnswerBy)}, sheet.Field{Label: "Notice due by", Value: date(x.NoticeBy)})
}

// written is text, or lines to write it on.
func written(s *sheet.Sheet, label, text string, lines int) {
	s.Note(label)
	if text == "" {
		s.Lines(lines)
		return
	}
	s.Paragraph(text)
}

// claimed is the claim, an empty one when there is none.
func (p *Package) claimed() Claim {
	if p.claim == nil {
		return Claim{}
	}
	return *p.claim
}

func (p *Package) addressee() string {
	c := p.contact
	if c == nil {
		return p.warranty.Provider
	}
	return join("\n", c.Name, c.Person, c.Address, c.Country, c.Email, c.Phone)
}

func (p *Package) makerModel() string {
	if e := p.engine(); e.Maker != "" {
		return join(" ", e.Maker, e.Model)
	}
	return join(" ", p.item.Maker, p.item.Model)
}

func (p *Package) lastReading() string {
	if len(p.readings) == 0 {
		return ""
	}
	r := p.readings[len(p.readings)-1]
	return fmt.Sprintf("%s on %s", number(&r.Hours), r.ReadOn)
}

// serials lists every number that identifies the boat and the item.
func (p *Package) serials(s *sheet.Sheet) {
	w := p.warranty
	s.Heading("Item")
	s.Fields(sheet.Field{Label: "Item", Value: w.ItemName}, sheet.Field{Label: "Maker and model", Value: p.makerModel()},
		sheet.Field{Label: "Serial number", Value: p.serial()}, sheet.Field{Label: "Registration number", Value: w.RegistrationNumber},
		sheet.Field{Label: "Place aboard", Value: p.item.Place}, sheet.Field{Label: "Installed on", Value: date(p.item.InstalledOn)})
	s.Heading("Boat")
	b := p.boat
	s.Fields(sheet.Field{Label: "HIN", Value: b.HIN}, sheet.Field{Label: "Hull number", Value: b.HullNumber}, sheet.Field{Label: "Official number", Value: b.OfficialNumber},
		sheet.Field{Label: "Call sign", Value: b.CallSign}, sheet.Field{Label: "MMSI", Value: b.MMSI}, sheet.Field{Label: "IMO", Value: b.IMO})
	if len(p.engines) > 0 {
		s.Heading("Engines")
		rows := [][]string{}
		for _, e := range p.engines {
			rows = append(rows, []string{e.Position, join(" ", e.Maker, e.Model), e.SerialNumber, number(e.Hours)})
		}
		s.Table([]sheet.Column{{Title: "Position", Width: 2}, {Title: "Maker and model", Width: 4}, {Title: "Serial number", Width: 3}, {Title: "Hours", Width: 1, Right: true}}, rows)
	}
}

func (p *Package) hours(s *sheet.Sheet) {
	s.Paragraph("As they were read off the meter.")
	rows := [][]string{}
	for _, r := range p.readings {
		rows = append(rows, []string{string(r.ReadOn), number(&r.Hours), r.Source})
	}
	s.Table([]sheet.Column{{Title: "Read on", Width: 2}, {Title: "Hours", Width: 1, Right: true}, {Title: "Source", Width: 4}}, rows)
}

// maintenance sets the papers that prove services beside the hours at their time.
func (p *Package) maintenance(s *sheet.Sheet) {
	rows := [][]string{}
	for _, paper := range p.papers {
		if paper.Purpose == "service_record" && !paper.Deleted && !p.gone[paper.DocumentID] {
			rows = append(rows, []string{date(paper.IssuedOn), p.hoursOn(paper.IssuedOn), paper.name()})
		}
	}
	if len(rows) == 0 && p.has("service_record") {
		s.Paragraph("The service records of this warranty are not in this package: the index says why.")
		return
	}
	if len(rows) == 0 {
		s.Paragraph("No service record is linked to this warranty. Makers ask for each service that was due, with its invoice, log entry or part numbers.")
		s.Lines(10)
		return
	}
	s.Paragraph("Each service with the paper that proves it.")
	s.Table([]sheet.Column{{Title: "Dated", Width: 2}, {Title: "Hours then", Width: 2, Right: true}, {Title: "Paper", Width: 6}}, rows)
}

// hoursOn is the last reading until a day.
func (p *Package) hoursOn(day *fleet.Date) string {
	text := ""
	for _, r := range p.readings {
		if day != nil && r.ReadOn <= *day {
			text = number(&r.Hours)
		}
	}
	return text
}

func (p *Package) correspondence(s *sheet.Sheet) {
	rows := [][]string{}
	for _, l := range p.letters {
		text := join("\n", l.Subject, l.Text)
		if l.PackageSHA256 != "" {
			text = join("\n", text, "SHA-256 "+l.PackageSHA256)
		}
		with := ""
		if l.ContactID != nil {
			with = p.names[*l.ContactID]
		}
		rows = append(rows, []string{string(l.On), l.Direction, l.Channel, with, text})
	}
	s.Table([]sheet.Column{{Title: "On", Width: 2}, {Title: "", Width: 1.8}, {Title: "By", Width: 1.5}, {Title: "With", Width: 3}, {Title: "What", Width: 6}}, rows)
	if states := p.claimed().History; len(states) > 0 {
		s.Heading("States of the claim")
		rows := [][]string{}
		for _, x := range states {
			rows = append(rows, []string{string(x.On), string(x.State), x.Note})
		}
		s.Table([]sheet.Column{{Title: "On", Width: 2}, {Title: "State", Width: 2}, {Title: "Note", Width: 8}}, rows)
	}
}

// index lists what is in the package, with what proves that it is unchanged, and
// what is not in it.
func (p *Package) index(s *sheet.Sheet, entries []bundle.Entry) {
	s.Paragraph(p.title() + ". Made on " + string(Today(p.at, p.warranty.timeZone)) + ".")
	s.Heading("Contents")
	rows := [][]string{}
	slices.SortFunc(entries, func(a, b bundle.Entry) int { return strings.Compare(a.Path, b.Path) })
	for _, e := range entries {
		pages := "–" // a text, or a paper that is still being read
		if e.Pages > 0 {
			pages = strconv.Itoa(e.Pages)
		}
		rows = append(rows, []string{e.Path, pages, strconv.FormatInt(e.Bytes, 10), e.SHA256})
	}
	s.Table([]sheet.Column{{Title: "File", Width: 6}, {Title: "Pages", Width: 1.2, Right: true}, {Title: "Bytes", Width: 1.6, Right: true}, {Title: "SHA-256", Width: 5, Mono: true}}, rows)
	gaps(s, "Missing", "Nothing that a claim usually needs is missing.", p.missing)
	if hidden := p.withheld(); len(hidden) > 0 {
		gaps(s, "Withheld", "", hidden)
	}
}

func gaps(s *sheet.Sheet, heading, none string, all []bundle.Gap) {
	s.Heading(heading)
	if len(all) == 0 {
		s.Paragraph(none)
		return
	}
	rows := [][]string{}
	for _, g := range all {
		rows = append(rows, []string{g.What, g.Why})
	}
	s.Table([]sheet.Column{{Title: "What", Width: 3}, {Title: "Why", Width: 7}}, rows)
}

func (p *Package) readme() string {
	lines := []string{
		p.title(), "",
		"00_Index.pdf         what is here, and what is missing and why",
		"01_Claim_Form_" + p.law.Jurisdiction + ".pdf   the claim: check it, complete it by hand where there are lines, sign it",
		"02 to 16             the papers, in the order in which claims are read",
		"manifest.json        the same list for programs",
		"",
		haveItChecked,
		"",
		"Before electronics are posted: take out chart cards and mounts, save the waypoints, and write the RMA number on the parcel.",
		"Where the boat cannot go to a dealer, give the maker notice in writing.",
	}
	if p.warranty.ClaimInstructions != "" {
		lines = append(lines, "", "What the provider asks for:", p.warranty.ClaimInstructions)
	}
	if p.warranty.TermsSource != "" {
		lines = append(lines, "", "The terms were taken from: "+p.warranty.TermsSource)
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// join sets parts beside each other that are not empty.
func join(between string, parts ...string) string {
	kept := parts[:0:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, between)
}

func endsBy(by string) string {
	return map[string]string{byMonths: "by its months", byHours: "by its hours", byInvoice: "by the months after the maker's invoice"}[by]
}

func date(d *fleet.Date) string {
	if d == nil {
		return ""
	}
	return string(*d)
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func number(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

func priced(amount *float64, currency string) string {
	if amount == nil {
		return ""
	}
	return currency + " " + strconv.FormatFloat(*amount, 'f', money.Digits(currency), 64)
}
