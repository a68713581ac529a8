package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"navidocs/internal/db"
)

// Report is what was counted after all kills.
type Report struct {
	Engine string `json:"engine"`
	Kills  int    `json:"kills"`
	// Changes were committed; TakenBack were not, on purpose.
	Changes   int `json:"changes"`
	TakenBack int `json:"taken_back"`
	// InHand is how many jobs a killed process had begun.
	InHand int `json:"in_hand"`

	// Lost are changes that were acknowledged and are gone, or whose event, job
	// or delivery is missing; Ghosts are events, jobs or deliveries of changes
	// that are not there.
	Lost   int `json:"lost"`
	Ghosts int `json:"ghosts"`
	// Twice are changes with two events, two first deliveries, or whose job,
	// which only writes the database, ran again.
	Twice int `json:"twice"`
	// Gaps are missing numbers in the sequences of the boats.
	Gaps int `json:"gaps"`
	// Dead are jobs that were given up.
	Dead int `json:"dead"`
	// Repeated are deliveries that came again, at most as many as were under
	// way; Varied came again with another body, Foreign without our signature.
	Repeated int `json:"repeated"`
	Varied   int `json:"varied"`
	Foreign  int `json:"foreign"`

	// Recoveries are the waits, in order of length, until all that was open at
	// a kill was done; Bound is the longest that is promised.
	Recoveries []time.Duration `json:"recoveries_ns"`
	Bound      time.Duration   `json:"bound_ns"`
	// Damage is what a check of the whole database found.
	Damage []string `json:"damage"`
}

// Kept reports whether every promise was kept.
func (r Report) Kept() bool {
	return r.Lost+r.Ghosts+r.Twice+r.Gaps+r.Dead+r.Varied+r.Foreign == 0 && len(r.Damage) == 0 && r.Slowest() <= r.Bound && r.Repeated <= r.InHand
}

// Slowest is the longest recovery.
func (r Report) Slowest() time.Duration { return r.recovery(1) }

// Median is the recovery in the middle.
func (r Report) Median() time.Duration { return r.recovery(0.5) }

func (r Report) recovery(part float64) time.Duration {
	if len(r.Recoveries) == 0 {
		return 0
	}
	return r.Recoveries[int(part*float64(len(r.Recoveries)-1))]
}

// count compares what was said, what is stored and what was received.
func (h *harness) count(ctx context.Context) (Report, error) {
	d, err := h.database(ctx)
	if err != nil {
		return Report{}, err
	}
	defer d.Close() //nolint:errcheck // it has only read
	slices.Sort(h.recovery)
	r := Report{
		Engine: string(d.Engine), Kills: h.Kills, TakenBack: len(h.said.takenBack), Recoveries: h.recovery,
		Bound: restartBound, Foreign: h.receiver.foreign, Damage: []string{},
	}
	if d.Engine == db.Postgres {
		r.Bound = nodeBound
	}
	changes, err := tally(ctx, d, "SELECT n FROM chaos_changes")
	if err != nil {
		return r, err
	}
	r.Changes = len(changes)
	for n := range h.said.committed {
		if changes[n] == 0 {
			r.Lost++
		}
	}
	if err := h.compare(ctx, d, &r, changes); err != nil {
		return r, err
	}
	return r, r.inspect(ctx, d)
}

// compare holds what should be there once for each change against the changes.
func (h *harness) compare(ctx context.Context, d *db.DB, r *Report, changes map[int]int) error {
	events, err := db.Collect(ctx, d, scanData, "SELECT data FROM events WHERE type = $1", changeType)
	if err != nil {
		return err
	}
	marks, err := tally(ctx, d, "SELECT n FROM chaos_marks")
	if err != nil {
		return err
	}
	deliveries, err := db.Collect(ctx, d, scanData,
		"SELECT e.data FROM webhook_deliveries w JOIN events e ON e.id = w.message_id WHERE e.type = $1 AND w.attempt = 1 AND w.status = 'succeeded'", changeType)
	if err != nil {
		return err
	}
	received := map[int]int{}
	for _, p := range h.receiver.got {
		received[p.change]++
		r.Repeated += p.times - 1
		if p.varied {
			r.Varied++
		}
	}
	for _, found := range []map[int]int{counted(events), marks, counted(deliveries), received} {
		r.match(changes, found)
	}
	return nil
}

// match counts what is missing, doubled, and of no change.
func (r *Report) match(changes, found map[int]int) {
	for n := range changes {
		if found[n] == 0 {
			r.Lost++
		}
	}
	for n, times := range found {
		switch {
		case changes[n] == 0:
			r.Ghosts++
		case times > 1:
			r.Twice++
		}
	}
}

// inspect asks the database for what no single change shows.
func (r *Report) inspect(ctx context.Context, d *db.DB) (err error) {
	r.Gaps, err = db.One(ctx, d, db.Scalar[int], `SELECT coalesce(sum(last - n), 0) FROM
		(SELECT max(sequence) AS last, count(DISTINCT sequence) AS n FROM events GROUP BY stream) AS streams`)
	if err != nil {
		return err
	}
	if r.InHand, err = db.One(ctx, d, db.Scalar[int], "SELECT coalesce(sum(attempt - 1), 0) FROM river_job WHERE attempt > 1"); err != nil {
		return err
	}
	if r.Dead, err = db.One(ctx, d, db.Scalar[int], "SELECT count(*) FROM river_job WHERE state = 'discarded'"); err != nil {
		return err
	}
	damage, err := d.Check(ctx, false)
	r.Damage = append(r.Damage, damage...)
	return err
}

func tally(ctx context.Context, q db.Querier, query string) (map[int]int, error) {
	all, err := db.Collect(ctx, q, db.Scalar[int], query)
	return counted(all), err
}

func counted(all []int) map[int]int {
	times := make(map[int]int, len(all))
	for _, n := range all {
		times[n]++
	}
	return times
}

func scanData(r db.Row) (int, error) {
	var text string
	var of data
	if err := r.Scan(&text); err != nil {
		return 0, err
	}
	if err := json.Unmarshal([]byte(text), &of); err != nil {
		return 0, fmt.Errorf("the data of an event: %w", err)
	}
	return of.Change, nil
}
