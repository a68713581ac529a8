//go:build unix

package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"navidocs/internal/keeper"
	"navidocs/internal/testkit"
)

// keepTwo runs a keeper with two sockets, of which the first speaks TLS.
func keepTwo(t *testing.T) (k *kept, secure string) {
	t.Helper()
	l := listen(t)
	k = keep(t, newHome(t), func(c *keeper.Config) {
		one := c.Listen
		c.Listen = func(ctx context.Context) ([]*os.File, error) {
			plain, err := one(ctx)
			f, ferr := l.(*net.TCPListener).File()
			return append([]*os.File{f}, plain...), errors.Join(err, ferr, l.Close())
		}
	})
	return k, l.Addr().String()
}

// Releases come and go under load while browsers speak HTTP/2 and HTTP/1.1 over
// TLS on one socket, and others plain HTTP on the second.
func TestReleasesUnderLoadOverTLS(t *testing.T) {
	t.Parallel()
	k, secure := keepTwo(t)
	far := &crowd{t: t, url: "https://" + testkit.Distant(t, secure)}
	near := &crowd{t: t, url: "https://" + secure}
	plain := &crowd{t: t, url: "http://" + testkit.Distant(t, k.address)}
	shared := overTLS("h2", nil)()
	tallies := map[string]*tally{
		"HTTP/2 one at a time":            far.come(8, overTLS("h2", nil)),
		"HTTP/2 many on one connection":   far.come(8, func() *http.Transport { return shared }),
		"HTTP/1.1 kept alive":             far.come(8, overTLS("h1", nil)),
		"HTTP/2 new connections nearby":   near.come(4, overTLS("h2", func(tr *http.Transport) { tr.DisableKeepAlives = true })),
		"HTTP/1.1 new connections nearby": near.come(2, overTLS("h1", func(tr *http.Transport) { tr.DisableKeepAlives = true })),
		"plain HTTP/1.1 kept alive":       plain.come(4, keepAlive),
		"plain HTTP, new connections":     plain.come(2, newEachTime),
	}
	leave := func() { far.leave(); near.leave(); plain.leave() }
	defer leave()
	for i := range 3 {
		busy(t, tallies)
		if _, err := k.Start(t.Context(), fmt.Sprintf("r%d", i)); err != nil {
			t.Fatal(err)
		}
		must(t)(k.Promote(t.Context(), false))
		busy(t, tallies)
		if i == 1 {
			must(t)(k.Back(t.Context(), ""))
			continue
		}
		must(t)(k.Commit(t.Context()))
	}
	busy(t, tallies)
	leave()
	if asked := allAnswered(t, tallies); !t.Failed() {
		t.Logf("PROVED: 3 releases, one taken back, under load over TLS: 0 of %d requests failed", asked)
	}
}

// What is done beside serving is done by the one that serves: no candidate does
// it, and who is taken back does it again.
func TestBesideServing(t *testing.T) {
	t.Parallel()
	k, _ := keepTwo(t)
	first := k.role(t, keeper.Leader).PID
	next, err := k.Start(t.Context(), "next")
	if err != nil {
		t.Fatal(err)
	}
	who := func() (all []string) {
		for line := range strings.Lines(k.diary(t)) {
			if strings.Contains(line, "serves") || strings.Contains(line, "drains") {
				all = append(all, strings.TrimSpace(line))
			}
		}
		return all
	}
	eventually := func(want ...string) {
		t.Helper()
		testkit.Eventually(t, func() error {
			got := who()
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				return fmt.Errorf("%q, want %q", got, want)
			}
			return nil
		})
	}
	says := func(pid int, what string) string { return fmt.Sprintf("%d %s", pid, what) }
	eventually(says(first, "serves"))
	must(t)(k.Promote(t.Context(), false))
	eventually(says(first, "serves"), says(first, "drains"), says(next.PID, "serves"))
	must(t)(k.Back(t.Context(), ""))
	eventually(says(first, "serves"), says(first, "drains"), says(next.PID, "serves"), says(next.PID, "drains"), says(first, "serves"))
}
