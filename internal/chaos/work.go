package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	random "math/rand/v2"
	"sync"
	"time"

	"navidocs/internal/app"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/job"
)

const (
	writers = 20
	// longestPause is between two changes of a writer.
	longestPause = 400 * time.Millisecond
	// most jobs wait before the writers do: what is tried is a crash, not how
	// fast this machine is.
	most = 2 * writers
)

// What a node says, one to a line: that it works, and before a number that a
// change of that number was committed or taken back.
const (
	sayBegun     = "begun"
	sayCommitted = '+'
	sayTakenBack = '-'
)

// markArgs ask for a job that only writes the database.
type markArgs struct {
	Change int `json:"change"`
}

// Kind implements job.Args.
func (markArgs) Kind() string { return "chaos.mark" }

// data is the payload of a change's event.
type data struct {
	Change int `json:"change"`
}

// Node is a process that is killed: a server's whole work, and people who change
// boats, numbered from a number on, and say so once it is committed. When from
// is negative nobody changes anything. It ends with ctx.
func Node(ctx context.Context, a *app.App, out io.Writer, from int) error {
	a.Jobs.Register(job.Define(job.Options[markArgs]{}, func(ctx context.Context, j *job.Job[markArgs]) error {
		return a.DB.Transact(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO chaos_marks (n) VALUES ($1)", j.Args.Change); err != nil {
				return err
			}
			return j.Complete(ctx, tx)
		})
	}))
	w := &crew{app: a, out: out, next: from}
	boats, err := db.Collect(ctx, a.DB, scanBoat, "SELECT id, name, org_id FROM boats ORDER BY id")
	if err != nil {
		return err
	}
	w.boats = boats
	w.say(sayBegun)
	ended := make(chan error, writers)
	writing := 0
	if from >= 0 {
		writing = writers
	}
	for range writing {
		go func() { ended <- w.work(ctx) }()
	}
	err = a.Run(ctx, app.Parts{Worker: true}, nil)
	for range writing {
		err = errors.Join(err, <-ended)
	}
	return err
}

type boat struct {
	event.Boat
	org string
}

func scanBoat(r db.Row) (b boat, err error) {
	err = r.Scan(&b.ID, &b.Name, &b.org)
	return b, err
}

// crew are the writers of a node.
type crew struct {
	app   *app.App
	boats []boat
	mu    sync.Mutex // guards what follows
	out   io.Writer
	next  int
}

func (w *crew) say(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(w.out, what)
}

func (w *crew) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	return w.next
}

// work changes boats until ctx ends.
func (w *crew) work(ctx context.Context) error {
	for pause(ctx, random.N(longestPause)) == nil { //nolint:gosec // a moment, no secret
		waiting, err := w.app.Jobs.Depth(ctx)
		if err == nil && waiting < most {
			err = w.turn(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// turn makes a change and says how it ended. A change that ends with ctx nobody
// knows of, and nobody is told.
func (w *crew) turn(ctx context.Context) error {
	n := w.number()
	err := w.change(ctx, n)
	switch {
	case errors.Is(err, errTakenBack):
		w.say(fmt.Sprintf("%c%d", sayTakenBack, n))
	case err == nil:
		w.say(fmt.Sprintf("%c%d", sayCommitted, n))
	default:
		return err
	}
	return nil
}

var errTakenBack = errors.New("taken back on purpose")

// change is one transaction: a change, its event, and a job. One of twenty is
// taken back at its end.
func (w *crew) change(ctx context.Context, n int) error {
	b := w.boats[n%len(w.boats)]
	return w.app.DB.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO chaos_changes (n, at) VALUES ($1, $2)", n, db.Micros(tx.Now())); err != nil {
			return err
		}
		err := w.app.Events.Append(ctx, tx, event.Event{Type: changeType, OrgID: b.org, Boat: &b.Boat, Data: data{Change: n}})
		if err != nil {
			return err
		}
		if err := w.app.Jobs.Enqueue(ctx, tx, markArgs{Change: n}, ""); err != nil {
			return err
		}
		if random.N(20) == 0 { //nolint:gosec // no secret
			return errTakenBack
		}
		return nil
	})
}
