package integration

import (
	"context"
	"net/http"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
	"navidocs/internal/webhook"
)

// nonceFor is how long a test can be confirmed.
const nonceFor = 24 * time.Hour

// ConfirmPath is where a Home Assistant confirms a test, followed by the nonce.
const ConfirmPath = "/api/integrations/home-assistant/confirm/"

// Tested is how a test ended.
type Tested struct {
	webhook.Delivery
	Message string `json:"message" doc:"what it means, in words"`
}

// Test sends webhook.test now, signed, with a confirm_url: a POST to it within 24
// hours confirms that the message came. The answer says how sending ended. A
// broker is sent a message, too, that nothing takes. Managers may.
func (s *Service) Test(ctx context.Context, who account.Actor, id ID) (t Tested, err error) {
	defer fault.Wrap(&err, "integration.Test %s", id)
	nonce, hash := vault.Token("")
	var c Connection
	if c, err = managed(ctx, s.db, who, id); err == nil && c.Lane == MQTT {
		return s.testBroker(ctx, who, c)
	}
	if err != nil {
		return t, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = managed(ctx, tx, who, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET nonce_hash = $1, nonce_until = $2 WHERE id = $3",
			hash, db.Micros(tx.Now().Add(nonceFor)), id)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "tested", c)
	})
	if err != nil {
		return t, err
	}
	t.Delivery, err = s.webhooks.TestConnection(ctx, who, *c.WebhookID, s.config.BaseURL+ConfirmPath+nonce)
	t.Message = t.meaning(c.Lane)
	return t, err
}

func (t Tested) meaning(lane Lane) string {
	switch {
	case t.ResponseStatus != nil && *t.ResponseStatus == http.StatusUnauthorized && lane == Event:
		return badToken
	case t.Status != webhook.Succeeded:
		return t.Error
	case lane == Event:
		return "Home Assistant took the event navidocs_event"
	}
	return "the server answered, as a Home Assistant does to every address: only confirmed_at, which its automation sets by calling confirm_url, proves that it came"
}

// Confirmed says of which connection a test has come.
type Confirmed struct {
	ConfirmedAt time.Time `json:"confirmed_at"`
}

// Confirm notes that the test with the nonce has come; whoever knows the nonce
// may, also twice. It is NotFound after 24 hours, after another test, and once
// the address has changed.
func (s *Service) Confirm(ctx context.Context, who account.Actor, nonce string) (out Confirmed, err error) {
	defer fault.Wrap(&err, "integration.Confirm")
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		c, err := db.One(ctx, tx, scanConnection, selectConnection+" WHERE c.nonce_hash = $1 AND c.nonce_until > $2 AND "+account.Existing("c.org_id"),
			vault.Hash(nonce), db.Micros(tx.Now()))
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "no test waits for this confirmation: it is older than 24 hours, or a later one has replaced it. Test again")
		}
		if err != nil {
			return err
		}
		out.ConfirmedAt = tx.Now()
		_, err = tx.Exec(ctx, "UPDATE home_assistant_config SET confirmed_at = $1 WHERE id = $2", db.Micros(tx.Now()), c.ID)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "confirmed", c)
	})
	return out, err
}
