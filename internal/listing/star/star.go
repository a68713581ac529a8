// Package star writes and reads STAR VehicleRemarketing, the XML that Boats Group
// exports and takes from partners, and sends it to a partner with whom that was
// agreed.
//
// It guarantees: the same adverts are written as the same bytes; codes are those of
// the published lists; the credentials are in no error.
package star

import (
	"io"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
)

// Application says who writes a message, and when.
type Application struct {
	Sender  string // LogicalID; navidocs
	BODID   string // of the message; a repeated one has the same
	Created time.Time
	Action  Action
}

// Action is what the receiver shall do.
type Action string

// The actions of a message.
const (
	Add    Action = "Add"
	Change Action = "Change"
	Delete Action = "Delete"
)

// Write writes one message of all the adverts.
func Write(w io.Writer, adverts []listing.Advert, a Application) (err error) {
	defer fault.Wrap(&err, "star.Write")
	return fault.New(fault.Unsupported, "not yet")
}

// Read reads the adverts of a message of at most 64 MB.
func Read(r io.Reader) (_ []listing.Advert, err error) {
	defer fault.Wrap(&err, "star.Read")
	return nil, fault.New(fault.Unsupported, "not yet")
}
