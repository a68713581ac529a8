package account

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// awake is true of a session x that was used since $3, or has no idle limit
// because its device is its user's own.
const awake = "x.ended_at IS NULL AND (x.remembered OR x.last_seen_at > $3)"

// awakeSince is since when a session must have been used to stand; 0, which is
// always, where there is no limit.
func (s *Service) awakeSince() int64 {
	if s.config.SessionIdle == 0 {
		return 0
	}
	return db.Micros(s.db.Now().Add(-s.config.SessionIdle))
}

// touchEvery is how exactly the last use of a session is known: a tenth of the
// idle limit, a minute at most.
func (s *Service) touchEvery() time.Duration {
	if s.config.SessionIdle == 0 {
		return time.Minute
	}
	return min(time.Minute, s.config.SessionIdle/10)
}

// touch tells that a session is in use, when it was last seen too long ago. It
// never goes back in time. A full disk keeps nobody from reading.
func (s *Service) touch(ctx context.Context, session SessionID, seen time.Time) error {
	if s.db.Now().Sub(seen) < s.touchEvery() {
		return nil
	}
	err := s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1 AND ended_at IS NULL", db.Micros(tx.Now()), session)
		return err
	})
	if fault.Is(err, fault.Full) {
		return nil
	}
	return err
}
