package integration

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// leaseFor is how long a process that says nothing keeps a connection.
	leaseFor = 30 * time.Second
	// renewed is how long before its end a lease is renewed.
	renewed = 20 * time.Second
	// takenOffFor is how long the devices of a deleted connection wait for their
	// broker.
	takenOffFor = 7 * 24 * time.Hour
)

// target is a connection as the bridge finds it.
type target struct {
	Connection

	endedAt *time.Time
	cleared bool
	open    bool // its organization is there
	heldBy  string
}

// gone reports whether the devices are to be taken off the broker.
func (t target) gone() bool { return t.endedAt != nil || !t.open }

// version changes with whatever asks for another link.
func (t target) version() string {
	return db.Time(db.Micros(t.UpdatedAt)).String() + map[bool]string{true: " gone"}[t.gone()]
}

func scanTarget(r db.Row) (t target, err error) {
	var created, updated, held int64
	var ended, cleared *int64
	var b Broker
	err = r.Scan(&t.ID, &t.OrgID, &t.Name, &t.URL, &b.Username, &b.DiscoveryPrefix, &t.password, &t.key, &ended, &cleared, &t.heldBy, &held, &created, &updated, &t.open)
	b.heldUntil = db.Time(held)
	t.Lane, t.Broker, t.endedAt, t.cleared = MQTT, &b, db.TimePtr(ended), cleared != nil
	t.CreatedAt, t.UpdatedAt = db.Time(created), db.Time(updated)
	return t, err
}

// targets are all connections that have something to do with their broker.
func (s *Service) targets(ctx context.Context) ([]target, error) {
	open := account.Existing("c.org_id")
	return db.Collect(ctx, s.db, scanTarget, `SELECT c.id, c.org_id, c.name, c.url, c.username, c.discovery_prefix, c.password_sealed, c.device_key,
		c.ended_at, c.cleared_at, c.held_by, c.held_until, c.created_at, c.updated_at, `+open+`
		FROM home_assistant_config c WHERE c.lane = 'mqtt' AND (c.cleared_at IS NULL OR c.ended_at IS NULL AND `+open+") ORDER BY c.id")
}

// bridge is the connections that this process holds.
type bridge struct {
	*Service

	me    string
	links map[ID]*running
}

// running is a link with the goroutine that works it.
type running struct {
	version string
	until   time.Time // of the lease
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when it has ended
}

// errLost is why a link ends whose lease another process may have: it says no
// goodbye.
var errLost = errors.New("the lease was lost")

// Bridge keeps the devices of all connections of the lane mqtt on their brokers
// until ctx ends: each connection in one process alone, by a lease. It returns
// when every link has said that it is offline and its lease is given back. A
// database or a broker that cannot be reached is waited for.
func (s *Service) Bridge(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "integration.Bridge")
	b := &bridge{Service: s, me: db.NewID(), links: map[ID]*running{}}
	tick := time.NewTicker(s.config.Poll)
	defer tick.Stop()
	failing := false
	for {
		if err := b.round(ctx); err == nil {
			failing = false
		} else if ctx.Err() == nil && !failing {
			failing = true
			s.config.Log.Warn("the bridge to MQTT waits for the database", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return b.stop(ctx)
		}
	}
}

// round looks at every connection: takes what nobody holds, renews what is held
// here, and begins anew what has changed.
func (b *bridge) round(ctx context.Context) error {
	for id, r := range b.links { // also when the database cannot be asked
		if !b.db.Now().Before(r.until) {
			r.cancel(errLost)
		}
		select {
		case <-r.done:
			delete(b.links, id)
		default:
		}
	}
	all, err := b.targets(ctx)
	if err != nil {
		return err
	}
	var errs []error
	there := map[ID]bool{}
	for _, t := range all {
		there[t.ID] = true
		errs = append(errs, b.look(ctx, t))
	}
	for id, r := range b.links {
		if !there[id] {
			r.cancel(errLost) // purged
		}
	}
	return errors.Join(errs...)
}

func (b *bridge) look(ctx context.Context, t target) error {
	now := b.db.Now()
	r := b.links[t.ID]
	switch {
	case r == nil && t.heldBy != b.me && now.Before(t.Broker.heldUntil):
		return nil // another process has it
	case t.endedAt != nil && now.Sub(*t.endedAt) > takenOffFor:
		if r != nil {
			r.cancel(nil)
			return nil
		}
		return b.forget(ctx, t.ID)
	case r == nil:
		until, err := b.take(ctx, t.ID)
		if err == nil && !until.IsZero() {
			b.begin(ctx, t, until)
		}
		return err
	case r.version != t.version():
		r.cancel(nil) // begun anew when it has ended
		return nil
	case r.until.Sub(now) > renewed:
		return nil
	}
	until, err := b.take(ctx, t.ID)
	if err != nil {
		return err
	}
	if until.IsZero() {
		r.cancel(errLost)
		return nil
	}
	r.until = until
	return nil
}

// take takes or renews a lease; zero when another process has it.
func (b *bridge) take(ctx context.Context, id ID) (until time.Time, err error) {
	err = b.db.Transact(ctx, func(tx *db.Tx) error {
		until = tx.Now().Add(leaseFor)
		n, err := tx.Exec(ctx, `UPDATE home_assistant_config SET held_by = $1, held_until = $2, connected_at = CASE WHEN held_by = $1 THEN connected_at END
			WHERE id = $3 AND (held_by = $1 OR held_until <= $4)`, b.me, db.Micros(until), id, db.Micros(tx.Now()))
		if n == 0 {
			until = time.Time{}
		}
		return err
	})
	return until, err
}

func (b *bridge) begin(ctx context.Context, t target, until time.Time) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &running{version: t.version(), until: until, cancel: cancel, done: make(chan struct{})}
	b.links[t.ID] = r
	l := newLink(b.Service, b.me, t)
	go func() {
		defer close(r.done)
		defer cancel(nil)
		l.run(ctx)
	}()
}

// stop waits until every link has said goodbye, and gives the leases back.
func (b *bridge) stop(ctx context.Context) error {
	for _, r := range b.links {
		<-r.done
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	return b.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET held_by = '', held_until = 0, connected_at = NULL WHERE held_by = $1", b.me)
		return err
	})
}

// forget deletes a connection of which nothing is on its broker, or whose broker
// was not reached for too long.
func (s *Service) forget(ctx context.Context, id ID) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM home_assistant_devices WHERE connection_id = $1", id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM home_assistant_config WHERE id = $1 AND ended_at IS NOT NULL", id)
		return err
	})
}

// quiet is the log of a service that was given none.
func quiet(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
