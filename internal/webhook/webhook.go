// Package webhook tells other programs of events: it keeps the endpoints of an
// organization, signs what they are sent (Standard Webhooks 1.0.0), tries again
// on a schedule, and shows every attempt.
//
// It guarantees: each event reaches each endpoint that subscribes to it at least
// once, with the same id and the same bytes on every attempt; what an endpoint
// that is paused, held or disabled would have got is kept and sent when it is
// resumed; a slow endpoint delays no other; secrets are sealed at rest and shown
// once. It promises no order of delivery: events carry a sequence. Which address
// may be reached is decided by package egress.
package webhook

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/egress"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/vault"
)

// ID identifies an endpoint.
type ID string

// Status is what an endpoint is given.
type Status string

// The states. Only an active endpoint is sent events; for the others they are
// kept.
const (
	Active   Status = "active"
	Paused   Status = "paused"   // by a person
	Held     Status = "held"     // it failed for days
	Disabled Status = "disabled" // it answered 410
)

// Limit is how many endpoints an organization may have.
const Limit = 20

// Kind is whose an endpoint is.
type Kind string

// The kinds. One that belongs to a connection is made, changed and deleted with
// it; here it is paused, resumed and replayed.
const (
	Standard      Kind = "standard"
	HomeAssistant Kind = "home_assistant"
)

// sealPurpose is what the secrets are sealed for.
const sealPurpose = "webhook"

// Vaults are where the package's sealed values lie.
func Vaults() []vault.Column {
	return []vault.Column{
		{Kind: "webhook secrets", Table: "webhooks", Key: []string{"id"}, Column: "secret_sealed", Purpose: sealPurpose},
		{Kind: "webhook secrets before the last", Table: "webhooks", Key: []string{"id"}, Column: "old_secret_sealed", Purpose: sealPurpose},
		{Kind: "webhook headers", Table: "webhooks", Key: []string{"id"}, Column: "header_sealed", Purpose: headerPurpose},
	}
}

// Config bounds deliveries.
type Config struct {
	// Timeout is the longest wait for a receiver; 0 means 30 s.
	Timeout time.Duration
	// HomeAssistant is the same for one of a Home Assistant; 0 means 5 s.
	HomeAssistant time.Duration
	// MaxRetries is how many quick retries come before the later ones.
	MaxRetries int
	// Probe reaches this machine alone, for the endpoints of smoke tests; nil
	// has them treated as all others.
	Probe *egress.Client
}

// Service is the endpoints of one installation.
type Service struct {
	db       *db.DB
	jobs     *job.Queue
	accounts *account.Service
	events   *event.Outbox
	client   *egress.Client
	config   Config
	lanes    lanes
}

// New makes the service.
func New(d *db.DB, jobs *job.Queue, accounts *account.Service, events *event.Outbox, client *egress.Client, c Config) *Service {
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.HomeAssistant == 0 {
		c.HomeAssistant = 5 * time.Second
	}
	return &Service{db: d, jobs: jobs, accounts: accounts, events: events, client: client, config: c}
}

// Webhook is an endpoint.
type Webhook struct {
	ID          ID            `json:"id"`
	OrgID       account.OrgID `json:"organization_id"`
	Kind        Kind          `json:"kind" enum:"standard,home_assistant" doc:"home_assistant: of a connection under /api/integrations/home-assistant, where it is changed and deleted"`
	URL         string        `json:"url"`
	EventTypes  []string      `json:"event_types" doc:"* means all"`
	Description string        `json:"description"`
	Status      Status        `json:"status" enum:"active,paused,held,disabled" doc:"events are sent to an active one and kept for the others; held: it failed for 5 days; disabled: it answered 410"`
	Reason      string        `json:"status_reason" doc:"why it is held or disabled"`
	// Secret is set only where it is shown, by Create and RotateSecret.
	Secret       string     `json:"secret,omitempty" doc:"only in the answers to create and rotate-secret"`
	OldSecretEnd *time.Time `json:"old_secret_until" doc:"until then deliveries are signed with the secret before as well"`
	// Failures counts the failed attempts since the last good one.
	Failures     int64      `json:"failure_count" doc:"failed attempts since the last good one"`
	FailingSince *time.Time `json:"failing_since"`
	LastAt       *time.Time `json:"last_delivery_at"`
	LastStatus   *string    `json:"last_delivery_status" doc:"succeeded or failed"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`

	sealed, oldSealed, header string
	warnedAt                  *time.Time
}

// subscribes reports whether the endpoint wants events of a type.
func (w *Webhook) subscribes(eventType string) bool {
	return slices.Contains(w.EventTypes, "*") || slices.Contains(w.EventTypes, eventType)
}

// Input is what an endpoint is created with, or wholly replaced by.
type Input struct {
	URL         string   `json:"url" doc:"https, on the internet; others only where the operator lists them"`
	EventTypes  []string `json:"event_types" doc:"such as warranty.expiring; * means all"`
	Description string   `json:"description,omitempty"`
}

// Patch is what may be changed; absent fields stay as they are.
type Patch struct {
	URL         *string   `json:"url,omitempty"`
	EventTypes  *[]string `json:"event_types,omitempty"`
	Description *string   `json:"description,omitempty"`
	Status      *Status   `json:"status,omitempty" enum:"active,paused" doc:"active also resumes what is held or disabled, and sends what was kept"`
}

func (in Input) patch() Patch {
	return Patch{URL: &in.URL, EventTypes: &in.EventTypes, Description: &in.Description}
}

// check finds every fault of an input, the URL's too: that one is for a
// friendly answer alone, since what it leads to is judged whenever it is dialled.
func (s *Service) check(ctx context.Context, org account.OrgID, p *Patch) error {
	var faults []fault.Field
	add := func(location, message string, value any) {
		faults = append(faults, fault.Field{Location: "body." + location, Message: message, Value: value})
	}
	if p.URL != nil {
		*p.URL = strings.TrimSpace(*p.URL)
		if utf8.RuneCountInString(*p.URL) > 2000 {
			add("url", "must have at most 2000 characters", nil)
		} else if err := s.clientOf(org).Check(ctx, *p.URL); err != nil {
			add("url", fault.Message(err), nil) // it may hold a secret
		}
	}
	if p.EventTypes != nil {
		*p.EventTypes = slices.Compact(slices.Sorted(slices.Values(*p.EventTypes)))
		if len(*p.EventTypes) == 0 || len(*p.EventTypes) > 100 {
			add("event_types", "must name 1 to 100 types; * means all", nil)
		}
		for _, kind := range *p.EventTypes {
			if _, known := event.TypeOf(kind); kind != "*" && !known {
				add("event_types", "must be types of events, which GET /api/event-types lists, or *", fault.Echo(kind))
			}
		}
	}
	if p.Description != nil {
		if *p.Description = strings.TrimSpace(db.Text(*p.Description)); utf8.RuneCountInString(*p.Description) > 500 {
			add("description", "must have at most 500 characters", nil)
		}
	}
	if p.Status != nil && *p.Status != Active && *p.Status != Paused {
		add("status", "may be set to active or paused", fault.Echo(string(*p.Status)))
	}
	if faults != nil {
		return fault.Fields(faults...)
	}
	return nil
}

// clientOf is what reaches an organization's endpoints.
func (s *Service) clientOf(org account.OrgID) *egress.Client {
	if org == account.ProbeOrg && s.config.Probe != nil {
		return s.config.Probe
	}
	return s.client
}

const selectWebhook = `SELECT id, org_id, kind, url, event_types, description, secret_sealed, old_secret_sealed, old_secret_until, header_sealed, status,
	status_reason, failure_count, failing_since, warned_at, last_delivery_at, last_delivery_status, created_at, updated_at FROM webhooks`

func scanWebhook(r db.Row) (w Webhook, err error) {
	var types string
	var oldUntil, failing, warned, last *int64
	var created, updated int64
	err = r.Scan(&w.ID, &w.OrgID, &w.Kind, &w.URL, &types, &w.Description, &w.sealed, &w.oldSealed, &oldUntil, &w.header, &w.Status,
		&w.Reason, &w.Failures, &failing, &warned, &last, &w.LastStatus, &created, &updated)
	if err != nil {
		return w, err
	}
	w.OldSecretEnd, w.FailingSince, w.warnedAt, w.LastAt = db.TimePtr(oldUntil), db.TimePtr(failing), db.TimePtr(warned), db.TimePtr(last)
	w.CreatedAt, w.UpdatedAt = db.Time(created), db.Time(updated)
	return w, json.Unmarshal([]byte(types), &w.EventTypes)
}

// Version is a row's state as its reader saw it, for If-Match; "" means any.
type Version string

func (v Version) check(updated time.Time) error {
	if v != "" && v != Version(strconv.FormatInt(updated.UnixMicro(), 36)) {
		return fault.New(fault.Stale, "this has changed since you read it: read it again and repeat your change")
	}
	return nil
}

// Filter cuts a list of endpoints.
type Filter struct {
	Status        Status
	Limit, Offset int
}

// Webhooks lists the endpoints of the organizations that the actor manages,
// oldest first, and the total.
func (s *Service) Webhooks(ctx context.Context, who account.Actor, f Filter) (_ []Webhook, total int, err error) {
	defer fault.Wrap(&err, "webhook.Webhooks")
	orgs := who.Orgs(account.Manager)
	if len(orgs) == 0 {
		return nil, 0, fault.New(fault.Forbidden, "this needs the role manager")
	}
	var w db.Where
	db.In(&w, "org_id", orgs)
	if f.Status != "" {
		w.Add("status = ?", f.Status)
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM webhooks WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := selectWebhook + " WHERE " + w.SQL() + " ORDER BY created_at, id"
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanWebhook, query, w.Args()...)
	return all, total, err
}

// Webhook reads one; managers may.
func (s *Service) Webhook(ctx context.Context, who account.Actor, id ID) (_ Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Webhook %s", id)
	return managed(ctx, s.db, who, id)
}

func managed(ctx context.Context, q db.Querier, who account.Actor, id ID) (Webhook, error) {
	w, err := db.One(ctx, q, scanWebhook, selectWebhook+" WHERE id = $1", id)
	if fault.Is(err, fault.NotFound) {
		return w, fault.New(fault.NotFound, "webhook not found")
	}
	if err != nil {
		return w, err
	}
	if err := who.Require(w.OrgID, account.Manager, "webhook"); err != nil {
		return Webhook{}, err
	}
	return w, nil
}

// Create adds an endpoint to an organization, at most 20 to one; managers may.
// The answer shows its secret, for the only time.
func (s *Service) Create(ctx context.Context, who account.Actor, org account.OrgID, in Input) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Create")
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return w, err
	}
	p := in.patch()
	if err := s.check(ctx, org, &p); err != nil {
		return w, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		w = Webhook{OrgID: org, Kind: Standard}
		w.apply(p)
		return s.insert(ctx, tx, who, &w)
	})
	return w, err
}

// insert adds an endpoint with a new secret, which it shows.
func (s *Service) insert(ctx context.Context, tx *db.Tx, who account.Actor, w *Webhook) error {
	if err := room(ctx, tx, w.OrgID); err != nil {
		return err
	}
	key := newKey()
	sealed, err := s.accounts.Keys().Seal(sealPurpose, key)
	if err != nil {
		return err
	}
	types, err := json.Marshal(w.EventTypes)
	if err != nil {
		return err
	}
	w.ID, w.Status, w.Secret, w.sealed, w.CreatedAt, w.UpdatedAt = ID(db.NewID()), Active, secretText(key), sealed, tx.Now(), tx.Now()
	_, err = tx.Exec(ctx, `INSERT INTO webhooks (id, org_id, kind, url, event_types, description, secret_sealed, header_sealed, status, created_by,
		created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, w.ID, w.OrgID, w.Kind, w.URL, string(types),
		w.Description, sealed, w.header, w.Status, who.UserID, db.Micros(w.CreatedAt), db.Micros(w.UpdatedAt))
	if err != nil {
		return err
	}
	return s.audit(ctx, tx, who, "created", *w, nil)
}

// room refuses an endpoint too many; of several at once as well.
func room(ctx context.Context, tx *db.Tx, org account.OrgID) error {
	if err := account.LockOrganization(ctx, tx, org); err != nil {
		return err
	}
	n, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM webhooks WHERE org_id = $1", org)
	if err == nil && n >= Limit {
		return fault.New(fault.Conflict, "an organization has at most %d webhooks: delete one, or let one serve several types of events", Limit)
	}
	return err
}

func (w *Webhook) apply(p Patch) {
	if p.URL != nil {
		w.URL = *p.URL
	}
	if p.EventTypes != nil {
		w.EventTypes = *p.EventTypes
	}
	if p.Description != nil {
		w.Description = *p.Description
	}
}

// audit writes the trail. A URL's path may be a secret: only its host is told.
func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, verb string, w Webhook, more map[string]any) error {
	detail := map[string]any{"host": host(w.URL), "event_types": w.EventTypes}
	for name, value := range more {
		detail[name] = value
	}
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: w.OrgID, Action: "webhook." + verb, Kind: "webhook", SubjectID: string(w.ID), Detail: detail,
	})
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// Replace puts what is given in the place of what is stored; managers may.
func (s *Service) Replace(ctx context.Context, who account.Actor, id ID, in Input, at Version) (_ Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Replace %s", id)
	return s.change(ctx, who, id, in.patch(), at)
}

// Update changes what is given; managers may. A status of active resumes it.
func (s *Service) Update(ctx context.Context, who account.Actor, id ID, p Patch, at Version) (_ Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Update %s", id)
	return s.change(ctx, who, id, p, at)
}

func (s *Service) change(ctx context.Context, who account.Actor, id ID, p Patch, at Version) (w Webhook, err error) {
	if w, err = managed(ctx, s.db, who, id); err != nil { // before its URL is looked up
		return w, err
	}
	if err := s.check(ctx, w.OrgID, &p); err != nil {
		return w, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = managed(ctx, tx, who, id); err != nil {
			return err
		}
		if err := at.check(w.UpdatedAt); err != nil {
			return err
		}
		if p.URL != nil || p.EventTypes != nil || p.Description != nil {
			if err := w.own(); err != nil {
				return err
			}
		}
		w.apply(p)
		if err := s.store(ctx, tx, &w); err != nil {
			return err
		}
		if err := s.turn(ctx, tx, &w, p.Status); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "updated", w, map[string]any{"status": w.Status})
	})
	return w, err
}

func (s *Service) store(ctx context.Context, tx *db.Tx, w *Webhook) error {
	types, err := json.Marshal(w.EventTypes)
	if err != nil {
		return err
	}
	touch(tx, w)
	_, err = tx.Exec(ctx, "UPDATE webhooks SET url = $1, event_types = $2, description = $3, header_sealed = $4, updated_at = $5 WHERE id = $6",
		w.URL, string(types), w.Description, w.header, db.Micros(w.UpdatedAt), w.ID)
	return err
}

// touch gives a row a version of its own.
func touch(tx *db.Tx, w *Webhook) {
	now := tx.Now()
	if !now.After(w.UpdatedAt) {
		now = w.UpdatedAt.Add(time.Microsecond)
	}
	w.UpdatedAt = now
}

// Delete removes an endpoint with its log, and what was kept for it; managers may.
func (s *Service) Delete(ctx context.Context, who account.Actor, id ID, at Version) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Delete %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = managed(ctx, tx, who, id); err != nil {
			return err
		}
		if err := at.check(w.UpdatedAt); err != nil {
			return err
		}
		if err := w.own(); err != nil {
			return err
		}
		return s.remove(ctx, tx, who, w)
	})
	return w, err
}

func (s *Service) remove(ctx context.Context, tx *db.Tx, who account.Actor, w Webhook) error {
	for _, query := range []string{"DELETE FROM webhook_deliveries WHERE webhook_id = $1", "DELETE FROM webhooks WHERE id = $1"} {
		if _, err := tx.Exec(ctx, query, w.ID); err != nil {
			return err
		}
	}
	return s.audit(ctx, tx, who, "deleted", w, nil)
}

// overlap is how long the secret before still signs after a rotation.
const overlap = 24 * time.Hour

// RotateSecret gives an endpoint a new secret, which the answer shows for the
// only time; for 24 hours deliveries are signed with the one before as well, and
// with no earlier one. Managers may.
func (s *Service) RotateSecret(ctx context.Context, who account.Actor, id ID) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.RotateSecret %s", id)
	key := newKey()
	sealed, err := s.accounts.Keys().Seal(sealPurpose, key)
	if err != nil {
		return w, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err = managed(ctx, tx, who, id); err != nil {
			return err
		}
		if w, err = locked(ctx, tx, id); err != nil { // else what becomes the old one may be re-sealed meanwhile
			return err
		}
		until := tx.Now().Add(overlap)
		w.sealed, w.oldSealed, w.OldSecretEnd = sealed, w.sealed, &until
		touch(tx, &w)
		_, err := tx.Exec(ctx, "UPDATE webhooks SET secret_sealed = $1, old_secret_sealed = $2, old_secret_until = $3, updated_at = $4 WHERE id = $5",
			w.sealed, w.oldSealed, db.Micros(until), db.Micros(w.UpdatedAt), id)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "secret_rotated", w, nil)
	})
	w.Secret = secretText(key)
	return w, err
}

// keys are what a delivery is signed with at a time, the present one first.
func (s *Service) keys(w Webhook, at time.Time) ([][]byte, error) {
	sealed := []string{w.sealed}
	if w.OldSecretEnd != nil && at.Before(*w.OldSecretEnd) {
		sealed = append(sealed, w.oldSealed)
	}
	keys := make([][]byte, len(sealed))
	for i, text := range sealed {
		var err error
		if keys[i], err = s.accounts.Keys().Unseal(sealPurpose, text); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
