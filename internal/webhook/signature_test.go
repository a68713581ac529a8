package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"
)

// The vector of the specification's reference libraries.
const (
	vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody   = `{"test": 2432232314}`
)

func keyOf(t testing.TB, secret string) []byte {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTheVectorOfTheSpecification(t *testing.T) {
	t.Parallel()
	got := Sign(vectorID, time.Unix(1614265330, 0), []byte(vectorBody), keyOf(t, vectorSecret))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// signed are the headers of a message that was sent at a time.
func signed(t testing.TB, at time.Time) http.Header {
	t.Helper()
	h := http.Header{}
	h.Set("Webhook-Id", vectorID)
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("Webhook-Signature", Sign(vectorID, at, []byte(vectorBody), keyOf(t, vectorSecret)))
	return h
}

// TestWhatTheOfficialLibraryRefuses: the receiver's side is the library of the
// specification's authors, so that we do not judge ourselves.
func TestWhatTheOfficialLibraryRefuses(t *testing.T) {
	t.Parallel()
	now := time.Now()
	change := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	without := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	sentAt := func(off time.Duration) func(http.Header) {
		return func(h http.Header) {
			for name, values := range signed(t, time.Now().Add(off)) { // the library reads the clock itself
				h[name] = values
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(http.Header)
		body  string
	}{
		"no id":              {spoil: without("Webhook-Id")},
		"no timestamp":       {spoil: without("Webhook-Timestamp")},
		"no signature":       {spoil: without("Webhook-Signature")},
		"an empty signature": {spoil: change("Webhook-Signature", "v1,")},
		"another version": {spoil: func(h http.Header) {
			h.Set("Webhook-Signature", strings.Replace(h.Get("Webhook-Signature"), "v1,", "v2,", 1))
		}},
		"a wrong signature":         {spoil: change("Webhook-Signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=")},
		"another id":                {spoil: change("Webhook-Id", "msg_another")},
		"another timestamp":         {spoil: change("Webhook-Timestamp", strconv.FormatInt(now.Unix()+1, 10))},
		"a timestamp that is none":  {spoil: change("Webhook-Timestamp", "yesterday")},
		"more than 5 minutes old":   {spoil: sentAt(-5*time.Minute - 2*time.Second)},
		"more than 5 minutes ahead": {spoil: sentAt(5*time.Minute + 30*time.Second)},
		"another body":              {spoil: func(http.Header) {}, body: `{"test": 2432232315}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier, err := standard.NewWebhook(vectorSecret)
			if err != nil {
				t.Fatal(err)
			}
			h := signed(t, now)
			if err := verifier.Verify([]byte(vectorBody), h); err != nil {
				t.Fatalf("unspoilt it is refused: %v", err)
			}
			if c.spoil(h); c.body == "" {
				c.body = vectorBody
			}
			if err := verifier.Verify([]byte(c.body), h); err == nil {
				t.Error("it is taken")
			}
		})
	}
}

// An empty key signs nothing: the library's own signer would sign with it.
func TestAnEmptyKeySignsNothing(t *testing.T) {
	t.Parallel()
	if got := Sign(vectorID, time.Unix(0, 0), nil, nil, []byte{}); got != "" {
		t.Error(got)
	}
}

func TestEveryKeyVerifiesWhateverTheBody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		old, present, now := newKey(), newKey(), time.Now()
		h := http.Header{}
		h.Set("Webhook-Id", vectorID)
		h.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
		h.Set("Webhook-Signature", "v1a,junk "+Sign(vectorID, now, body, present, old)+" v2,junk")
		for i, key := range [][]byte{old, present, newKey()} {
			verifier, err := standard.NewWebhook(secretText(key))
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier.Verify(body, h); (err == nil) != (i < 2) {
				t.Fatal(fmt.Sprint("key ", i, ": "), err)
			}
		}
	})
}
