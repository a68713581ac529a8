//go:build linux

package packaging

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/https/httpstest"
	"navidocs/internal/testkit"
)

// paper is written by several at once.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

const domain = "papers.boat.example"

// site is the program as systemd starts it, with the ports of navidocs.socket.
type site struct {
	t       *testing.T
	binary  string
	home    string
	environ []string
	ports   [2]string
	ca      *httpstest.Authority
	printed paper
}

func start(t *testing.T) *site {
	t.Helper()
	home, err := os.MkdirTemp("", "n") // shorter than t.TempDir, for sockets
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, home: home, binary: filepath.Join(t.TempDir(), "navidocs")}
	t.Cleanup(func() { os.RemoveAll(home) })
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-pgo=off", "-o", s.binary, "navidocs/cmd/navidocs").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var files []*os.File
	var at [2]int
	for i := range at {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err = errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files, at[i], s.ports[i] = append(files, f), l.Addr().(*net.TCPAddr).Port, l.Addr().String()
	}
	s.ca = httpstest.New(t, httpstest.Options{TLSPort: at[0], HTTPPort: at[1], Validity: 24 * time.Hour})
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, s.ca.RootPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	s.environ = append(os.Environ(), "APP_ENV=test", "APP_BASE_URL=https://"+domain, "ACME_DIRECTORY="+s.ca.Directory, "SSL_CERT_FILE="+root, "PORT=1", "HTTP_PORT=1")
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", s.binary, "--home", s.home, "serve")
	cmd.Env, cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = append(s.environ, "LISTEN_FDS=2", "LISTEN_FDNAMES=navidocs:navidocs"), files, &s.printed, &s.printed
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the server ended with %v\n%s", err, s.printed.String())
		}
	})
	return s
}

// looks asks the first port whether it is ready, verified as browsers do.
func (s *site) looks() (leaf *x509.Certificate, err error) {
	tr := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.ca.Issued}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.ports[0])
		},
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://"+domain+"/readyz", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if got := res.Header.Get("Strict-Transport-Security"); res.StatusCode != http.StatusOK || res.ProtoMajor != 2 || got == "" {
		err = fmt.Errorf("%s %s, HSTS %q", res.Status, res.Proto, got)
	}
	return res.TLS.PeerCertificates[0], errors.Join(err, res.Body.Close())
}

func (s *site) secure() (leaf *x509.Certificate) {
	s.t.Helper()
	testkit.Eventually(s.t, func() (err error) {
		leaf, err = s.looks()
		return err
	})
	return leaf
}

// The unit's two ports reach the server through the keeper: HTTPS, with a
// certificate that it has obtained over them, and plain HTTP, which leads there.
// The next server has the same certificate.
func TestTheSocketsOfTheUnitReachTheServer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED: it builds the binary (-short)")
	}
	ports := regexp.MustCompile(`(?m)^ListenStream=(.+)$`).FindAllString(read(t, "navidocs.socket"), -1)
	if got := strings.Join(ports, " "); got != "ListenStream=443 ListenStream=80" {
		t.Errorf("the unit opens %s", got)
	}
	s := start(t)
	leaf := s.secure()
	tr := &http.Transport{DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.ports[1]+"/api/boats?page=2", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Location"); res.StatusCode != http.StatusMovedPermanently || got != "https://"+domain+"/api/boats?page=2" {
		t.Errorf("%d %s", res.StatusCode, got)
	}
	for _, args := range [][]string{{"restart"}, {"restart", "--keeper"}} {
		cmd := exec.CommandContext(t.Context(), s.binary, append([]string{"--home", s.home}, args...)...)
		cmd.Env = s.environ
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", args, err, said)
		}
		if again := s.secure(); !again.Equal(leaf) {
			t.Errorf("after %s another certificate is shown", args)
		}
	}
	if n := s.ca.Orders(); n != 1 {
		t.Errorf("%d certificates were asked for", n)
	}
	cmd := exec.CommandContext(t.Context(), s.binary, "--home", s.home, "status")
	cmd.Env = s.environ
	said, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "good for 1 days") {
		t.Errorf("%v: %s", err, said)
	}
}
