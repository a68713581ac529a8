// Package httpstest is an authority that certifies for tests, by the same
// protocol as the real ones: Let's Encrypt's own test server, on this machine.
package httpstest

import (
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// Authority certifies names that all lie on this machine.
type Authority struct {
	// Directory is the address of its directory, and Roots those of the
	// certificate that this shows.
	Directory string
	Roots     *x509.CertPool
	// Issued are the roots of what it certifies.
	Issued *x509.CertPool
	// RootPEM is the certificate that Directory shows.
	RootPEM []byte

	orders atomic.Int64
}

// Options say how it works.
type Options struct {
	// HTTPPort and TLSPort are where it asks whether a name is ours.
	HTTPPort, TLSPort int
	// Validity is how long its certificates are good, in whole seconds.
	Validity time.Duration
}

// hasty makes the test server ask at once and every time.
var hasty = sync.OnceValue(func() (err error) {
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"} {
		if serr := os.Setenv(name, value); serr != nil {
			err = serr
		}
	}
	return err
})

// New starts one, until the test ends.
func New(t *testing.T, o Options) *Authority {
	t.Helper()
	if err := hasty(); err != nil {
		t.Fatal(err)
	}
	quiet, store := slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo), db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(o.Validity / time.Second)}})
	asker := va.New(quiet, o.HTTPPort, o.TLSPort, true, names(t), store)
	wide := wfe.New(quiet, store, asker, issuer, []string{"authority.example"}, true, false, 0, 0)
	front := wide.Handler()
	a := &Authority{Roots: x509.NewCertPool(), Issued: x509.NewCertPool()}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			a.orders.Add(1)
		}
		front.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.Directory = server.URL + wfe.DirectoryPath
	a.Roots.AddCert(server.Certificate())
	a.RootPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	root, err := x509.ParseCertificate(issuer.GetRootCert(0).DER)
	if err != nil {
		t.Fatal(err)
	}
	a.Issued.AddCert(root)
	return a
}

// Orders is how many certificates were asked for.
func (a *Authority) Orders() int { return int(a.orders.Load()) }

// names is a server of names, of which each is this machine.
func names(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			a.Answer = append(a.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
			})
		}
		_ = w.WriteMsg(a) // who asked has gone
	})}
	go server.ActivateAndServe() //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = server.ShutdownContext(t.Context()) })
	return l.Addr().String()
}
