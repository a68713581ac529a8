package api_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"navidocs/internal/apptest"
)

// deadlines is a listener whose connections remember until when they may be read.
type deadlines struct {
	net.Listener
	// answered is the deadline that stood when the last answer began; nil for none.
	answered atomic.Pointer[time.Time]
}

func (l *deadlines) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &deadlineConn{Conn: c, of: l}, err
}

type deadlineConn struct {
	net.Conn
	of   *deadlines
	read atomic.Pointer[time.Time]
}

func (c *deadlineConn) SetReadDeadline(t time.Time) error {
	c.read.Store(&t)
	return c.Conn.SetReadDeadline(t)
}

func (c *deadlineConn) Write(b []byte) (int, error) {
	c.of.answered.Store(c.read.Load())
	return c.Conn.Write(b)
}

// However long an operation takes, no deadline for its body, which has come, ends
// it: the server would take it for a client that has gone.
func TestABodysDeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{})
	c := s.User("ada@example.org", "", "")
	server := httptest.NewUnstartedServer(s.API.Handler())
	l := &deadlines{Listener: server.Listener}
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	s.URL = server.URL
	var boat, warranty struct{ ID string }
	c.Post("/api/boats", map[string]string{"name": "Calypso"}, &boat)
	c.Post("/api/warranties", map[string]any{"boat_id": boat.ID, "item_name": "Engine", "purchase_date": "2026-01-15", "warranty_period_months": 12}, &warranty)
	for what, call := range map[string]func(){
		"a JSON body":                  func() { c.Want(http.StatusOK, "PATCH", "/api/boats/"+boat.ID, map[string]string{"name": "Nemo"}) },
		"none, where there may be one": func() { c.Want(http.StatusOK, "POST", "/api/warranties/"+warranty.ID+"/claim-package", nil) },
		"an upload":                    func() { c.Upload("other.txt", []byte("a note"), "boat_id="+boat.ID) },
	} {
		call()
		if at := l.answered.Load(); at != nil && !at.IsZero() {
			t.Errorf("%s: it is answered under a deadline at %s", what, at)
		}
	}
}
