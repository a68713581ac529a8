package https

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"golang.org/x/net/idna"

	"navidocs/internal/fault"
)

// authorityEvery is how often it is looked whether a renewal is due.
const authorityEvery = 10 * time.Minute

// authority gets certificates by ACME.
type authority struct {
	domain string
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	log    *zap.Logger
}

func newAuthority(ctx context.Context, c Config, every time.Duration) (*authority, error) {
	domain, err := idna.Lookup.ToASCII(c.Domain)
	if err != nil || c.Directory == "" && !public(domain) {
		return nil, fault.Because(err, fault.Invalid, "no public authority certifies the name %q of APP_BASE_URL: set TLS_CERT_FILE and TLS_KEY_FILE, or ACME_DIRECTORY, or TRUSTED_PROXIES when a proxy in front has the certificate", c.Domain)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	a := &authority{domain: domain, log: zap.New(core{c.Log.Handler()})}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return a.magic, nil },
		RenewCheckInterval: every, Logger: a.log,
	})
	a.cache.Stop() // it would renew for a process that does not serve; look does it
	a.magic = certmagic.New(a.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: c.Dir}, Logger: a.log, DefaultServerName: domain, FallbackServerName: domain,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // RFC 6960 has had its time: Let's Encrypt answers it no more
	})
	a.issuer = certmagic.NewACMEIssuer(a.magic, a.answers(c))
	a.magic.Issuers = []certmagic.Issuer{a.issuer}
	return a, a.load(ctx)
}

// public says whether a name may be known to the whole internet. Addresses are
// certified for six days only, on request.
func public(domain string) bool {
	return certmagic.SubjectQualifiesForPublicCert(domain) && !certmagic.SubjectIsIP(domain) && strings.Contains(domain, ".")
}

// answers say how the authority reaches us. Before it is asked to, certmagic
// would open these ports; it finds them taken, since the sockets are ours.
func (a *authority) answers(c Config) certmagic.ACMEIssuer {
	i := certmagic.ACMEIssuer{
		CA: cmp.Or(c.Directory, certmagic.LetsEncryptProductionCA), Email: c.Email, Agreed: true, TrustedRoots: c.Roots, Logger: a.log,
		DisableHTTPChallenge: true, DisableTLSALPNChallenge: true,
	}
	secure, ok := c.Secure.(*net.TCPAddr)
	if !ok {
		return i
	}
	i.ListenHost, i.AltTLSALPNPort, i.DisableTLSALPNChallenge = secure.IP.String(), secure.Port, false
	if plain, ok := c.Plain.(*net.TCPAddr); ok && plain.IP.Equal(secure.IP) {
		i.AltHTTPPort, i.DisableHTTPChallenge = plain.Port, false
	}
	return i
}

// load takes the certificate that is stored, if there is one. One that cannot be
// used is as none: perhaps it is being written.
func (a *authority) load(ctx context.Context) error {
	_, err := a.magic.CacheManagedCertificate(ctx, a.domain)
	if path, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(err, fs.ErrNotExist) {
		return fault.Because(err, fault.Unavailable, "%s cannot be read: correct its owner or permissions", path.Path)
	}
	return nil
}

// mend removes what is stored and cannot be used, such as after a loss of power,
// so that another certificate is obtained.
func (a *authority) mend(ctx context.Context) (err error) {
	lock := "issue_cert_" + a.domain // whoever stores one holds it
	if err := a.magic.Storage.Lock(ctx, lock); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.magic.Storage.Unlock(context.WithoutCancel(ctx), lock)) }()
	if _, err = a.magic.CacheManagedCertificate(ctx, a.domain); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	a.log.Error("the stored certificate cannot be used, and is removed", zap.Error(err))
	return a.magic.Storage.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(a.issuer.IssuerKey(), a.domain))
}

func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if a.leaf() == nil {
		// Another process may have obtained it.
		if err := a.load(hello.Context()); err != nil {
			return nil, err
		}
	}
	return a.magic.GetCertificate(hello)
}

// look obtains the first certificate, or has it renewed when it is time.
func (a *authority) look(ctx context.Context) {
	var err error
	if a.leaf() == nil {
		err = a.obtain(ctx)
	} else {
		err = a.cache.RenewManagedCertificates(ctx)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("there is no certificate yet", zap.Error(err))
	}
}

// obtain asks for the first certificate, again and again, for as long as ctx
// lives or 30 days.
func (a *authority) obtain(ctx context.Context) error {
	if err := a.mend(ctx); err != nil || a.leaf() != nil {
		return err
	}
	if err := a.magic.ObtainCertAsync(ctx, a.domain); err != nil {
		return err
	}
	return a.load(ctx)
}

func (a *authority) leaf() (best *x509.Certificate) {
	for _, c := range a.cache.AllMatchingCertificates(a.domain) {
		if best == nil || c.Leaf != nil && c.Leaf.NotAfter.After(best.NotAfter) {
			best = c.Leaf
		}
	}
	return best
}

func (a *authority) protocols() []string { return []string{"acme-tls/1"} }

func (a *authority) plain(next http.Handler) http.Handler { return a.issuer.HTTPChallengeHandler(next) }
