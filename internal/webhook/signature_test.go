package webhook

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
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

// trial is a message that is spoilt in some way before its receiver judges it.
type trial struct {
	name  string
	off   time.Duration // when it was sent, as the receiver's clock goes
	spoil func(h http.Header)
	body  string // the vector's unless given
	taken bool
	// npm is what the library for JavaScript says where that differs.
	npm *bool
	// timeless is for a receiver that does not look at the time; only the
	// library for Go has such a one.
	timeless bool
}

// aWrong is a signature of nothing that the vector's key has signed.
const aWrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

// trials are the cases of the reference library's own test, by its names, and
// then ours.
func trials() []trial {
	without := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	with := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	signature := func(change func(good string) string) func(http.Header) {
		return func(h http.Header) { h.Set("Webhook-Signature", change(h.Get("Webhook-Signature"))) }
	}
	among := signature(func(good string) string {
		return strings.Join([]string{aWrong, strings.Replace(aWrong, "v1", "v2", 1), good, aWrong}, " ")
	})
	return []trial{
		{name: "valid signature is valid", taken: true},
		{name: "missing id returns error", spoil: without("Webhook-Id")},
		{name: "missing timestamp returns error", spoil: without("Webhook-Timestamp")},
		{name: "missing signature returns error", spoil: without("Webhook-Signature")},
		{name: "invalid signature is invalid", spoil: with("Webhook-Signature", aWrong)},
		{name: "partial signature is invalid", spoil: with("Webhook-Signature", "v1,")},
		{name: "old timestamp fails", off: -5 * time.Minute, npm: new(true)}, // that one counts whole seconds
		{name: "new timestamp fails", off: 5*time.Minute + time.Second},
		{name: "valid multi sig is valid", spoil: among, taken: true},
		{name: "old timestamp passes when ignoring tolerance", off: -5 * time.Minute, timeless: true, taken: true},
		{name: "new timestamp passes when ignoring tolerance", off: 5 * time.Minute, timeless: true, taken: true},
		{name: "valid timestamp passes when ignoring tolerance", timeless: true, taken: true},
		{name: "invalid timestamp fails when ignoring tolerance", spoil: with("Webhook-Timestamp", "1577836800"), timeless: true},

		{name: "the last moment that is not too old", off: -5*time.Minute + time.Second, taken: true},
		{name: "a second too old", off: -5*time.Minute - time.Second},
		{name: "the last moment that is not too new", off: 5 * time.Minute, taken: true},
		{name: "another id", spoil: with("Webhook-Id", "msg_another")},
		{name: "another timestamp", spoil: with("Webhook-Timestamp", strconv.FormatInt(trialTime.Unix()+1, 10))},
		{name: "a timestamp that is none", spoil: with("Webhook-Timestamp", "yesterday")},
		{name: "another version", spoil: signature(func(good string) string { return strings.Replace(good, "v1,", "v2,", 1) })},
		{name: "no version", spoil: signature(func(good string) string { return strings.TrimPrefix(good, "v1,") })},
		{name: "a cut signature", spoil: signature(func(good string) string { return good[:len(good)-1] })},
		{name: "signed with nothing", spoil: with("Webhook-Signature", Sign(vectorID, trialTime, []byte(vectorBody)))},
		{name: "another body", body: `{"test": 2432232315}`},
		{name: "a body with a space more", body: vectorBody + " "},
	}
}

// trialTime is when the trials are judged: within a second, as clocks are.
var trialTime = time.Date(2000, 1, 1, 0, 0, 0, int(time.Millisecond), time.UTC)

// message is what arrives of a trial.
func (c trial) message(t testing.TB) (h http.Header, body string) {
	t.Helper()
	at := trialTime.Add(c.off)
	h = http.Header{}
	h.Set("Webhook-Id", vectorID)
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("Webhook-Signature", Sign(vectorID, at, []byte(vectorBody), keyOf(t, vectorSecret)))
	if c.spoil != nil {
		c.spoil(h)
	}
	return h, cmp.Or(c.body, vectorBody)
}

// TestWhatTheOfficialLibraryTakes: the receiver's side is the library of the
// specification's authors, so that we do not judge ourselves.
func TestWhatTheOfficialLibraryTakes(t *testing.T) {
	t.Parallel()
	for _, c := range trials() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // whose clock begins with the year 2000
				time.Sleep(time.Until(trialTime))
				verifier, err := standard.NewWebhook(vectorSecret)
				if err != nil {
					t.Fatal(err)
				}
				judge := verifier.Verify
				if c.timeless {
					judge = verifier.VerifyIgnoringTimestamp
				}
				h, body := c.message(t)
				if err := judge([]byte(body), h); (err == nil) != c.taken {
					t.Errorf("%v, want it taken: %v", err, c.taken)
				}
			})
		})
	}
}

// An empty key signs nothing, and nobody takes what is not signed; the library's
// own signer would sign with it, and its verifier take that.
func TestAnEmptyKeySignsNothing(t *testing.T) {
	t.Parallel()
	if got := Sign(vectorID, trialTime, []byte(vectorBody), nil, []byte{}); got != "" {
		t.Error(got)
	}
	key := newKey()
	if got, want := Sign(vectorID, trialTime, nil, nil, key), Sign(vectorID, trialTime, nil, key); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A message that nothing signs is not sent.
func TestNothingIsSentUnsigned(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, nil)
		w := b.create(r.URL, "*")
		sealed, err := b.accounts.Keys().Seal("webhook", nil)
		if err != nil {
			t.Fatal(err)
		}
		w.sealed = sealed
		if got := b.send(t.Context(), w, "1", []byte("{}")); !strings.Contains(got.problem, "secret") || len(r.got()) > 0 {
			t.Errorf("%+v, and %d came", got, len(r.got()))
		}
	})
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
