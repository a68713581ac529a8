package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Backlog says how much the queue has before it.
type Backlog struct {
	// Paused: workers claim nothing until Resume.
	Paused bool `json:"paused"`
	// States counts the jobs that wait or run, and the dead ones, by state.
	States map[string]int `json:"states"`
	// Oldest is how long the job has waited that is due for the longest time.
	Oldest float64 `json:"oldest_seconds"`

	kinds map[string]*KindStats
}

// Stats say how the queue does, by kind.
type Stats struct {
	Backlog
	// Working: some process works the jobs.
	Working bool        `json:"working"`
	Kinds   []KindStats `json:"kinds"`
	Running []Entry     `json:"running"`
}

// KindStats are those of one kind. P95 is the time that 95 of 100 attempts
// took, among those of the newest completed jobs.
type KindStats struct {
	Kind      string  `json:"kind"`
	Waiting   int     `json:"waiting"`
	Running   int     `json:"running"`
	Dead      int     `json:"dead"`
	Oldest    float64 `json:"oldest_seconds"`
	Completed int     `json:"completed"`
	P95       float64 `json:"p95_seconds"`
}

// Backlog counts what waits, runs and is dead. It is cheap.
func (q *Queue) Backlog(ctx context.Context) (l Backlog, err error) {
	defer fault.Wrap(&err, "backlog of the queue")
	if l.Paused, err = q.Paused(ctx); err != nil {
		return l, err
	}
	rows, err := db.Collect(ctx, q.db, scanCount, `SELECT kind, CAST(state AS TEXT), count(*), min(scheduled_at) FROM river_job
		WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending', 'discarded') GROUP BY kind, state`)
	if err != nil {
		return l, err
	}
	l.States, l.kinds = map[string]int{"discarded": 0}, map[string]*KindStats{}
	for _, s := range openStates() {
		l.States[s] = 0
	}
	for _, c := range rows {
		l.States[c.state] += c.n
		k := l.kind(c.kind)
		switch c.state {
		case "running":
			k.Running += c.n
		case "discarded":
			k.Dead += c.n
		default:
			k.Waiting += c.n
			k.Oldest = max(k.Oldest, q.db.Now().Sub(c.due).Seconds())
		}
		l.Oldest = max(l.Oldest, k.Oldest)
	}
	return l, nil
}

func (l *Backlog) kind(name string) *KindStats {
	if l.kinds[name] == nil {
		l.kinds[name] = &KindStats{Kind: name}
	}
	return l.kinds[name]
}

type count struct {
	kind, state string
	n           int
	due         time.Time
}

func scanCount(r db.Row) (c count, err error) {
	var due any // of an expression SQLite gives no type
	if err = r.Scan(&c.kind, &c.state, &c.n, &due); err != nil {
		return c, err
	}
	switch v := due.(type) {
	case time.Time:
		c.due = v
	case string:
		c.due, err = time.Parse("2006-01-02 15:04:05", v)
	default:
		err = fmt.Errorf("time of a job as %T", due)
	}
	return c, err
}

// sample is of how many completed jobs the durations are looked at.
const sample = 5000

// Stats reads all there is to say about the queue.
func (q *Queue) Stats(ctx context.Context) (s Stats, err error) {
	if s.Backlog, err = q.Backlog(ctx); err != nil {
		return s, err
	}
	defer fault.Wrap(&err, "statistics of the queue")
	s.Working = q.Working(ctx)
	if s.Running, err = q.Jobs(ctx, "running"); err != nil {
		return s, err
	}
	if err := q.durations(ctx, &s.Backlog); err != nil {
		return s, err
	}
	s.Kinds = []KindStats{}
	for _, k := range s.kinds {
		s.Kinds = append(s.Kinds, *k)
	}
	slices.SortFunc(s.Kinds, func(a, b KindStats) int { return strings.Compare(a.Kind, b.Kind) })
	return s, nil
}

// durations counts the newest completed jobs and how long their attempts took.
func (q *Queue) durations(ctx context.Context, l *Backlog) error {
	type done struct {
		kind string
		took time.Duration
	}
	rows, err := db.Collect(ctx, q.db, func(r db.Row) (d done, err error) {
		var began, ended time.Time
		err = r.Scan(&d.kind, &began, &ended)
		d.took = ended.Sub(began)
		return d, err
	}, `SELECT kind, attempted_at, finalized_at FROM river_job WHERE state = 'completed' AND attempted_at IS NOT NULL
		ORDER BY finalized_at DESC LIMIT $1`, sample)
	if err != nil {
		return err
	}
	took := map[string][]time.Duration{}
	for _, d := range rows {
		took[d.kind] = append(took[d.kind], d.took)
	}
	for kind, all := range took {
		k := l.kind(kind)
		k.Completed, k.P95 = len(all), p95(all).Seconds()
	}
	return nil
}

// p95 is the smallest of some durations that 95 of 100 do not exceed.
func p95(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[(len(all)*95+99)/100-1]
}
