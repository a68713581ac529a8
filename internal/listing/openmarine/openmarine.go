// Package openmarine writes and reads OpenMarine XML 1.7, the feed that portals
// fetch by its address.
//
// It guarantees: the same feed is written as the same bytes; what Write wrote,
// Read reads as the same adverts, because what the format has no place for travels
// in items named nd_..., which portals overlook; a feed of somebody else's is read
// as far as it can be understood, what cannot is named, and what is hostile ends
// early.
//
// Sources: the standard's pages and the importers that read it, as the house's
// domain reference 1.4 tells them.
package openmarine

import (
	"time"

	"navidocs/internal/listing"
)

// Feed is what one broker offers.
type Feed struct {
	Code     string // of the broker at the portal
	Company  string
	Office   Office // the main one
	Origin   string // the program that wrote it; Write says navidocs
	Date     time.Time
	Language string // ISO 639-1, of texts that name none
	Adverts  []listing.Advert
	// Doubts are what Read did not understand and left out, each with its advert
	// and its element.
	Doubts []string
}

// Office is where a broker is found.
type Office struct {
	ID, Name, Email, Contact                 string
	Address, Town, County, Country, Postcode string
	Phone, Website                           string
}
