//go:build prove

package prove_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

// hook is another program's endpoint: it verifies every signature and keeps how
// long after its event each delivery came first.
type hook struct {
	t    testing.TB
	host string
	url  string

	mu      sync.Mutex // guards what follows
	verify  *standard.Webhook
	came    map[string]time.Duration // by webhook-id
	strange int
	hanging chan struct{} // closed to let go; nil does not hang
}

func receive(t testing.TB) *hook {
	t.Helper()
	h := &hook{t: t, came: map[string]time.Duration{}}
	s := httptest.NewServer(h)
	t.Cleanup(func() { h.hang(false); s.Close() })
	h.url, h.host = s.URL, strings.TrimPrefix(s.URL, "http://")
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	verify, hanging := h.verify, h.hanging
	h.mu.Unlock()
	if hanging != nil {
		select {
		case <-hanging:
		case <-time.After(15 * time.Second):
		case <-r.Context().Done():
		}
	}
	var e event.Envelope
	err = errors.Join(verify.Verify(body, r.Header), json.Unmarshal(body, &e))
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.strange++
		w.WriteHeader(http.StatusForbidden)
		return
	}
	id := r.Header.Get("Webhook-Id")
	if _, again := h.came[id]; !again {
		h.came[id] = at.Sub(e.Timestamp)
	}
}

// hang makes each answer take 15 s, or lets go of those that do.
func (h *hook) hang(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case on && h.hanging == nil:
		h.hanging = make(chan struct{})
	case !on && h.hanging != nil:
		close(h.hanging)
		h.hanging = nil
	}
}

// times are the delays since the last call, in order.
func (h *hook) times() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []time.Duration
	for _, d := range h.came {
		all = append(all, d)
	}
	clear(h.came)
	slices.Sort(all)
	return all
}

// has waits until so many events came.
func (h *hook) has(n int) {
	h.t.Helper()
	wait(h.t, patience, func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.came) < n {
			return fmt.Errorf("%d of %d events came", len(h.came), n)
		}
		return nil
	})
}

// subscribe has a receiver told of the client's boats.
func (c *client) subscribe(h *hook) {
	c.t.Helper()
	var w struct{ Secret string }
	c.must(http.StatusCreated, "POST", "/api/webhooks", map[string]any{"url": h.url, "event_types": []string{"boat.updated"}}, &w)
	verify, err := standard.NewWebhook(w.Secret)
	if err != nil {
		c.t.Fatal(err)
	}
	h.mu.Lock()
	h.verify = verify
	h.mu.Unlock()
}

// rename changes boats in turn, at a rate a second, whether or not the changes
// before have been answered, and waits for the last answer.
func (c *client) rename(boats []string, rate, n int) {
	c.t.Helper()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var all sync.WaitGroup
	for i := range n {
		<-tick.C
		all.Go(func() {
			a, err := c.send(c.t.Context(), "PATCH", "/api/boats/"+boats[i%len(boats)], "application/json", strings.NewReader(fmt.Sprintf(`{"name":"Boat %d"}`, i)))
			if err != nil || a.status != http.StatusOK {
				c.t.Errorf("rename: %s %v", a, err)
			}
		})
	}
	all.Wait()
}

func (c *client) fleet(n int) []string {
	c.t.Helper()
	boats := []string{c.boat}
	for i := range n - 1 {
		var boat struct{ ID string }
		c.must(http.StatusCreated, "POST", "/api/boats", map[string]any{"name": fmt.Sprint("Boat ", i)}, &boat)
		boats = append(boats, boat.ID)
	}
	return boats
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}

// A hundred changes a second, made over the API for a minute, reach a receiver
// that verifies each: none is missing, and 95 of 100 are there within a second.
func TestAHundredEventsASecondReachAReceiver(t *testing.T) {
	const rate, seconds = 100, 60
	h := receive(t)
	s := serveAt(t, t.TempDir(), "EGRESS_ALLOW="+h.host)
	c := register(t, s.url)
	c.http.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	boats := c.fleet(10)
	c.subscribe(h)
	began := time.Now()
	c.rename(boats, rate, rate*seconds)
	took := time.Since(began)
	h.has(rate * seconds)
	all := h.times()
	p50, p95, last := percentile(all, 50), percentile(all, 95), percentile(all, 100)
	t.Logf("PROVED: %d events in %.1f s (%.0f a second), missing %d, strange %d; first try p50 %.0f ms, p95 %.0f ms (<= 1000), at most %.0f ms",
		len(all), took.Seconds(), float64(len(all))/took.Seconds(), rate*seconds-len(all), h.strange, ms(p50), ms(p95), ms(last))
	if p95 > time.Second || h.strange > 0 || took > (seconds+3)*time.Second {
		t.Error("MISSED: see the figures above")
	}
}

// An event adds at most a millisecond to the transaction of its change.
func TestWhatAnEventAddsToATransaction(t *testing.T) {
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		queue, err := job.New(d, job.Config{LockPath: filepath.Join(t.TempDir(), "lock")})
		if err != nil {
			t.Fatal(err)
		}
		events := event.New(d, queue)
		measure := func(with bool) time.Duration {
			began := time.Now()
			err := d.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), `INSERT INTO hour_readings (id, subject_kind, subject_id, hours, read_on, created_at)
					VALUES ($1, 'engine', 'main', 12.5, '2026-05-01', 0)`, db.NewID())
				if err != nil || !with {
					return err
				}
				return events.Append(t.Context(), tx, event.Event{Type: "backup.failed", Data: map[string]string{"reason": "the disk is full"}})
			})
			if err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		var without, with []time.Duration
		for range 1000 {
			without, with = append(without, measure(false)), append(with, measure(true))
		}
		slices.Sort(without)
		slices.Sort(with)
		added := percentile(with, 50) - percentile(without, 50)
		t.Logf("PROVED: %s: a change takes %.2f ms, with its event %.2f ms: it adds %.2f ms p50 (<= 1)", d.Engine, ms(percentile(without, 50)), ms(percentile(with, 50)), ms(added))
		if added > time.Millisecond {
			t.Error("MISSED: see the figures above")
		}
	})
}

// One endpoint of ten that hangs for 15 s delays the others by a fifth at most.
func TestAHangingEndpointDelaysNoOther(t *testing.T) {
	const rate, n, rounds = 5, 100, 3
	hooks := make([]*hook, 10)
	allow := make([]string, len(hooks))
	for i := range hooks {
		hooks[i] = receive(t)
		allow[i] = hooks[i].host
	}
	s := serveAt(t, t.TempDir(), "EGRESS_ALLOW="+strings.Join(allow, ","))
	c := register(t, s.url)
	for _, h := range hooks {
		c.subscribe(h)
	}
	slow, others := hooks[0], hooks[1:]
	round := func(hang bool) time.Duration {
		slow.hang(hang)
		c.rename([]string{c.boat}, rate, n)
		var all []time.Duration
		for _, h := range others {
			h.has(n)
			all = append(all, h.times()...)
		}
		slow.hang(false)
		slow.has(n)
		slow.times()
		slices.Sort(all)
		return percentile(all, 95)
	}
	var calm, hung []time.Duration
	for range rounds {
		calm, hung = append(calm, round(false)), append(hung, round(true))
	}
	ratio := median(hung).Seconds() / median(calm).Seconds()
	t.Logf("PROVED: of ten endpoints at %d deliveries a second one hangs for 15 s: p95 of the others %.0f ms, without it %.0f ms, ratio of the medians of %d rounds %.2f (<= 1.2)",
		rate*len(hooks), ms(median(hung)), ms(median(calm)), rounds, ratio)
	if ratio > 1.2 {
		t.Error("MISSED: see the figures above")
	}
}

// sink is a mail server that takes all and keeps when each came.
type sink struct {
	smtp.Session
	mu   sync.Mutex
	came map[string]time.Time
	to   string
	all  *sink
}

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &sink{all: s}, nil }
func (s *sink) Mail(string, *smtp.MailOptions) error        { return nil }
func (s *sink) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = to; return nil }
func (s *sink) Reset()                                      {}
func (s *sink) Logout() error                               { return nil }
func (s *sink) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.all.came[s.to] = time.Now()
	return err
}

// A thousand mails that are due at once are handed to the mail server, 95 of a
// hundred within a minute.
func TestAThousandQueuedMails(t *testing.T) {
	const people = 1000
	box := &sink{came: map[string]time.Time{}}
	mail := smtp.NewServer(box)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(l) }() // until it is closed
	t.Cleanup(func() { _ = mail.Close() })
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	s := serveAt(t, t.TempDir(), "SMTP_HOST=127.0.0.1", "SMTP_PORT="+port, "SMTP_FROM=docs@boats.example.org")
	register(t, s.url)
	s.end(syscall.SIGTERM)
	crowd(t, s, people)
	s.start()
	began := time.Now()
	wait(t, 3*time.Minute, func() error {
		box.mu.Lock()
		defer box.mu.Unlock()
		if len(box.came) < people {
			return fmt.Errorf("%d of %d mails came", len(box.came), people)
		}
		return nil
	})
	var all []time.Duration
	for _, at := range box.came {
		all = append(all, at.Sub(began))
	}
	slices.SortFunc(all, cmp.Compare)
	t.Logf("PROVED: of %d mails queued at once, 95 of 100 were handed to SMTP within %.1f s (<= 60), the last after %.1f s",
		len(all), percentile(all, 95).Seconds(), percentile(all, 100).Seconds())
	if percentile(all, 95) > time.Minute {
		t.Error("MISSED: see the figures above")
	}
}

// crowd gives the organization of a stopped server many managers, and tells all
// of them something.
func crowd(t *testing.T, s *server, people int) {
	t.Helper()
	ctx, d := t.Context(), s.database()
	queue, err := job.New(d, job.Config{LockPath: filepath.Join(t.TempDir(), "lock")})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Transact(ctx, func(tx *db.Tx) error {
		org, err := db.One(ctx, tx, db.Scalar[string], "SELECT id FROM organizations")
		if err != nil {
			return err
		}
		if err := join(ctx, tx, org, people-1); err != nil {
			return err
		}
		return event.New(d, queue).Append(ctx, tx, event.Event{Type: "webhook.disabled", OrgID: org, Data: event.WebhookData{
			WebhookID: db.NewID(), URL: "https://receiver.example.org", Status: "disabled", Reason: "the answer was 410",
		}})
	})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
}

func join(ctx context.Context, tx *db.Tx, org string, people int) error {
	for i := range people {
		id := db.NewID()
		_, err := tx.Exec(ctx, `INSERT INTO users (id, email, name, password_hash, email_verified, created_at, updated_at)
			VALUES ($1, $2, $3, '', TRUE, 0, 0)`, id, fmt.Sprintf("manager-%d@example.org", i), fmt.Sprint("Manager ", i))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, 'manager', 0)", org, id); err != nil {
			return err
		}
	}
	return nil
}
