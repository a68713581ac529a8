package features

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/api"
	"navidocs/internal/apptest"
	"navidocs/internal/document"
	"navidocs/internal/testkit"
)

// workers are those that a scenario stops and starts.
type workers struct {
	papers []document.ID
	stop   context.CancelFunc
	ended  chan error
}

func (w *world) queueSteps(sc *godog.ScenarioContext) {
	q := &workers{}
	sc.Step(`^a captain with a boat on a server whose workers can be stopped$`, func() error { return w.stoppable(q) })
	sc.Step(`^they upload (\d+) papers$`, func(n int) error { return w.uploadsMany(q, n) })
	sc.Step(`^the operator drains the queue$`, w.drains)
	sc.Step(`^no job runs, and health says that the queue is paused$`, w.isDrained)
	sc.Step(`^the workers stop and start again$`, func() error { return errors.Join(q.end(), w.work(q)) })
	sc.Step(`^(\d+) papers wait, untouched$`, func(n int) error { return w.wait(q, n) })
	sc.Step(`^the operator resumes the queue$`, func() error { return w.server.Jobs.Resume(w.t.Context()) })
	sc.Step(`^all (\d+) papers are read$`, func(n int) error { return w.allRead(q, n) })
	w.healthSteps(sc, q)
	sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) { return ctx, q.end() })
}

func (w *world) stoppable(q *workers) error {
	w.server = apptest.New(w.t, apptest.Options{Database: w.database, NoWorker: true})
	w.captain = w.server.User(captain, "", "")
	return errors.Join(w.addsBoat("Calypso"), w.work(q))
}

func (w *world) work(q *workers) error {
	var ctx context.Context
	ctx, q.stop = context.WithCancel(context.WithoutCancel(w.t.Context()))
	q.ended = make(chan error, 1)
	go func() { q.ended <- w.server.Jobs.Run(ctx) }() // not the App's Run, which closes everything at its end
	testkit.Eventually(w.t, func() error {
		if !w.server.Jobs.Here() {
			return errors.New("the workers have not started")
		}
		return nil
	})
	return nil
}

func (q *workers) end() error {
	if q.stop == nil {
		return nil
	}
	q.stop()
	q.stop = nil
	return <-q.ended
}

func (w *world) uploadsMany(q *workers, n int) error {
	for range n {
		text := fmt.Sprintf("paper number %d says that all is well aboard", len(q.papers))
		q.papers = append(q.papers, w.captain.Upload("paper.txt", []byte(text), "boat_id="+w.boat).ID)
	}
	return nil
}

func (w *world) drains() error {
	left, err := w.server.Jobs.Drain(w.t.Context(), time.Minute)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("these still run: %+v", left)
	}
	return err
}

func (w *world) isDrained() error {
	running, err := w.server.Jobs.Jobs(w.t.Context(), "running")
	if err != nil || len(running) > 0 {
		return fmt.Errorf("running: %+v, %w", running, err)
	}
	var h api.Health
	w.captain.Get("/api/health", &h)
	if !h.Paused || h.Status != "ok" || h.Workers != "running" {
		return fmt.Errorf("health: %+v", h)
	}
	return nil
}

// wait looks for a while, in which workers would have taken the papers.
func (w *world) wait(q *workers, n int) error {
	over := time.After(700 * time.Millisecond)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-look.C:
		}
		for _, id := range q.papers[len(q.papers)-n:] {
			var d document.Document
			w.captain.Get("/api/documents/"+string(id), &d)
			if d.Status != document.Pending {
				return fmt.Errorf("paper %s is %s", id, d.Status)
			}
		}
	}
}

func (w *world) allRead(q *workers, n int) error {
	if len(q.papers) != n {
		return fmt.Errorf("there are %d", len(q.papers))
	}
	for _, id := range q.papers {
		if d := w.captain.Read(id); d.Status != document.Ready {
			return fmt.Errorf("paper %s is %s: %s", id, d.Status, d.Error)
		}
	}
	return nil
}
