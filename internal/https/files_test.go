package https

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is a new certificate and its key.
func pair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{domain}, NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A renewal in place is taken without a restart, also while it is half done; what
// is broken leaves the old pair where it is and is told once.
func TestFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var said bytes.Buffer
	c := Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), Log: slog.New(slog.NewTextHandler(&said, nil))}
	if _, err := New(t.Context(), c); err == nil || !strings.Contains(err.Error(), c.CertFile) || !strings.Contains(err.Error(), "TLS_CERT_FILE") {
		t.Errorf("no files: %v", err)
	}
	cert, key := pair(t, 1)
	write(t, c.CertFile, cert)
	write(t, c.KeyFile, key)
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(serial int64) {
		t.Helper()
		got, err := s.TLS().GetCertificate(&tls.ClientHelloInfo{ServerName: "anything"})
		if err != nil || got.Leaf.SerialNumber.Int64() != serial || s.Leaf().SerialNumber.Int64() != serial {
			t.Errorf("%v, want %d: %v", got, serial, err)
		}
	}
	shows(1)
	newCert, newKey := pair(t, 2)
	write(t, c.CertFile, newCert) // the key does not fit yet
	s.source.look(t.Context())
	s.source.look(t.Context())
	shows(1)
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
		t.Errorf("told %d times: %s", n, said.String())
	}
	write(t, c.KeyFile, newKey)
	s.source.look(t.Context())
	shows(2)
	if err := os.Remove(c.KeyFile); err != nil {
		t.Fatal(err)
	}
	s.source.look(t.Context())
	shows(2)
	write(t, c.CertFile, []byte("no certificate"))
	if _, err := New(t.Context(), c); err == nil {
		t.Error("a broken pair was taken at the start")
	}
}

func TestPlainSendsToHTTPS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), Log: slog.New(slog.DiscardHandler)}
	cert, key := pair(t, 1)
	write(t, c.CertFile, cert)
	write(t, c.KeyFile, key)
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	h := s.Plain(&url.URL{Scheme: "https", Host: "boat.example:8443"})
	for _, x := range []struct {
		method, target string
		status         int
		location       string
	}{
		{http.MethodGet, "/", 301, "https://boat.example:8443/"},
		{http.MethodHead, "/api/boats?page=2&q=a%20b", 301, "https://boat.example:8443/api/boats?page=2&q=a%20b"},
		{http.MethodPost, "/api/boats", 308, "https://boat.example:8443/api/boats"},
		{http.MethodDelete, "/a%2Fb/%C3%A9", 308, "https://boat.example:8443/a%2Fb/%C3%A9"},
		{http.MethodGet, "//evil.example/x", 301, "https://boat.example:8443//evil.example/x"},
		{http.MethodGet, "http://evil.example/x", 301, "https://boat.example:8443/x"},
		{http.MethodOptions, "*", 308, "https://boat.example:8443/"},
		{http.MethodGet, "/.well-known/acme-challenge/x", 301, "https://boat.example:8443/.well-known/acme-challenge/x"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), x.method, "http://evil.example/", http.NoBody)
		u, err := url.ParseRequestURI(x.target)
		if x.target == "*" {
			u, err = &url.URL{Path: "*"}, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.Host = u, "evil.example"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != x.status || w.Header().Get("Location") != x.location || w.Header().Get("Strict-Transport-Security") != "" {
			t.Errorf("%s %s: %d %s", x.method, x.target, w.Code, w.Header())
		}
	}
}
