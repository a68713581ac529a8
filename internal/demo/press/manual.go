package press

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	manualTitle = "Operator's manual, watermaker Brackwell DS-160"
	manualPages = 100
	frontPages  = 3 // cover and two pages of contents
)

// writer fills the pages of the manual. Its pages differ from each other
// because every draw comes from one seeded sequence.
type writer struct {
	b     *book
	rng   *rand.Rand
	fault int // faults described so far
	part  int // spare parts listed so far
}

// part is one chapter of the manual.
type part struct {
	title    string
	sections []section
}

// section is one page: its heading and how the page is filled.
type section struct{ kind, title string }

// manual is a native PDF of a hundred pages with an outline of two levels.
func manual() (File, error) {
	w := &writer{
		b:   newBook(manualTitle, day(2023, time.September, 4)),
		rng: rand.New(rand.NewPCG(160, 4711)),
	}
	parts := manualParts()
	w.cover()
	w.contents(parts)
	for i, c := range parts {
		for k, s := range c.sections {
			w.section(i+1, k+1, c, s)
		}
	}
	if n := len(w.b.pages); n != manualPages {
		return File{}, fmt.Errorf("manual has %d pages, not %d", n, manualPages)
	}
	return w.b.file("watermaker-manual.pdf")
}

func (w *writer) cover() {
	p := w.b.page()
	w.b.chapter(0, "Cover")
	p.letterhead(firm{name: "Brackwell", trade: "Watermakers for yachts", address: []string{"Example Works", "manuals@brackwell.example.org"}, tint: ink{0, 110, 150}})
	p.y = 70
	p.title(font{bold, 30}, "DS-160")
	p.title(font{sans, 18}, "Reverse osmosis watermaker")
	p.title(font{sans, 14}, "Operator's and service manual")
	p.y += 10
	diagram(p, "Sea inlet", "Feed pump", "Prefilters", "High-pressure pump", "Membranes")
	p.y += 20
	p.pairs(50, [2]string{"Document", "BW-MAN-160-EN, edition 4, September 2023"}, [2]string{"Valid for", "DS-160-12, DS-160-24, DS-160-230"},
		[2]string{"Serial numbers", "from DS160-22-00001"}, [2]string{"Firmware", "3.2 and later"})
	p.footer("Original instructions. Keep this manual aboard, next to the unit.")
}

func (w *writer) contents(parts []part) {
	number := frontPages + 1
	var p *page
	for i, c := range parts {
		if i%6 == 0 {
			p = w.b.page()
			p.heading("Contents")
			p.footer(fmt.Sprintf("Brackwell DS-160, page %d", w.b.pdf.PageNo()))
		}
		contentsLine(p, font{bold, 10.5}, fmt.Sprintf("%d  %s", i+1, c.title), number)
		for k, s := range c.sections {
			if k%3 == 0 {
				contentsLine(p, font{sans, 9}, fmt.Sprintf("    %d.%d  %s", i+1, k+1, s.title), number)
			}
			number++
		}
		p.y += 2
	}
}

func contentsLine(p *page, f font, title string, number int) {
	n := strconv.Itoa(number)
	p.put(p.left, p.y+f.size*mmPerPoint, f, black(), strings.TrimSpace(title))
	p.put(p.right-p.measure(f, n), p.y+f.size*mmPerPoint, f, black(), n)
	p.dots(p.left+p.measure(f, title)+3, p.right-10, p.y+f.size*mmPerPoint)
	p.y += f.leading() + 0.6
}

func (w *writer) section(chapter, number int, c part, s section) {
	p := w.b.page()
	if number == 1 {
		w.b.chapter(0, fmt.Sprintf("%d %s", chapter, c.title))
	}
	w.b.chapter(1, fmt.Sprintf("%d.%d %s", chapter, number, s.title))
	p.put(p.left, 13, font{sans, 8}, grey(110), fmt.Sprintf("%d  %s", chapter, c.title))
	p.put(p.right-p.measure(font{sans, 8}, "BW-MAN-160-EN"), 13, font{sans, 8}, grey(110), "BW-MAN-160-EN")
	p.rule(15, 0.2, grey(150))
	p.heading(fmt.Sprintf("%d.%d  %s", chapter, number, s.title))
	w.body(p, s)
	p.footer(fmt.Sprintf("Brackwell DS-160, page %d", w.b.pdf.PageNo()))
}

func (w *writer) body(p *page, s section) {
	subject := strings.ToLower(s.title[:1]) + s.title[1:]
	w.prose(p, subject, 2)
	if extra, ok := handWritten()[s.title]; ok {
		p.para(font{serif, 11}, extra)
	}
	switch s.kind {
	case "steps":
		w.steps(p, subject)
	case "torque":
		w.torques(p)
	case "faults":
		w.faults(p)
	case "parts":
		w.parts(p)
	case "data":
		w.data(p, s.title)
	default:
		w.prose(p, subject, 4)
		if w.rng.IntN(2) == 0 {
			diagram(p, w.pick(components()), w.pick(components()), w.pick(components()), w.pick(components()))
		}
	}
	if s.kind != "faults" && s.kind != "parts" && w.rng.IntN(3) > 0 {
		p.note(w.pick([]string{"WARNING", "CAUTION", "NOTICE"}), w.sentence(cautions(), subject)+" "+w.sentence(cautions(), subject))
	}
}

// prose prints paragraphs of sentences that do not repeat on the page.
func (w *writer) prose(p *page, subject string, paragraphs int) {
	bank := sentences()
	order := w.rng.Perm(len(bank))
	for i := range paragraphs {
		var text []string
		for _, k := range order[i*7 : i*7+4+w.rng.IntN(4)] {
			text = append(text, w.fill(bank[k], subject))
		}
		p.para(font{serif, 11}, strings.Join(text, " "))
	}
}

func (w *writer) steps(p *page, subject string) {
	bank := instructions()
	order := w.rng.Perm(len(bank))[:9+w.rng.IntN(4)]
	slices.Sort(order) // the bank is in the order of work
	for i, k := range order {
		p.item(font{serif, 11}, fmt.Sprintf("%d.", i+1), w.fill(bank[k], subject))
	}
	p.y += 2
}

func (w *writer) torques(p *page) {
	joints := strings.Split("End cap of the membrane housing|Banjo bolt, high-pressure line|Pump head, M8|Crankcase cover, M6|Pulley, locking screw|"+
		"Bracket to bulkhead, M10|Relief valve seat|Manifold plug|Electrode holder|Terminal stud, positive|Terminal stud, negative|Motor foot, M12|Filter bowl ring|Vibration mount", "|")
	rows := make([][]string, 0, 10)
	for _, k := range w.rng.Perm(len(joints))[:10] {
		newton := 4 + w.rng.IntN(80)
		rows = append(rows, []string{
			joints[k], fmt.Sprintf("M%d", 5+w.rng.IntN(8)), fmt.Sprintf("%d.%d", newton, w.rng.IntN(10)),
			strconv.Itoa(newton * 3 / 4), w.pick([]string{"dry", "oiled", "thread lock, medium", "anti-seize paste"}),
		})
	}
	p.table(9.5, []column{{"Joint", 5, false}, {"Thread", 1.4, false}, {"Torque Nm", 1.8, true}, {"lb ft", 1.4, true}, {"Thread is", 3, false}}, rows...)
}

// faults prints the next four fault codes.
func (w *writer) faults(p *page) {
	for range 4 {
		w.fault++
		code, name, cause, remedy := w.describeFault(w.fault)
		p.boxes(12, box{1, "FAULT CODE", code}, box{4, "SHOWN ON THE PANEL", name})
		p.y += 1.5
		p.indented(font{serif, 10.5}, 15, "Cause", cause)
		p.indented(font{serif, 10.5}, 15, "Cure", remedy)
		p.y += 2
	}
}

// describeFault makes up fault n. E-4711 is written by hand: every
// demonstration looks for it.
func (w *writer) describeFault(n int) (code, name, cause, remedy string) {
	if n == 25 {
		return "E-4711", "RAW WATER FLOW LOW",
			"The feed pump runs but delivers less than 9 litres a minute: worn impeller, blocked sea strainer, or air drawn at the lid.",
			"Close the seacock, open the cover of the feed pump and look at the impeller. Renew it when a blade is cracked or set; use only kit BW-IMP-04 and wet it with soapy water."
	}
	groups := components()
	group := groups[n%len(groups)]
	kinds := []string{"NO SIGNAL", "OUT OF RANGE", "OVERLOAD", "TIMEOUT", "DRIFT", "SHORT CIRCUIT"}
	code = fmt.Sprintf("E-%d%02d", 41+n/7, 3+n%7*13)
	name = strings.ToUpper(group) + ": " + kinds[n%len(kinds)]
	bank := sentences()
	return code, name,
		w.fill("The "+group+" "+w.pick([]string{"did not answer for {n} seconds", "reads {n} percent above its limit", "draws {amp} A more than rated", "reports a value that cannot be right", "was interrupted {n} times within an hour"})+".", group),
		w.fill(w.pick([]string{"Check plug {x} and its seal, then acknowledge.", "Clean the {s} and start again after {n} minutes.", "Measure at terminal {x}; renew part {part} when the value is wrong.", "Open menu {menu} and teach the {s} again."})+" "+bank[w.rng.IntN(len(bank))], group)
}

func (w *writer) parts(p *page) {
	rows := make([][]string, 0, 18)
	for range 18 {
		w.part++
		item := w.pick([]string{"O-ring", "Gasket", "Screw set", "Spring", "Sensor", "Hose", "Cartridge", "Bush", "Cover", "Cable", "Relay", "Seal kit", "Bracket"})
		rows = append(rows, []string{
			strconv.Itoa(w.part), fmt.Sprintf("BW-%04d-%02d", 2000+w.part*37, w.part%90+10),
			item + ", " + w.pick(components()), strconv.Itoa(1 + w.rng.IntN(6)), w.pick([]string{"", "in service kit 500 h", "in service kit 2,000 h", "since serial 00871", "order with serial"}),
		})
	}
	p.table(9, []column{{"Pos.", 1, true}, {"Part number", 2.4, false}, {"Designation", 5, false}, {"Pcs", 1, true}, {"Remarks", 3, false}}, rows...)
}

// data prints the table of a section, a value for each model.
func (w *writer) data(p *page, title string) {
	cols := []column{{"Value", 5, false}, {"Unit", 1.6, false}, {"DS-160-12", 2, true}, {"DS-160-24", 2, true}, {"DS-160-230", 2, true}}
	switch title {
	case "Schedule":
		cols = []column{{"Work", 6, false}, {"Every", 2.4, false}, {"Or after", 2, false}, {"By", 2, false}}
	case "Parameters":
		cols = []column{{"No.", 1, false}, {"Parameter", 5, false}, {"Unit", 1.6, false}, {"At delivery", 2, true}, {"Range", 2.4, true}}
	}
	var rows [][]string
	for line := range strings.SplitSeq(dataTables()[title], "\n") {
		rows = append(rows, strings.Split(line, "|"))
	}
	p.table(9.5, cols, rows...)
	w.prose(p, strings.ToLower(title), 2)
}

// diagram draws a flow from left to right.
func diagram(p *page, names ...string) {
	gap := 6.0
	wide := (p.right - p.left - gap*float64(len(names)-1)) / float64(len(names))
	f := font{sans, 7.5}
	for i, name := range names {
		x := p.left + float64(i)*(wide+gap)
		p.frame(x, p.y, wide, 16, 0.4, ink{0, 90, 130})
		for k, line := range p.wrap(f, name, wide-3) {
			p.put(x+(wide-p.measure(f, line))/2, p.y+7+3.6*float64(k), f, black(), line)
		}
		if i > 0 {
			p.trace([]point{{x - gap, p.y + 8}, {x, p.y + 8}}, 0.4, black())
			p.trace([]point{{x - 1.8, p.y + 6.8}, {x, p.y + 8}, {x - 1.8, p.y + 9.2}}, 0.4, black())
		}
	}
	p.y += 21
}

func (w *writer) pick(from []string) string { return from[w.rng.IntN(len(from))] }

func (w *writer) sentence(bank []string, subject string) string {
	return w.fill(w.pick(bank), subject)
}

// fill puts drawn values into the slots of a sentence.
func (w *writer) fill(s, subject string) string {
	return strings.NewReplacer(
		"{s}", subject,
		"{a}", w.pick(components()),
		"{tool}", w.pick(strings.Split("torque wrench|feeler gauge|strap wrench|hex key of 6 mm|socket of 13 mm|multimeter|soft brush|circlip pliers|hand pump", "|")),
		"{place}", w.pick(strings.Split("port berth|lazarette|engine room|forepeak|galley sole|aft bulkhead|technical space|saloon step", "|")),
		"{nm}", strconv.Itoa(4+w.rng.IntN(70)),
		"{bar}", fmt.Sprintf("%d.%d", 1+w.rng.IntN(60), w.rng.IntN(10)),
		"{mm}", fmt.Sprintf("%d.%d", w.rng.IntN(30), 1+w.rng.IntN(9)),
		"{h}", strconv.Itoa(50*(1+w.rng.IntN(40))),
		"{amp}", fmt.Sprintf("%d.%d", 1+w.rng.IntN(40), w.rng.IntN(10)),
		"{n}", strconv.Itoa(2+w.rng.IntN(28)),
		"{x}", fmt.Sprintf("X%d.%d", 1+w.rng.IntN(9), 1+w.rng.IntN(16)),
		"{menu}", fmt.Sprintf("%d-%d", 1+w.rng.IntN(7), 1+w.rng.IntN(20)),
		"{part}", fmt.Sprintf("BW-%04d-%02d", 6000+w.rng.IntN(3000), 10+w.rng.IntN(80)),
	).Replace(s)
}
