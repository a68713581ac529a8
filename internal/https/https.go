// Package https gives the server the certificate of its name, so that no proxy
// is needed in front of it: from files that somebody else renews, or from an
// authority that speaks ACME (RFC 8555), such as Let's Encrypt.
//
// It guarantees: a certificate that works stays until there is a better one; no
// socket is opened, since the ones that are there answer the authority; what
// one process obtains is used by every process of the folder, and only one that
// runs Run asks an authority for anything. Who listens, and when Run runs, is
// left to others.
package https

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"navidocs/internal/fault"
)

// Config says where the certificate comes from.
type Config struct {
	// CertFile and KeyFile are the chain and its key (PEM); with them the rest,
	// but for Log, has no meaning.
	CertFile, KeyFile string
	// Domain is the name that the certificate is for.
	Domain string
	// Dir keeps certificates, accounts, locks and tokens; processes share it.
	Dir string
	// Email is told by the authority of what needs a person; may be empty.
	Email string
	// Directory is the address of the authority's directory; "" is Let's Encrypt.
	Directory string
	// Roots are those of the directory's own certificate; nil means the system's.
	Roots *x509.CertPool
	// Secure and Plain are where the sockets listen that are served with TLS and
	// with Plain. An authority is answered on each that is not nil.
	Secure, Plain net.Addr
	Log           *slog.Logger
}

// source is where certificates come from.
type source interface {
	// certificate is for one handshake.
	certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// look sees whether there is a better one, and gets it.
	look(context.Context)
	leaf() *x509.Certificate
	// protocols are those that a handshake may be for, besides HTTP.
	protocols() []string
	// plain answers the authority, and passes the rest on.
	plain(http.Handler) http.Handler
}

// Certificates are those of one name.
type Certificates struct {
	source source
	every  time.Duration // how often Run looks
}

// New reads the certificate that is there, and asks nobody for one. Files that
// cannot be used are Invalid, and so is a name that no authority would certify.
func New(ctx context.Context, c Config) (_ *Certificates, err error) {
	defer fault.Wrap(&err, "https.New")
	if c.CertFile != "" || c.KeyFile != "" {
		f, err := newFiles(c)
		return &Certificates{source: f, every: filesEvery}, err
	}
	a, err := newAuthority(ctx, c, authorityEvery)
	return &Certificates{source: a, every: authorityEvery}, err
}

// TLS is what a server needs for HTTP/1.1 and HTTP/2, from TLS 1.2 on, and for
// the authority's questions (RFC 8737).
func (c *Certificates) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: c.source.certificate,
		NextProtos: append([]string{"h2", "http/1.1"}, c.source.protocols()...),
	}
}

// Run keeps the certificate fresh until ctx ends. What does not succeed is logged
// and tried again. It may run any number of times.
func (c *Certificates) Run(ctx context.Context) error {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		c.source.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Leaf is the certificate itself, nil before the first.
func (c *Certificates) Leaf() *x509.Certificate { return c.source.leaf() }

// Plain answers what the authority asks over plain HTTP, and sends everything
// else to the same path of base, whatever host the request names.
func (c *Certificates) Plain(base *url.URL) http.Handler {
	return c.source.plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := url.URL{Scheme: "https", Host: base.Host, Path: "/", RawQuery: r.URL.RawQuery}
		if path := r.URL.Path; path != "" && path[0] == '/' {
			to.Path, to.RawPath = path, r.URL.RawPath
		}
		// The method changes with 301, which is what old clients know.
		status := http.StatusPermanentRedirect
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			status = http.StatusMovedPermanently
		}
		w.Header().Set("Location", to.String())
		w.WriteHeader(status)
	}))
}
