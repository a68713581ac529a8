package notify_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"navidocs/internal/fault"
	"navidocs/internal/notify"
	"navidocs/internal/notify/notifytest"
)

// browser is the receiving end of RFC 8291.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	rand.Read(auth)
	return browser{key, auth}
}

// subscribed is what the browser gives to the page.
func (b browser) subscribed(t *testing.T, endpoint string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"endpoint": endpoint, "expirationTime": nil,
		"keys": map[string]string{"p256dh": b64(b.key.PublicKey().Bytes()), "auth": b64(b.auth)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// open decrypts a message as RFC 8291, 3.4 and RFC 8188 say.
func (b browser) open(t *testing.T, message string) string {
	t.Helper()
	body := []byte(message)
	if len(body) < 86 || len(body) > 4096 || body[20] != 65 {
		t.Fatalf("%d octets are no record", len(body))
	}
	salt, sender, sealed := body[:16], body[21:86], body[86:]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := b.key.ECDH(public)
	if err != nil {
		t.Fatal(err)
	}
	derive := func(secret, salt []byte, info string, length int) []byte {
		k, err := hkdf.Key(sha256.New, secret, salt, info, length)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ikm := derive(shared, b.auth, "WebPush: info\x00"+string(b.key.PublicKey().Bytes())+string(sender), 32)
	block, err := aes.NewCipher(derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, derive(ikm, salt, "Content-Encoding: nonce\x00", 12), sealed, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimRight(string(plain), "\x00")
	if !strings.HasSuffix(text, "\x02") {
		t.Fatal("this is not the last record")
	}
	return strings.TrimSuffix(text, "\x02")
}

// TestBrowserOfTheRFC: the receiver of these tests is the one of RFC 8291,
// appendix A.
func TestBrowserOfTheRFC(t *testing.T) {
	t.Parallel()
	key, err := ecdh.P256().NewPrivateKey(unb64(t, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	const body = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	b := browser{key, unb64(t, "BTBZMqHH6r4Tts7J_aSIgg")}
	if got := b.open(t, string(unb64(t, body))); got != "When I grow up, I want to be a watermelon" {
		t.Errorf("%q", got)
	}
}

func pushSender(t *testing.T, allow ...string) (*notify.PushSender, string) {
	t.Helper()
	public, private, err := notify.VAPIDKeys(filepath.Join(t.TempDir(), "vapid"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := notify.NewPush(notify.PushConfig{PublicKey: public, PrivateKey: private, Subject: "mailto:docs@boats.example.com"}, guarded(t, allow...))
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// pushed is what the page's worker gets.
type pushed struct{ Title, Body, URL, Tag string }

func (b browser) read(t *testing.T, r request) pushed {
	t.Helper()
	var p pushed
	if err := json.Unmarshal([]byte(b.open(t, r.body)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPushConforms(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Harness {
		w, b := serveWeb(t, 201), newBrowser(t)
		s, _ := pushSender(t, loopback)
		auth, endpoint := b64(b.auth), w.URL+"/push/of-this-browser"
		return notifytest.Harness{
			Channel: notify.Push, Sender: s, To: b.subscribed(t, endpoint), Secrets: []string{auth, endpoint},
			Answer: func(a notifytest.Answer) bool {
				return w.answer(a, 201, `{"message":"`+auth+` at `+endpoint+`"}`)
			},
			Arrivals: func() []notifytest.Arrival {
				return w.arrivals(func(r request) notifytest.Arrival {
					p := b.read(t, r)
					return notifytest.Arrival{Title: p.Title, Text: p.Body, Link: p.URL, Identity: p.Tag + " " + r.Header.Get("Topic")}
				})
			},
		}
	})
}

func TestPushRequest(t *testing.T) {
	t.Parallel()
	w, b := serveWeb(t, 201), newBrowser(t)
	s, public := pushSender(t, loopback)
	m := notify.Message{ID: "n1", To: b.subscribed(t, w.URL+"/push/1"), Title: "t", Text: strings.Repeat(`"<wörter>" `, 2000), Link: "https://docs.example.com/?a=1&b=2", Urgent: true}
	if r := s.Send(t.Context(), m); r.Outcome != notify.Accepted {
		t.Fatalf("%+v", r)
	}
	r := w.requests()[0]
	for name, want := range map[string]string{"Content-Encoding": "aes128gcm", "Ttl": "86400", "Urgency": "high"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if topic := r.Header.Get("Topic"); len(topic) != 32 || len(unb64(t, topic)) != 24 {
		t.Errorf("the topic is %q", topic)
	}
	p := b.read(t, r)
	if p.URL != m.Link || p.Tag != "n1" || !strings.HasSuffix(p.Body, "…") || len(p.Body) < 1000 {
		t.Errorf("%.100s", p)
	}
	checkVAPID(t, r.Header.Get("Authorization"), w.URL, public)
}

// checkVAPID verifies the token of RFC 8292.
func checkVAPID(t *testing.T, header, audience, public string) {
	t.Helper()
	rest, ok := strings.CutPrefix(header, "vapid t=")
	token, key, _ := strings.Cut(rest, ", k=")
	if !ok || key != public {
		t.Fatalf("the header is %q", header)
	}
	point := unb64(t, key)
	verifier := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(point[1:33]), Y: new(big.Int).SetBytes(point[33:])}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return verifier, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithSubject("mailto:docs@boats.example.com"))
	if err != nil || claims.ExpiresAt.After(time.Now().Add(24*time.Hour)) {
		t.Errorf("%v, until %v", err, claims.ExpiresAt)
	}
}

func TestPushAnswers(t *testing.T) {
	t.Parallel()
	w, b := serveWeb(t, 201), newBrowser(t)
	s, _ := pushSender(t, loopback)
	outcomes(t, w, s, notify.Message{ID: "n1", To: b.subscribed(t, w.URL+"/push/1"), Title: "t"}, map[int]notify.Outcome{
		200: notify.Accepted, 201: notify.Accepted, 202: notify.Accepted, 307: notify.Refused, 400: notify.Refused, 401: notify.Refused,
		403: notify.Refused, 404: notify.Gone, 410: notify.Gone, 413: notify.Refused, 429: notify.Deferred, 500: notify.Deferred,
		503: notify.Deferred, 0: notify.Deferred,
	})
}

// TestPushIsGuarded: an address inside the network is no push service.
func TestPushIsGuarded(t *testing.T) {
	t.Parallel()
	w, b := serveWeb(t, 201), newBrowser(t)
	s, _ := pushSender(t)
	r := s.Send(t.Context(), notify.Message{ID: "n1", To: b.subscribed(t, w.URL+"/push/1"), Title: "t"})
	if r.Outcome != notify.Gone || r.Reason == "" || len(w.requests()) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestPushSubscriptions(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	good := b.subscribed(t, "https://push.example.com/1")
	key, auth := b64(b.key.PublicKey().Bytes()), b64(b.auth)
	for text, want := range map[string]bool{
		good:                                   true,
		strings.ReplaceAll(good, key, key+"="): true,
		strings.ReplaceAll(good, auth, auth+"=="):                  true,
		strings.ReplaceAll(good, auth, auth[:20]):                  false,
		strings.ReplaceAll(good, key, "B"+strings.Repeat("A", 86)): false,
		strings.ReplaceAll(good, key, auth):                        false,
		strings.ReplaceAll(good, "https://", "ftp://"):             false,
		"":     false,
		"null": false,
		"[]":   false,
		"{}":   false,
	} {
		if _, err := notify.ParseSubscription(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzSubscription(f *testing.F) {
	f.Add(`{"endpoint":"https://push.example.com/1","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`)
	f.Add(`{"keys":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := notify.ParseSubscription(text)
		if (s == nil) == (err == nil) {
			t.Errorf("%v, %v", s, err)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func FuzzPushPayload(f *testing.F) {
	f.Add("t", "b", "https://a.example/")
	f.Add("\x00", strings.Repeat("\x01\"", 3000), strings.Repeat("<", 600))
	f.Fuzz(func(t *testing.T, title, text, link string) {
		p := notify.PushPayload(notify.Message{Title: title, Text: text, Link: link})
		if len(p) > 3993 || !json.Valid(p) {
			t.Errorf("%d octets: %.200s", len(p), p)
		}
	})
}

func TestVAPIDKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vapid")
	var all sync.WaitGroup
	var mu sync.Mutex
	keys := map[string]string{}
	for range 8 {
		all.Go(func() {
			public, private, err := notify.VAPIDKeys(path)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			keys[public] = private
		})
	}
	all.Wait()
	if len(keys) != 1 {
		t.Errorf("%d pairs", len(keys))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := notify.VAPIDKeys(path); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Error(err)
	}
	for public, private := range keys {
		for _, c := range []notify.PushConfig{
			{Subject: "mailto:a@b.c"},
			{PublicKey: public, PrivateKey: private, Subject: "a@b.c"},
			{PublicKey: private, PrivateKey: private, Subject: "mailto:a@b.c"},
		} {
			if _, err := notify.NewPush(c, nil); !fault.Is(err, fault.Invalid) {
				t.Error(err)
			}
		}
	}
}
