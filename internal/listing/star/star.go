// Package star writes and reads STAR VehicleRemarketing, the XML that Boats Group
// exports and takes from partners, and sends it to a partner with whom that was
// agreed.
//
// It guarantees: the same adverts are written as the same bytes; codes are those of
// the published lists; what the format has no place for is left out, never put where
// buyers would not look for it; the credentials are in no error.
//
// Source: the house's domain reference 1.3, from the importers of the live export.
package star

import (
	"cmp"
	"io"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// Application says who writes a message, and what shall be done with it.
type Application struct {
	Sender  string // LogicalID; NAVIDOCS when empty
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

// Write writes one message of all the adverts; drafts are not in it. What is
// withdrawn is in it with the status Delete. The error is Invalid when an advert has
// no reference.
func Write(w io.Writer, adverts []listing.Advert, a Application) (err error) {
	defer fault.Wrap(&err, "star.Write")
	var boats []*wire.Node
	for i := range adverts {
		switch {
		case adverts[i].Status == listing.Draft || adverts[i].Status == "":
			continue
		case wire.Line(adverts[i].Ref) == "":
			return fault.New(fault.Invalid, "advert %d has no reference, by which portals know it", i+1)
		}
		boats = append(boats, vehicle(adverts[i].Ref, &adverts[i]))
	}
	return wire.Encode(w, message(boats, a))
}

// message is the envelope.
func message(boats []*wire.Node, a Application) *wire.Node {
	process := wire.El("Process", "").With("action", string(cmp.Or(a.Action, Add)))
	return wire.El("ProcessVehicleRemarketing", "",
		wire.El("ApplicationArea", "",
			wire.El("Sender", "",
				wire.El("LogicalID", wire.Line(cmp.Or(a.Sender, "NAVIDOCS"))), wire.El("TaskID", "VehicleRemarketing"),
				wire.El("CreatorNameCode", "NaviDocs"), wire.El("SenderNameCode", "NaviDocs")),
			wire.Opt("CreationDateTime", wire.Stamp(a.Created)),
			wire.Opt("BODID", a.BODID)),
		wire.El("ProcessVehicleRemarketingDataArea", "", append([]*wire.Node{process}, boats...)...))
}

// gone is what is sent of a boat that shall vanish.
func gone(reference string) *wire.Node {
	return wire.El("VehicleRemarketing", "", header(reference, time.Time{}),
		wire.El("VehicleRemarketingBoatLineItem", "", wire.El("SalesStatus", "Delete")))
}

func header(reference string, modified time.Time) *wire.Node {
	return wire.El("VehicleRemarketingHeader", "", wire.Opt("DocumentDateTime", wire.Stamp(modified)),
		wire.El("DocumentIdentificationGroup", "", wire.El("DocumentIdentification", "", wire.El("DocumentID", wire.Line(reference)))))
}
