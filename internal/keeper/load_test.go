package keeper_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// share gives a listener of its own on the same socket, as another process has.
func share(t testing.TB, l net.Listener) net.Listener {
	t.Helper()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// tally is what clients counted.
type tally struct {
	mu       sync.Mutex
	asked    int
	failed   map[string]int
	failures int
}

func (a *tally) add(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if err != nil {
		a.failures++
		a.failed[err.Error()]++
	}
}

func (a *tally) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// allAnswered demands that no request failed, and counts them.
func allAnswered(t *testing.T, tallies map[string]*tally) (asked int) {
	t.Helper()
	for kind, a := range tallies {
		if asked += a.asked; a.failures > 0 {
			t.Errorf("%s: %d of %d failed: %v", kind, a.failures, a.asked, a.failed)
		}
	}
	return asked
}

// crowd are clients that ask again and again, each until it is told to stop.
type crowd struct {
	t    testing.TB
	url  string
	stop atomic.Bool
	all  sync.WaitGroup
}

// come adds clients. How they reach the server is the transport's matter; each
// asks by POST, which is never sent twice.
func (c *crowd) come(n int, transport func() *http.Transport) *tally {
	a := &tally{failed: map[string]int{}}
	for range n {
		c.all.Go(func() {
			tr := transport()
			defer tr.CloseIdleConnections()
			for !c.stop.Load() {
				if err := ask(c.t.Context(), tr, c.url); !unsent(err) {
					a.add(err)
				}
				time.Sleep(rand.N(30 * time.Millisecond)) // idle, as people are
			}
		})
	}
	return a
}

// unsent says whether nothing of a request has left: its connection was given up in
// the moment in which the transport chose it. net/http asks again by itself, but for a
// body that it cannot make again (POST it repeats in no other case).
func unsent(err error) bool {
	return err != nil && strings.Contains(err.Error(), "cannot rewind body after connection loss")
}

func (c *crowd) leave() {
	c.stop.Store(true)
	c.all.Wait()
}

const question = "is anybody there?"

func ask(ctx context.Context, tr *http.Transport, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(question)))
	if err != nil {
		return err
	}
	req.GetBody = nil // the transport cannot send it again behind our back
	res, err := tr.RoundTrip(req)
	if err != nil {
		if operation, ok := errors.AsType[*net.OpError](err); ok {
			err = operation.Err // without the addresses, to be counted
		}
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || string(text) != question {
		return fmt.Errorf("%s: %d bytes", res.Status, len(text))
	}
	return nil
}

// The ways to a server.

func keepAlive() *http.Transport { return &http.Transport{} }

func newEachTime() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

func overTLS(protocol string, change func(tr *http.Transport)) func() *http.Transport {
	return func() *http.Transport {
		tr := &http.Transport{
			Protocols:       new(http.Protocols),
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // each release has its own
		}
		tr.Protocols.SetHTTP1(protocol == "h1")
		tr.Protocols.SetHTTP2(protocol == "h2")
		if change != nil {
			change(tr)
		}
		return tr
	}
}

func answering(h http.HandlerFunc) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
}

// secured is one that speaks TLS, and HTTP/2 where clients can.
func secured(h http.HandlerFunc) *http.Server {
	s := answering(h)
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS12}
	return s
}

// certificate is one that nobody has signed.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		panic(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"toy.example"}, NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(cryptorand.Reader, form, form, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body) // who asked counts what came
}
