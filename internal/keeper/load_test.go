package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
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

// crowd are clients that ask again and again, each until it is told to stop.
type crowd struct {
	t    testing.TB
	url  string
	stop atomic.Bool
	all  sync.WaitGroup
}

// come adds clients. How they reach the server is the transport's matter; each
// asks by POST, which is never sent twice.
func (c *crowd) come(n int, transport func() *http.Transport, repeatable bool) *tally {
	a := &tally{failed: map[string]int{}}
	for range n {
		c.all.Go(func() {
			tr := transport()
			defer tr.CloseIdleConnections()
			for !c.stop.Load() {
				a.add(ask(c.t.Context(), tr, c.url, repeatable))
				time.Sleep(rand.N(30 * time.Millisecond)) // idle, as people are
			}
		})
	}
	return a
}

func (c *crowd) leave() {
	c.stop.Store(true)
	c.all.Wait()
}

const question = "is anybody there?"

func ask(ctx context.Context, tr *http.Transport, url string, repeatable bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(question)))
	if err != nil {
		return err
	}
	if !repeatable {
		req.GetBody = nil // the transport cannot send it again behind our back
	}
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

// The three ways to a server.

func keepAlive() *http.Transport { return &http.Transport{} }

func newEachTime() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

func two() *http.Transport {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	return tr
}

// answering is a server that speaks all three.
func answering(h http.HandlerFunc) *http.Server {
	s := &http.Server{Handler: h, Protocols: new(http.Protocols), ReadHeaderTimeout: 10 * time.Second}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body) // who asked counts what came
}
