package press

import "strings"

// manualParts is the plan of the manual: a page for every section. What
// stands before the colon says how the page is filled.
func manualParts() []part {
	plan := []string{
		"Safety|prose:About this manual|prose:Signs and signal words|prose:Intended use|steps:Before every work|prose:Danger of high pressure|prose:Danger of electric current|prose:Drinking water hygiene|steps:In an emergency",
		"Description|prose:How reverse osmosis works|prose:Overview of the unit|prose:Feed side|prose:Prefiltration|prose:High-pressure side|prose:Membrane housing|prose:Product side and diverter|prose:Fresh water flush|prose:Energy recovery",
		"Technical data|data:Performance|data:Dimensions and weights|data:Electrical data|data:Limits of use|data:Fluids and capacities",
		"Installation|steps:Unpacking|prose:Choice of place|prose:Sea inlet and strainer|steps:Mounting the frame|prose:Feed hoses|steps:Mounting the prefilters|prose:High-pressure hoses|torque:Tightening the fittings|prose:Product line to the tank|prose:Overboard discharge|prose:Power supply|prose:Bus and remote panel|prose:Bonding and galvanic isolation|steps:Final inspection",
		"Commissioning|steps:Checks before the first start|steps:Flushing out the preservative|steps:Bleeding the feed side|steps:First start|prose:Setting the pressure|prose:Testing the product|data:Record of values|prose:Handing over to the owner",
		"Operation|steps:Starting|prose:Watching the pressure|prose:Automatic mode|prose:Timer and tank level|steps:Stopping|steps:Fresh water flush by hand|prose:Operation in harbours|prose:Operation in cold water|prose:Operation in warm water|prose:Operation while sailing",
		"Control panel|prose:Keys and lamps|prose:Main screen|prose:Menus|data:Parameters|prose:Remote panel|prose:Network messages|steps:Updating the firmware",
		"Faults and alarms|prose:How faults are shown|steps:Acknowledging a fault|faults:Fault codes, pressure|faults:Fault codes, flow|faults:Fault codes, quality|faults:Fault codes, valves|faults:Fault codes, current|faults:Fault codes, sensors|faults:Fault codes, raw water|faults:Fault codes, motor|faults:Fault codes, bus",
		"Maintenance|data:Schedule|steps:Cleaning the strainer|steps:Changing the prefilters|steps:Oil of the high-pressure pump|torque:Pump head|torque:Membrane end caps|steps:Cleaning the membranes, acid|steps:Cleaning the membranes, alkaline|steps:Changing the membranes|prose:Valves and seats|prose:Calibration of the salinity cell|torque:Frame and mounts|prose:Corrosion protection",
		"Lay-up|prose:Short breaks|steps:Preserving for winter|steps:Frost protection|steps:Starting again in spring",
		"Spare parts|parts:Feed side, parts|parts:Filters, parts|parts:High-pressure pump, parts|parts:Membranes, parts|parts:Panel and cables, parts|parts:Kits",
		"Appendix|prose:Warranty terms|prose:Disposal",
	}
	parts := make([]part, len(plan))
	for i, line := range plan {
		title, rest, _ := strings.Cut(line, "|")
		parts[i].title = title
		for s := range strings.SplitSeq(rest, "|") {
			kind, name, _ := strings.Cut(s, ":")
			parts[i].sections = append(parts[i].sections, section{kind, name})
		}
	}
	return parts
}

// handWritten are paragraphs whose words stand on no other page: what a
// captain looks for when he knows what he wants.
func handWritten() map[string]string {
	return map[string]string{
		"Drinking water hygiene":           "Product water is soft and slightly aggressive. Dose a remineralising cartridge of calcite before the tank when the piping is of copper.",
		"Energy recovery":                  "The pressure exchanger returns up to 61 percent of the energy in the brine. Its ceramic rotor turns at 1,450 r/min and needs no lubrication.",
		"Sea inlet and strainer":           "Use an inlet of its own with a scoop facing forward, at least 600 mm away from any toilet discharge. Plankton blooms clog a strainer within hours; the biofouling margin of the basket is one litre.",
		"Power supply":                     "Clip the supplied ferrite over the positive cable 50 mm before the terminal; without it the single-sideband receiver hears a whistle at 8 MHz.",
		"Bonding and galvanic isolation":   "Do not bond the membrane housing to the zinc circuit. A greenish bloom of verdigris at the earth strap shows a stray current above 20 milliampere.",
		"Testing the product":              "Discard the first twenty minutes. A hand-held conductivity meter must show less than 800 microsiemens; taste is not a test.",
		"Operation in harbours":            "Oil on the water destroys the membrane polyamide within minutes. Never run the unit where an iridescent film can be seen.",
		"Oil of the high-pressure pump":    "A milky emulsion in the sight glass means that the low-pressure plunger packing leaks. Drain through the petcock, flush once with thin oil and renew the packing.",
		"Changing the membranes":           "Lubricate the brine seal with pharmaceutical glycerine only. Petroleum jelly swells the rubber and must not be used.",
		"Cleaning the membranes, acid":     "Scale of carbonate is removed with citric acid of two percent at pH 3. Wear goggles.",
		"Calibration of the salinity cell": "Fill the beaker with reference solution KCl-1413, wait until the thermistor has settled and confirm. The factor must stay between 0.92 and 1.08.",
		"Preserving for winter":            "Sodium metabisulphite, 500 grams in fifty litres of product water, keeps the membranes for six months. The powder is hygroscopic: throw an opened bag away.",
		"Frost protection":                 "Propylene glycol, food grade, protects down to minus 18 degrees. Automotive antifreeze is poisonous.",
		"Updating the firmware":            "Copy the file DS160.BIN into the root of a memory stick formatted as FAT32. The bootloader waits nine seconds, then the heartbeat lamp turns violet.",
		"Bus and remote panel":             "The unit speaks on the network as device function 135. Set the instance with the rotary switch behind the grommet.",
		"Disposal":                         "Membranes go into residual waste, the pump oil to a collecting point, and the panel with its lithium coin cell to electronic scrap.",
		"Warranty terms":                   "Thirty-six months from the dealer's invoice. Claims are to be announced within ten days with the logbook export; wear parts, chlorine damage and frost are excluded.",
		"Record of values":                 "Enter the values at commissioning in indelible ink; the dealer needs this page for every later claim.",
		"Checks before the first start":    "Remove the yellow transport bracket and the desiccant bag behind the electronics cover.",
		"Danger of high pressure":          "A jet from a pinhole at 62 bar penetrates the skin. Such an injection injury looks harmless and is a surgical emergency.",
		"Watching the pressure":            "The analogue manometer on the frame is the reference when the panel is dark; its red pointer is a drag hand.",
		"Cleaning the membranes, alkaline": "Slime of bacteria is dissolved with the alkaline detergent BW-CL-2 at 35 degrees; foaming is normal.",
		"Membrane housing":                 "Housings are wound of glass fibre over a mandrel and tested at 103 bar. A star-shaped crazing at the port means the end of their life.",
		"Mounting the frame":               "The four silent blocks carry an arrow; it points to the keel. Slots allow for a camber of the bulkhead of six millimetres.",
		"Operation while sailing":          "Above twelve degrees of heel the inlet on the windward side aspirates air. The anti-siphon loop must stay above the waterline on both tacks.",
		"Tightening the fittings":          "Tapered threads take six turns of tape, or one drop of thixotropic sealant; never both.",
		"Corrosion protection":             "Spray the terminals with dielectric wax once a year and touch up the frame with two-component epoxy.",
		"Fault codes, motor":               "A motor that hums and does not turn has lost a phase or a carbon brush. Wait until the winding is below 60 degrees.",
		"Operation in warm water":          "Above 30 degrees the membranes pass more salt. Lower the pressure by one bar for each degree and accept the loss of yield, as in the Red Sea.",
		"Kits":                             "The tropical kit holds two spare lift springs and a stroboscope disc for checking the speed of the crankshaft.",
		"High-pressure pump, parts":        "Plungers are of sapphire-polished ceramic and are sold in matched triplets.",
		"Pump head":                        "Tighten crosswise in three passes; the last pass is 27 Nm for the M8 bolts of the head, 41.5 Nm for the two dowel bolts.",
		"Changing the prefilters":          "Twenty micron stands first, five micron second. Swapped cartridges halve the life of the pump's shuttle valve.",
		"Starting again in spring":         "Run the product overboard for forty minutes to rinse out what the winter has left; sniff for sulphur.",
		"Frame and mounts":                 "Mounts that sag by more than four millimetres are renewed in pairs; note the durometer printed on the rubber, 55 Shore.",
		"How faults are shown":             "A fault has a letter and four digits. The siren chirps twice a minute until someone presses the crossed bell.",
		"Keys and lamps":                   "Holding the droplet key for five seconds begins a flush. Both arrow keys together dim the lamps to nocturnal red.",
		"Feed side":                        "A self-priming pump of bronze lifts the sea water up to two metres; beyond that a booster is needed.",
		"Product side and diverter":        "The three-way diverter sends everything above 500 ppm overboard and clicks audibly when it turns.",
		"In an emergency":                  "When a hose bursts, strike the mushroom button first and close the seacock second.",
		"Unpacking":                        "The tilt indicator on the crate must be white. When it is crimson, have the carrier sign before you open the lid.",
		"Setting the pressure":             "Turn the needle valve clockwise by quarter turns; between two turns wait for thirty seconds.",
		"Short breaks":                     "After seven days without use, algae settle. The automatic flush every 120 hours prevents it as long as the tank holds 40 litres.",
		"Choice of place":                  "Ambient temperature above 45 degrees shortens the life of the capacitors; keep clear of exhaust risers and of the calorifier.",
		"Cleaning the strainer":            "Seagrass is pulled out by hand; barnacle spat is scraped off with a wooden spatula.",
		"Valves and seats":                 "A seat that whistles is eroded by cavitation. Lap it with paste of 600 grit, figure-of-eight strokes, no more than forty.",
		"Overboard discharge":              "Brine leaves the hull 100 mm above the waterline, so that the flow can be seen from the dock.",
		"Remote panel":                     "The bezel snaps off with a coin; the cut-out is 92 by 92 mm, as for a tachometer.",
		"Network messages":                 "Salinity is sent in parts per million every ten seconds, the hour meter once per minute, and the alarm bitfield whenever it changes.",
		"Acknowledging a fault":            "Three faults of the same code within one hour latch the unit; only the installer's pass phrase opens it again.",
	}
}

func components() []string {
	return strings.Split("feed pump|prefilter bowl|high-pressure pump|membrane housing|relief valve|diverter valve|salinity cell|flow meter|flush valve|pressure sensor|motor contactor|control board|remote panel|sea strainer|check valve|needle valve|product line|brine line|charcoal filter|pressure exchanger", "|")
}

func sentences() []string {
	return []string{
		"The section on {s} is meant for whoever runs the unit aboard; work marked with a wrench belongs to a trained fitter.",
		"Values are valid for sea water of 25 degrees and 35 grams of salt in a litre.",
		"Behind the {a} the pressure must not fall by more than {bar} bar within {n} minutes.",
		"A strainer of {n} mesh is fitted ahead of the {a} at the works.",
		"The installer notes the serial number of the {a} and keeps the transport caps.",
		"Leave {n}0 mm of free space on the service side, and more where the {place} has a lining.",
		"When the unit stands in the {place}, its noise reaches the cabins through the stringers; rubber mounts help.",
		"The {a} is checked every {h} hours, or once a year, whichever comes first.",
		"Current at plug {x} is normally {amp} A and rises by a fifth at the start.",
		"If the reading differs by more than {n} percent from the record of commissioning, look for the cause before going on.",
		"Menu {menu} shows the last {n} values with date and hour.",
		"Parts that came loose are renewed, never mended with tape.",
		"Hoses are led with a steady fall, so that no air collects above the {a}.",
		"Two clamps hold each end below the waterline; their screws point in opposite directions.",
		"The {a} carries an arrow in the direction of flow.",
		"Between the {a} and the hull lies a seacock that can be reached without tools.",
		"After {h} hours the sound of the {a} becomes brighter; this is wear and no fault.",
		"Only cartridges with part number {part} fit without adapter.",
		"For boats that lie in fresh water the interval of {n} days is doubled.",
		"The signal lamp of the {a} is green in service, amber while it waits and red when it was shut off.",
		"A drop of {n} percent in the product flow over a season is usual.",
		"Rinse with fresh water from the tank, which must hold at least {n}0 litres and be free of chlorine.",
		"The unit holds the pressure for {n} seconds after stopping and then opens the {a}.",
		"Cables from the {a} are kept apart from those of the radio by a hand's breadth.",
		"The board remembers {n} starts, the longest run and the highest temperature.",
		"Where the manual says check, a look and a hand on the part are enough; where it says measure, use the {tool}.",
		"Set the {a} to {bar} bar at first and correct it after a quarter of an hour.",
		"A film of water under the {a} is not condensation when it tastes of salt.",
		"The {tool} is part of the tool roll that came with the unit.",
		"Sand wears the {a}; in shallow anchorages run the unit at half load or not at all.",
		"All gaskets of the {a} are moistened with product water before they go in.",
		"The {a} can be turned in steps of 90 degrees to suit the {place}.",
		"Screws of the {a} are tightened to {nm} Nm and marked with paint.",
		"A gap of {mm} mm between both halves of the {a} is allowed.",
		"Read the hour meter and enter it in the boat's log together with the salinity.",
		"The reserve of the {a} suffices for {n} starts without shore power.",
		"Air in the system shows as a trembling needle and as noise in the {a}.",
		"Spare part {part} is delivered with new screws and a sheet of instructions.",
		"In the tropics the {a} is inspected twice as often.",
		"The factory tests each {a} for {n} minutes at one and a half times its rated pressure.",
		"Do not paint the {a}: it gives off its heat through the housing.",
		"The {s} was changed with edition 3 of this manual; older units are described in a leaflet of their own.",
		"Terminal {x} is spare and may be used for an outside alarm of at most {amp} A.",
		"Keep the {place} dry; standing water makes the sensors report nonsense.",
		"When two units share one inlet, each has its own {a}.",
		"The display rounds to whole numbers, the log keeps two decimals.",
		"A second person watches the {a} while the first opens the valve.",
		"Dealers read the memory through plug {x}; owners can see it in menu {menu}.",
	}
}

func instructions() []string {
	return []string{
		"Switch the unit off, open breaker {x} and hang the tag on it.",
		"Close the seacock and the valve at the {a}.",
		"Let the pressure go down: the pointer must rest on its pin for {n} seconds.",
		"Put a bucket under the {a}; about {n}00 ml will run out.",
		"Loosen the ring with the {tool}, turning against the clock.",
		"Take out the old part and look at its seat with a lamp.",
		"Clean the seat with a lint-free cloth and product water.",
		"Fit the new part {part} with the mark pointing upwards.",
		"Tighten the {a} crosswise to {nm} Nm.",
		"Open the seacock slowly and watch the {a} for drops.",
		"Bleed at the {a} until the water runs without bubbles.",
		"Start from menu {menu} and wait {n} seconds.",
		"Bring the pressure up to {bar} bar in three steps.",
		"Measure {amp} A at plug {x}; note the value.",
		"Compare with the record and enter date, hours and name.",
		"Repeat after {n} hours of service.",
		"Listen at the {a}: a dull knock means that air is trapped.",
		"Check that the gap at the {a} is no more than {mm} mm.",
		"Take the old part ashore; it does not belong into the sea.",
		"Set the counter in menu {menu} back to zero.",
	}
}

func cautions() []string {
	return []string{
		"Never work on the {a} while the unit is under pressure.",
		"Capacitors of the {a} hold a charge for {n} minutes after switching off.",
		"Chlorinated shore water destroys the membranes at once and for good.",
		"Hot surfaces near the {a}: wait {n} minutes.",
		"Do not close the outlet of the {a} while the unit is running.",
		"A frozen unit must not be started before it has thawed for {n} hours.",
		"Wear gloves and glasses for all work on the {a}.",
		"Water below the required quality goes overboard, never into the tank.",
		"Keep children away from the {place} during this work.",
		"Using parts of other makers ends the warranty for the {a}.",
		"Leave the seacock closed when nobody is aboard.",
		"Unplug {x} before welding anywhere on the boat.",
	}
}
