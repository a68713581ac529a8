package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// certified is a certificate in files, and who trusts it.
func certified(t *testing.T, name string, days int) (settings []string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, days)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(leaf)
	dir := t.TempDir()
	for file, block := range map[string]*pem.Block{"TLS_CERT_FILE": {Type: "CERTIFICATE", Bytes: der}, "TLS_KEY_FILE": {Type: "PRIVATE KEY", Bytes: secret}} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		settings = append(settings, file+"="+path)
	}
	return settings, roots
}

// answer is what a server said.
type answer struct {
	status, protocol int
	header           http.Header
	text             string
}

// A server with a certificate speaks HTTPS on its first socket, leads there from
// the second, and tells how long the certificate is good.
func TestRunOverHTTPS(t *testing.T) {
	t.Parallel()
	settings, roots := certified(t, "papers.example", 20)
	a := apptest.Build(t, apptest.Options{Settings: append(settings, "APP_BASE_URL=https://papers.example")})
	var all []net.Listener
	for range 2 {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, app.Parts{API: true}, all) }()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "papers.example"}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	get := func(url string) (got answer, err error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			return got, err
		}
		res, err := tr.RoundTrip(req)
		if err != nil {
			return got, err
		}
		text, err := io.ReadAll(res.Body)
		return answer{res.StatusCode, res.ProtoMajor, res.Header, string(text)}, errors.Join(err, res.Body.Close())
	}
	secure, plain := "https://"+all[0].Addr().String(), "http://"+all[1].Addr().String()
	testkit.Eventually(t, func() error {
		got, err := get(secure + "/readyz")
		if err == nil && (got.status != http.StatusOK || got.protocol != 2 || got.header.Get("Strict-Transport-Security") != "max-age=31536000") {
			err = fmt.Errorf("%+v", got)
		}
		return err
	})
	got, err := get(plain + "/p/x?y=z")
	if err != nil || got.status != http.StatusMovedPermanently || got.header.Get("Location") != "https://papers.example/p/x?y=z" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = get(secure + "/metrics")
	if err != nil || !strings.Contains(got.text, "\nnavidocs_certificate_days 19.9") || !strings.Contains(got.text, "\nnavidocs_certificate_left_ratio 0.99") {
		t.Errorf("%v: %s", err, got.text)
	}
	s, err := a.Status(t.Context())
	if err != nil || s.CertificateDays == nil || *s.CertificateDays < 19 || *s.CertificateDays > 20 {
		t.Errorf("%+v, %v", s, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A certificate that cannot be used is told before anybody is let in.
func TestRunWithABrokenCertificate(t *testing.T) {
	t.Parallel()
	a := apptest.Build(t, apptest.Options{Settings: []string{"TLS_CERT_FILE=/nowhere/cert.pem", "TLS_KEY_FILE=/nowhere/key.pem"}})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := a.Run(t.Context(), app.Parts{API: true}, []net.Listener{l}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "TLS_CERT_FILE") {
		t.Error(err)
	}
}

// With HTTPS there are two sockets, and who cannot open the second is told how
// to do without.
func TestListenOnBothPorts(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	port := func(l net.Listener) string { _, p, _ := net.SplitHostPort(l.Addr().String()); return p }
	load := func(settings ...string) config.Config {
		t.Helper()
		c, err := config.Load(config.Source{Environ: append(settings, "APP_BASE_URL=https://papers.example", "LISTEN=127.0.0.1"), Home: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	_, err = app.Listen(t.Context(), load("PORT="+port(free), "HTTP_PORT="+port(taken)))
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "HTTP_PORT=0") || !strings.Contains(err.Error(), port(taken)) {
		t.Error(err)
	}
	all, err := app.Listen(t.Context(), load("PORT="+port(free), "HTTP_PORT=0"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := all[0].Close(); err != nil {
		t.Error(err)
	}
}
