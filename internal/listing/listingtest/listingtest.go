// Package listingtest is the portals, as servers of this machine that can be made to
// fail, for tests.
package listingtest

import (
	"net/http"
	"net/http/httptest"
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
	HalfABody          // an answer that breaks off
	NeverAnswers       // until the request or the test ends
)

// Partner is a partner that takes STAR VehicleRemarketing by POST at URL.
type Partner struct {
	URL string
	*httptest.Server
}

// The credentials that the partner and the inventory know.
const (
	User     = "navidocs"
	Password = "p4ss-w0rd-of-the-partner"
	Token    = "t0ken-of-the-partner"
	Key      = "k3y-of-the-broker"
)

// NewPartner is a partner over HTTPS until the end of the test; Client trusts it.
func NewPartner(t testing.TB) *Partner {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return &Partner{s.URL, s}
}
