package https

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"navidocs/internal/https/httpstest"
	"navidocs/internal/testkit"
)

const domain = "papers.boat.example"

var sites atomic.Int64

// newDomain is a name of its own: certmagic keeps what the authority is to be told in
// one table of the process, by name.
func newDomain() string { return fmt.Sprintf("papers-%d.boat.example", sites.Add(1)) }

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirEnv); dir != "" {
		os.Exit(other(dir))
	}
	os.Exit(m.Run())
}

// site is what serves a name on this machine.
type site struct {
	*Certificates
	secure, plain net.Listener
	config        Config
	ca            *httpstest.Authority
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// setup makes a site and its authority; change says what is different.
func setup(t *testing.T, validity time.Duration, change func(c *Config, ca *httpstest.Options)) *site {
	t.Helper()
	s := &site{secure: listen(t), plain: listen(t)}
	o := httpstest.Options{HTTPPort: port(s.plain), TLSPort: port(s.secure), Validity: validity}
	s.config = Config{Domain: newDomain(), Dir: filepath.Join(t.TempDir(), "certificates"), Secure: s.secure.Addr(), Plain: s.plain.Addr(), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&s.config, &o)
	}
	s.ca = httpstest.New(t, o)
	s.config.Directory, s.config.Roots = s.ca.Directory, s.ca.Roots
	s.Certificates = s.again(t)
	s.serve(t)
	return s
}

// again is what another process has: nothing but the folder.
func (s *site) again(t *testing.T) *Certificates {
	t.Helper()
	a, err := newAuthority(t.Context(), s.config, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return &Certificates{source: a, every: 20 * time.Millisecond}
}

func (s *site) serve(t *testing.T) {
	t.Helper()
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	base := &url.URL{Scheme: "https", Host: s.config.Domain}
	secure := &http.Server{TLSConfig: s.TLS(), ErrorLog: quiet, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	})}
	plain := &http.Server{Handler: s.Plain(base), ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	go secure.ServeTLS(s.secure, "", "") //nolint:errcheck // it ends with the test
	go plain.Serve(s.plain)              //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _, _ = secure.Close(), plain.Close() })
}

// run keeps the certificate fresh until the test ends or what it returns is called.
func (s *site) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if !stopped {
			stopped = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// shown is the certificate that a browser gets, which it verifies.
func (s *site) shown(t *testing.T) (*x509.Certificate, error) {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{ServerName: s.config.Domain, RootCAs: s.ca.Issued, NextProtos: []string{"h2"}}}
	c, err := d.DialContext(t.Context(), "tcp", s.secure.Addr().String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	state := c.(*tls.Conn).ConnectionState()
	if state.NegotiatedProtocol != "h2" {
		return nil, errors.New("no HTTP/2: " + state.NegotiatedProtocol)
	}
	return state.PeerCertificates[0], nil
}

func (s *site) eventuallyShown(t *testing.T, but *x509.Certificate) (leaf *x509.Certificate) {
	t.Helper()
	testkit.Eventually(t, func() (err error) {
		if leaf, err = s.shown(t); err == nil && but != nil && leaf.Equal(but) {
			err = errors.New("still the same certificate")
		}
		return err
	})
	return leaf
}

func (s *site) eventuallyHas(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if s.Leaf() == nil {
			return errors.New("there is no certificate")
		}
		return nil
	})
}

// A server without a certificate obtains one, over either of its sockets.
func TestObtainsACertificate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *Config, ca *httpstest.Options){
		"both": nil,
		// The authority finds nobody at the other port.
		"over TLS":        func(c *Config, ca *httpstest.Options) { c.Plain, ca.HTTPPort = nil, 1 },
		"over plain HTTP": func(_ *Config, ca *httpstest.Options) { ca.TLSPort = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 24*time.Hour, change)
			if s.Leaf() != nil {
				t.Error("there is a certificate before anybody was asked")
			}
			s.run(t)
			leaf := s.eventuallyShown(t, nil)
			if got := s.Leaf(); got == nil || !got.Equal(leaf) {
				t.Errorf("the leaf is %v", got)
			}
			info, err := os.Stat(s.config.Dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder of the keys: %v, %v", info, err)
			}
		})
	}
}

// What does not run asks nobody.
func TestACandidateAsksNobody(t *testing.T) {
	t.Parallel()
	s := setup(t, 24*time.Hour, nil)
	if _, err := s.shown(t); err == nil || s.ca.Orders() != 0 {
		t.Errorf("%v, %d orders", err, s.ca.Orders())
	}
	s.run(t)()
}

// Short certificates are renewed when a third is left, and browsers see it.
func TestRenews(t *testing.T) {
	t.Parallel()
	s := setup(t, 9*time.Second, nil)
	stop := s.run(t)
	first := s.eventuallyShown(t, nil)
	second := s.eventuallyShown(t, first)
	stop()
	if left := first.NotAfter.Sub(second.NotBefore); left < 0 || !second.NotAfter.After(first.NotAfter) {
		t.Errorf("renewed %s before the end", left)
	}
}

// The release that comes after another shows its certificate without asking.
func TestTheNextProcessFindsTheCertificate(t *testing.T) {
	t.Parallel()
	s := setup(t, 24*time.Hour, nil)
	before := s.again(t) // a candidate, from before there was one
	stop := s.run(t)
	leaf := s.eventuallyShown(t, nil)
	stop()
	if got := s.again(t).Leaf(); got == nil || !got.Equal(leaf) {
		t.Errorf("started later: %v", got)
	}
	shown, err := before.source.certificate(&tls.ClientHelloInfo{ServerName: s.config.Domain})
	if err != nil || !shown.Leaf.Equal(leaf) {
		t.Errorf("started earlier: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := before.Run(ctx); err != nil || s.ca.Orders() != 1 {
		t.Errorf("%v, %d orders", err, s.ca.Orders())
	}
}

// A loss of power may leave half a file.
func TestATornCertificateIsObtainedAnew(t *testing.T) {
	t.Parallel()
	s := setup(t, 24*time.Hour, nil)
	stop := s.run(t)
	s.eventuallyShown(t, nil)
	stop()
	keys, err := filepath.Glob(filepath.Join(s.config.Dir, "certificates", "*", s.config.Domain, "*.key"))
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if err := os.Truncate(keys[0], 10); err != nil {
		t.Fatal(err)
	}
	s.Certificates = s.again(t)
	if s.Leaf() != nil {
		t.Error("half a key was taken")
	}
	s.run(t)
	s.eventuallyHas(t)
	if s.ca.Orders() != 2 {
		t.Errorf("%d orders", s.ca.Orders())
	}
}

func TestNamesThatNobodyCertifies(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"localhost", "boat.local", "192.168.1.5", "nas", ""} {
		_, err := New(t.Context(), Config{Domain: name, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "TRUSTED_PROXIES") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// certmagic would renew by itself, for a process that does not serve as well.
func TestNothingRenewsBesideRun(t *testing.T) {
	t.Parallel()
	setup(t, 24*time.Hour, nil)
	testkit.Eventually(t, func() error { // other tests make caches too, and stop them
		stacks := make([]byte, 1<<20)
		if strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "maintainAssets") {
			return errors.New("certmagic maintains certificates")
		}
		return nil
	})
}
