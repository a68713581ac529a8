package listingtest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"testing"

	"navidocs/internal/listing"
	"navidocs/internal/listing/star"
)

// Partner is a partner that takes STAR VehicleRemarketing by POST at its URL, from
// User with Password or from Token, and calls each boat P- and our reference.
type Partner struct {
	server
	boats  map[string]listing.Advert
	bodies []string
}

// NewPartner is a partner over HTTPS until the end of the test; its Client trusts it.
func NewPartner(t testing.TB) *Partner {
	t.Helper()
	p := &Partner{boats: map[string]listing.Advert{}}
	p.start(t, true, p.serve)
	return p
}

// NewPlainPartner is one over HTTP, for a server that lists 127.0.0.1 in EGRESS_ALLOW.
func NewPlainPartner(t testing.TB) *Partner {
	t.Helper()
	p := &Partner{boats: map[string]listing.Advert{}}
	p.start(t, false, p.serve)
	return p
}

// Boats are those that the partner shows, by its own reference.
func (p *Partner) Boats() map[string]listing.Advert {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.boats)
}

// Messages are the bodies that were taken, in order.
func (p *Partner) Messages() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.bodies...)
}

// Lose forgets a boat, as partners do.
func (p *Partner) Lose(reference string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.boats, reference)
}

func (p *Partner) serve(w http.ResponseWriter, r *http.Request) {
	user, password, basic := r.BasicAuth()
	body, err := io.ReadAll(r.Body)
	switch {
	case r.Method != http.MethodPost:
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Authorization") != "Bearer "+Token && !(basic && user == User && password == Password):
		http.Error(w, "unknown", http.StatusUnauthorized)
		return
	case err != nil:
		return // the sender went away
	}
	adverts, err := star.Read(bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies = append(p.bodies, string(body))
	w.Header().Set("Content-Type", "application/xml")
	for _, a := range adverts {
		if !p.take(w, action(body), a) {
			return
		}
	}
	if len(adverts) == 0 {
		fmt.Fprint(w, "<AcknowledgeVehicleRemarketing/>")
	}
}

func action(body []byte) star.Action {
	for _, a := range []star.Action{star.Change, star.Delete} {
		if bytes.Contains(body, []byte(`<Process action="`+string(a)+`"`)) {
			return a
		}
	}
	return star.Add
}

// take does what a message says of one boat.
func (p *Partner) take(w http.ResponseWriter, do star.Action, a listing.Advert) bool {
	reference := a.Ref
	if do == star.Add {
		reference = "P-" + a.Ref
	}
	if _, known := p.boats[reference]; do != star.Add && !known {
		http.Error(w, "there is no such boat", http.StatusNotFound)
		return false
	}
	if do == star.Delete {
		delete(p.boats, reference)
	} else {
		p.boats[reference] = a
	}
	fmt.Fprintf(w, "<AcknowledgeVehicleRemarketing><DocumentID>%s</DocumentID></AcknowledgeVehicleRemarketing>", reference)
	return true
}
