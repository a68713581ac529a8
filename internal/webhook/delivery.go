package webhook

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// DeliveryID identifies an attempt.
type DeliveryID string

// Cause is why something is sent.
type Cause string

// The causes.
const (
	ByEvent  Cause = "event"
	ByReplay Cause = "replay"
	ByTest   Cause = "test"
)

// DeliveryStatus is how an attempt stands.
type DeliveryStatus string

// The states of an attempt.
const (
	Pending   DeliveryStatus = "pending"   // to come, or being made
	Succeeded DeliveryStatus = "succeeded" // answered with 2xx
	Failed    DeliveryStatus = "failed"
	Kept      DeliveryStatus = "held" // sent when the endpoint is resumed
)

// Delivery is one attempt to send an event to an endpoint.
type Delivery struct {
	ID             DeliveryID     `json:"id"`
	WebhookID      ID             `json:"webhook_id"`
	EventID        string         `json:"event_id" doc:"the header webhook-id, the same on every attempt"`
	EventType      string         `json:"event_type"`
	Cause          Cause          `json:"cause" enum:"event,replay,test"`
	Attempt        int            `json:"attempt" doc:"counts from 1, anew for a replay"`
	Status         DeliveryStatus `json:"status" enum:"pending,succeeded,failed,held" doc:"held: sent when the webhook is resumed"`
	ResponseStatus *int           `json:"response_status"`
	ResponseBody   string         `json:"response_body" doc:"the first 16 KiB"`
	Truncated      bool           `json:"response_truncated" doc:"the answer was longer"`
	Error          string         `json:"error" doc:"what went wrong, in words"`
	DurationMS     *int64         `json:"duration_ms"`
	NextAttemptAt  *time.Time     `json:"next_attempt_at" doc:"of a pending one: when it is made; of a failed one: when the next is; absent when none follows"`
	AttemptedAt    *time.Time     `json:"attempted_at"`
	CreatedAt      time.Time      `json:"created_at"`
	// RequestBody is read with a single one alone.
	RequestBody string `json:"request_body,omitempty" doc:"what is sent; not in lists"`

	orgID account.OrgID
}

const deliveryColumns = `d.id, d.webhook_id, d.message_id, m.event_type, d.cause, d.attempt, d.status, d.response_status, d.response_body,
	d.response_truncated, d.error, d.duration_ms, d.next_attempt_at, d.attempted_at, d.created_at, m.org_id`

const fromDeliveries = " FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id"

func scanDelivery(r db.Row) (Delivery, error) { return scanDeliveryWith(r) }

// scanWhole scans an attempt with what it sends.
func scanWhole(r db.Row) (Delivery, error) {
	var body string
	d, err := scanDeliveryWith(r, &body)
	d.RequestBody = body
	return d, err
}

func scanDeliveryWith(r db.Row, more ...any) (d Delivery, err error) {
	var next, attempted *int64
	var created int64
	targets := []any{
		&d.ID, &d.WebhookID, &d.EventID, &d.EventType, &d.Cause, &d.Attempt, &d.Status, &d.ResponseStatus, &d.ResponseBody,
		&d.Truncated, &d.Error, &d.DurationMS, &next, &attempted, &created, &d.orgID,
	}
	err = r.Scan(append(targets, more...)...)
	d.NextAttemptAt, d.AttemptedAt, d.CreatedAt = db.TimePtr(next), db.TimePtr(attempted), db.Time(created)
	return d, err
}

// DeliveryFilter narrows a log.
type DeliveryFilter struct {
	Status        DeliveryStatus
	EventType     string
	EventID       string
	Limit, Offset int
}

// Deliveries lists the attempts of an endpoint, newest first, and the total;
// managers may. They are kept for 30 days.
func (s *Service) Deliveries(ctx context.Context, who account.Actor, id ID, f DeliveryFilter) (_ []Delivery, total int, err error) {
	defer fault.Wrap(&err, "webhook.Deliveries %s", id)
	if _, err := managed(ctx, s.db, who, id); err != nil {
		return nil, 0, err
	}
	var w db.Where
	w.Add("d.webhook_id = ?", id)
	if f.Status != "" {
		w.Add("d.status = ?", f.Status)
	}
	if f.EventType != "" {
		w.Add("m.event_type = ?", f.EventType)
	}
	if f.EventID != "" {
		w.Add("d.message_id = ?", f.EventID)
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*)"+fromDeliveries+" WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := "SELECT " + deliveryColumns + fromDeliveries + " WHERE " + w.SQL() + " ORDER BY d.created_at DESC, d.id DESC"
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanDelivery, query, w.Args()...)
	return all, total, err
}

// Delivery reads one attempt with what it sends; managers may.
func (s *Service) Delivery(ctx context.Context, who account.Actor, id DeliveryID) (_ Delivery, err error) {
	defer fault.Wrap(&err, "webhook.Delivery %s", id)
	return managedDelivery(ctx, s.db, who, id)
}

func managedDelivery(ctx context.Context, q db.Querier, who account.Actor, id DeliveryID) (Delivery, error) {
	d, err := delivery(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return d, fault.New(fault.NotFound, "delivery not found")
	}
	if err != nil {
		return d, err
	}
	if err := who.Require(d.orgID, account.Manager, "delivery"); err != nil {
		return Delivery{}, err
	}
	return d, nil
}

func delivery(ctx context.Context, q db.Querier, id DeliveryID) (Delivery, error) {
	return db.One(ctx, q, scanWhole, "SELECT "+deliveryColumns+", m.body"+fromDeliveries+" WHERE d.id = $1", id)
}

// insert adds an attempt to come.
func insert(ctx context.Context, tx *db.Tx, d *Delivery, parked bool) error {
	d.ID, d.CreatedAt = DeliveryID(db.NewID()), tx.Now()
	_, err := tx.Exec(ctx, `INSERT INTO webhook_deliveries (id, webhook_id, message_id, cause, attempt, status, parked, next_attempt_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, d.ID, d.WebhookID, d.EventID, d.Cause, d.Attempt, d.Status, parked,
		db.MicrosPtr(d.NextAttemptAt), db.Micros(d.CreatedAt))
	return err
}
