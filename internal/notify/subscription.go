package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Subscription is what a browser's PushManager gives (Push API).
type Subscription struct {
	Endpoint string           `json:"endpoint" minLength:"1" maxLength:"2000"`
	Keys     SubscriptionKeys `json:"keys"`
}

// SubscriptionKeys are the browser's keys, base64url (RFC 8291).
type SubscriptionKeys struct {
	P256dh string `json:"p256dh" minLength:"1" maxLength:"200"`
	Auth   string `json:"auth" minLength:"1" maxLength:"100"`
}

// SubscriptionInfo is a subscription as its owner sees it.
type SubscriptionInfo struct {
	ID string `json:"id"`
	// Service is the host of the push service.
	Service string `json:"service"`
}

// pushPurpose is what subscriptions are sealed for.
const pushPurpose = "push"

// maxSubscriptions bounds the browsers of a person; the oldest gives way.
const maxSubscriptions = 20

// Subscribe takes a browser in. The same browser again changes nothing; signed
// in as another person it is theirs from then on.
func (s *Service) Subscribe(ctx context.Context, who account.Actor, x Subscription) (info SubscriptionInfo, err error) {
	defer fault.Wrap(&err, "notify.Subscribe")
	u, err := url.Parse(x.Endpoint)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return info, fault.Fields(fault.Field{Location: "body.endpoint", Message: "must be the https address of a push service"})
	}
	text, err := json.Marshal(x)
	if err != nil {
		return info, err
	}
	sealed, err := s.accounts.Keys().Seal(pushPurpose, text)
	if err != nil {
		return info, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		info.ID, err = db.One(ctx, tx, db.Scalar[string], `INSERT INTO push_subscriptions (id, user_id, endpoint_hash, sealed, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (endpoint_hash) DO UPDATE SET user_id = $2, sealed = $4 RETURNING id`, db.NewID(), who.UserID, endpointHash(x.Endpoint), sealed, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM push_subscriptions WHERE user_id = $1 AND id NOT IN
			(SELECT id FROM push_subscriptions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)`, who.UserID, maxSubscriptions)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "push.subscribed")
	})
	info.Service = strings.ToLower(u.Host)
	return info, err
}

// Unsubscribe forgets a browser of the actor, by its endpoint.
func (s *Service) Unsubscribe(ctx context.Context, who account.Actor, endpoint string) (err error) {
	defer fault.Wrap(&err, "notify.Unsubscribe")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM push_subscriptions WHERE user_id = $1 AND endpoint_hash = $2", who.UserID, endpointHash(endpoint))
		if err == nil && n == 0 {
			return fault.New(fault.NotFound, "push subscription not found")
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "push.unsubscribed")
	})
}

func endpointHash(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:])
}

// subscribed is a subscription as a sender takes it.
type subscribed struct{ id, text string }

func (s *Service) subscriptions(ctx context.Context, user account.UserID) ([]subscribed, error) {
	all, err := db.Collect(ctx, s.db, func(r db.Row) (x subscribed, err error) {
		err = r.Scan(&x.id, &x.text)
		return x, err
	}, "SELECT id, sealed FROM push_subscriptions WHERE user_id = $1 ORDER BY id", user)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, x := range all {
		plain, err := s.accounts.Keys().Unseal(pushPurpose, x.text)
		if err != nil { // sealed by a key that is lost: the browser subscribes anew
			if err := s.forget(ctx, x.id); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, subscribed{x.id, string(plain)})
	}
	return out, nil
}

func (s *Service) forget(ctx context.Context, id string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM push_subscriptions WHERE id = $1", id)
		return err
	})
}
