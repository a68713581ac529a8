//go:build prove

package prove_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// Over a year of the demo, with thirty outages, nobody is sent more than two
// messages in any seven days, whatever they tell of.
//
// The server is the real one, the clock is the test's. It looks for warranties
// every day, and starts once a week, which has all that it does again and again
// done at once. Events and messages go through the real queue: what is to be done
// at an hour of the clock, which lies in the machine's future, is made available
// then, as navidocs queue retry does. Mails end in the outbox.
func TestTheDemoSendsTwoMessagesAWeek(t *testing.T) {
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		now := time.Now().UTC() // the papers of the demo end in the years to come
		clock := testkit.NewClock(time.Date(now.Year(), now.Month()+1, 1, 0, 17, 0, 0, time.UTC))
		s := openDemo(t, program, testkit.URL(d), clock)
		began := time.Now()
		s.serve() // the papers are read
		s.year(outages(clock.Now(), 30, seeded(7)), 24*time.Hour)
		s.prove(time.Since(began))
	})
}

// demoServer is the demo on the test's clock.
type demoServer struct {
	*app.App
	virtual

	starts  int
	started time.Time
	sent    map[string]message // by id: after 30 days the server forgets them
}

type message struct {
	user string
	at   time.Time
}

func openDemo(t *testing.T, program, database string, clock *testkit.Clock) *demoServer {
	t.Helper()
	cfg, err := config.Load(config.Source{Environ: []string{"APP_ENV=test", "REGISTRATION=open", "DATABASE_URL=" + database}, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Version: "test", Extract: []string{program, "extract"}, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := a.LoadDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &demoServer{App: a, virtual: virtual{t: t, db: a.DB, clock: clock}, sent: map[string]message{}}
	s.look, s.deliver = s.day, s.work
	err = a.DB.Transact(t.Context(), func(tx *db.Tx) error { // so that none is made every night, which takes its time
		_, err := tx.Exec(t.Context(), "INSERT INTO backups (id, reason, release, state, started_at) VALUES ('far', 'nightly', 'test', 'completed', $1)",
			db.Micros(clock.Now().AddDate(10, 0, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *demoServer) day() {
	s.t.Helper()
	if err := s.Warranties.Remind(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if s.clock.Now().Sub(s.started) >= 7*24*time.Hour {
		s.serve()
	}
}

// work serves when there is something to do.
func (s *demoServer) work() {
	s.t.Helper()
	s.release()
	l, err := s.Jobs.Backlog(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if l.States["available"] > 0 {
		s.serve()
	}
}

// serve starts the queue, waits until all is done that can be done now, and ends
// it.
func (s *demoServer) serve() {
	s.t.Helper()
	looked := s.done("warranty.remind")
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Jobs.Run(ctx) }()
	wait(s.t, 10*time.Minute, func() error { // the first start reads scans
		l, err := s.Jobs.Backlog(s.t.Context())
		open := l.States["available"] + l.States["running"] + l.States["retryable"] + looked + 1 - s.done("warranty.remind")
		if err == nil && open > 0 {
			err = fmt.Errorf("%d jobs are open", open)
		}
		return err
	})
	stop()
	if err := <-ended; err != nil {
		s.t.Fatal(err)
	}
	s.starts++
	s.started = s.clock.Now()
	_, err := db.Collect(s.t.Context(), s.DB, func(r db.Row) (_ struct{}, err error) {
		var id string
		var m message
		var at int64
		err = r.Scan(&id, &m.user, &at)
		m.at = db.Time(at)
		s.sent[id] = m
		return struct{}{}, err
	}, "SELECT id, user_id, sent_at FROM notification_messages WHERE sent_at IS NOT NULL")
	if err != nil {
		s.t.Fatal(err)
	}
}

// done counts the jobs of a kind that are over.
func (s *demoServer) done(kind string) int {
	s.t.Helper()
	n, err := db.One(s.t.Context(), s.DB, db.Scalar[int], "SELECT count(*) FROM river_job WHERE kind = $1 AND state = 'completed'", kind)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// release makes the jobs available that are due by the clock.
func (s *demoServer) release() {
	s.t.Helper()
	waiting, err := s.Jobs.Jobs(s.t.Context(), "scheduled")
	if err != nil {
		s.t.Fatal(err)
	}
	var due []int64
	for _, j := range waiting {
		if !j.DueAt.After(s.clock.Now()) {
			due = append(due, j.ID)
		}
	}
	if err := s.Jobs.Retry(s.t.Context(), due, false); err != nil {
		s.t.Fatal(err)
	}
}

// prove counts what left by whatever channel, urgent or not.
func (s *demoServer) prove(took time.Duration) {
	s.t.Helper()
	people, most := map[string][]time.Time{}, 0
	for _, m := range s.sent {
		people[m.user] = append(people[m.user], m.at)
	}
	for _, sent := range people {
		most = max(most, week(sent))
	}
	s.t.Logf("PROVED: %s: a year of the demo, %d starts, 30 outages: %d messages to %d people, at most %d to one in seven days (<= 2); %s",
		s.DB.Engine, s.starts, len(s.sent), len(people), most, took.Round(time.Second))
	if most > 2 || most == 0 {
		s.t.Error("MISSED: see the figures above")
	}
}
