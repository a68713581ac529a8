package app_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"navidocs/internal/apptest"
)

// The status is for the server's own machine: over loopback, or by the machine's
// own address where the server listens on that alone.
func TestStatusIsForTheOwnMachine(t *testing.T) {
	t.Parallel()
	a := apptest.Build(t, apptest.Options{})
	for name, c := range map[string]struct {
		from, to  string
		forwarded string
		open      bool
	}{
		"loopback":                   {"127.0.0.1:5", "127.0.0.1:3000", "", true},
		"the machine by its address": {"192.0.2.7:5", "192.0.2.7:3000", "", true},
		"the same in IPv6":           {"[2001:db8::7]:5", "[2001:db8::7]:3000", "", true},
		"another machine":            {"192.0.2.8:5", "192.0.2.7:3000", "", false},
		"another through a proxy":    {"192.0.2.7:5", "192.0.2.7:3000", "192.0.2.8", false},
	} {
		to, err := net.ResolveTCPAddr("tcp", c.to)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(to)), http.MethodGet, "/internal/status", http.NoBody)
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		a.API.Handler().ServeHTTP(w, r)
		if (w.Code == http.StatusOK) != c.open {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
