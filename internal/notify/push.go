package notify

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/SherClockHolmes/webpush-go"

	"navidocs/internal/fault"
)

// PushConfig is who pushes (RFC 8292).
type PushConfig struct {
	PublicKey, PrivateKey string // of VAPIDKeys
	Subject               string // whom push services may ask: mailto:... or https://...
}

const (
	maxPush       = 3993         // octets that one record takes (RFC 8291)
	pushTTL       = 24 * 60 * 60 // seconds that a push service keeps it
	topicLength   = 24           // octets, 32 characters (RFC 8030)
	maxPushFields = 3400         // of which title and text together
)

// PushSender pushes to browsers. What comes again replaces what was not yet
// shown (Topic) and what was (tag).
//
// Gone is a subscription that its service no longer knows, that cannot be read,
// or that leads where no push service is.
type PushSender struct {
	config PushConfig
	client Doer
}

var _ Sender = (*PushSender)(nil)

// NewPush checks the keys. The client must be a guarded one, for the address of
// the push service comes from a user.
func NewPush(c PushConfig, client Doer) (_ *PushSender, err error) {
	defer fault.Wrap(&err, "notify.NewPush")
	public, err := vapidPublic(c.PrivateKey)
	if err != nil || public != strings.TrimRight(c.PublicKey, "=") {
		return nil, fault.New(fault.Invalid, "the VAPID keys are no pair; restore them from a backup, or remove them to have new ones made")
	}
	if !strings.HasPrefix(c.Subject, "mailto:") && !strings.HasPrefix(c.Subject, "https://") {
		return nil, fault.New(fault.Invalid, "%q cannot be asked about pushes; write mailto:name@example.com or https://host", c.Subject)
	}
	return &PushSender{config: c, client: client}, nil
}

// Channel is Push.
func (s *PushSender) Channel() Channel { return Push }

// Send pushes the message.
func (s *PushSender) Send(ctx context.Context, m Message) Receipt {
	to, err := subscription(m.To)
	if err != nil {
		return Receipt{Outcome: Gone, Reason: fault.Message(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	secrets := []string{to.Keys.Auth, to.Endpoint, s.config.PrivateKey}
	options := &webpush.Options{
		HTTPClient: s.client, Subscriber: strings.TrimPrefix(s.config.Subject, "mailto:"),
		VAPIDPublicKey: s.config.PublicKey, VAPIDPrivateKey: s.config.PrivateKey,
		TTL: pushTTL, Urgency: webpush.UrgencyNormal, Topic: topic(m.ID),
	}
	if m.Urgent {
		options.Urgency = webpush.UrgencyHigh
	}
	resp, err := webpush.SendNotificationWithContext(ctx, pushPayload(m), to, options)
	if err != nil {
		r := noAnswer(ctx, "the push service", err, secrets...)
		if r.Outcome == Refused {
			r.Outcome = Gone
		}
		return r
	}
	r := read(resp)
	receipt := r.receipt(secrets...)
	if r.status == http.StatusNotFound || r.status == http.StatusGone {
		receipt.Outcome = Gone
	}
	return receipt
}

// subscription reads a PushSubscription as browsers give it; the error says
// what is wrong with it.
func subscription(text string) (*webpush.Subscription, error) {
	var s webpush.Subscription
	if json.Unmarshal([]byte(text), &s) != nil {
		return nil, fault.New(fault.Invalid, "this is no push subscription")
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fault.New(fault.Invalid, "the push subscription has no address")
	}
	point, err := unpadded(s.Keys.P256dh)
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(point)
	}
	if auth, failed := unpadded(s.Keys.Auth); err != nil || failed != nil || len(auth) != 16 {
		return nil, fault.New(fault.Invalid, "the keys of the push subscription cannot be used")
	}
	return &s, nil
}

// unpadded decodes both forms of base64, with or without padding.
func unpadded(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// topic is the same for the same notification, and 32 characters long.
func topic(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:topicLength])
}

// pushPayload is what the page's worker shows, cut to what one record takes.
func pushPayload(m Message) []byte {
	p := struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		URL   string `json:"url,omitempty"`
		Tag   string `json:"tag"`
	}{Title: oneLine(m.Title, maxTitle), URL: oneLine(m.Link, 500), Tag: identity(m.ID)}
	for room := maxPushFields; ; room /= 2 {
		p.Body = cutWords(manyLines(m.Text), room, ellipsis, octets)
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(p) // strings always encode
		if b.Len() <= maxPush || room == 0 {
			return bytes.TrimSpace(b.Bytes())
		}
	}
}

// VAPIDKeys are the pair kept in a file, which is made with the first call; two
// processes that start at once agree. The private key is a secret: the file is
// its owner's alone. A new pair would end every subscription.
func VAPIDKeys(path string) (public, private string, err error) {
	defer fault.Wrap(&err, "notify.VAPIDKeys")
	text, err := os.ReadFile(path) //nolint:forbidigo // a key
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeVAPID(path); err != nil {
			return "", "", err
		}
		text, err = os.ReadFile(path) //nolint:forbidigo // a key
	}
	if err != nil {
		return "", "", err
	}
	private = strings.TrimSpace(string(text))
	public, err = vapidPublic(private)
	if err != nil {
		return "", "", fault.Because(err, fault.Internal, "%s holds no key: restore it from a backup, or remove it to have a new one made", path)
	}
	return public, private, nil
}

func makeVAPID(path string) error {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // linked or useless by then
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(key.Bytes()) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link never replaces a file: whoever was first has made the key.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// vapidPublic is the public half of a private key, both in base64url.
func vapidPublic(private string) (string, error) {
	b, err := unpadded(private)
	if err != nil {
		return "", err
	}
	key, err := ecdh.P256().NewPrivateKey(b)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), nil
}
