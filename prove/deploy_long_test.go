//go:build prove && unix

package prove_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/document"
	"navidocs/internal/testkit"
)

var (
	deploys = flag.Int("deploys", 20, "how many releases are deployed from afar, over each kind of connection")
	rate    = flag.Int("rate", 600, "requests a second meanwhile")
	kills   = flag.Int("kills", 20, "how often the server is killed")
)

// roundTrip is how far the users are.
const roundTrip = 80 * time.Millisecond

// Release after release is deployed under 600 requests a second from users who
// are 80 ms away and never ask twice, and who also send papers: no request
// fails, no row that was acknowledged is lost, and each paper is read once.
func TestTwentyDeploysFromAfar(t *testing.T) {
	for _, leg := range []struct {
		name      string
		tls       bool
		transport func(roots *x509.CertPool) *http.Transport
	}{
		{"HTTP 1, connections that stay", false, func(*x509.CertPool) *http.Transport {
			return &http.Transport{MaxIdleConnsPerHost: 1000}
		}},
		{"HTTP 1, new connections", false, func(*x509.CertPool) *http.Transport {
			return &http.Transport{DisableKeepAlives: true}
		}},
		{"HTTP 2", true, func(roots *x509.CertPool) *http.Transport {
			return &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
		}},
	} {
		t.Run(leg.name, func(t *testing.T) {
			in, roots := arrange(t), (*x509.CertPool)(nil)
			if leg.tls {
				roots = in.secure()
			}
			in.start()
			if leg.tls && !in.speaksTLS() {
				t.Skip("SKIPPED: HTTP/2: this server does not speak TLS yet")
			}
			// Each user has a transport of their own, for a connection of their own.
			in.fromAfar(leg.name, func() *http.Transport { return leg.transport(roots) })
		})
	}
}

// fromAfar deploys while users are at work, and judges.
func (in *installation) fromAfar(how string, transport func() *http.Transport) {
	t := in.t
	c := registerOver(t, in.url, in.http)
	n := *rate / 2 // each asks twice a second
	scheme, address, _ := strings.Cut(in.url, "://")
	u := &users{t: t, c: c, pace: 500 * time.Millisecond, url: scheme + "://" + testkit.DistantBy(t, address, roundTrip)}
	for range n / 10 {
		u.arrive(10, transport())
	}
	p := &papers{u: u}
	u.all.Go(p.send)
	u.more(int64(5 * *rate))
	u.mu.Lock()
	quiet := longest(u.took, 0.99)
	u.mu.Unlock()
	var all []time.Duration
	for range *deploys {
		run := in.deploy(in.release(), "15s")
		all = append(all, run.Took())
		t.Logf("longest request in each step: %s", u.stalls(run))
	}
	u.more(int64(*rate))
	u.leave()
	p.read()
	in.rest(c)
	in.end(syscall.SIGTERM)
	in.holds(u)
	inspect(t, in.server).all(len(p.sent))
	if t.Failed() {
		return
	}
	slices.Sort(all)
	t.Logf("PROVED: %s: %d deploys (%s to %s each) under users at %s who never ask twice: 0 failed; %s (99 of 100 in %s without a deploy); all %d acknowledged boats are there, all %d papers were read once",
		how, *deploys, all[0].Round(time.Second), all[len(all)-1].Round(time.Second), roundTrip, u.figures(), quiet.Round(time.Millisecond), len(u.boats), len(p.sent))
	if p99 := longest(u.took, 0.99); p99 > quiet+200*time.Millisecond {
		t.Errorf("MISSED: 99 of 100 requests took up to %s, more than 200 ms longer than without a deploy (%s)", p99, quiet)
	}
}

// secure gives the server the certificate of tests, and returns who trusts it.
func (in *installation) secure() *x509.CertPool {
	in.t.Helper()
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	defer lender.Close()
	pair := lender.TLS.Certificates[0]
	secret, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		in.t.Fatal(err)
	}
	dir := in.t.TempDir()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			in.t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	in.http = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	in.secured = "https://127.0.0.1:" + in.port
	in.environ = append(in.environ, "TLS_CERT_FILE="+filepath.Join(dir, "cert.pem"), "TLS_KEY_FILE="+filepath.Join(dir, "key.pem"), "APP_BASE_URL="+in.secured)
	return roots
}

// speaksTLS says whether the server that has started does what it was told.
func (in *installation) speaksTLS() bool { return in.url == in.secured }

// papers is somebody who sends a paper a second and, when no answer came, sends
// it again.
type papers struct {
	u    *users
	sent []document.ID // that were acknowledged
	mu   sync.Mutex    // guards sent
}

func (p *papers) send() {
	c := *p.u.c
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; !p.u.stop.Load(); i++ {
		text := fmt.Sprintf("paper %d of the harbour master", i)
		for {
			rough := p.u.rough.Load()
			a, err := c.upload(c.t.Context(), fmt.Sprintf("%d.txt", i), strings.NewReader(text))
			var id document.ID
			if err == nil {
				id, err = acknowledged(a)
			}
			if err == nil {
				p.mu.Lock()
				p.sent = append(p.sent, id)
				p.mu.Unlock()
				break
			}
			if now := p.u.rough.Load(); now == rough && now%2 == 0 {
				c.t.Errorf("a paper: %v", err)
				return
			}
			<-tick.C
		}
		<-tick.C
	}
}

// read demands that all are read.
func (p *papers) read() {
	for _, id := range p.sent {
		if d := p.u.c.read(id, time.Minute); d.Status != document.Ready {
			p.u.t.Errorf("%s is %s: %s", d.FileName, d.Status, d.Error)
		}
	}
}

// unread are those that are not read yet.
func (p *papers) unread() (ids []document.ID) {
	p.mu.Lock()
	sent := slices.Clone(p.sent)
	p.mu.Unlock()
	for _, id := range sent[max(0, len(sent)-20):] {
		if !over(p.u.c.document(id)) {
			ids = append(ids, id)
		}
	}
	return ids
}

// The server is killed again and again under load: the keeper starts it again,
// who comes meanwhile waits, what was acknowledged is there, and the jobs that
// it had in hand are done within 30 s, each once. The requests of the moment of
// a kill break off, and no other.
func TestTwentyKillsOfTheServer(t *testing.T) {
	// A server that has lived so long counts as healthy, and is started again at
	// once.
	const healthy = 31 * time.Second
	in := install(t)
	u := &users{t: t, c: register(t, in.url), url: in.url, pace: 200 * time.Millisecond}
	u.arrive(20, &http.Transport{})
	u.arrive(20, &http.Transport{DisableKeepAlives: true})
	p := &papers{u: u}
	u.all.Go(p.send)
	dice := seeded(20)
	var back, jobs time.Duration
	hit := 0
	for n := range *kills {
		old := in.leader()
		moment := time.NewTimer(healthy + time.Duration(dice.Int64N(int64(time.Second))) - time.Since(old.Since))
		<-moment.C
		for i := range 5 { // so that there are jobs in hand
			name := fmt.Sprintf("%d-%d.txt", old.PID, i)
			id := u.c.add(name, []byte(name))
			p.mu.Lock()
			p.sent = append(p.sent, id)
			p.mu.Unlock()
		}
		u.rough.Add(1)
		struck := time.Now()
		if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wait(t, patience, func() error {
			if now := in.leader(); now.PID == old.PID || !now.Serving {
				return errors.New("the server is not there again")
			}
			return ping(t.Context(), nil, in.url)
		})
		u.rough.Add(1)
		served := time.Since(struck)
		back = max(back, served)
		left := p.unread()
		if hit += min(1, len(left)); len(left) > 0 {
			for _, id := range left {
				u.c.read(id, patience)
			}
			jobs = max(jobs, time.Since(struck))
		}
		t.Logf("kill %d: serves after %s, %d papers that waited are read after %s", n+1, served.Round(time.Millisecond), len(left), time.Since(struck).Round(time.Millisecond))
	}
	u.leave()
	p.read()
	in.rest(u.c)
	restarts := in.status().Keeper.Restarts
	in.end(syscall.SIGTERM)
	in.holds(u)
	inspect(t, in.server).all(len(p.sent))
	if restarts != *kills {
		t.Errorf("the server was started again %d times after %d kills", restarts, *kills)
	}
	if jobs > 30*time.Second {
		t.Errorf("MISSED: jobs in hand were done only after %s", jobs)
	}
	if !t.Failed() {
		t.Logf("PROVED: %d kills of the server under load, %d of them with jobs in hand: it served again after at most %s, the jobs were done after at most %s; %d requests broke off at the kills, no other failed; %s",
			*kills, hit, back.Round(time.Millisecond), jobs.Round(time.Millisecond), len(u.cut), u.figures())
		t.Logf("PROVED: all %d acknowledged boats are there, all %d papers were read once", len(u.boats), len(p.sent))
	}
}
