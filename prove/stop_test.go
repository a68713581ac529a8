//go:build prove && unix

package prove_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/testkit"
)

// A server that is ended by SIGTERM under load, while another one on the same
// socket takes over, loses no request, no acknowledged row and no job.
func TestStopUnderLoadLosesNothing(t *testing.T) {
	const stops = 5
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it opens at once or not at all
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	home := t.TempDir()
	begin := func() *server {
		s := prepare(t, home)
		s.socket, s.url = socket, "http://"+l.Addr().String()
		s.start() // which the one before may have answered
		wait(t, patience, func() error {
			if !strings.Contains(string(tail(s.log, 4000)), "NaviDocs is at") {
				return errors.New("the next server has not started")
			}
			return nil
		})
		return s
	}
	s := begin()
	c := register(t, s.url)
	c.url = "http://" + testkit.Distant(t, l.Addr().String())
	a := &load{c: c}
	for range 12 {
		a.all.Go(func() { a.boats(&http.Transport{}) })
		a.all.Go(func() { a.boats(&http.Transport{DisableKeepAlives: true}) })
	}
	for range 2 {
		a.all.Go(a.papers)
	}
	var longest time.Duration
	for range stops {
		before := a.asked.Load()
		wait(t, patience, func() error {
			if a.asked.Load() < before+300 {
				return errors.New("the clients do not come on")
			}
			return nil
		})
		next := begin()
		old, begun := s.cmd, time.Now()
		s.end(syscall.SIGTERM)
		longest = max(longest, time.Since(begun))
		if code := old.ProcessState.ExitCode(); code != 0 {
			t.Errorf("a stopped server ended with %d", code)
		}
		s = next
	}
	a.stop.Store(true)
	a.all.Wait()
	c.url = s.url
	for _, what := range a.lost {
		t.Error(what)
	}
	for _, id := range a.wrote {
		if d := c.read(id, time.Minute); d.Status != document.Ready {
			t.Errorf("%s is %s: %s", d.FileName, d.Status, d.Error)
		}
	}
	wait(t, time.Minute, c.idle)
	s.end(syscall.SIGTERM)
	made, held := a.left(t, s)
	if made != int(a.acked.Load())+1 || held != 0 {
		t.Errorf("%d boats were acknowledged and %d are there; %d jobs are held by nobody", a.acked.Load()+1, made, held)
	}
	if !t.Failed() {
		t.Logf("PROVED: SIGTERM under load, %d times, clients that never ask twice at 40 to 80 ms: 0 of %d requests failed, exit code 0, longest stop %s", stops, a.asked.Load(), longest.Round(time.Millisecond))
		t.Logf("PROVED: all %d acknowledged boats are there, all %d papers were read, no job is held by nobody", made, len(a.wrote))
	}
}

// papers sends papers, so that there are jobs in hand at every stop.
func (a *load) papers() {
	c := *a.c
	c.http = &http.Client{Timeout: patience}
	for i := 0; !a.stop.Load(); i++ {
		answer, err := c.upload(c.t.Context(), fmt.Sprintf("%p-%d.txt", &c, i), strings.NewReader(fmt.Sprintf("paper %d of %p", i, &c)))
		a.asked.Add(1)
		id, got := answer.made()
		if err != nil || !got {
			a.failed("a paper: %v %s", err, answer)
			continue
		}
		a.mu.Lock()
		a.wrote = append(a.wrote, id)
		a.mu.Unlock()
		time.Sleep(100 * time.Millisecond) // they are to be read while the test lasts
	}
}

// made is the document that an upload made.
func (a answer) made() (document.ID, bool) {
	var d document.Document
	err := json.Unmarshal(a.body, &d)
	return d.ID, err == nil && a.status == http.StatusCreated
}

// left counts what is in the data of a server that has stopped: boats, and jobs
// that count as running.
func (a *load) left(t *testing.T, s *server) (boats, held int) {
	t.Helper()
	d := s.database()
	for query, n := range map[string]*int{
		"SELECT count(*) FROM boats":                             &boats,
		"SELECT count(*) FROM river_job WHERE state = 'running'": &held,
	} {
		var err error
		if *n, err = db.One(t.Context(), d, db.Scalar[int], query); err != nil {
			t.Fatal(err)
		}
	}
	return boats, held
}
