package event

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// Audience says who may hear of an event.
type Audience string

// The audiences. Open, Money and Personal are the classes of papers, and ask for
// the same roles.
const (
	Open      Audience = "open"      // everyone who may see the boat, from viewer on
	Money     Audience = "money"     // from member on
	Personal  Audience = "personal"  // from manager on
	ByClass   Audience = "class"     // as the payload's field class says, one of the three above
	Operators Audience = "operators" // those who run the server, and no organization
)

// Type is a type of events, as `domain.verb`.
type Type struct {
	Name        string
	Description string
	Audience    Audience
	// Boat reports whether its events are about a boat. A paper need not lie with
	// one: then the boat of its events is null all the same.
	Boat bool
	// Example is the payload of a typical event; it never changes.
	Example json.RawMessage
}

// types are all types, in the order in which people read them.
var types = sync.OnceValue(func() []Type {
	all := slices.Concat(boatTypes(), documentTypes(), warrantyTypes(), dueTypes(), saleTypes(), otherTypes())
	for i := range all {
		all[i].Boat = all[i].Audience != Operators && !strings.HasPrefix(all[i].Name, "webhook.") && all[i].Name != "listing.stopped"
	}
	return all
})

// Types lists every type of events that there is. Append knows no others.
func Types() []Type { return slices.Clone(types()) }

// TypeOf finds a type by its name.
func TypeOf(name string) (Type, bool) {
	i := slices.IndexFunc(types(), func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return types()[i], true
}

// Sample is a whole event of the type, the same at every call: for documents,
// previews and tests.
func (t Type) Sample() Envelope {
	org, actor := "019a0000-0000-7000-8000-0000000000c1", "019a0000-0000-7000-8000-0000000000a1"
	e := Envelope{
		ID: "019a0000-0000-7000-8000-0000000000e1", Type: t.Name, Timestamp: time.Date(2026, 5, 1, 8, 0, 0, 123456000, time.UTC),
		OrgID: &org, ActorID: &actor, Sequence: 7, Data: t.Example,
	}
	if t.Boat {
		e.Boat = &Boat{ID: "019a0000-0000-7000-8000-0000000000b1", Name: "Calypso"}
	}
	if t.Audience == Operators {
		e.OrgID = nil
	}
	if t.byItself() {
		e.ActorID = nil
	}
	return e
}

// byItself reports whether nobody's hand causes the events of the type.
func (t Type) byItself() bool {
	_, verb, _ := strings.Cut(t.Name, ".")
	return slices.Contains([]string{"processed", "failed", "expiring", "expired", "due", "overdue", "downloaded", "undelivered", "accepted", "tasks_due", "disabled", "published", "stopped"}, verb)
}

// Audience is who may hear of this event: Open, Money, Personal or Operators.
// What cannot be told is Personal.
func (e Envelope) Audience() Audience {
	t, ok := TypeOf(e.Type)
	if !ok {
		return Personal
	}
	if t.Audience != ByClass {
		return t.Audience
	}
	var paper struct {
		Class Audience `json:"class"`
	}
	if err := json.Unmarshal(e.Data, &paper); err != nil || paper.Class != Open && paper.Class != Money {
		return Personal
	}
	return paper.Class
}

func of(audience Audience, name, description, example string) Type {
	return Type{Name: name, Description: description, Audience: audience, Example: json.RawMessage(example)}
}

func boatTypes() []Type {
	const boat = `{"boat_id":"019a0000-0000-7000-8000-0000000000b1","slug":"calypso","name":"Calypso","make":"Azimut","model":"55S","year":2019}`
	return []Type{
		of(Open, "boat.created", "A boat was added.", boat),
		of(Open, "boat.updated", "What is recorded of a boat has changed.", boat),
		of(Open, "boat.deleted", "A boat was deleted.", boat),
	}
}

func documentTypes() []Type {
	paper := func(pages, reason string) string {
		return `{"document_id":"019a0000-0000-7000-8000-0000000000d1","title":"Operator's manual, watermaker","type":"MAN-EQ","class":"open",` +
			`"boat_ids":["019a0000-0000-7000-8000-0000000000b1"],"page_count":` + pages + reason + `}`
	}
	return []Type{
		of(ByClass, "document.uploaded", "A document has arrived; its pages are being read.", paper("0", "")),
		of(ByClass, "document.processed", "A document's pages are read and can be searched.", paper("104", "")),
		of(ByClass, "document.failed", "A document could not be read; it is kept as it is.",
			paper("0", `,"reason":"encrypted: the file needs a password; send a copy without one"`)),
		of(ByClass, "document.deleted", "A document was moved to the bin, where it stays for 30 days.", paper("104", "")),
	}
}

func warrantyTypes() []Type {
	warranty := func(end, days, status, more string) string {
		return `{"warranty_id":"019a0000-0000-7000-8000-0000000000f1","boat_id":"019a0000-0000-7000-8000-0000000000b1","item_name":"Watermaker",` +
			`"provider":"Brackwell","expiration_date":"` + end + `","days_until_expiration":` + days + `,"status":"` + status + `"` + more + `}`
	}
	told := func(threshold, due string) string {
		return `,"boat_name":"Calypso","equipment_id":"019a0000-0000-7000-8000-0000000000f2","equipment_name":"Watermaker DS-160",` +
			`"line_id":"","coverage":"","threshold_days":` + threshold + `,"due_on":"` + due + `"`
	}
	return []Type{
		of(Open, "warranty.created", "A warranty was recorded.", warranty("2027-04-30", "364", "active", "")),
		of(Open, "warranty.updated", "A warranty has changed; its end may have moved.", warranty("2027-04-30", "364", "active", "")),
		of(Open, "warranty.expiring", "The end of a cover is 90, 30 or 14 days away. After days without a server, the nearest of these is told, once.",
			warranty("2026-05-31", "30", "active", told("30", "2026-05-01"))),
		of(Open, "warranty.expired", "A cover has ended: yesterday was its last day.", warranty("2026-04-30", "-1", "expired", told("0", "2026-05-01"))),
		of(Open, "warranty.claimed", "A claim was sent to who gave the warranty.",
			warranty("2027-04-30", "364", "claimed", `,"claim_id":"019a0000-0000-7000-8000-0000000000f3"`)),
		of(Open, "warranty.deleted", "A warranty was deleted; nobody is reminded of its end any more.", warranty("2027-04-30", "364", "deleted", "")),
	}
}

func dueTypes() []Type {
	certificate := func(days, end, threshold string) string {
		return `{"document_id":"019a0000-0000-7000-8000-0000000000d2","title":"Life raft service","type":"SAF-RAFT","class":"open",` +
			`"expires_on":"` + end + `","days_until_expiration":` + days + `,"threshold_days":` + threshold + `,"due_on":"2026-05-01"}`
	}
	task := func(more string) string {
		return `{"task_id":"019a0000-0000-7000-8000-0000000000f4","title":"Change the engine oil","equipment_id":"019a0000-0000-7000-8000-0000000000f5",` +
			`"equipment_name":"Main engine"` + more + `}`
	}
	return []Type{
		of(ByClass, "certificate.expiring", "A document that must be valid will soon no longer be.", certificate("30", "2026-05-31", "30")),
		of(ByClass, "certificate.expired", "A document that must be valid no longer is.", certificate("-1", "2026-04-30", "0")),
		of(Open, "maintenance.due", "A maintenance task is due.", task(`,"due_on":"2026-05-15","due_hours":500`)),
		of(Open, "maintenance.overdue", "A maintenance task should have been done by now.", task(`,"due_on":"2026-04-15","due_hours":500`)),
		of(Open, "maintenance.completed", "A maintenance task was done.",
			task(`,"record_id":"019a0000-0000-7000-8000-0000000000f6","done_on":"2026-05-01","done_hours":498.5`)),
	}
}

func saleTypes() []Type {
	sale := func(status, more string) string {
		return `{"sale_id":"019a0000-0000-7000-8000-0000000000f7","status":"` + status + `","transfer_date":"2026-05-20"` + more + `}`
	}
	const packed = `,"package_sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","package_bytes":104857600`
	const linked = packed + `,"expires_at":"2026-05-31T08:00:00Z","downloads_left":`
	return []Type{
		of(Money, "sale.initiated", "The sale of a boat has begun.", sale("initiated", "")),
		of(Money, "sale.package_generated", "The as-built package of a sale is made.", sale("package_generated", packed)),
		of(Money, "sale.transferred", "The buyer was sent the link to the package.", sale("transferred", linked+"5")),
		of(Money, "sale.downloaded", "The buyer has taken the package.", sale("transferred", linked+"4")),
		of(Money, "sale.undelivered", "The mail with the link was refused or came back: the buyer is not reached.",
			sale("transferred", linked+`5,"reason":"550 5.1.1 no such user"`)),
		of(Money, "sale.accepted", "The buyer confirmed to have received the package, or took it into an organization of their own on this server.",
			sale("transferred", linked+"4")),
		of(Money, "sale.due", "The planned transfer of a boat is 7 days or 1 day away, and the sale still open.", sale("package_generated", `,"threshold_days":7`)),
		of(Money, "sale.completed", "A sale is completed; the seller's record is frozen.", sale("completed", packed)),
		of(Money, "sale.tasks_due", "A sale was completed 0, 10 or 20 days ago, and warranties or identities of the boat are not settled yet.",
			sale("completed", packed+`,"threshold_days":10,"open_tasks":3`)),
		of(Money, "sale.cancelled", "A sale was called off; its links have ended.", sale("cancelled", "")),
	}
}

func otherTypes() []Type {
	listing := func(more string) string {
		return `{"listing_id":"019a0000-0000-7000-8000-0000000000f8","portal":"openmarine"` + more + `}`
	}
	return []Type{
		of(Open, "listing.published", "A portal shows a boat's listing as it is now.", listing(`,"reference":"OM-4711"`)),
		of(Open, "listing.failed", "A portal did not take a boat's listing.", listing(`,"reason":"the portal asks for a price"`)),
		of(Personal, "listing.stopped", "A portal does not know our credentials any more: nothing more is sent to it until somebody gives new ones.",
			`{"connection_id":"019a0000-0000-7000-8000-0000000000fa","portal":"Partner feed","reason":"Partner feed does not know our credentials any more: give new ones"}`),
		of(Personal, "webhook.disabled", "A webhook's endpoint fails, gets no more events, or they are held for it.",
			`{"webhook_id":"019a0000-0000-7000-8000-0000000000f9","url":"https://yard.example","description":"Yard's system","status":"disabled",`+
				`"reason":"the endpoint answered 410 Gone","failure_count":1}`),
		of(Operators, "backup.failed", "A backup is late, failed, or could not be restored in a drill.",
			`{"backup_id":"20260501T020000Z","kind":"failed","error":"no space left on the backup's disk","last_success_at":"2026-04-30T02:00:00Z"}`),
	}
}
