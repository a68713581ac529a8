//go:build unix

package prove_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"navidocs/internal/deploy"
)

// users read and write at their pace, each on a connection that stays or on new
// ones, and never ask twice.
type users struct {
	t     testing.TB
	c     *client
	url   string        // that they reach the server at
	pace  time.Duration // of each
	stop  atomic.Bool
	all   sync.WaitGroup
	asked atomic.Int64
	began time.Time

	// A kill cuts the connections of its moment. rough counts kills; it is odd from
	// a kill until the server is back.
	rough atomic.Int64

	mu     sync.Mutex
	boats  []string // that were acknowledged
	failed []string
	cut    []string // failed in rough times
	took   []time.Duration
	begun  []time.Time // when each of those began
}

// arrive has n users come over a transport that they share; the first of ten
// writes.
func (u *users) arrive(n int, tr http.RoundTripper) {
	if u.began.IsZero() {
		u.began = time.Now()
	}
	for i := range n {
		u.all.Go(func() {
			tick := time.NewTicker(u.pace)
			defer tick.Stop()
			for !u.stop.Load() {
				<-tick.C
				u.once(tr, i%10 == 0)
			}
		})
	}
}

// once asks once.
func (u *users) once(tr http.RoundTripper, writes bool) {
	rough, began := u.rough.Load(), time.Now()
	id, err := u.ask(tr, writes)
	took := time.Since(began)
	u.asked.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	switch now := u.rough.Load(); {
	case err != nil && (now != rough || now%2 == 1):
		u.cut = append(u.cut, err.Error())
	case err != nil:
		u.failed = append(u.failed, time.Now().Format(time.TimeOnly)+" "+err.Error())
	case writes:
		u.boats = append(u.boats, id)
	}
	u.took, u.begun = append(u.took, took), append(u.begun, began)
}

// once more is what transports do of themselves when a connection ends on which
// a request without a body was sent. A body that they cannot make again keeps
// them from it, also when it is empty.
type unrepeatable struct{ io.Reader }

func (unrepeatable) Close() error { return nil }

func (u *users) ask(tr http.RoundTripper, writes bool) (id string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.t.Context()), patience)
	defer cancel()
	method, path, body, want := http.MethodGet, "/api/boats/"+u.c.boat, "", http.StatusOK
	if writes {
		method, path, body, want = http.MethodPost, "/api/boats", `{"name":"Nemo"}`, http.StatusCreated
	}
	req, err := http.NewRequestWithContext(ctx, method, u.url+path, unrepeatable{bytes.NewReader([]byte(body))})
	if err != nil {
		return "", err
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+u.c.token)
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("%s, the answer: %w", method, err)
	}
	if res.StatusCode != want {
		return "", fmt.Errorf("%s: %s %.200s", method, res.Status, text)
	}
	var boat struct{ ID string }
	return boat.ID, json.Unmarshal(text, &boat)
}

// more waits until so many more requests were answered.
func (u *users) more(n int64) {
	u.t.Helper()
	before := u.asked.Load()
	wait(u.t, 2*patience, func() error {
		if u.asked.Load() < before+n {
			return errors.New("the users do not come on")
		}
		return nil
	})
}

// leave ends the use and demands that nothing failed, but for what a kill cut.
func (u *users) leave() {
	u.t.Helper()
	u.stop.Store(true)
	u.all.Wait()
	for _, what := range u.failed[:min(len(u.failed), 10)] {
		u.t.Error(what)
	}
	if len(u.failed) > 0 {
		u.t.Errorf("%d of %d requests failed", len(u.failed), u.asked.Load())
	}
}

// longest is how long a share of requests took at most.
func longest(took []time.Duration, share float64) time.Duration {
	all := slices.Sorted(slices.Values(took))
	return all[min(len(all)-1, int(share*float64(len(all))))]
}

// stalls is the longest request that was under way in each step of a deploy.
func (u *users) stalls(run deploy.Run) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []string
	at := run.At
	for _, s := range run.Steps {
		end, most := at.Add(time.Duration(s.TookMS)*time.Millisecond), time.Duration(0)
		for i, began := range u.begun {
			if began.Before(end) && began.Add(u.took[i]).After(at) {
				most = max(most, u.took[i])
			}
		}
		out = append(out, fmt.Sprintf("%s %d ms", s.Name, most.Milliseconds()))
		at = end
	}
	return strings.Join(out, ", ")
}

// figures are how many asked how fast, and how long it took.
func (u *users) figures() string {
	at := func(share float64) time.Duration { return longest(u.took, share).Round(time.Millisecond) }
	return fmt.Sprintf("%d requests at %.0f/s, half of them in %s, 99 of 100 in %s, the longest %s",
		len(u.took), float64(len(u.took))/time.Since(u.began).Seconds(), at(0.5), at(0.99), at(1))
}
