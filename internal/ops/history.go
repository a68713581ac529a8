package ops

import (
	"context"
	"sync"
	"time"
)

// History remembers what a server has counted, for an hour.
type History struct {
	// Take counts what there is now.
	Take func() (Sample, error)
	Now  func() time.Time

	mu   sync.Mutex // guards past
	past []moment   // the oldest first
}

const (
	// remembered is how far back a History goes, and often how often it looks.
	remembered = time.Hour
	often      = 10 * time.Second
)

// Run looks again and again until ctx ends.
func (h *History) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := h.look(); err != nil {
			return err
		}
		Sleep(ctx, often)
	}
	return nil
}

func (h *History) look() error {
	s, err := h.Take()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	h.past = append(h.past, moment{s, now})
	for len(h.past) > 1 && now.Sub(h.past[1].at) >= remembered {
		h.past = h.past[1:]
	}
	return nil
}

// Last is what was counted within a time before now, as far as it is remembered.
func (h *History) Last(d time.Duration) (Sample, error) {
	s, err := h.Take()
	if err != nil {
		return s, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	from := Sample{}
	for _, m := range h.past {
		if h.Now().Sub(m.at) < d {
			break
		}
		from = m.Sample
	}
	return s.Since(from), nil
}

// Figures are a server's numbers at a glance.
type Figures struct {
	Version  string    `json:"version"`
	Since    time.Time `json:"since"`
	Requests float64   `json:"requests_1h"`
	// Errors5m and Errors1h are shares of the answers, 0 to 1.
	Errors5m float64 `json:"errors_5m"`
	Errors1h float64 `json:"errors_1h"`
	// Burn is how many times faster than it may the last hour has spent the budget
	// of errors (0.1 % of a month's answers).
	Burn float64 `json:"budget_burn_1h"`
	// The p95s are of the last hour, in milliseconds; 0 when nothing was counted.
	APIP95  float64 `json:"api_p95_ms"`
	DBP95   float64 `json:"db_p95_ms"`
	JobsP95 float64 `json:"jobs_p95_ms"`
	// JobFailures is the share of the last hour's attempts at jobs that failed.
	JobFailures float64 `json:"job_failures_1h"`
}

// objective is the share of answers that may be errors of the server.
const objective = 0.001

// Figures are the numbers of the last hour and of the last five minutes.
func (h *History) Figures() (f Figures, err error) {
	hour, err := h.Last(remembered)
	if err != nil {
		return f, err
	}
	lately, err := h.Last(5 * time.Minute)
	if err != nil {
		return f, err
	}
	f.Requests, f.Errors1h, f.Errors5m = hour.Requests, hour.ErrorShare(), lately.ErrorShare()
	f.Burn = f.Errors1h / objective
	f.JobFailures = hour.FailureShare()
	for of, counted := range map[*float64]Histogram{&f.APIP95: hour.Short, &f.DBP95: hour.Database, &f.JobsP95: hour.JobTimes} {
		p95, _ := counted.P95()
		*of = float64(p95.Microseconds()) / 1000
	}
	return f, nil
}

// moment is what had been counted at an instant.
type moment struct {
	Sample
	at time.Time
}

// Sleep waits, at most until ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
