//go:build prove

package prove_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// virtual runs a server's days on a clock that the test moves.
type virtual struct {
	t     *testing.T
	db    *db.DB
	clock *testkit.Clock
	// look is what the server does again and again, deliver what follows from it
	// and what is due by the clock.
	look, deliver func()
}

// send has the messages sent that are due until a time, each at its own.
func (v *virtual) send(until time.Time) {
	v.t.Helper()
	for {
		next, err := db.One(v.t.Context(), v.db, db.OptionalTime, "SELECT min(send_at) FROM notification_messages WHERE status = 'queued'")
		if err != nil {
			v.t.Fatal(err)
		}
		if next.IsZero() || next.After(until) {
			return
		}
		if next.After(v.clock.Now()) {
			v.clock.Set(next)
		}
		v.deliver()
	}
}

// year looks again and again for a year, except while the server is off, and has
// everything sent when it is due; then what waits.
func (v *virtual) year(off []outage, pause time.Duration) {
	v.t.Helper()
	end := v.clock.Now().AddDate(1, 0, 0)
	for at := v.clock.Now(); at.Before(end); at = at.Add(pause) {
		if len(off) > 0 && !at.Before(off[0].from) {
			at = off[0].until
			v.clock.Set(at) // what was due meanwhile is late
			off = off[1:]
		}
		v.send(at)
		v.clock.Set(at)
		v.look()
		v.deliver()
	}
	v.send(end.AddDate(0, 0, 10))
}

// outage is a time in which the server is off.
type outage struct{ from, until time.Time }

// outages are n of an hour to three weeks, the short ones the more frequent, over
// the year that begins at start. The hour's look falls on another minute after each.
func outages(start time.Time, n int, random *rand.Rand) []outage {
	lengths := make([]time.Duration, n)
	for i := range lengths {
		lengths[i] = time.Duration(math.Pow(21*24, random.Float64()) * float64(time.Hour)).Truncate(time.Second)
	}
	lengths[n/2] = 21 * 24 * time.Hour
	up := start.AddDate(1, 0, 0).Sub(start)
	for _, l := range lengths {
		up -= l
	}
	begins := make([]time.Duration, n) // in the time that the server is on
	for i := range begins {
		begins[i] = time.Duration(random.Int64N(int64(up))).Truncate(time.Second)
	}
	slices.Sort(begins)
	all, off := make([]outage, n), time.Duration(0)
	for i, l := range lengths {
		from := start.Add(begins[i] + off)
		all[i], off = outage{from, from.Add(l)}, off+l
	}
	return all
}

// week is the greatest number of instants in seven days.
func week(all []time.Time) (most int) {
	slices.SortFunc(all, time.Time.Compare)
	for i, first := 0, 0; i < len(all); i++ {
		for all[i].Sub(all[first]) >= 7*24*time.Hour {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
