package press

import (
	"fmt"
	"time"
)

// seaTrial mixes native pages with scanned ones, as files do that were put
// together from a word processor and a copier.
func seaTrial() (File, error) {
	b := newBook("Sea trial report, motor yacht Aurelia Example", day(2026, time.May, 22))
	trialReport(b)
	if err := trialScan(b, 808, trialProtocol); err != nil {
		return File{}, err
	}
	trialNoise(b)
	if err := trialScan(b, 809, trialAcceptance); err != nil {
		return File{}, err
	}
	return b.file("sea-trial-report.pdf")
}

func trialScan(b *book, seed uint64, draw func(*page)) error {
	p, sheet := newSheet(a4Width, a4Height)
	draw(p)
	s := scanner{skew: 1.5, grain: 16, dust: 150, seed: seed}
	return b.scanned(p, s.read(sheet.img), 44)
}

func trialReport(b *book) {
	p := b.page()
	p.letterhead(firm{
		name: "Valletta Example Marine Office", trade: "Trials, deliveries and technical management",
		address: []string{"12 Example Steps", "Valletta", "office@vemo.example.org"}, tint: ink{20, 70, 120},
	})
	p.title(font{bold, 17}, "SEA TRIAL REPORT")
	p.boxes(13, box{2, "BOAT", "Aurelia Example, Princess Y95"}, box{2, "HIN", "GB-PRLY9504E122"}, box{1, "FLAG", "Malta"})
	p.boxes(13, box{1, "DATE", "22 May 2026"}, box{1, "FROM", "Valletta"}, box{1, "WIND, SEA", "NW 3, slight"}, box{1, "ABOARD", "9 persons"})
	p.heading("1. Loading")
	p.para(font{serif, 11}, "Fuel 6,200 litres of 11,500, fresh water full, tender in the garage. Displacement by draught marks 81.5 tonnes. Hull cleaned four weeks before the trial.")
	p.heading("2. Speed runs")
	p.table(9.5, []column{{"Engine r/min", 2, true}, {"Knots, out", 2, true}, {"Knots, back", 2, true}, {"Mean", 1.5, true}, {"Litres per hour", 2, true}},
		[]string{"800", "9.1", "8.7", "8.9", "62"}, []string{"1,200", "11.4", "11.0", "11.2", "148"},
		[]string{"1,800", "17.6", "17.0", "17.3", "366"}, []string{"2,150", "22.9", "22.3", "22.6", "528"},
		[]string{"2,350", "25.4", "24.8", "25.1", "655"})
	p.para(font{serif, 11}, "Crash stop from 20 knots in 74 metres. Turning circle at 18 knots 310 metres to port and 305 metres to starboard.")
	p.footer("Sea trial report, page 1")
}

func trialProtocol(p *page) {
	p.y = 22
	p.title(font{bold, 16}, "ENGINE ROOM PROTOCOL")
	p.boxes(13, box{1, "PORT ENGINE", "Norskerry NK12-1400, NK12-41102"}, box{1, "STARBOARD ENGINE", "Norskerry NK12-1400, NK12-41103"})
	p.y += 4
	rows := make([][]string, 0, 9)
	for i, speed := range []string{"idle", "800", "1,200", "1,600", "1,800", "2,000", "2,150", "2,250", "2,350"} {
		rows = append(rows, []string{
			speed, fmt.Sprintf("%d / %d", 68+2*i, 68+2*i+i%2), fmt.Sprintf("%.1f / %.1f", 1.6+0.35*float64(i), 1.5+0.36*float64(i)),
			fmt.Sprintf("%d / %d", 110+41*i, 112+42*i), fmt.Sprintf("%.2f", 0.02+0.23*float64(i)),
		})
	}
	p.table(10, []column{{"r/min", 1.3, false}, {"Coolant °C", 2, true}, {"Oil bar", 2, true}, {"Exhaust °C", 2, true}, {"Boost bar", 1.5, true}}, rows...)
	p.heading("Generators")
	p.table(10, []column{{"Set", 2, false}, {"Load kW", 1.5, true}, {"Hertz", 1.5, true}, {"Remarks", 5, false}},
		[]string{"Kelpwatt G28 no. 1", "24.5", "50.1", "quiet, no smoke"},
		[]string{"Kelpwatt G28 no. 2", "23.8", "49.6", "hunting between 48 and 51 until governor was bled"})
	p.para(font{italic, 12}, "Starboard shaft brake squeaks below 700 r/min. Bilge dry after the trial, stuffing tube 1 drop a minute.")
	p.signature(24, 262, 60, 92, "Chief engineer")
}

func trialNoise(b *book) {
	p := b.page()
	p.heading("3. Noise and vibration")
	p.table(9.5, []column{{"Place", 4, false}, {"At anchor, dB(A)", 2, true}, {"17 knots, dB(A)", 2, true}, {"Vibration mm/s", 2, true}},
		[]string{"Owner's cabin", "41", "63", "1.1"}, []string{"Saloon", "44", "68", "1.4"},
		[]string{"Upper helm", "48", "71", "0.9"}, []string{"Crew mess", "52", "74", "2.3"},
		[]string{"Galley", "47", "70", "1.8"})
	p.heading("4. Deck machinery and hotel load")
	p.item(font{serif, 11}, "a)", "Windlass lifts both anchors from 38 metres, 11 metres a minute; the chain counter reads 3 metres short.")
	p.item(font{serif, 11}, "b)", "Passerelle, platform and crane through their whole travel; the crane's limit switch was readjusted.")
	p.item(font{serif, 11}, "c)", "Fin stabilisers reduce roll from 9 to 2 degrees at anchor. A knock from the port fin was recorded, see the separate quotation.")
	p.item(font{serif, 11}, "d)", "Chilled water plant holds 21 degrees in all cabins with 31 degrees outside.")
	p.heading("5. Open points")
	p.table(9.5, []column{{"No.", 1, false}, {"Point", 7, false}, {"Who", 3, false}},
		[]string{"1", "Port fin bearing, measure the play", "stabiliser service"},
		[]string{"2", "Chain counter, calibrate", "captain"},
		[]string{"3", "Governor of generator 2, watch for two weeks", "chief engineer"})
	p.footer("Sea trial report, page 3")
}

func trialAcceptance(p *page) {
	p.frame(14, 14, p.w-28, p.h-28, 0.6, black())
	p.y = 26
	p.title(font{bold, 17}, "ACCEPTANCE OF TRIALS")
	p.para(font{sans, 11}, "The undersigned attended the sea trial of the motor yacht Aurelia Example on 22 May 2026 and accept "+
		"speed, noise and machinery as reported, with the three open points of section 5, which the manager "+
		"will close before the first charter of the season.")
	p.pairs(60, [2]string{"For the owner", "Aurelia Example Holding Ltd"}, [2]string{"For the manager", "Valletta Example Marine Office"},
		[2]string{"Hours at acceptance", "port 1,544, starboard 1,541"}, [2]string{"Lightship survey due", "May 2027"})
	p.signature(26, 150, 60, 93, "For the owner")
	p.signature(116, 150, 60, 94, "For the manager")
	p.stamp(120, 200, ink{40, 60, 120}, "ACCEPTED", "22 MAY 2026")
}
