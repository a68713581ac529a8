package notify_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"navidocs/internal/fault"
	"navidocs/internal/notify"
	"navidocs/internal/notify/notifytest"
)

const smsToken = "t0ken-of-the-account"

func smsSender(t *testing.T, address string) *notify.SMSSender {
	t.Helper()
	s, err := notify.NewSMS(notify.SMSConfig{URL: address, SID: "AC123", Token: smsToken, From: "+15550001111"}, guarded(t, loopback))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readSMS(t *testing.T, r request) notifytest.Arrival {
	t.Helper()
	form, err := url.ParseQuery(r.body)
	if err != nil {
		t.Fatal(err)
	}
	a := notifytest.Arrival{Names: slices.Collect(maps.Keys(form))}
	a.Title, a.Text, _ = strings.Cut(form.Get("Body"), "\n")
	if i := strings.Index(a.Text, "https://"); i >= 0 {
		a.Link = a.Text[i:]
	}
	return a
}

func TestSMSConforms(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Harness {
		w := serveWeb(t, 201)
		return notifytest.Harness{
			Channel: notify.SMS, Sender: smsSender(t, w.URL), To: "+41791234567", Secrets: []string{smsToken},
			Answer: func(a notifytest.Answer) bool {
				return w.answer(a, 201, `{"sid":"`+smsToken+`","message":"for `+smsToken+`"}`)
			},
			Arrivals: func() []notifytest.Arrival {
				return w.arrivals(func(r request) notifytest.Arrival { return readSMS(t, r) })
			},
		}
	})
}

func smsMessage() notify.Message {
	return notify.Message{ID: "1", To: "+41791234567", Title: "Warranty ends", Text: "On 4 May.", Link: "https://docs.example.com/w/1"}
}

func TestSMSRequest(t *testing.T) {
	t.Parallel()
	w := serveWeb(t, 201)
	w.set(201, `{"sid":"SM42","status":"queued"}`, nil)
	s, err := notify.NewSMS(notify.SMSConfig{URL: w.URL + "/", SID: "AC123", Token: smsToken, From: "MG9"}, guarded(t, loopback))
	if err != nil {
		t.Fatal(err)
	}
	if r := s.Send(t.Context(), smsMessage()); r.Outcome != notify.Accepted || r.Reference != "SM42" {
		t.Errorf("%+v", r)
	}
	if r := smsSender(t, w.URL).Send(t.Context(), smsMessage()); r.Outcome != notify.Accepted {
		t.Errorf("%+v", r)
	}
	for i, from := range []string{"MessagingServiceSid=MG9&", "From=%2B15550001111&"} {
		r := w.requests()[i]
		user, password, _ := r.BasicAuth()
		if r.URL.Path != "/2010-04-01/Accounts/AC123/Messages.json" || r.Method != http.MethodPost || user != "AC123" || password != smsToken {
			t.Errorf("%s %s as %s", r.Method, r.URL, user)
		}
		if !strings.Contains(r.body, from) || !strings.Contains(r.body, "To=%2B41791234567") {
			t.Errorf("the form is %s", r.body)
		}
	}
}

// TestSMSAtMostOnce: whatever may have been read is not sent again.
func TestSMSAtMostOnce(t *testing.T) {
	t.Parallel()
	w := serveWeb(t, 201)
	outcomes(t, w, smsSender(t, w.URL), smsMessage(), map[int]notify.Outcome{
		200: notify.Accepted, 201: notify.Accepted,
		302: notify.Refused, 400: notify.Refused, 401: notify.Refused, 404: notify.Refused,
		429: notify.Deferred,
		500: notify.Unknown, 503: notify.Unknown, 0: notify.Unknown,
	})
	gone := serveWeb(t, 201)
	address := gone.URL
	gone.Close()
	if r := smsSender(t, address).Send(t.Context(), smsMessage()); r.Outcome != notify.Deferred {
		t.Errorf("nobody listens: %+v", r)
	}
}

func TestSMSCodes(t *testing.T) {
	t.Parallel()
	w := serveWeb(t, 201)
	s := smsSender(t, w.URL)
	for body, want := range map[string]notify.Outcome{
		`{"code":21211,"message":"no number"}`:    notify.Gone,
		`{"code":21614,"message":"not mobile"}`:   notify.Gone,
		`{"code":21610,"message":"unsubscribed"}`: notify.Gone,
		`{"code":21408,"message":"no permit"}`:    notify.Refused,
		`<html>`:                                  notify.Refused,
	} {
		w.set(400, body, nil)
		r := s.Send(t.Context(), smsMessage())
		if r.Outcome != want || !strings.HasPrefix(r.Reason, "400 Bad Request") || strings.Contains(r.Reason, "html") {
			t.Errorf("%s: %+v", body, r)
		}
	}
	for _, to := range []string{"", "0791234567", "+0791", "+41 79 123", "+4179123456789012", "whatsapp:+41791234567"} {
		m := smsMessage()
		m.To = to
		if r := s.Send(t.Context(), m); r.Outcome != notify.Gone {
			t.Errorf("%q: %+v", to, r)
		}
	}
}

// TestSMSText: a message is one part, its words are whole, its link too.
func TestSMSText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("watermaker ", 30)
	link := "https://docs.example.com/w/1"
	for _, test := range []struct {
		name, title, text, link, want string
	}{
		{"short", "A", "b", link, "A\nb\n" + link},
		{"no text", "A", "", link, "A\n" + link},
		{"nothing", "", "", "", ""},
		{"only a link", "", "", link, link},
		{"cut by words", "Ends", long, link, "Ends\n" + strings.TrimSpace(strings.Repeat("watermaker ", 11)) + "...\n" + link},
		{"a link too long", "Ends", "soon", "https://docs.example.com/" + strings.Repeat("x", 120), "Ends\nsoon"},
		{"accents without a letter in GSM", "Garantía “prêt-à-porter”", "ça…", "", "Garantia \"pret-à-porter\"\nca..."},
		{"other scripts", "保証", "終わり", link, "保証\n終わり\n" + link},
		{"other scripts, cut", strings.Repeat("保", 100), "", "", strings.Repeat("保", 69) + "…"},
		{"extension characters are two", strings.Repeat("€", 100), "", "", strings.Repeat("€", 78) + "..."},
	} {
		got := notify.SMSText(notify.Message{Title: test.title, Text: test.text, Link: test.link})
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzSMSText(f *testing.F) {
	f.Add("Überführung", "läuft ab", "https://a.example/1")
	f.Add("保証", "𝄞 €", "")
	f.Fuzz(func(t *testing.T, title, text, link string) {
		got := notify.SMSText(notify.Message{Title: title, Text: text, Link: link})
		if units := len(utf16.Encode([]rune(got))); units > 160 {
			t.Errorf("%d units: %q", units, got)
		}
		if strings.ContainsAny(got, "\x00\r") {
			t.Errorf("%q", got)
		}
	})
}

func TestSMSConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []notify.SMSConfig{
		{}, {SID: "a", Token: "b"}, {URL: "ftp://x", SID: "a", Token: "b", From: "c"}, {URL: "https://", SID: "a", Token: "b", From: "c"},
	} {
		if _, err := notify.NewSMS(c, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
