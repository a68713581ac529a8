package notify

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/event"
)

// kind is what people can be told, and how.
type kind struct {
	// audience is the least role in the organization that is told; "" means
	// whoever caused the event, operators when it is of no organization.
	audience account.Role
	// channels are on unless the person chose otherwise.
	channels []Channel
	// reminder: it goes out at 08:00, grouped with others.
	reminder bool
	// urgent passes quiet hours and digests.
	urgent func(values map[string]string) bool
	// subject names the field that says what it is about. The same subject with
	// the same due is told once; without due every event is another.
	subject string
	due     []string
	// fields are the event's data by the names that templates know, when the two
	// differ.
	fields map[string]string
	// needs are the variables of which a template must have at least one each.
	needs []string
	// also are further variables.
	also []string
	// page is where its subject is seen, under the address of the application.
	page string
}

// common are variables of every kind.
var common = []string{"boat_name", "organization_name", "recipient_name", "action_url"}

var (
	aloud   = []Channel{InApp, Email, Push, Ntfy}
	quietly = []Channel{InApp}
)

func never(map[string]string) bool  { return false }
func always(map[string]string) bool { return true }

func soon(values map[string]string) bool {
	days, err := strconv.Atoi(values["days_left"])
	return err == nil && days < 14
}

// kinds are by event type what people are told.
var kinds = map[string]kind{
	"warranty.expiring": {
		audience: account.Member, channels: aloud, reminder: true, urgent: soon, subject: "warranty_id", due: []string{"expiration_date", "threshold_days", "coverage"},
		fields: map[string]string{"days_left": "days_until_expiration"}, needs: []string{"item_name", "expiration_date"}, also: []string{"provider", "days_left"}, page: "warranties/",
	},
	"warranty.expired": {
		audience: account.Member, channels: aloud, reminder: true, urgent: never, subject: "warranty_id", due: []string{"expiration_date", "coverage"},
		needs: []string{"item_name", "expiration_date"}, also: []string{"provider"}, page: "warranties/",
	},
	"document.processed": {
		channels: quietly, urgent: never, subject: "document_id", fields: map[string]string{"document_title": "title"},
		needs: []string{"document_title"}, page: "documents/",
	},
	"document.failed": {
		channels: aloud, urgent: never, subject: "document_id", fields: map[string]string{"document_title": "title"},
		needs: []string{"document_title"}, also: []string{"reason"}, page: "documents/",
	},
	"sale.initiated": {
		audience: account.Manager, channels: quietly, urgent: never, subject: "sale_id",
		needs: []string{"boat_name"}, page: "sales/",
	},
	"sale.package_generated": {
		audience: account.Manager, channels: quietly, urgent: never, subject: "sale_id", also: []string{"files"}, page: "sales/",
	},
	"sale.transferred": {
		audience: account.Manager, channels: aloud, urgent: always, subject: "sale_id",
		needs: []string{"boat_name"}, also: []string{"downloads_left"}, page: "sales/",
	},
	"sale.downloaded": {
		audience: account.Manager, channels: aloud, urgent: never, subject: "sale_id",
		needs: []string{"boat_name"}, also: []string{"downloads_left"}, page: "sales/",
	},
	"sale.undelivered": {
		audience: account.Manager, channels: aloud, urgent: always, subject: "sale_id",
		needs: []string{"boat_name"}, also: []string{"reason"}, page: "sales/",
	},
	"sale.due": {
		audience: account.Manager, channels: aloud, reminder: true, urgent: never, subject: "sale_id", due: []string{"transfer_date", "threshold_days"},
		needs: []string{"boat_name", "transfer_date"}, page: "sales/",
	},
	"sale.accepted": {
		audience: account.Manager, channels: aloud, urgent: never, subject: "sale_id",
		needs: []string{"boat_name"}, page: "sales/",
	},
	"sale.tasks_due": {
		audience: account.Manager, channels: aloud, reminder: true, urgent: never, subject: "sale_id", due: []string{"threshold_days"},
		needs: []string{"boat_name"}, also: []string{"open_tasks"}, page: "sales/",
	},
	"certificate.expiring": {
		audience: account.Member, channels: aloud, reminder: true, urgent: soon, subject: "document_id", due: []string{"expires_on", "threshold_days"},
		fields: map[string]string{"document_title": "title", "days_left": "days_until_expiration"},
		needs:  []string{"document_title", "expires_on"}, also: []string{"days_left"}, page: "documents/",
	},
	"certificate.expired": {
		audience: account.Member, channels: aloud, reminder: true, urgent: always, subject: "document_id", due: []string{"expires_on"},
		fields: map[string]string{"document_title": "title"}, needs: []string{"document_title", "expires_on"}, page: "documents/",
	},
	"maintenance.due": {
		audience: account.Member, channels: aloud, reminder: true, urgent: never, subject: "task_id", due: []string{"due_on"},
		fields: map[string]string{"task_title": "title"}, needs: []string{"task_title"}, also: []string{"due_on"}, page: "maintenance/",
	},
	"maintenance.overdue": {
		audience: account.Member, channels: aloud, reminder: true, urgent: never, subject: "task_id", due: []string{"due_on"},
		fields: map[string]string{"task_title": "title"}, needs: []string{"task_title"}, also: []string{"due_on"}, page: "maintenance/",
	},
	"webhook.disabled": {
		audience: account.Manager, channels: []Channel{InApp, Email}, urgent: never, subject: "webhook_id",
		also: []string{"url", "reason", "status"}, page: "webhooks/",
	},
	"listing.failed": {
		audience: account.Manager, channels: []Channel{InApp, Email}, urgent: never, subject: "listing_id",
		needs: []string{"boat_name", "portal"}, also: []string{"reason"}, page: "listings/",
	},
	"listing.stopped": {
		audience: account.Admin, channels: []Channel{InApp, Email}, urgent: never, subject: "connection_id",
		needs: []string{"portal"}, also: []string{"reason"}, page: "integrations/mls/",
	},
	"backup.failed": {channels: []Channel{InApp, Email}, urgent: always, also: []string{"reason"}},
	unreached: {
		audience: account.Admin, channels: []Channel{InApp, Email}, urgent: never, subject: "subject", due: []string{"due"},
		needs: []string{"item_title"}, also: []string{"names"},
	},
}

// unreached is told to the organization's admins when a reminder reached nobody.
const unreached = "notification.unreached"

// letters are the mails that carry a secret or concern an account, by name:
// nobody can turn them off, and they are no events.
var letters = map[string]kind{
	"account.invitation":     {needs: []string{"link"}, also: []string{"inviter_name", "expires_on"}},
	"account.granted":        {needs: []string{"link"}, also: []string{"inviter_name", "ends"}},
	"account.verify_email":   {needs: []string{"link"}, also: []string{"expires_on"}},
	"account.reset_password": {needs: []string{"link"}, also: []string{"minutes"}},
	"account.locked":         {needs: []string{"minutes", "link"}, also: []string{"address"}},
	"account.exists":         {needs: []string{"link"}},

	"account.recovery_code_used": {needs: []string{"left"}, also: []string{"address"}},

	"handover": {
		needs: []string{"link", "expires_on"},
		also:  []string{"downloads", "files", "size", "contents", "warranties", "message", "fingerprint", "seller_name", "seller_email"},
	},
	"handover_reminder": {needs: []string{"link", "expires_on"}, also: []string{"downloads"}},

	"handover_supplement": {
		needs: []string{"link", "expires_on"}, also: []string{"downloads", "files", "size", "fingerprint", "seller_name", "seller_email"},
	},
	"handover_tasks": {also: []string{"tasks"}},
	"sale_approval":  {needs: []string{"link", "expires_on"}, also: []string{"files", "size", "seller_name", "seller_email"}},

	"phone.code": {needs: []string{"code"}},
	"digest":     {also: []string{"count"}},
}

// variables are all that a template of the kind may name.
func (k kind) variables() []string {
	all := slices.Sorted(slices.Values(slices.Concat(common, k.needs, k.also)))
	return slices.Compact(all)
}

// templatesOf are the names of the templates that a kind has.
func templatesOf(eventType string) []string {
	if eventType != "warranty.expiring" {
		return []string{eventType}
	}
	names := []string{}
	for _, days := range []string{"90", "30", "14"} {
		names = append(names, eventType+"."+days)
	}
	return names
}

// kindOf is the kind of a template.
func kindOf(template string) (kind, bool) {
	if k, ok := letters[template]; ok {
		return k, true
	}
	for eventType, k := range kinds {
		if slices.Contains(templatesOf(eventType), template) {
			return k, true
		}
	}
	return kind{}, false
}

// templateFor is the template that tells of an event.
func templateFor(eventType string, values map[string]string) string {
	names := templatesOf(eventType)
	if i := slices.Index(names, eventType+"."+values["threshold_days"]); i >= 0 {
		return names[i]
	}
	return names[0]
}

// values are an event's data as templates know them.
func (k kind) values(e event.Envelope) (map[string]string, error) {
	var data map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(e.Data)))
	decoder.UseNumber() // a number is written as it came
	if err := decoder.Decode(&data); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, v := range data {
		switch v := v.(type) {
		case string:
			out[name] = v
		case json.Number:
			out[name] = v.String()
		}
	}
	for name, field := range k.fields {
		out[name] = out[field]
	}
	if e.Boat != nil {
		out["boat_name"] = e.Boat.Name
	}
	return out, nil
}

// subjectOf says what an event is about, and which occasion of it.
func (k kind) subjectOf(e event.Envelope, values map[string]string) (subject, due string) {
	if len(k.due) == 0 {
		return values[k.subject], e.ID
	}
	parts := []string{}
	for _, name := range k.due {
		parts = append(parts, values[name])
	}
	return values[k.subject], strings.Join(parts, "/")
}
