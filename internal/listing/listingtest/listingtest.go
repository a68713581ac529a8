// Package listingtest is the portals, as servers of this machine that can be made to
// fail, for tests.
package listingtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Fault is how a portal fails.
type Fault int

// The faults.
const (
	None         Fault = iota
	Unknown            // 401: it does not know the credentials
	Forbidden          // 403
	Busy               // 429, Retry-After: 120
	Broken             // 500
	HTML               // 200 with a page for people
	HalfABody          // 200 with an answer that breaks off
	NeverAnswers       // until the request or the test ends
	Refuses            // 422 with words; for a partner
)

// Faults are all that befall every portal, by name.
func Faults() map[string]Fault {
	return map[string]Fault{
		"401": Unknown, "403": Forbidden, "429": Busy, "500": Broken, "HTML": HTML, "half a body": HalfABody, "never answers": NeverAnswers,
	}
}

// The credentials that the portals know.
const (
	User     = "navidocs"
	Password = "p4ss-w0rd-of-the-partner"
	Token    = "t0ken-of-the-partner"
	Key      = "k3y-of-the-broker"
)

// server is what both portals have.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	fault    Fault
	count    int // of requests that the fault still befalls; -1 for all
	requests int
	over     chan struct{}
}

func (s *server) start(t testing.TB, encrypted bool, h http.HandlerFunc) {
	t.Helper()
	s.over = make(chan struct{})
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.failed(w, r) {
			h(w, r)
		}
	})
	if encrypted {
		s.Server = httptest.NewTLSServer(guarded)
	} else {
		s.Server = httptest.NewServer(guarded)
	}
	t.Cleanup(func() {
		close(s.over)
		s.Close()
	})
}

// Fail lets every request from now on end so; None heals.
func (s *server) Fail(f Fault) { s.FailNext(f, -1) }

// FailNext lets the next n requests end so.
func (s *server) FailNext(f Fault, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.count = f, n
}

// Requests is how many were made so far.
func (s *server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// next is the fault of this request.
func (s *server) next() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.count == 0 {
		return None
	}
	if s.count > 0 {
		s.count--
	}
	return s.fault
}

// failed answers with the fault, and repeats the request's secrets as badly made
// portals do.
func (s *server) failed(w http.ResponseWriter, r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	said := fmt.Sprintf("request %s with %s of %s %s", r.URL, r.Header.Get("Authorization"), user, password)
	switch s.next() {
	case Unknown:
		http.Error(w, said, http.StatusUnauthorized)
	case Forbidden:
		http.Error(w, said, http.StatusForbidden)
	case Busy:
		w.Header().Set("Retry-After", "120")
		http.Error(w, said, http.StatusTooManyRequests)
	case Broken:
		http.Error(w, said, http.StatusInternalServerError)
	case Refuses:
		http.Error(w, "the price is missing; "+said, http.StatusUnprocessableEntity)
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!DOCTYPE html><title>We will be back</title><p>%s</p>", said)
	case HalfABody:
		w.Header().Set("Content-Length", "100000")
		fmt.Fprint(w, `{"numResults":2,"results":[{"DocumentID":"1"`)
	case NeverAnswers:
		select {
		case <-r.Context().Done():
		case <-s.over:
		}
		panic(http.ErrAbortHandler) // without a word
	default:
		return false
	}
	return true
}
