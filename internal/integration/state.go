package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// facts are what is read of a boat for its device.
type facts struct {
	boat                    fleet.BoatID
	name, make, model, zone string
	warranties, papers      []ending
	documents               int
	last                    *event.Envelope // of those that are told
	seen                    string          // digest of what was acknowledged
}

// ending is a day on which something that a boat has ends.
type ending struct {
	id, name string
	on       fleet.Date
}

// state is what a device shows. There are no maintenance tasks yet: nothing of
// them is due.
type state struct {
	NextMaintenanceDue *string   `json:"next_maintenance_due"`
	NextWarrantyExpiry *string   `json:"next_warranty_expiry"`
	MaintenanceOverdue int       `json:"maintenance_overdue"`
	WarrantiesExpiring int       `json:"warranties_expiring_30d"`
	Documents          int       `json:"documents_total"`
	LastEvent          *string   `json:"last_event"`
	LastEventDetails   lastEvent `json:"last_event_attributes"`
	Attention          string    `json:"attention_needed"`
	Reasons            []string  `json:"attention_reasons"`
}

// lastEvent are the attributes of the last event; none when nothing happened yet.
type lastEvent struct {
	*happening
}

const (
	// soon is how many days before an end a boat needs attention.
	soon = 30
	// longPast is how many days after its end a paper asks for nothing any more.
	longPast = 365

	stampForm = "2006-01-02T15:04:05Z07:00"
)

// stateOf computes what a device shows at an instant.
func stateOf(f facts, now time.Time) state {
	today := warranty.Today(now, f.zone)
	out := state{Documents: f.documents, Attention: "OFF", Reasons: []string{}}
	limit := plusDays(today, soon)
	for _, w := range f.warranties {
		if w.on < today {
			continue
		}
		if w.on <= limit {
			out.WarrantiesExpiring++
		}
		if at := midnight(w.on, f.zone); out.NextWarrantyExpiry == nil || at < *out.NextWarrantyExpiry {
			out.NextWarrantyExpiry = &at
		}
	}
	if f.last != nil {
		h := happeningOf(*f.last)
		out.LastEvent, out.LastEventDetails.happening = &h.Type, &h
	}
	reasons := reasonsOf(f, now)
	for _, r := range reasons {
		out.Reasons = append(out.Reasons, r.text)
	}
	if len(reasons) > 0 && digest(reasons) != f.seen {
		out.Attention = "ON"
	}
	return out
}

// reason is something that needs attention.
type reason struct{ key, text string }

// reasonsOf are why a boat needs attention: warranties that end and papers that
// expire within 30 days, and papers that have.
func reasonsOf(f facts, now time.Time) (all []reason) {
	today := warranty.Today(now, f.zone)
	limit := plusDays(today, soon)
	for _, w := range f.warranties {
		if w.on >= today && w.on <= limit {
			all = append(all, reason{"warranty:" + w.id + ":" + string(w.on), w.name + ": the warranty ends on " + string(w.on)})
		}
	}
	for _, p := range f.papers {
		switch {
		case p.on > limit || p.on < plusDays(today, -longPast):
		case p.on < today:
			all = append(all, reason{"expired:" + p.id + ":" + string(p.on), p.name + ": expired after " + string(p.on)})
		default:
			all = append(all, reason{"paper:" + p.id + ":" + string(p.on), p.name + ": expires after " + string(p.on)})
		}
	}
	slices.SortFunc(all, func(a, b reason) int { return strings.Compare(a.key, b.key) })
	return all
}

// digest names a set of reasons; "" when there are none.
func digest(all []reason) string {
	if len(all) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, r := range all {
		sum.Write([]byte(r.key + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func plusDays(d fleet.Date, days int) fleet.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return fleet.Date(t.AddDate(0, 0, days).Format(time.DateOnly))
}

// midnight is when a day begins where the boat is.
func midnight(d fleet.Date, zone string) string {
	t, err := time.ParseInLocation(time.DateOnly, string(d), account.Location(zone))
	if err != nil {
		return ""
	}
	return t.Format(stampForm)
}
