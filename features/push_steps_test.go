package features

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"

	"github.com/cucumber/godog"

	"navidocs/internal/notify"
	"navidocs/internal/testkit"
)

// browser is a subscribed one together with its push service.
type browser struct {
	service *httptest.Server
	key     *ecdh.PrivateKey
	auth    []byte

	mu     sync.Mutex // guards what follows
	gone   bool
	pushes [][]byte
}

func (i *informed) pushSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the captain subscribes a phone and a laptop$`, func() error {
		var first, second error
		i.phone, first = i.subscribes()
		i.laptop, second = i.subscribes()
		return errors.Join(first, second)
	})
	sc.Step(`^the laptop is thrown away$`, func() { i.laptop.goes() })
	sc.Step(`^the phone shows "([^"]*)", which nobody else could read$`, i.shows)
	sc.Step(`^the laptop is subscribed no more$`, i.isForgotten)
	sc.Step(`^the push service was asked once for the laptop$`, i.wasAskedOnce)
}

func (i *informed) subscribes() (*browser, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	b := &browser{key: key, auth: make([]byte, 16)}
	rand.Read(b.auth)
	b.service = httptest.NewTLSServer(http.HandlerFunc(b.takes))
	i.t.Cleanup(b.service.Close)
	text := base64.RawURLEncoding.EncodeToString
	var made notify.SubscriptionInfo
	i.captain.Post("/api/push-subscriptions", notify.Subscription{
		Endpoint: b.endpoint(), Keys: notify.SubscriptionKeys{P256dh: text(key.PublicKey().Bytes()), Auth: text(b.auth)},
	}, &made)
	return b, nil
}

func (b *browser) endpoint() string { return b.service.URL + "/push/1" }

// takes answers as a push service does (RFC 8030).
func (b *browser) takes(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pushes = append(b.pushes, body)
	switch {
	case b.gone:
		w.WriteHeader(http.StatusGone)
	case err != nil || !strings.HasPrefix(req.Header.Get("Authorization"), "vapid t=") || req.Header.Get("TTL") == "":
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}

func (b *browser) goes() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
}

func (b *browser) taken() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([][]byte(nil), b.pushes...)
}

func (i *informed) shows(about string) error {
	testkit.Eventually(i.t, func() error {
		shown := ""
		for _, push := range i.phone.taken() {
			text, err := i.phone.open(push)
			if err != nil || strings.Contains(string(push), about) {
				return fmt.Errorf("%q is no push: %w", push, err)
			}
			shown += text
		}
		if strings.Count(shown, `"title":"`+about+" could not be read") != 1 {
			return fmt.Errorf("it shows %s", shown)
		}
		return nil
	})
	return nil
}

// open decrypts a push as RFC 8291, 3.4 and RFC 8188 say; it uses nothing of
// the product.
func (b *browser) open(body []byte) (string, error) {
	if len(body) < 86 || len(body) > 4096 || body[20] != 65 {
		return "", fmt.Errorf("%d octets are no record", len(body))
	}
	salt, sender, sealed := body[:16], body[21:86], body[86:]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return "", err
	}
	shared, err := b.key.ECDH(public)
	if err != nil {
		return "", err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return "", err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return "", err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return "", err
	}
	return unsealed(key, nonce, sealed)
}

func unsealed(key, nonce, sealed []byte) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	return strings.TrimRight(string(plain), "\x00"), err
}

func (i *informed) isForgotten() error {
	i.captain.Want(http.StatusNotFound, "DELETE", "/api/push-subscriptions?endpoint="+url.QueryEscape(i.laptop.endpoint()), nil)
	return nil
}

func (i *informed) wasAskedOnce() error {
	if n := len(i.laptop.taken()); n != 1 {
		return fmt.Errorf("it was asked %d times", n)
	}
	return nil
}
