package integration

import (
	"context"
	"strconv"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
	"navidocs/internal/webhook"
)

// ID identifies a connection.
type ID string

// Lane is how a Home Assistant is told of events.
type Lane string

// The lanes.
const (
	// Webhook posts to the address of a webhook trigger. Home Assistant answers
	// 200 to everything there, so that only a confirmation proves arrival.
	Webhook Lane = "webhook"
	// Event fires navidocs_event on its event bus, with a long-lived token.
	Event Lane = "event"
	// MQTT keeps a device for each boat on the broker that a Home Assistant
	// listens to (MQTT discovery).
	MQTT Lane = "mqtt"
)

// SecretHeader is the header with the plain secret of a webhook lane, which a
// template can compare; it cannot verify a signature.
const SecretHeader = "X-Navidocs-Secret"

// eventPath is where Home Assistant's REST API takes our events.
const eventPath = "/api/events/navidocs_event"

// Connection is a Home Assistant that is told of an organization's events.
type Connection struct {
	ID         ID            `json:"id"`
	OrgID      account.OrgID `json:"organization_id"`
	Name       string        `json:"name"`
	Lane       Lane          `json:"lane" enum:"webhook,event,mqtt"`
	URL        string        `json:"url"`
	EventTypes []string      `json:"event_types" doc:"* means all; none for the lane mqtt, which has four of its own"`
	WebhookID  *webhook.ID   `json:"webhook_id" doc:"its deliveries, replay, pause and resume are under /api/webhooks/{webhook_id}; null for the lane mqtt"`
	Broker     *Broker       `json:"mqtt,omitempty" doc:"of the lane mqtt alone"`
	// Secret and SigningSecret are set only where they are shown, by Create.
	Secret        string         `json:"secret,omitempty" doc:"only in the answer to create: what the header X-Navidocs-Secret says"`
	SigningSecret string         `json:"signing_secret,omitempty" doc:"only in the answer to create: verifies the header webhook-signature"`
	Status        webhook.Status `json:"status" enum:"active,paused,held,disabled" doc:"events are sent to an active one and kept for the others"`
	StatusReason  string         `json:"status_reason" doc:"why it is held or disabled"`
	ConfirmedAt   *time.Time     `json:"confirmed_at" doc:"when the Home Assistant last called back the confirm_url of a test; null since the URL changed"`
	ProbedAt      *time.Time     `json:"probed_at"`
	Probe         Probe          `json:"probe" doc:"how it last answered when it was asked whether it is there"`
	Failures      int64          `json:"failure_count" doc:"failed attempts since the last good one"`
	LastAt        *time.Time     `json:"last_delivery_at"`
	LastStatus    *string        `json:"last_delivery_status" doc:"succeeded or failed"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`

	// password is sealed; key is in the names of the devices' topics.
	password, key string
}

// Broker is what the lane mqtt has in place of a webhook.
type Broker struct {
	Username        string     `json:"username"`
	DiscoveryPrefix string     `json:"discovery_prefix"`
	Connected       bool       `json:"connected" doc:"NaviDocs is connected to the broker now"`
	ConnectedSince  *time.Time `json:"connected_since"`
	LastError       string     `json:"last_error" doc:"in words; empty when all that is wished is on the broker"`

	heldUntil time.Time
}

const selectConnection = `SELECT c.id, c.org_id, c.name, c.lane, c.url, c.webhook_id, c.confirmed_at, c.probed_at, c.probe_outcome, c.probe_status,
	c.probe_message, c.username, c.discovery_prefix, c.connected_at, c.last_error, c.held_until, c.password_sealed, c.device_key, c.created_at,
	c.updated_at FROM home_assistant_config c`

// current leaves out what was deleted and only waits to be taken off its broker.
const current = "c.ended_at IS NULL"

func scanConnection(r db.Row) (c Connection, err error) {
	var confirmed, probed, connected *int64
	var created, updated, held int64
	var b Broker
	err = r.Scan(&c.ID, &c.OrgID, &c.Name, &c.Lane, &c.URL, &c.WebhookID, &confirmed, &probed, &c.Probe.Outcome, &c.Probe.Status,
		&c.Probe.Message, &b.Username, &b.DiscoveryPrefix, &connected, &b.LastError, &held, &c.password, &c.key, &created, &updated)
	if c.Lane == MQTT {
		b.ConnectedSince, b.heldUntil = db.TimePtr(connected), db.Time(held)
		c.Broker = &b
	}
	c.ConfirmedAt, c.ProbedAt = db.TimePtr(confirmed), db.TimePtr(probed)
	c.CreatedAt, c.UpdatedAt = db.Time(created), db.Time(updated)
	return c, err
}

// Version is a row's state as its reader saw it, for If-Match; "" means any.
type Version string

func (v Version) check(updated time.Time) error {
	if v != "" && v != Version(strconv.FormatInt(updated.UnixMicro(), 36)) {
		return fault.New(fault.Stale, "this has changed since you read it: read it again and repeat your change")
	}
	return nil
}

// Connections lists those of the organizations that the actor manages, oldest
// first.
func (s *Service) Connections(ctx context.Context, who account.Actor) (_ []Connection, err error) {
	defer fault.Wrap(&err, "integration.Connections")
	orgs := who.Orgs(account.Manager)
	if len(orgs) == 0 {
		return nil, fault.New(fault.Forbidden, "this needs the role manager")
	}
	var w db.Where
	db.In(&w, "c.org_id", orgs)
	w.Add(current)
	all, err := db.Collect(ctx, s.db, scanConnection, selectConnection+" WHERE "+w.SQL()+" ORDER BY c.created_at, c.id", w.Args()...)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := s.attach(ctx, who, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// First is the oldest of those that Connections lists; NotFound when there is none.
func (s *Service) First(ctx context.Context, who account.Actor) (_ Connection, err error) {
	defer fault.Wrap(&err, "integration.First")
	all, err := s.Connections(ctx, who)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "no Home Assistant is connected: POST /api/integrations/home-assistant connects one")
	}
	if err != nil {
		return Connection{}, err
	}
	return all[0], nil
}

// Connection reads one; managers may.
func (s *Service) Connection(ctx context.Context, who account.Actor, id ID) (c Connection, err error) {
	defer fault.Wrap(&err, "integration.Connection %s", id)
	if c, err = managed(ctx, s.db, who, id); err != nil {
		return c, err
	}
	return c, s.attach(ctx, who, &c)
}

func managed(ctx context.Context, q db.Querier, who account.Actor, id ID) (Connection, error) {
	c, err := db.One(ctx, q, scanConnection, selectConnection+" WHERE c.id = $1 AND "+current, id)
	if fault.Is(err, fault.NotFound) {
		return c, fault.New(fault.NotFound, "connection not found")
	}
	if err != nil {
		return c, err
	}
	if err := who.Require(c.OrgID, account.Manager, "connection"); err != nil {
		return Connection{}, err
	}
	return c, nil
}

// attach adds what the connection's webhook knows, or the bridge to its broker.
func (s *Service) attach(ctx context.Context, who account.Actor, c *Connection) error {
	if c.Lane == MQTT {
		c.showBroker(s.db.Now())
		return nil
	}
	w, err := s.webhooks.Webhook(ctx, who, *c.WebhookID)
	if err == nil {
		c.show(w)
	}
	return err
}

func (c *Connection) show(w webhook.Webhook) {
	c.EventTypes, c.Status, c.StatusReason = w.EventTypes, w.Status, w.Reason
	c.Failures, c.LastAt, c.LastStatus, c.SigningSecret = w.Failures, w.LastAt, w.LastStatus, w.Secret
}

// Create connects a Home Assistant, once it has answered; managers may. The
// answer shows the secrets that were made, for the only time.
func (s *Service) Create(ctx context.Context, who account.Actor, org account.OrgID, in Input) (c Connection, err error) {
	defer fault.Wrap(&err, "integration.Create")
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return c, err
	}
	if err := s.check(ctx, &in, true); err != nil {
		return c, err
	}
	c = Connection{ID: ID(db.NewID()), OrgID: org}
	if in.Lane == Webhook && in.Secret == "" {
		in.Secret, _ = vault.Token("")
	}
	if err := s.probed(ctx, &c, in); err != nil {
		return Connection{}, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		c.CreatedAt, c.UpdatedAt, c.ProbedAt = tx.Now(), tx.Now(), new(tx.Now())
		if err := s.carry(ctx, tx, who, &c, in); err != nil {
			return err
		}
		if err := hasRoom(ctx, tx, c); err != nil {
			return err
		}
		if err := insert(ctx, tx, c); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "connected", c)
	})
	if in.Lane == Webhook {
		c.Secret = in.Secret
	}
	return c, err
}

// carry gives a connection what it was asked to have, and a webhook that carries
// its events, unless it goes by MQTT.
func (s *Service) carry(ctx context.Context, tx *db.Tx, who account.Actor, c *Connection, in Input) error {
	c.Name, c.Lane, c.URL = in.Name, in.Lane, in.URL
	if c.Lane == MQTT {
		return s.setBroker(c, in)
	}
	var w webhook.Webhook
	var err error
	if c.WebhookID == nil {
		w, err = s.webhooks.Connect(ctx, tx, who, c.OrgID, in.endpoint())
	} else {
		w, err = s.webhooks.Reconnect(ctx, tx, who, *c.WebhookID, in.endpoint())
	}
	if err != nil {
		return err
	}
	c.WebhookID = &w.ID
	c.show(w)
	return nil
}

func insert(ctx context.Context, tx *db.Tx, c Connection) error {
	b := c.broker()
	_, err := tx.Exec(ctx, `INSERT INTO home_assistant_config (id, org_id, name, lane, url, webhook_id, probed_at, probe_outcome, probe_status,
		probe_message, username, password_sealed, discovery_prefix, device_key, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)`, c.ID, c.OrgID, c.Name, c.Lane, c.URL,
		c.WebhookID, db.MicrosPtr(c.ProbedAt), c.Probe.Outcome, c.Probe.Status, c.Probe.Message, b.Username, c.password, b.DiscoveryPrefix, c.key,
		db.Micros(c.CreatedAt))
	return err
}

// audit writes the trail. A URL's path may be a secret: the trail has none.
func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, verb string, c Connection) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: c.OrgID, Action: "home_assistant." + verb, Kind: "home_assistant", SubjectID: string(c.ID),
		Detail: map[string]any{"name": c.Name, "lane": c.Lane, "origin": origin(c.URL)},
	})
}

// Replace puts what is given in the place of what is stored, once the Home
// Assistant has answered; managers may. The lane stays. The secret stays unless
// one is given, which another host asks for: it was given for the old one.
func (s *Service) Replace(ctx context.Context, who account.Actor, id ID, in Input, at Version) (c Connection, err error) {
	defer fault.Wrap(&err, "integration.Replace %s", id)
	old, err := managed(ctx, s.db, who, id)
	if err != nil {
		return c, err
	}
	if in.Lane == "" {
		in.Lane = old.Lane
	}
	if err := s.check(ctx, &in, false); err != nil {
		return c, err
	}
	if err := in.against(old); err != nil {
		return c, err
	}
	fresh := old
	if err := s.probed(ctx, &fresh, in); err != nil {
		return c, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = locked(ctx, tx, who, id); err != nil {
			return err
		}
		if err := at.check(c.UpdatedAt); err != nil {
			return err
		}
		if err := in.against(c); err != nil {
			return err
		}
		if c.URL != in.URL {
			c.ConfirmedAt = nil
		}
		c.Probe, c.ProbedAt = fresh.Probe, new(tx.Now())
		before := c
		if err := s.carry(ctx, tx, who, &c, in); err != nil {
			return err
		}
		if err := leave(ctx, tx, before, c); err != nil {
			return err
		}
		if err := store(ctx, tx, &c); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "updated", c)
	})
	return c, err
}

// locked reads a connection that no other transaction changes before this ends.
func locked(ctx context.Context, tx *db.Tx, who account.Actor, id ID) (Connection, error) {
	if _, err := tx.Exec(ctx, "UPDATE home_assistant_config SET name = name WHERE id = $1", id); err != nil {
		return Connection{}, err
	}
	return managed(ctx, tx, who, id)
}

// store writes a connection and gives it a version of its own. A test that waits
// for its confirmation waits in vain once the URL has changed.
func store(ctx context.Context, tx *db.Tx, c *Connection) error {
	now := tx.Now()
	if !now.After(c.UpdatedAt) {
		now = c.UpdatedAt.Add(time.Microsecond)
	}
	c.UpdatedAt = now
	b := c.broker()
	_, err := tx.Exec(ctx, `UPDATE home_assistant_config SET name = $1, nonce_hash = CASE WHEN url = $2 THEN nonce_hash ELSE '' END, url = $2,
		confirmed_at = $3, probed_at = $4, probe_outcome = $5, probe_status = $6, probe_message = $7, username = $8, password_sealed = $9,
		discovery_prefix = $10, updated_at = $11 WHERE id = $12`,
		c.Name, c.URL, db.MicrosPtr(c.ConfirmedAt), db.MicrosPtr(c.ProbedAt), c.Probe.Outcome, c.Probe.Status, c.Probe.Message, b.Username,
		c.password, b.DiscoveryPrefix, db.Micros(now), c.ID)
	return err
}

// Delete ends a connection: nothing more is sent, and its log and what was kept
// for it go too; its devices leave the broker as soon as that is reached. Managers
// may.
func (s *Service) Delete(ctx context.Context, who account.Actor, id ID, at Version) (c Connection, err error) {
	defer fault.Wrap(&err, "integration.Delete %s", id)
	if c, err = s.Connection(ctx, who, id); err != nil { // for the answer
		return c, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		now, err := locked(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if err := at.check(now.UpdatedAt); err != nil {
			return err
		}
		if err := s.end(ctx, tx, who, now); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "disconnected", c)
	})
	return c, err
}

// end removes a connection; one of the lane mqtt is left to the bridge.
func (s *Service) end(ctx context.Context, tx *db.Tx, who account.Actor, c Connection) error {
	if c.Lane == MQTT {
		_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET ended_at = $1 WHERE id = $2", db.Micros(tx.Now()), c.ID)
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM home_assistant_config WHERE id = $1", c.ID); err != nil {
		return err
	}
	return s.webhooks.Disconnect(ctx, tx, who, *c.WebhookID)
}
