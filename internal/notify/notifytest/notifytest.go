// Package notifytest says what every notify.Sender must do.
package notifytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/notify"
)

// Answer is how a server takes the messages that come.
type Answer int

// The answers. Hang means that the server takes the message and says nothing
// until the test is over.
const (
	Accept Answer = iota
	Refuse
	Defer
	Hang
)

// Arrival is a message as the server read it.
type Arrival struct {
	Title, Text, Link string
	// Identity is what tells a repeated message from another one, "" where the
	// channel has no such thing.
	Identity string
	// Names are those of its headers or fields, by which an injected one shows.
	Names []string
}

// Harness is a sender with the server that it sends to.
type Harness struct {
	Sender  notify.Sender
	Channel notify.Channel
	To      string
	// Answer changes the server's answers, each of which repeats every secret it
	// knows. It returns false when this server cannot answer so.
	Answer func(Answer) bool
	// Arrivals are the messages that were accepted, in order.
	Arrivals func() []Arrival
	// Secrets must stand in no receipt.
	Secrets []string
}

// prompt is how soon a sender ends after its context.
const prompt = 5 * time.Second

// Run tests the senders that open makes, each with a server of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"an accepted message arrives whole":     testAccepted,
		"a refusal ends with a visible reason":  testRefused,
		"deferred is deferred":                  testDeferred,
		"the end of the context ends it":        testContext,
		"nothing is sent for an ended context":  testEndedContext,
		"no secret stands in a receipt":         testSecrets,
		"a hostile title adds nothing":          testHostileTitle,
		"a repeated message can be told apart":  testIdentity,
		"at once":                               testConcurrent,
		"an empty message and a bad address":    testEmpty,
		"what stands in any language gets over": testLanguages,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// message is one that fits every channel.
func message(h Harness) notify.Message {
	return notify.Message{
		ID: "0198a1b2-0000-7000-8000-00000000abcd", To: h.To,
		Title: "Warranty of the watermaker ends", Text: "On 4 May 2027 cover ends.",
		Link: "https://docs.example.com/w/1",
	}
}

func send(t *testing.T, h Harness, m notify.Message) notify.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return h.Sender.Send(ctx, m)
}

// accepted sends a message and returns it as it arrived.
func accepted(t *testing.T, h Harness, m notify.Message) Arrival {
	t.Helper()
	if r := send(t, h, m); r.Outcome != notify.Accepted {
		t.Fatalf("not accepted: %+v", r)
	}
	all := h.Arrivals()
	if len(all) == 0 {
		t.Fatal("accepted, but nothing arrived")
	}
	return all[len(all)-1]
}

// answers sets the server's answer, or skips the test.
func answers(t *testing.T, h Harness, a Answer) {
	t.Helper()
	if !h.Answer(a) {
		t.Skip("there is no such answer on this channel")
	}
}

func testAccepted(t *testing.T, h Harness) {
	if got := h.Sender.Channel(); got != h.Channel {
		t.Errorf("the channel is %q", got)
	}
	m := message(h)
	got := accepted(t, h, m)
	if got.Title != m.Title || !strings.Contains(got.Text, m.Text) || got.Link != m.Link {
		t.Errorf("sent %+v, arrived %+v", m, got)
	}
	m.ID, m.Link, m.Urgent = "2", "", true
	got = accepted(t, h, m)
	if got.Title != m.Title || !strings.Contains(got.Text, m.Text) || got.Link != "" {
		t.Errorf("sent %+v, arrived %+v", m, got)
	}
}

func testRefused(t *testing.T, h Harness) {
	answers(t, h, Refuse)
	r := send(t, h, message(h))
	if r.Outcome != notify.Refused && r.Outcome != notify.Gone {
		t.Errorf("%+v", r)
	}
	checkReason(t, r)
}

func testDeferred(t *testing.T, h Harness) {
	answers(t, h, Defer)
	r := send(t, h, message(h))
	if r.Outcome != notify.Deferred || r.After < 0 {
		t.Errorf("%+v", r)
	}
	checkReason(t, r)
	answers(t, h, Accept)
	accepted(t, h, message(h))
}

// checkReason wants a reason that a list can show.
func checkReason(t *testing.T, r notify.Receipt) {
	t.Helper()
	if r.Reason == "" || len(r.Reason) > 1500 || strings.ContainsAny(r.Reason, "\r\n\x00") {
		t.Errorf("the reason is %q", r.Reason)
	}
}

func testContext(t *testing.T, h Harness) {
	answers(t, h, Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	done := make(chan notify.Receipt, 1)
	go func() { done <- h.Sender.Send(ctx, message(h)) }()
	select {
	case r := <-done:
		if r.Outcome != notify.Deferred && r.Outcome != notify.Unknown {
			t.Errorf("%+v", r)
		}
		checkReason(t, r)
	case <-time.After(prompt):
		t.Error("the sender goes on without its context")
	}
}

func testEndedContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := h.Sender.Send(ctx, message(h))
	if r.Outcome != notify.Deferred || len(h.Arrivals()) != 0 {
		t.Errorf("%+v, arrived %+v", r, h.Arrivals())
	}
	checkReason(t, r)
}

func testSecrets(t *testing.T, h Harness) {
	for _, a := range []Answer{Accept, Refuse, Defer} {
		if !h.Answer(a) {
			continue
		}
		r := send(t, h, message(h))
		for _, secret := range h.Secrets {
			if secret == "" || strings.Contains(fmt.Sprintf("%+v", r), secret) {
				t.Errorf("answer %d: %+v holds %q", a, r, secret)
			}
		}
	}
}

// hostile are titles that want to be more than a title.
var hostile = []string{
	"a\r\nBcc: evil@example.com\r\n\r\nbody",
	"a\nX-Injected: 1", "a\rX-Injected: 1", "a\x00b",
	"é\r\nX-Injected: 1", "=?utf-8?q?a=0D=0AX-Injected:_1?=",
	"a\u2028X-Injected: 1\u0085X-Injected: 1", "\xff\xfe\r\n.\r\nQUIT\r\n",
	`","tag":"other"`, "a&To=%2B1555", strings.Repeat("0123456789", 1000), strings.Repeat("ü ", 5000),
}

func testHostileTitle(t *testing.T, h Harness) {
	m := message(h)
	want := accepted(t, h, m)
	for _, title := range hostile {
		m.Title = title
		got := accepted(t, h, m)
		slices.Sort(want.Names)
		slices.Sort(got.Names)
		if diff := cmp.Diff(want.Names, got.Names); diff != "" {
			t.Errorf("title %.40q: %s", title, diff)
		}
		if strings.ContainsAny(got.Title, "\r\n\x00") || len(got.Title) > 1000 {
			t.Errorf("title %.40q arrived as %q", title, got.Title)
		}
		if want.Identity != got.Identity {
			t.Errorf("title %.40q changed the identity to %q", title, got.Identity)
		}
	}
}

func testIdentity(t *testing.T, h Harness) {
	m := message(h)
	first, again := accepted(t, h, m), accepted(t, h, m)
	m.ID = "0198a1b2-0000-7000-8000-00000000abce"
	other := accepted(t, h, m)
	if first.Identity == "" {
		t.Skip("this channel has no identities")
	}
	if first.Identity != again.Identity || first.Identity == other.Identity {
		t.Errorf("%q, again %q, another %q", first.Identity, again.Identity, other.Identity)
	}
}

func testConcurrent(t *testing.T, h Harness) {
	const messages = 16
	var all sync.WaitGroup
	for i := range messages {
		all.Go(func() {
			m := message(h)
			m.ID = fmt.Sprint("n", i)
			if r := h.Sender.Send(t.Context(), m); r.Outcome != notify.Accepted {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	if n := len(h.Arrivals()); n != messages {
		t.Errorf("%d messages arrived", n)
	}
}

func testEmpty(t *testing.T, h Harness) {
	if r := send(t, h, notify.Message{To: h.To}); r.Outcome == "" {
		t.Errorf("%+v", r)
	}
	for _, to := range []string{"", "\x00", "no address\r\nX-Injected: 1", "{", "https://[", strings.Repeat("x", 10_000)} {
		m := message(h)
		m.To = to
		r := send(t, h, m)
		if r.Outcome != notify.Gone && r.Outcome != notify.Refused {
			t.Errorf("to %.20q: %+v", to, r)
		}
		checkReason(t, r)
	}
}

func testLanguages(t *testing.T, h Harness) {
	for _, title := range []string{"Überführung läuft ab", "La garantie a été épuisée", "¿Qué señal?", "保証が切れます", "⚓ ahoy"} {
		m := message(h)
		m.Title, m.Text = title, "Più: "+title
		if got := accepted(t, h, m); got.Title != title || !strings.Contains(got.Text, m.Text) {
			t.Errorf("%q arrived as %+v", title, got)
		}
	}
}
