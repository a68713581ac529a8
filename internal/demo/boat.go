package demo

// Boat is an invented boat. Measures are metres and kilograms, dates are
// written 2006-01-02, Flag is ISO 3166-1.
type Boat struct {
	Slug, Name, Make, Model                     string
	ModelYear, BuildYear, LaunchYear, LastRefit int
	HIN, MMSI, CallSign, OfficialNumber         string
	HullNumber, Flag, HomePort                  string
	NominalLength, LOA, LWL                     float64
	Beam, Draft, AirDraft                       float64
	Displacement                                int
	Kind, HullMaterial, Builder, Class          string
	Use                                         string // private, charter, commercial or racing
	Engines                                     []Engine
	Equipment                                   []Equipment
	Owners                                      []Owner
	Warranties                                  []Warranty
}

// Engine is one propulsion engine; Key is what Paper.Equipment names.
type Engine struct {
	Key, Position, Maker, Model, Serial, Fuel string
	PowerKW                                   float64
	Hours                                     int
	HoursOn, HoursSource                      string
}

// Equipment is one item aboard; System is a code of systems.csv and Key is
// unique on the boat. Hours is 0 where nothing counts them.
type Equipment struct {
	Key                        string
	System                     int
	Name, Maker, Model, Serial string
	Place, InstalledOn         string
	Hours                      int
}

// Owner holds a share of a boat in percent.
type Owner struct {
	Name    string
	Share   float64
	Contact string
	Signs   bool
}

// Warranty is described by the days that are left of it, because the demo
// must look alive on any day: the loader sets the purchase date so that the
// last day of cover is DaysLeft after today. Coverage is in whole units.
type Warranty struct {
	Item, Provider, Equipment, Serial string
	Months, DaysLeft                  int
	Coverage                          int
	Currency                          string
}

// Boats lists the boats of the demo.
func Boats() []Boat { return []Boat{testBoat(), manhattan(), princess()} }

func testBoat() Boat {
	return Boat{
		Slug: "test-boat", Name: "Calypso", Make: "Azimut", Model: "55S",
		ModelYear: 2020, BuildYear: 2019, LaunchYear: 2020, LastRefit: 2023,
		HIN: "IT-AZI55S42L920", MMSI: "235990142", CallSign: "2ZZX4", OfficialNumber: "990142",
		HullNumber: "55S/42", Flag: "GB", HomePort: "Southampton",
		NominalLength: 16.76, LOA: 17.34, LWL: 14.62, Beam: 4.65, Draft: 1.30, AirDraft: 4.95,
		Displacement: 24500, Kind: "motor yacht", HullMaterial: "GRP sandwich", Builder: "Azimut", Class: "CE B",
		Use: "private",
		Engines: []Engine{
			{"engine-port", "port", "Norskerry", "NK6-435", "NK6A-20417", "diesel", 320, 1187, "2026-08-31", "service log"},
			{"engine-centre", "centre", "Norskerry", "NK6-435", "NK6A-20418", "diesel", 320, 1184, "2026-08-31", "service log"},
			{"engine-starboard", "starboard", "Norskerry", "NK6-435", "NK6A-20419", "diesel", 320, 1189, "2026-08-31", "service log"},
		},
		Equipment:  testBoatEquipment(),
		Owners:     []Owner{{Name: "A. Example", Share: 100, Contact: "owner@example.org", Signs: true}},
		Warranties: testBoatWarranties(),
	}
}

func testBoatEquipment() []Equipment {
	return []Equipment{
		{"watermaker", 400, "Watermaker", "Brackwell", "DS-160", "DS160-24-03317", "under port berth", "2024-02-12", 318},
		{"generator", 300, "Generator", "Kelpwatt", "G18", "KW18-66021", "engine room, aft", "2020-05-11", 1340},
		{"batteries", 310, "House battery bank", "Volthaven", "LFP-300", "VH300-7781", "lazarette, starboard", "2021-12-04", 0},
		{"plotter", 700, "Chart plotter, lower helm", "Sextantia", "S16", "SX16-40231", "lower helm", "2023-11-24", 0},
		{"radar", 710, "Radar, open array 4 ft", "Fathomscope", "Sweep 4", "FSW4-10877", "mast", "2020-05-11", 0},
		{"vhf", 710, "VHF radio with DSC", "Sextantia", "V90", "SV90-55120", "lower helm", "2020-05-11", 0},
		{"airco", 440, "Air conditioning, three units", "Zephyrine", "Chill 16", "ZC16-90412", "under saloon sole", "2020-05-11", 0},
		{"windlass", 510, "Windlass", "Ankerling", "W1500", "AW15-3377", "foredeck", "2020-05-11", 0},
		{"thruster", 520, "Bow thruster", "Sidelong", "T120", "ST120-8841", "bow", "2020-05-11", 0},
		{"gas", 430, "Gas regulator and hose", "Zephyrine", "R30 Marine", "ZR30-25118", "gas locker, flybridge", "2025-05-14", 0},
		{"liferaft", 800, "Life-raft for eight", "Haven-Six", "Offshore 8", "HS8-114590", "flybridge", "2020-05-11", 0},
		{"epirb", 800, "EPIRB", "Fathomscope", "Lantern 3", "FL3-558120", "flybridge, starboard", "2020-05-11", 0},
	}
}

// testBoatWarranties end in 10, 25 and 80 days; one has ended.
func testBoatWarranties() []Warranty {
	return []Warranty{
		{"House battery bank", "Volthaven Example Distribution", "batteries", "VH300-7781", 60, 10, 9600, "EUR"},
		{"Chart plotter", "Sextantia Example Service", "plotter", "SX16-40231", 36, 25, 5200, "EUR"},
		{"Watermaker", "Brackwell Example Dealers", "watermaker", "DS160-24-03317", 36, 80, 14200, "EUR"},
		{"Centre engine", "Riviera Example Motors", "engine-centre", "NK6A-20418", 60, -516, 98000, "EUR"},
	}
}

func manhattan() Boat {
	return Boat{
		Slug: "mistral-etoile", Name: "Mistral Étoilé", Make: "Sunseeker", Model: "Manhattan 68",
		ModelYear: 2021, BuildYear: 2020, LaunchYear: 2021, LastRefit: 2026,
		HIN: "GB-XSK68M17C021", MMSI: "227990680", CallSign: "FZX9068", OfficialNumber: "TL X99 068",
		HullNumber: "M68/17", Flag: "FR", HomePort: "Antibes",
		NominalLength: 20.70, LOA: 21.00, LWL: 17.10, Beam: 5.24, Draft: 1.55, AirDraft: 6.10,
		Displacement: 36500, Kind: "motor yacht", HullMaterial: "GRP sandwich", Builder: "Sunseeker", Class: "CE A",
		Use: "charter",
		Engines: []Engine{
			{"engine-port", "port", "Norskerry", "NK12-1200", "NK12-30755", "diesel", 882, 1148, "2026-04-28", "yard invoice"},
			{"engine-starboard", "starboard", "Norskerry", "NK12-1200", "NK12-30756", "diesel", 882, 1152, "2026-04-28", "yard invoice"},
		},
		Equipment: []Equipment{
			{"generator", 300, "Generator", "Kelpwatt", "G22", "KW22-70118", "engine room", "2021-03-15", 1705},
			{"charger", 310, "Battery charger", "Volthaven", "C100", "VC100-1192", "engine room", "2021-03-15", 0},
			{"shaft-seals", 220, "Dripless shaft seals", "Chantier Exemple", "DRP 63", "DRP-2211", "shaft tunnels", "2026-04-22", 0},
			{"watermaker", 400, "Watermaker", "Brackwell", "DS-160", "DS160-22-00418", "engine room", "2021-03-15", 902},
			{"stabilisers", 460, "Gyro stabiliser", "Gyroswell", "GX 7", "GX7-3096", "lazarette", "2021-03-15", 1333},
			{"plotter", 700, "Chart plotters, both helms", "Sextantia", "S16", "SX16-38801", "helms", "2021-03-15", 0},
			{"ais", 710, "AIS class A", "Sextantia", "A1", "SA1-7718", "lower helm", "2021-03-15", 0},
			{"airco", 440, "Air conditioning, chilled water", "Zephyrine", "Chill 48", "ZC48-1120", "engine room", "2021-03-15", 0},
			{"tender", 900, "Tender", "Puffling", "P360", "PF360-2045", "bathing platform", "2021-06-01", 210},
			{"fire", 810, "Fixed fire system, engine room", "Haven-Six", "Quell 12", "HQ12-5510", "engine room", "2021-03-15", 0},
		},
		Owners: []Owner{{Name: "SARL Étoile Exemple", Share: 100, Contact: "etoile@example.org", Signs: true}},
	}
}

func princess() Boat {
	return Boat{
		Slug: "aurelia-example", Name: "Aurelia Example", Make: "Princess", Model: "Y95",
		ModelYear: 2022, BuildYear: 2021, LaunchYear: 2022, LastRefit: 2025,
		HIN: "GB-PRLY9504E122", MMSI: "248990095", CallSign: "9HZX9", OfficialNumber: "99095",
		HullNumber: "Y95/04", Flag: "MT", HomePort: "Valletta",
		NominalLength: 28.96, LOA: 29.10, LWL: 24.30, Beam: 6.67, Draft: 2.10, AirDraft: 8.90,
		Displacement: 84000, Kind: "motor yacht", HullMaterial: "GRP sandwich", Builder: "Princess", Class: "commercial yacht",
		Use: "commercial",
		Engines: []Engine{
			{"engine-port", "port", "Norskerry", "NK12-1400", "NK12-41102", "diesel", 1432, 1544, "2026-05-22", "sea trial"},
			{"engine-starboard", "starboard", "Norskerry", "NK12-1400", "NK12-41103", "diesel", 1432, 1541, "2026-05-22", "sea trial"},
		},
		Equipment: []Equipment{
			{"generator-1", 300, "Generator no. 1", "Kelpwatt", "G28", "KW28-81501", "engine room, port", "2022-04-02", 4120},
			{"generator-2", 300, "Generator no. 2", "Kelpwatt", "G28", "KW28-81502", "engine room, starboard", "2022-04-02", 3987},
			{"stabilisers", 460, "Fin stabilisers", "Gyroswell", "F95", "GF95-0077", "amidships", "2022-04-02", 0},
			{"passerelle", 460, "Passerelle", "Ankerling", "PX 4", "APX4-118", "transom", "2022-04-02", 0},
			{"watermaker-1", 400, "Watermaker no. 1", "Brackwell", "DS-320", "DS320-22-00021", "engine room", "2022-04-02", 2210},
			{"airco", 440, "Chilled water plant", "Zephyrine", "Chill 120", "ZC120-220", "engine room", "2022-04-02", 0},
			{"sewage", 410, "Sewage treatment", "Zephyrine", "Clear 9", "ZCL9-450", "forward technical space", "2022-04-02", 0},
			{"radar", 710, "Radar, X-band", "Fathomscope", "Sweep 6", "FSW6-20330", "mast", "2022-04-02", 0},
			{"satellite", 720, "Satellite terminal", "Sextantia", "Dome 60", "SD60-7102", "hard top", "2023-04-20", 0},
			{"windlass", 510, "Windlasses, pair", "Ankerling", "W3500", "AW35-0912", "foredeck", "2022-04-02", 0},
			{"tender", 900, "Tender", "Puffling", "P450 Jet", "PF450-0310", "garage", "2022-04-02", 388},
			{"monitoring", 730, "Monitoring and alarm system", "Sextantia", "Watch 400", "SW400-133", "upper helm", "2022-04-02", 0},
		},
		Owners: []Owner{{Name: "Aurelia Example Holding Ltd", Share: 100, Contact: "holding@example.org", Signs: true}},
	}
}
