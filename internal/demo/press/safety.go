package press

import (
	"strings"
	"time"
)

// raftCertificate is a JPEG scan.
func raftCertificate() (File, error) {
	p, sheet := newSheet(a4Width, a4Height)
	drawRaftCertificate(p)
	s := scanner{skew: 1.5, grain: 20, dust: 260, seed: 404}
	return picture("liferaft-certificate.jpg", p, s.read(sheet.img), 48)
}

func drawRaftCertificate(p *page) {
	p.letterhead(firm{
		name: "Solent Example Raft Service", trade: "Approved life-raft servicing station no. 0099",
		address: []string{"Unit 7, Example Dock", "Southampton", "rafts@solent.example.org"}, tint: ink{160, 60, 20},
	})
	p.title(font{bold, 18}, "LIFE-RAFT SERVICE CERTIFICATE")
	p.boxes(13, box{1, "CERTIFICATE NO.", "SE-24-00873"}, box{1, "BOAT", "Calypso"}, box{1, "CALL SIGN", "2ZZX4"})
	p.boxes(13, box{1, "MAKER", "Haven-Six"}, box{1, "MODEL", "Offshore 8 canister"}, box{1, "SERIAL NO.", "HS8-114590"}, box{1, "PERSONS", "8"})
	p.boxes(13, box{1, "DATE OF MANUFACTURE", "11/2019"}, box{1, "STANDARD", "ISO 9650-1 type 1"}, box{1, "PACK", "Over 24 h"})
	p.y += 5
	p.table(9.5, []column{{"Test or item", 5, false}, {"Result", 3, false}, {"Renewed, good until", 3, false}},
		[]string{"Visual inspection of canister, straps and painter", "satisfactory", ""},
		[]string{"Working pressure test, 1 h at 20 °C", "loss 2 mbar, passed", ""},
		[]string{"Necessary additional pressure test", "passed", ""},
		[]string{"Floor seam strength test", "passed", ""},
		[]string{"Gas cylinder, hydrostatic test", "passed", "03/2029"},
		[]string{"Hydrostatic release unit", "new", "03/2026"},
		[]string{"Hand flares (6) and parachute rockets (2)", "new", "02/2028"},
		[]string{"Drinking water 12 litres, food ration", "new", "01/2029"},
		[]string{"Torch, batteries, seasickness tablets", "new", "03/2027"},
		[]string{"Canopy light and lithium cell", "satisfactory", "11/2027"})
	p.para(font{sans, 10}, "Corrosion found on one buckle of the lashing strap: strap replaced. The cradle aboard was not seen.")
	p.boxes(14, box{1, "SERVICED ON", "11 March 2024"}, box{1, "NEXT SERVICE DUE", "11 March 2027"}, box{1, "STATION LOG", "p. 212"})
	p.y += 6
	p.para(font{sans, 9}, "We certify that the raft described above was serviced in accordance with the maker's manual and was in a satisfactory condition when it left this station.")
	p.signature(24, 262, 60, 41, "Service technician")
	p.stamp(120, 256, ink{150, 40, 30}, "SERVICED", "11 MAR 2024", "STATION 0099")
}

// beaconRegistration is a native PDF.
func beaconRegistration() (File, error) {
	b := newBook("406 MHz beacon registration, Calypso", day(2025, time.April, 2))
	p := b.page()
	p.letterhead(firm{
		name: "Beacon Registry (specimen)", trade: "Distress beacon register",
		address: []string{"beacons@registry.example.org"}, tint: ink{170, 90, 0},
	})
	p.title(font{bold, 17}, "EPIRB REGISTRATION CONFIRMATION")
	p.para(font{sans, 10}, "The beacon below is registered. Keep this confirmation aboard. The register must be told at once of a change "+
		"of owner, boat, emergency contact or beacon; a beacon that is sold with the boat is registered anew by its next owner.")
	p.heading("Beacon")
	p.pairs(50, [2]string{"15 digit unique identifier", "9D6C03F2A5FFBFF"}, [2]string{"Type", "EPIRB, category 1, float-free, with GNSS and AIS homing"},
		[2]string{"Maker and model", "Fathomscope Lantern 3"}, [2]string{"Serial number", "FL3-558120"},
		[2]string{"Battery to be replaced by", "30 September 2028"}, [2]string{"Hydrostatic release", "replace by 31 January 2027"})
	p.heading("Boat")
	p.pairs(50, [2]string{"Name", "Calypso"}, [2]string{"MMSI", "235990142"}, [2]string{"Call sign", "2ZZX4"},
		[2]string{"Type, length, colour", "motor yacht, 17.34 m, white hull with grey superstructure"},
		[2]string{"Home port", "Southampton"}, [2]string{"Radio aboard", "VHF DSC, AIS class B, satellite telephone"}, [2]string{"Persons, normally", "6"})
	p.heading("Owner and emergency contacts")
	p.table(9.5, []column{{"Role", 2, false}, {"Name", 3, false}, {"Reached by", 4, false}},
		[]string{"Owner", "A. Example", "owner@example.org"},
		[]string{"First contact ashore", "B. Example", "shore-contact@example.org"},
		[]string{"Second contact", "Example Marina office", "harbour@marina.example.org"})
	p.boxes(14, box{1, "REGISTERED ON", "2 April 2025"}, box{1, "CONFIRM AGAIN BY", "2 April 2027"}, box{1, "REFERENCE", "BR-2025-11864"})
	p.footer("This confirmation was issued without signature. Specimen.")
	return b.file("epirb-registration.pdf")
}

// gasInspection is a German gas certificate, native.
func gasInspection() (File, error) {
	b := newBook("Prüfbescheinigung Flüssiggasanlage", day(2025, time.May, 14))
	p := b.page()
	p.letterhead(firm{
		name: "Förde Muster Bootstechnik", trade: "Sachkundiger für Flüssiggasanlagen",
		address: []string{"Musterkai 4", "Neustadt in Holstein", "gas@foerde.example.org"}, tint: ink{0, 90, 80},
	})
	p.title(font{bold, 16}, "PRÜFBESCHEINIGUNG")
	p.title(font{sans, 10.5}, "über die wiederkehrende Prüfung einer Flüssiggasanlage auf einem Sportboot nach EN ISO 10239")
	p.boxes(13, box{1, "BESCHEINIGUNG NR.", "G-2025-0318"}, box{1, "BOOTSNAME", "Calypso"}, box{1, "RUMPFNUMMER (HIN)", "IT-AZI55S42L920"})
	p.boxes(13, box{1, "BAUWERFT UND TYP", "Azimut 55S"}, box{1, "BAUJAHR", "2019"}, box{1, "LIEGEPLATZ", "Neustadt, Steg C"})
	p.y += 4
	p.heading("Geprüfte Anlage")
	p.table(9.5, []column{{"Bauteil", 4, false}, {"Hersteller und Typ", 4, false}, {"Baujahr", 2, false}, {"Befund", 4, false}},
		[]string{"Druckregler 30 mbar", "Zephyrine R30 Marine", "2025", "erneuert"},
		[]string{"Schlauchleitung Mitteldruck", "Zephyrine S8, 400 mm", "2025", "erneuert"},
		[]string{"Rohrleitung Kupfer 8 mm", "Werft", "2019", "dicht, ohne Scheuerstellen"},
		[]string{"Fernschaltventil", "Fernglut V2", "2019", "in Ordnung"},
		[]string{"Kochfeld mit Zündsicherung", "Fernglut Duo 60", "2019", "Flamme erlischt, Abschaltung nach 22 s"},
		[]string{"Gaswarngerät", "Fernglut Wache 1", "2023", "Alarm bei 15 % UEG ausgelöst"})
	p.heading("Prüfungen")
	p.item(font{sans, 10}, "1.", "Dichtheitsprüfung mit 150 mbar über 10 Minuten: kein Druckabfall.")
	p.item(font{sans, 10}, "2.", "Flaschenkasten: gasdicht zum Innenraum, Abfluss nach außenbords frei, Durchmesser 19 mm.")
	p.item(font{sans, 10}, "3.", "Lüftungsöffnungen in der Pantry vorhanden und nicht verschließbar.")
	p.item(font{sans, 10}, "4.", "Abgasführung entfällt, keine Heizgeräte mit Gas an Bord.")
	p.heading("Ergebnis")
	p.para(font{sans, 10}, "Die Anlage ist betriebssicher. Mängel wurden nicht festgestellt. Der Eigner wurde auf das Schließen des Flaschenventils nach Gebrauch hingewiesen.")
	p.boxes(14, box{1, "GEPRÜFT AM", "14. Mai 2025"}, box{1, "NÄCHSTE PRÜFUNG", "Mai 2027"}, box{1, "PRÜFPLAKETTE NR.", "77120"})
	p.signature(24, 262, 60, 51, "Sachkundiger, Unterschrift")
	p.seal(150, 254, "GEPRÜFT", "05 / 2027")
	p.footer("Muster, nicht zur Vorlage bei Behörden bestimmt")
	return b.file("gaspruefung.pdf")
}

// wiringNote is what a captain keeps in a text file.
func wiringNote() (File, error) {
	text := strings.TrimLeft(`
# Calypso: wiring as found

Written down by the captain after the refit of 2023. Check before you trust it.

## Battery bank

- House bank: 4 x Volthaven LFP-300, lazarette, starboard side. Isolator is the red key behind the ladder.
- Start batteries: one each engine, AGM, under the floor of the engine room.
- The paralleling relay sticks when it is hot. Tap it, then cycle the *Emergency start* breaker.

## DC panel, port column, from the top

| Breaker | Amps | Feeds | Wire |
|---|---|---|---|
| P1 | 10 | navigation lights | blue/white 1.5 mm2 |
| P2 | 15 | VHF and AIS | red 2.5 mm2 |
| P3 | 25 | bilge pump aft | brown 4 mm2 |
| P4 | 20 | watermaker feed pump | brown/yellow 4 mm2 |
| P5 | 5 | spare, was the old fluxgate compass | capped |

## Known faults

1. The grey cable with the zip tie at frame 14 is dead. Do not cut it, it holds the conduit.
2. Shore power inlet no. 2 trips at 28 A; the contact is burnt. Ordered, not fitted.
3. NMEA backbone: the terminator is inside the port wing locker, behind the fusebox.
`, "\n")
	return File{Name: "wiring-note.md", Data: []byte(text), Truth: []string{text}}, nil
}
