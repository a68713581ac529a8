package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/testkit"
)

func TestAnEventReachesWhoSubscribes(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, nil)
		all, some, none := b.create(r.URL, "*"), b.create(r.URL, "boat.created", "boat.updated"), b.create(r.URL, "boat.deleted")
		b.run()
		b.happens("boat.created")
		for _, w := range []Webhook{all, some} {
			d := b.settled(w.ID, 1)[0]
			if d.Status != Succeeded || d.Attempt != 1 || d.Cause != ByEvent || d.EventType != "boat.created" || *d.ResponseStatus != 200 || d.NextAttemptAt != nil {
				t.Errorf("%+v", d)
			}
			if w := b.read(w.ID); w.LastAt == nil || *w.LastStatus != "succeeded" || w.Failures != 0 {
				t.Errorf("%+v", w)
			}
		}
		if log := b.log(none.ID); len(log) > 0 {
			t.Errorf("%+v", log)
		}
		for _, g := range r.got() {
			var e event.Envelope
			if err := json.Unmarshal([]byte(g.body), &e); err != nil {
				t.Fatal(err)
			}
			if e.ID != g.header.Get("Webhook-Id") || e.Type != "boat.created" || e.Boat.Name != "Calypso" || e.Sequence != 1 || string(e.Data) != `{"said":"boat.created"}` {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestEveryAnswer goes through what a receiver may do. The clock stands, so
// every retry is due at once: ten attempts are all there are.
func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	ten := strings.TrimSpace(strings.Repeat("failed ", 10))
	for name, c := range map[string]struct {
		answer  answer
		timeout time.Duration
		states  string
		says    string // of the first attempt
	}{
		"200": {answering(200), 0, "succeeded", ""},
		"204": {answering(204), 0, "succeeded", ""},
		"redirect": {func(w http.ResponseWriter, req *http.Request, _ int) {
			http.Redirect(w, req, "/elsewhere", http.StatusMovedPermanently)
		}, 0, ten, "redirect"},
		"404": {answering(404), 0, ten, "404 Not Found"},
		"410": {answering(410), 0, "failed held", "410"},
		"429": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 0, ten, "429"},
		"500": {answering(500), 0, ten, "500 Internal Server Error"},
		"599": {answering(599), 0, ten, "599"},
		"reset": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		}, 0, ten, "broke off"},
		"hanging": {hanging, 50 * time.Millisecond, ten, "no answer within 50ms"},
		"better later": {func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}, 0, "failed succeeded", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, Config{Timeout: c.timeout, MaxRetries: 1}, func(t *testing.T, b *bench) {
				r := listen(t, c.answer)
				w := b.create(r.URL, "boat.created")
				b.run()
				b.happens("boat.created")
				all := b.settled(w.ID, len(strings.Fields(c.states)))
				if got := states(all); got != c.states {
					t.Errorf("%v, want %s", got, c.states)
				}
				if d := all[0]; !strings.Contains(d.Error, c.says) || (c.says == "") != (d.Error == "") {
					t.Errorf("it says %q, want %q", d.Error, c.says)
				}
				sameEachTime(t, r.got())
			})
		})
	}
}

// TestRetryAfterIsHonoured up to twice the step.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	each(t, Config{MaxRetries: 4}, func(t *testing.T, b *bench) {
		asked := []string{"1", "3", "3600", "yesterday"} // after steps of 1, 2, 4 and 8 s
		r := listen(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n <= len(asked) {
				w.Header().Set("Retry-After", asked[n-1])
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		w := b.create(r.URL, "*")
		b.run()
		b.happens("boat.created")
		all := b.settled(w.ID, 5)
		for i, c := range []struct{ least, most time.Duration }{
			{time.Second, 1200 * time.Millisecond},
			{3 * time.Second, 3 * time.Second},
			{8 * time.Second, 8 * time.Second},
			{6400 * time.Millisecond, 9600 * time.Millisecond},
		} {
			if got := all[i].NextAttemptAt.Sub(*all[i].AttemptedAt); got < c.least || got > c.most {
				t.Errorf("asked for %s it waits %v, want %v to %v", asked[i], got, c.least, c.most)
			}
		}
	})
}

// sameEachTime demands one id and one body of all attempts.
func sameEachTime(t *testing.T, all []got) {
	t.Helper()
	for i, g := range all {
		if g.body != all[0].body || g.header.Get("Webhook-Id") != all[0].header.Get("Webhook-Id") {
			t.Errorf("attempt %d is another message: %+v", i+1, g)
		}
	}
}

// A refusal of our own guard is final; one of the receiver's machine is not.
func TestWhatCannotBeReached(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		closed := b.create("http://127.0.0.1:9/", "boat.created")
		refused := b.create("http://127.0.0.1:9/", "boat.created")
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error { // as if its name had led elsewhere when it was saved
			_, err := tx.Exec(t.Context(), "UPDATE webhooks SET url = 'https://10.1.2.3/' WHERE id = $1", refused.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.run()
		b.happens("boat.created")
		if d := b.settled(refused.ID, 1)[0]; d.Status != Failed || !strings.Contains(d.Error, "EGRESS_ALLOW") || d.ResponseStatus != nil {
			t.Errorf("%+v", d)
		}
		if d := b.settled(closed.ID, 9)[0]; !strings.Contains(d.Error, "refused") {
			t.Errorf("%+v", d)
		}
	})
}

// TestRetriesAreDueBySchedule: each failed attempt says when the next one is.
func TestRetriesAreDueBySchedule(t *testing.T) {
	t.Parallel()
	each(t, Config{MaxRetries: 3}, func(t *testing.T, b *bench) {
		r := listen(t, answering(500))
		w := b.create(r.URL, "*")
		b.run()
		b.happens("boat.created")
		for i, d := range b.settled(w.ID, 12) {
			s, more := step(3, i+1)
			if d.Attempt != i+1 || more != (d.NextAttemptAt != nil) {
				t.Fatalf("%+v", d)
			}
			if !more {
				continue
			}
			if got := d.NextAttemptAt.Sub(*d.AttemptedAt); got < s*4/5 || got > s*6/5 {
				t.Errorf("attempt %d waits %v, want about %v", i+1, got, s)
			}
		}
	})
}

// TestALongAnswerIsCut also as to its text: a cut letter, bytes that are none.
func TestALongAnswerIsCut(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			for err := error(nil); err == nil; { // it never ends by itself
				_, err = fmt.Fprint(w, map[bool]string{true: "é\x00\xff", false: "ok, "}[n == 1])
			}
		})
		w := b.create(r.URL, "*")
		b.run()
		b.happens("boat.created", "boat.updated")
		for _, d := range b.settled(w.ID, 2) {
			if d.Status != Succeeded || !d.Truncated || len(d.ResponseBody) > maxAnswer || len(d.ResponseBody) < maxAnswer/2 || !utf8.ValidString(d.ResponseBody) {
				t.Errorf("%s, %d bytes, cut: %v", d.Status, len(d.ResponseBody), d.Truncated)
			}
		}
	})
}

func TestBothSecretsVerifyForADay(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, nil)
		first := b.create(r.URL, "*")
		second, err := b.RotateSecret(t.Context(), b.ada, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if first.Secret == second.Secret || b.read(first.ID).Secret != "" {
			t.Error("a secret is kept, or shown again")
		}
		b.run()
		for i, c := range []struct {
			after      time.Duration
			old, fresh bool
		}{{0, true, true}, {overlap - time.Second, true, true}, {time.Second, false, true}} {
			b.clock.Add(c.after)
			b.happens("boat.updated")
			b.settled(first.ID, i+1)
			g := r.got()[i]
			for secret, want := range map[string]bool{first.Secret: c.old, second.Secret: c.fresh} {
				verifier, err := standard.NewWebhook(secret)
				if err != nil {
					t.Fatal(err)
				}
				if err := verifier.VerifyIgnoringTimestamp([]byte(g.body), g.header); (err == nil) != want {
					t.Errorf("%d: %v, want %v", i, err, want)
				}
			}
			if got, want := g.header.Get("Webhook-Timestamp"), fmt.Sprint(b.clock.Now().Unix()); got != want {
				t.Errorf("sent at %s, want %s", got, want)
			}
		}
	})
}

// TestASlowEndpointDelaysNoOther: while one hangs, it has its share of the
// workers and no more, and the others get what comes after.
func TestASlowEndpointDelaysNoOther(t *testing.T) {
	t.Parallel()
	each(t, Config{Timeout: 10 * time.Minute}, func(t *testing.T, b *bench) { // longer than a busy machine takes
		free := make(chan struct{})
		slow := listen(t, func(_ http.ResponseWriter, _ *http.Request, _ int) { <-free })
		quick := listen(t, nil)
		release := func() {
			select {
			case <-free:
			default:
				close(free)
			}
		}
		t.Cleanup(release)
		s, q := b.create(slow.URL, "*"), b.create(quick.URL, "*")
		b.run()
		const n = 60 // more than there are workers
		for range n {
			b.happens("boat.updated")
		}
		b.settled(q.ID, n)
		testkit.Eventually(t, func() error {
			parked, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM webhook_deliveries WHERE parked = TRUE")
			if err == nil && parked != n-laneWidth {
				err = fmt.Errorf("%d are parked", parked)
			}
			return err
		})
		if got := len(slow.got()); got != laneWidth {
			t.Errorf("the slow one is asked %d times at once", got)
		}
		release()
		if got := states(b.settled(s.ID, n)); strings.Count(got, "succeeded") != n {
			t.Error(got)
		}
	})
}

// What a process left when it was killed between sending and committing is sent
// again, as the same message.
func TestAnAttemptIsRepeatedWhenItsEndWasNotRecorded(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, hanging)
		w := b.create(r.URL, "*")
		stop := b.run()
		b.happens("boat.created")
		testkit.Eventually(t, func() error {
			if len(r.got()) == 0 {
				return fmt.Errorf("nothing came")
			}
			return nil
		})
		stop() // cancels what is on its way
		if d := b.log(w.ID)[0]; d.Status != Pending {
			t.Errorf("%+v", d)
		}
		r.becomes(answering(200))
		b.run()
		if d := b.settled(w.ID, 1)[0]; d.Status != Succeeded || d.Attempt != 1 {
			t.Errorf("%+v", d)
		}
		if len(r.got()) != 2 {
			t.Errorf("it came %d times", len(r.got()))
		}
		sameEachTime(t, r.got())
	})
}
