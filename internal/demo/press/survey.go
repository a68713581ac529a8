package press

import (
	"fmt"
	"strings"
	"time"
)

// finding is one line of a survey: its grade says how soon it must be cured.
type finding struct{ grade, place, text string }

// chapter is one section of the survey, a page each.
type chapter struct {
	title    string
	text     []string
	findings []finding
}

// survey is a native PDF of twelve pages with an outline.
func survey() (File, error) {
	b := newBook("Pre-purchase survey, motor yacht Calypso", day(2022, time.February, 10))
	surveyCover(b)
	surveySummary(b)
	for i, c := range surveyChapters() {
		p := b.page()
		b.chapter(0, fmt.Sprintf("%d %s", i+2, c.title))
		p.heading(fmt.Sprintf("%d  %s", i+2, c.title))
		for _, s := range c.text {
			p.para(font{serif, 11}, s)
		}
		if len(c.findings) > 0 {
			rows := make([][]string, len(c.findings))
			for k, f := range c.findings {
				rows[k] = []string{fmt.Sprintf("%d.%d", i+2, k+1), f.grade, f.place, f.text}
			}
			p.table(9, []column{{"No.", 1, false}, {"Grade", 1.2, false}, {"Place", 3, false}, {"Finding and recommendation", 8, false}}, rows...)
			planOfFindings(p, i+2, c.findings)
		}
		p.footer(fmt.Sprintf("Survey SR-2022-031, Calypso, page %d of 12", b.pdf.PageNo()))
	}
	surveyClose(b)
	return b.file("pre-purchase-survey.pdf")
}

// planOfFindings sketches the boat from above with a ring for each finding.
func planOfFindings(p *page, chapter int, findings []finding) {
	top := p.y + 12
	at := func(u, v float64) point { return point{p.left + 10 + 150*u, top + 30 + 26*v} }
	var port, starboard []point
	for i := range 41 {
		u := float64(i) / 40
		beam := 1 - 0.15*(1-2*u)*(1-2*u)
		if u > 0.5 {
			beam = 1 - 4*(u-0.5)*(u-0.5)
		}
		port, starboard = append(port, at(u, -beam)), append(starboard, at(u, beam))
	}
	p.trace(port, 0.5, grey(60))
	p.trace(starboard, 0.5, grey(60))
	p.trace([]point{at(0, -0.85), at(0, 0.85)}, 0.5, grey(60))
	p.trace([]point{at(0.2, -0.6), at(0.62, -0.55), at(0.72, 0), at(0.62, 0.55), at(0.2, 0.6), at(0.2, -0.6)}, 0.3, grey(120))
	p.trace([]point{at(0.02, 0), at(0.98, 0)}, 0.15, grey(170))
	for i, f := range findings {
		u, v := whereabouts(f.place)
		q := at(u+0.03*float64(i), v)
		p.circle(q.x, q.y, 4, 0.5, ink{180, 40, 30})
		p.put(q.x-2.4, q.y+1, font{bold, 8}, ink{180, 40, 30}, fmt.Sprintf("%d.%d", chapter, i+1))
	}
	p.put(p.left+10, top+64, font{italic, 9}, grey(80), "Sketch from above, bow to the right, not to scale. Rings: findings, places approximate.")
}

// whereabouts guesses from its name where a place is: u from the transom to
// the bow, v from port to starboard.
func whereabouts(place string) (u, v float64) {
	place = strings.ToLower(place)
	u = 0.45
	for _, w := range []struct {
		word string
		u    float64
	}{
		{"transom", 0.04},
		{"lazarette", 0.07},
		{"pod", 0.1},
		{"exhaust", 0.06},
		{"engine", 0.18},
		{"inlet", 0.05},
		{"raft", 0.3},
		{"horn", 0.62},
		{"helm", 0.58},
		{"windscreen", 0.66},
		{"forward", 0.74},
		{"guest", 0.72},
		{"bow", 0.86},
	} {
		if strings.Contains(place, w.word) {
			u = w.u
			break
		}
	}
	switch {
	case strings.Contains(place, "port"):
		v = -0.6
	case strings.Contains(place, "starboard"):
		v = 0.6
	}
	return u, v
}

func surveyCover(b *book) {
	p := b.page()
	b.chapter(0, "Cover")
	p.letterhead(firm{
		name: "Needles Example Surveyors", trade: "Small craft surveys and valuations",
		address: []string{"5 Example Yard", "Lymington", "survey@needles.example.org"}, tint: ink{30, 80, 60},
	})
	p.y = 80
	p.title(font{serifBold, 24}, "PRE-PURCHASE SURVEY")
	p.title(font{serif, 14}, "Motor yacht Calypso, Azimut 55S")
	p.y += 12
	p.pairs(52, [2]string{"Report number", "SR-2022-031"}, [2]string{"Made for", "the intending buyer, A. Example"},
		[2]string{"Place of survey", "Example Marina, Lymington, ashore and afloat"}, [2]string{"Dates", "8 and 9 February 2022"},
		[2]string{"HIN, as seen on the transom", "IT-AZI55S42L920"}, [2]string{"Weather", "dry, 9 °C, relative humidity 71 %"},
		[2]string{"Hours seen on the displays", "409 / 406 / 411"})
	p.y += 10
	p.para(font{italic, 10}, "This report belongs to the person who ordered it. It may not be shown, copied or relied upon by others without written consent of the surveyor.")
	p.footer("Survey SR-2022-031, Calypso, page 1 of 12")
}

func surveySummary(b *book) {
	p := b.page()
	b.chapter(0, "1 Summary")
	p.heading("1  Summary")
	f := font{serif, 11}
	p.para(f, "The boat was found in good structural condition for her age. Nothing was seen that would speak against a purchase, provided that the three findings of grade A are cured before she goes to sea.")
	p.table(9.5, []column{{"Grade", 1, false}, {"Meaning", 6, false}, {"Count", 1, true}},
		[]string{"A", "first priority, touches safety: cure before use", "3"},
		[]string{"B", "timely attention: cure within the season", "10"},
		[]string{"C", "note: cure when convenient", "7"})
	p.para(f, "Findings of grade A: the inoperative bilge alarm in the lazarette (3.1), the chafed fuel return hose at the centre engine (4.1) and the overdue hydrostatic release of the life-raft (7.1).")
	p.heading("Valuation")
	p.para(f, "Market value in the condition found, value added tax paid, lying Lymington: EUR 1,090,000. Replacement as new with like equipment: EUR 1,650,000. These figures are opinions, not promises.")
	p.heading("Method and limits")
	p.para(f, "Hull and deck were sounded with a phenolic hammer. Moisture was read with a capacitance meter on scale A at 184 stations. Linings were lifted where they came away without force; tanks were not opened, and the engines were not taken apart. What could not be reached is named in each chapter.")
	p.para(f, "The sea trial lasted 75 minutes in the western Solent, wind south-west force 4, sea slight.")
	p.footer("Survey SR-2022-031, Calypso, page 2 of 12")
}

func surveyChapters() []chapter {
	return append(surveyHull(), surveySystems()...)
}

func surveyHull() []chapter {
	return []chapter{
		{"Hull below the waterline", []string{
			"Infused laminate of vinylester and glass, solid below the chine. The antifouling, a hard copolymer, was thin at the leading edges. No blisters were seen after the pressure wash; 184 readings of moisture lay between 4 and 9, at the transom between 9 and 13.",
			"The keel line is fair. Sounding gave no hollow tone except over a palm-sized area beside the port pod, where filler of the builder is thick.",
		}, []finding{
			{"C", "Transom, starboard", "Moisture 13 beside the swim platform bracket. Rebed the two lower bolts with polysulphide."},
			{"B", "Port pod, seal", "Sealing ring shows three cracks of 10 mm. Renew at the next lift-out."},
			{"C", "Bow thruster tunnel", "Barnacles on the grid, gelcoat crazing at the lower lip."},
		}},
		{"Topsides, deck and superstructure", []string{
			"Gelcoat white with a grey metallic band. Gloss 78 to 84 on the meter, lower on the starboard quarter where fenders have worked. Deck of balsa cored sandwich, teak on side decks of 7 mm remaining thickness.",
			"The sliding roof ran its whole way in 14 seconds without noise. Stanchions firm; the gate at the port side has play.",
		}, []finding{
			{"A", "Lazarette", "Bilge alarm float stuck, no sound at the helm. Free or renew and test."},
			{"B", "Port gate", "Hinge pin worn 1.5 mm, bush missing."},
			{"C", "Windscreen, centre", "Delamination of the interlayer 30 mm from the lower edge."},
		}},
		{"Engines and drives", []string{
			"Three Norskerry NK6-435 with pods, serials NK6A-20417, NK6A-20418 and NK6A-20419, read from the plates. Cold start within two seconds each, blue smoke for twenty seconds at the centre engine. At 2,300 r/min coolant stood at 84, 85 and 84 °C, oil at 4.1 bar.",
			"At full throttle 2,990, 2,960 and 2,985 r/min were reached, speed 32.4 knots over ground in both directions. Oil of each engine was sampled; the laboratory's sheet is in the annex.",
		}, []finding{
			{"A", "Centre engine", "Return hose of the fuel chafed by a bracket, braid visible. Renew and reroute."},
			{"B", "Starboard engine", "Weeping at the heat exchanger end cap, green salt track."},
			{"B", "Exhaust, port", "Clamp of the wet hose single, second one missing."},
		}},
		{"Electrical installation", []string{
			"24 V direct current, house bank of four lithium iron phosphate batteries renewed in December 2021, 1,200 Ah. Generator 17.5 kW by Kelpwatt, 506 hours. Insulation of the shore power circuit against earth 2.4 megohm with all breakers closed.",
			"Cables are numbered and carried in trays; joints in the engine room are crimped and sleeved.",
		}, []finding{
			{"B", "Shore inlet 2", "Contact pin browned by heat, measured 41 °C over ambient at 25 A."},
			{"C", "Helm, behind the plotter", "Three cables without labels, one of them cut and not capped."},
		}},
		{"Plumbing, tanks and seacocks", []string{
			"Fourteen seacocks of dezincification resistant brass. All moved except the one of the black water outlet. Fresh water tank of 590 litres, polyethylene, clean through the inspection hatch. Hot water from a 40 litre calorifier.",
			"The watermaker space under the port berth is prepared with a feed inlet, blanked.",
		}, []finding{
			{"B", "Seacock 9, black water", "Seized half open. Renew at the lift-out."},
			{"B", "Shower sump, forward", "Float switch sluggish, hair and soap. Clean, then retest."},
		}},
	}
}

func surveySystems() []chapter {
	return []chapter{
		{"Safety equipment", []string{
			"Life-raft Haven-Six for eight, canister on the flybridge, last service March 2021. Eight lifejackets of 170 newton with lights. EPIRB by Fathomscope, battery within date. Two extinguishers in the saloon, one in each cabin, automatic system in the engine room with gauge in the green.",
		}, []finding{
			{"A", "Life-raft cradle", "Hydrostatic release expired 12/2021. Renew before sailing."},
			{"B", "Master cabin", "Extinguisher label illegible, date unknown. Renew."},
			{"C", "Lifejackets", "Two cylinders with surface rust."},
		}},
		{"Navigation and instruments", []string{
			"Two displays of 16 inches, open array radar of 4 feet, autopilot, depth and speed, AIS class B and two VHF sets, all powered up. Deviation of the fluxgate within three degrees on eight headings. Charts of 2021.",
		}, []finding{
			{"B", "Helm, starboard display", "Bonding of the touch layer lifts at one corner."},
			{"C", "Horn", "Hoarse, water in the trumpet."},
		}},
		{"Interior and accommodation", []string{
			"Three cabins, two heads, crew berth aft. Walnut veneer with satin varnish, soles dry. Upholstery clean; the blind of the starboard hull window hangs. No smell of fuel or damp. Air conditioning of three units cooled to 18 °C within twenty minutes.",
		}, []finding{
			{"C", "Galley", "Drawer runner of the refrigerator bent, door does not latch in a seaway."},
			{"B", "Guest head", "Silicone of the shower tray open along 200 mm; stain below."},
		}},
		{"Papers seen", []string{
			"Builder's certificate, declaration of conformity for design category B with 14 persons, invoice of first delivery with value added tax, provisional extract of the register, owner's manual in English and Italian. The service book was stamped at 52, 198 and 390 hours.",
			"Not seen: the radio licence, the certificate of the fixed fire system and proof of the last gas inspection.",
		}, nil},
	}
}

func surveyClose(b *book) {
	p := b.page()
	b.chapter(0, "11 Annex and signature")
	p.heading("11  Annex: oil analysis")
	p.table(9.5, []column{{"Element, mg/kg", 3, false}, {"Port", 1, true}, {"Centre", 1, true}, {"Starboard", 1, true}, {"Limit", 1, true}},
		[]string{"Iron", "21", "38", "22", "100"}, []string{"Copper", "6", "9", "6", "40"},
		[]string{"Aluminium", "3", "4", "3", "25"}, []string{"Silicon", "5", "6", "5", "25"},
		[]string{"Sodium", "12", "15", "61", "80"}, []string{"Soot, %", "0.3", "0.5", "0.3", "2.0"})
	p.para(font{serif, 11}, "Sodium at the starboard engine stands out and fits the weeping end cap; repeat the sample after fifty hours.")
	p.heading("Signature")
	p.para(font{serif, 11}, "This report was made without prejudice and to the best of the surveyor's knowledge on what could be seen on the days named.")
	p.signature(24, 175, 70, 61, "Surveyor, Lymington, 10 February 2022")
	p.stamp(125, 172, ink{30, 90, 60}, "NEEDLES", "SR-2022-031")
	p.footer("Survey SR-2022-031, Calypso, page 12 of 12")
}
