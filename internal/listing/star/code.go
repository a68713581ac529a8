package star

import (
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// The lists of codes (seed/openmarine_codes.csv; a test compares them).
var lists = map[string][]string{
	"SalesStatus":      {"Active", "Sale Pending", "Sold", "Delete"},
	"TaxStatusCode":    {"Paid", "Not Paid", "Not Applicable", "Other"},
	"SaleClassCode":    {"New", "Used"},
	"BoatCategoryCode": {"Power", "Sail"},
	"BoatLengthCode":   {"Nominal Length", "Length Overall", "Length At Water Line", "Length Of Deck"},
	"BoatDraftCode":    {"Max Draft", "Drive Up"},
	"BoatKeelCode":     {"Full Keel", "Fin Keel", "Lifting Keel", "Winged Keel", "Twin Keel", "Bulb Keel", "Canting Keel", "Other"},
	"BoatHullDesignCode": {
		"Monohull", "Deep Vee", "RIB", "Displacement", "Catamaran", "Planing", "Modified Vee", "Semi Displacement", "Flat", "Pontoon",
		"Trimaran", "Tunnel",
	},
	"BoatEngineTypeCode": {
		"Inboard", "Outboard", "Outboard 4 Stroke", "Outboard 2 Stroke", "Inboard/Outboard", "Electric", "V Drive", "Other",
	},
	"FuelTypeCode":                 {"diesel", "unleaded", "electric", "Other"},
	"DriveTransmissionDescription": {"Direct", "Sail", "Stern", "Surface", "Pod", "V", "Jet", "Other"},
	"BoatEngineLocationCode":       {"Port", "Starboard"},
}

// coded is an element with a code: the one whose words are those of s, else Other
// where the list has it, else none.
func coded(name, s string) *wire.Node {
	word := wire.Word(s)
	if word == "" {
		return nil
	}
	other := false
	for _, code := range lists[name] {
		if wire.Word(code) == word {
			return wire.El(name, code)
		}
		other = other || code == "Other"
	}
	if other {
		return wire.El(name, "Other")
	}
	return nil
}

// The house's words beside the format's.
var (
	states = map[listing.Status]string{listing.Active: "Active", listing.UnderOffer: "Sale Pending", listing.Sold: "Sold", listing.Withdrawn: "Delete"}
	taxes  = map[listing.Tax]string{listing.TaxPaid: "Paid", listing.TaxNotPaid: "Not Paid", listing.TaxNone: "Not Applicable", listing.TaxOther: "Other"}
	fuels  = map[string]string{"petrol": "unleaded"}
)

// back finds the house's word; words are compared without case and spaces.
func back[K ~string](table map[K]string, s string) (K, bool) {
	for ours, theirs := range table {
		if wire.Word(theirs) == wire.Word(s) {
			return ours, true
		}
	}
	return "", false
}
