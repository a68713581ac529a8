package press

import "time"

// registry is the scan of a British certificate of registry.
func registry() (File, error) {
	s := scanner{skew: 1.7, grain: 16, dust: 220, seed: 101}
	return scannedPDF("certificate-of-registry.pdf", "", day(2022, time.March, 21), s, drawRegistry)
}

func drawRegistry(p *page) {
	p.frame(12, 12, p.w-24, p.h-24, 1.1, black())
	p.frame(14.5, 14.5, p.w-29, p.h-29, 0.3, black())
	p.y = 24
	p.title(font{bold, 12}, "REGISTRY OF SHIPPING (SPECIMEN)")
	p.title(font{serifBold, 24}, "Certificate of British Registry")
	p.title(font{sans, 10}, "Part I. Registered under the merchant shipping rules. Not proof of tonnage.")
	p.y += 4
	p.boxes(14, box{2, "NAME OF SHIP", "CALYPSO"}, box{1, "OFFICIAL NUMBER", "990142"}, box{1, "CALL SIGN", "2ZZX4"})
	p.boxes(14, box{2, "PORT OF CHOICE", "Southampton"}, box{1, "MMSI", "235990142"}, box{1, "YEAR OF BUILD", "2019"})
	p.boxes(14, box{2, "BUILDER AND MODEL", "Azimut 55S"}, box{2, "HULL IDENTIFICATION NUMBER", "IT-AZI55S42L920"})
	p.boxes(14, box{1, "LENGTH OVERALL", "17.34 m"}, box{1, "BREADTH", "4.65 m"}, box{1, "DRAUGHT", "1.30 m"}, box{1, "GROSS TONNAGE", "29.40"})
	p.boxes(14, box{1, "HULL MATERIAL", "Glass reinforced plastic"}, box{1, "PROPULSION", "Triple diesel, pods"}, box{1, "POWER", "3 x 320 kW"})
	p.boxes(20, box{1, "ENGINES, MAKER AND SERIAL NUMBERS", "Norskerry NK6-435, NK6A-20417 (port), NK6A-20418 (centre), NK6A-20419 (starboard)"})
	p.y += 5
	p.heading("Ownership")
	p.para(font{sans, 10}, "The following is entered in the register as owner of sixty-four (64) shares out of sixty-four in the ship named above:")
	p.boxes(20, box{3, "OWNER", "A. Example, Quayside House, 1 Example Quay, Southampton"}, box{1, "SHARES", "64 of 64"})
	p.y += 5
	p.para(font{sans, 10}, "This certificate is issued on the declaration of the owner. It must be carried aboard and "+
		"surrendered to the registrar when the ship is sold, lost, broken up or re-registered elsewhere. "+
		"A change of address or of the ship's particulars is to be reported within thirty days.")
	p.boxes(14, box{1, "DATE OF ISSUE", "14 March 2022"}, box{1, "THIS CERTIFICATE EXPIRES ON", "13 March 2027"}, box{1, "FOLIO", "RG 4417 / 22"})
	p.signature(118, 262, 66, 11, "For the Registrar of Ships")
	p.seal(62, 255, "REGISTRAR", "OF SHIPS", "SPECIMEN")
}

// billOfSale is a native PDF.
func billOfSale() (File, error) {
	b := newBook("Bill of sale, motor yacht Calypso", day(2022, time.February, 25))
	p := b.page()
	p.letterhead(firm{
		name: "Mainstay Example Brokers", trade: "Yacht sales and closings",
		address: []string{"2 Example Quay", "Southampton", "sales@mainstay.example.org"}, tint: ink{20, 60, 110},
	})
	p.title(font{serifBold, 18}, "BILL OF SALE OF A PLEASURE BOAT")
	p.para(font{serif, 11}, "Made in two originals on 25 February 2022 between the seller and the buyer named below. "+
		"In consideration of the price stated, the receipt of which is acknowledged, the seller transfers all sixty-four shares in the boat to the buyer.")
	p.heading("1. The boat")
	p.pairs(46, [2]string{"Name", "Calypso (formerly Farniente)"}, [2]string{"Make and model", "Azimut 55S, model year 2020"},
		[2]string{"HIN", "IT-AZI55S42L920"}, [2]string{"Official number", "990142, port of choice Southampton"},
		[2]string{"Engines", "3 x Norskerry NK6-435, serials NK6A-20417, NK6A-20418, NK6A-20419"},
		[2]string{"Engine hours", "412 / 409 / 414 at 22 February 2022"}, [2]string{"Lying at", "Berth K17, Example Marina, Lymington"})
	p.heading("2. The parties")
	p.pairs(46, [2]string{"Seller", "Farniente Example S.r.l., in liquidation"}, [2]string{"Buyer", "A. Example, private person"})
	p.heading("3. Price and taxes")
	p.table(9.5, []column{{"Item", 5, false}, {"Amount EUR", 2, true}},
		[]string{"Boat with engines and inventory as listed in annex A", "1,085,000.00"},
		[]string{"Tender Puffling P320 with jet drive, serial PF320-1188", "32,500.00"},
		[]string{"Less deposit paid on 17 January 2022", "-111,750.00"},
		[]string{"Balance paid on closing", "1,005,750.00"})
	p.para(font{serif, 10.5}, "Value added tax was paid on first delivery in Italy; the original invoice and proof of payment are handed over with this bill.")
	p.heading("4. Declarations of the seller")
	p.item(font{serif, 10.5}, "a)", "The boat is free of mortgages, maritime liens, debts and encumbrances.")
	p.item(font{serif, 10.5}, "b)", "The seller is the sole owner and is entitled to sell; no crew wages or berth fees are outstanding.")
	p.item(font{serif, 10.5}, "c)", "Risk and title pass on signature of the protocol of delivery.")
	p.signature(24, 262, 62, 21, "Seller, by its liquidator")
	p.signature(118, 262, 62, 22, "Buyer")
	p.stamp(88, 250, ink{150, 40, 40}, "ORIGINAL", "1 OF 2")
	p.footer("Bill of sale, Calypso, page 1 of 1")
	return b.file("bill-of-sale.pdf")
}

// francisation is the scan of a French registration paper.
func francisation() (File, error) {
	s := scanner{skew: -1.6, grain: 18, dust: 300, seed: 303}
	return scannedPDF("acte-de-francisation.pdf", "", day(2021, time.June, 9), s, drawFrancisation)
}

func drawFrancisation(p *page) {
	p.frame(12, 12, p.w-24, p.h-24, 0.8, black())
	p.y = 22
	p.title(font{sans, 10}, "BUREAU DE FRANCISATION (SPÉCIMEN SANS VALEUR)")
	p.title(font{bold, 20}, "ACTE DE FRANCISATION")
	p.title(font{sans, 10}, "et titre de navigation d'un navire de plaisance")
	p.y += 3
	p.boxes(14, box{2, "NOM DU NAVIRE", "MISTRAL ÉTOILÉ"}, box{1, "NUMÉRO D'IMMATRICULATION", "TL X99 068"}, box{1, "INDICATIF RADIO", "FZX9068"})
	p.boxes(14, box{2, "PORT D'ATTACHE", "Antibes"}, box{1, "MMSI", "227990680"}, box{1, "ANNÉE DE CONSTRUCTION", "2020"})
	p.boxes(14, box{1, "CONSTRUCTEUR ET MODÈLE", "Sunseeker Manhattan 68"}, box{1, "NUMÉRO D'IDENTIFICATION DE LA COQUE", "GB-XSK68M17C021"})
	p.boxes(14, box{1, "LONGUEUR HORS TOUT", "21,00 m"}, box{1, "LARGEUR", "5,24 m"}, box{1, "TIRANT D'EAU", "1,55 m"}, box{1, "JAUGE BRUTE", "54,20"})
	p.boxes(14, box{1, "MATÉRIAU DE LA COQUE", "Polyester stratifié"}, box{1, "MODE DE PROPULSION", "Deux moteurs diesel, lignes d'arbres"})
	p.boxes(20, box{1, "MOTEURS : MARQUE, TYPE ET NUMÉROS DE SÉRIE", "Norskerry NK12-1200, numéros NK12-30755 (bâbord) et NK12-30756 (tribord), 2 x 882 kW"})
	p.y += 5
	p.heading("Propriétaire")
	p.boxes(20, box{3, "NOM OU RAISON SOCIALE ET ADRESSE", "SARL Étoile Exemple, 3 quai de l'Exemple, Antibes"}, box{1, "PARTS", "100 %"})
	p.y += 5
	p.para(font{sans, 10}, "Le présent acte atteste que le navire désigné ci-dessus a été admis à porter le pavillon français. "+
		"Il doit être conservé à bord et présenté à toute réquisition des agents des douanes et des affaires maritimes. "+
		"Toute cession, même partielle, doit être déclarée au bureau d'attache dans le délai d'un mois.")
	p.para(font{sans, 10}, "Droit annuel de francisation et de navigation acquitté pour l'année en cours. Hypothèques inscrites : néant.")
	p.boxes(14, box{1, "DÉLIVRÉ LE", "9 juin 2021"}, box{1, "VALABLE JUSQU'AU", "8 juin 2031"}, box{1, "REGISTRE", "AB 2021 / 0617"})
	p.signature(116, 262, 66, 31, "Le chef du bureau")
	p.seal(60, 256, "BUREAU", "ANTIBES", "SPÉCIMEN")
}
