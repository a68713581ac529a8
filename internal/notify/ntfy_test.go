package notify_test

import (
	"mime"
	"strings"
	"testing"

	"navidocs/internal/fault"
	"navidocs/internal/notify"
	"navidocs/internal/notify/notifytest"
)

const ntfyTopic = "secret-topic-of-the-boat"

func ntfySender(t *testing.T, server string, allow ...string) *notify.NtfySender {
	t.Helper()
	s, err := notify.NewNtfy(server, guarded(t, allow...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readNtfy(t *testing.T, r request) notifytest.Arrival {
	t.Helper()
	title, err := new(mime.WordDecoder).DecodeHeader(r.Header.Get("Title"))
	if err != nil {
		t.Fatal(err)
	}
	return notifytest.Arrival{Title: title, Text: r.body, Link: r.Header.Get("Click"), Identity: r.Header.Get("X-Sequence-Id")}
}

func TestNtfyConforms(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Harness {
		w := serveWeb(t, 200)
		return notifytest.Harness{
			Channel: notify.Ntfy, Sender: ntfySender(t, w.URL, loopback), To: ntfyTopic, Secrets: []string{ntfyTopic},
			Answer: func(a notifytest.Answer) bool {
				return w.answer(a, 200, `{"code":1,"error":"topic `+ntfyTopic+`"}`)
			},
			Arrivals: func() []notifytest.Arrival {
				return w.arrivals(func(r request) notifytest.Arrival { return readNtfy(t, r) })
			},
		}
	})
}

func TestNtfyRequest(t *testing.T) {
	t.Parallel()
	w := serveWeb(t, 200)
	s := ntfySender(t, "https://ntfy.example.com/", loopback)
	m := notify.Message{ID: "n1", To: w.URL + "/boats/" + ntfyTopic, Title: "é", Text: strings.Repeat("wörter ", 1000), Urgent: true}
	if r := s.Send(t.Context(), m); r.Outcome != notify.Accepted {
		t.Fatalf("%+v", r)
	}
	r := w.requests()[0]
	if r.URL.Path != "/boats/"+ntfyTopic || r.Header.Get("Priority") != "5" || r.Header.Get("Title") != "=?utf-8?q?=C3=A9?=" || r.Header.Get("Tags") == "" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
	if len(r.body) > 4096 || len(r.body) < 4000 || !strings.HasSuffix(r.body, " wörter…") {
		t.Errorf("%d octets, ...%q", len(r.body), r.body[len(r.body)-20:])
	}
}

func TestNtfyAnswers(t *testing.T) {
	t.Parallel()
	w := serveWeb(t, 200)
	m := notify.Message{ID: "n1", To: ntfyTopic, Title: "t"}
	outcomes(t, w, ntfySender(t, w.URL, loopback), m, map[int]notify.Outcome{
		200: notify.Accepted, 301: notify.Refused, 400: notify.Refused, 401: notify.Refused, 403: notify.Refused,
		404: notify.Refused, 413: notify.Refused, 429: notify.Deferred, 500: notify.Deferred, 507: notify.Deferred, 0: notify.Deferred,
	})
}

// TestNtfyIsGuarded: a topic's address may lead to the internet only.
func TestNtfyIsGuarded(t *testing.T) {
	t.Parallel()
	w := serveWeb(t, 200)
	s := ntfySender(t, "https://ntfy.example.com")
	r := s.Send(t.Context(), notify.Message{ID: "n1", To: w.URL + "/topic", Title: "t"})
	if r.Outcome != notify.Refused || !strings.Contains(r.Reason, "EGRESS_ALLOW") || len(w.requests()) != 0 {
		t.Errorf("%+v", r)
	}
	for _, to := range []string{"ftp://x/topic", "https://user:pass@x.example/topic", "https://x.example/", "a/b", "tópico"} {
		if r := s.Send(t.Context(), notify.Message{ID: "n1", To: to}); r.Outcome != notify.Refused {
			t.Errorf("%s: %+v", to, r)
		}
	}
	if _, err := notify.NewNtfy("ntfy.sh", nil); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
