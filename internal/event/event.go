// Package event is the transactional outbox: an event is written in the
// transaction of the change that it tells of, numbered without gaps per boat,
// and handed to every consumer exactly once.
//
// It guarantees: never an event without its change, never a change without its
// event. What follows from an event (a mail, a delivery) is a job that a
// consumer enqueues in the dispatching transaction.
package event

import (
	"context"
	"encoding/json"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// Boat names the boat that an event is about.
type Boat struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Envelope is an event as everyone outside sees it.
type Envelope struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	// OrgID is nil on events for operators.
	OrgID *string `json:"organization_id"`
	Boat  *Boat   `json:"boat"`
	// Sequence rises by one per boat, or per organization without a boat.
	Sequence int64           `json:"sequence"`
	ActorID  *string         `json:"actor"`
	Data     json.RawMessage `json:"data"`
}

// Event is what a domain says happened. Type is one of Types.
type Event struct {
	Type    string
	OrgID   string // "" for operators
	Boat    *Boat
	ActorID string // "" when nobody's hand caused it
	Data    any
}

// Consumer reacts to an event inside the dispatching transaction, by enqueuing
// jobs. An error leaves the event undispatched; it is tried again for about
// eight hours. Then its job is dead: the log says so, `navidocs queue dead`
// lists it, and `navidocs queue retry` hands the event over after all.
type Consumer func(ctx context.Context, tx *db.Tx, e Envelope) error

// Outbox appends and dispatches events.
type Outbox struct {
	db        *db.DB
	jobs      *job.Queue
	consumers []Consumer
}

// New makes an outbox.
func New(d *db.DB, jobs *job.Queue) *Outbox { return &Outbox{db: d, jobs: jobs} }

// Subscribe adds a consumer; before the queue runs.
func (o *Outbox) Subscribe(c Consumer) { o.consumers = append(o.consumers, c) }

// Queue is where events wait to be dispatched, apart from work that takes long:
// people and endpoints are told at once.
const Queue = "events"

// Workers is how many events are dispatched at once. Each is one short
// transaction; what takes time is to wait for its turn.
const Workers = 16

// DispatchArgs ask for one event to be handed to the consumers.
type DispatchArgs struct {
	EventID string `json:"event_id"`
}

// Kind implements job.Args.
func (DispatchArgs) Kind() string { return "event.dispatch" }

// Append writes an event in the transaction of its change. A type that is not
// among Types is Internal: nobody could have subscribed to it.
func (o *Outbox) Append(ctx context.Context, tx *db.Tx, e Event) (err error) {
	defer fault.Wrap(&err, "append %s", e.Type)
	if _, ok := TypeOf(e.Type); !ok {
		return fault.New(fault.Internal, "%q is no type of events: give it a row in the catalogue of package event", e.Type)
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	stream, boatID, boatName := "operators", "", ""
	if e.OrgID != "" {
		stream = "organization:" + e.OrgID
	}
	if e.Boat != nil {
		stream, boatID, boatName = "boat:"+e.Boat.ID, e.Boat.ID, e.Boat.Name
	}
	sequence, err := db.One(ctx, tx, db.Scalar[int64], `INSERT INTO event_streams (stream, last_sequence) VALUES ($1, 1)
		ON CONFLICT (stream) DO UPDATE SET last_sequence = event_streams.last_sequence + 1 RETURNING last_sequence`, stream)
	if err != nil {
		return err
	}
	id := db.NewID()
	_, err = tx.Exec(ctx, `INSERT INTO events (id, type, org_id, boat_id, boat_name, stream, sequence, actor_id, data, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, id, e.Type, db.OrNull(e.OrgID), db.OrNull(boatID), boatName,
		stream, sequence, db.OrNull(e.ActorID), string(data), db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return o.jobs.Enqueue(ctx, tx, DispatchArgs{EventID: id}, Queue)
}

// Jobs are the package's kinds of work.
func (o *Outbox) Jobs() []job.Work {
	return []job.Work{job.Define(job.Options[DispatchArgs]{Queue: Queue, MaxAttempts: 20}, o.dispatch)}
}

// dispatch hands an event to all consumers, marks it, and ends its job, all in
// one transaction: a crash repeats everything or nothing.
func (o *Outbox) dispatch(ctx context.Context, j *job.Job[DispatchArgs]) error {
	return o.db.Transact(ctx, func(tx *db.Tx) error {
		e, err := db.One(ctx, tx, scanEnvelope, "SELECT "+columns+" FROM events WHERE id = $1", j.Args.EventID)
		if err != nil {
			return err
		}
		for _, consume := range o.consumers {
			if err := consume(ctx, tx, e); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE events SET dispatched_at = $1 WHERE id = $2", db.Micros(tx.Now()), e.ID); err != nil {
			return err
		}
		return j.Complete(ctx, tx)
	})
}

const columns = `id, type, org_id, boat_id, boat_name, sequence, actor_id, data, at`

func scanEnvelope(r db.Row) (e Envelope, err error) {
	var boatID *string
	var boatName, data string
	var at int64
	err = r.Scan(&e.ID, &e.Type, &e.OrgID, &boatID, &boatName, &e.Sequence, &e.ActorID, &data, &at)
	if boatID != nil {
		e.Boat = &Boat{ID: *boatID, Name: boatName}
	}
	e.Timestamp, e.Data = db.Time(at), json.RawMessage(data)
	return e, err
}

// OfBoat lists the newest events of a boat, at most limit.
func OfBoat(ctx context.Context, q db.Querier, boatID string, limit, offset int) ([]Envelope, error) {
	return db.Collect(ctx, q, scanEnvelope, "SELECT "+columns+
		" FROM events WHERE boat_id = $1 ORDER BY at DESC, id DESC LIMIT $2 OFFSET $3", boatID, limit, offset)
}

// Newest is an organization's latest event of a type, NotFound when there is none.
func (o *Outbox) Newest(ctx context.Context, q db.Querier, orgID, eventType string) (Envelope, error) {
	return db.One(ctx, q, scanEnvelope, "SELECT "+columns+" FROM events WHERE org_id = $1 AND type = $2 ORDER BY at DESC, id DESC LIMIT 1", orgID, eventType)
}

// Purge removes the events of an organization that is no more, and their
// streams.
func (o *Outbox) Purge(ctx context.Context, orgID string) (err error) {
	defer fault.Wrap(&err, "event.Purge %s", orgID)
	return o.db.Transact(ctx, func(tx *db.Tx) error {
		for _, text := range []string{
			"DELETE FROM event_streams WHERE stream = 'organization:' || $1 OR stream IN (SELECT stream FROM events WHERE org_id = $1)",
			"DELETE FROM events WHERE org_id = $1",
		} {
			if _, err := tx.Exec(ctx, text, orgID); err != nil {
				return err
			}
		}
		return nil
	})
}
