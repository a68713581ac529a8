package webhook

import (
	"context"
	"net/http"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// headerPurpose is what a connection's header is sealed for.
const headerPurpose = "webhook header"

// Connection is an endpoint that another package keeps for a connection of its
// own: the same deliveries, retries, log and replay, and one more header that
// says who sends.
type Connection struct {
	Kind        Kind
	URL         string // which the caller has checked
	EventTypes  []string
	Description string
	// Header is the name of the further header, Value what it says, a secret.
	Header, Value string
}

// Check finds every fault of what a person gave, located in a request's body.
func (s *Service) Check(ctx context.Context, in *Input) (err error) {
	defer fault.Wrap(&err, "webhook.Check")
	return s.check(ctx, "", &Patch{URL: &in.URL, EventTypes: &in.EventTypes, Description: &in.Description}) // which it trims
}

// Connect adds the endpoint of a connection in the transaction that makes it;
// the answer shows its secret, for the only time. That the actor may is the
// caller's to know.
func (s *Service) Connect(ctx context.Context, tx *db.Tx, who account.Actor, org account.OrgID, c Connection) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Connect")
	w.OrgID = org
	if err := s.set(&w, c); err != nil {
		return w, err
	}
	return w, s.insert(ctx, tx, who, &w)
}

// Reconnect changes the endpoint of a connection; without a Value its header
// stays as it is.
func (s *Service) Reconnect(ctx context.Context, tx *db.Tx, who account.Actor, id ID, c Connection) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Reconnect %s", id)
	if w, err = locked(ctx, tx, id); err != nil {
		return w, err
	}
	if err := s.set(&w, c); err != nil {
		return w, err
	}
	if err := s.store(ctx, tx, &w); err != nil {
		return w, err
	}
	return w, s.audit(ctx, tx, who, "updated", w, nil)
}

// Disconnect removes the endpoint of a connection, with its log.
func (s *Service) Disconnect(ctx context.Context, tx *db.Tx, who account.Actor, id ID) (err error) {
	defer fault.Wrap(&err, "webhook.Disconnect %s", id)
	w, err := locked(ctx, tx, id)
	if err != nil {
		return err
	}
	return s.remove(ctx, tx, who, w)
}

// TestConnection is Test of a message that tells the receiver where to confirm
// that it came.
func (s *Service) TestConnection(ctx context.Context, who account.Actor, id ID, confirmURL string) (_ Delivery, err error) {
	defer fault.Wrap(&err, "webhook.TestConnection %s", id)
	return s.test(ctx, who, id, map[string]string{"message": testMessage, "confirm_url": confirmURL})
}

func (s *Service) set(w *Webhook, c Connection) (err error) {
	w.Kind, w.URL, w.EventTypes, w.Description = c.Kind, c.URL, c.EventTypes, c.Description
	if c.Value != "" {
		w.header, err = s.accounts.Keys().Seal(headerPurpose, []byte(c.Header+": "+c.Value))
	}
	return err
}

// own refuses to change by itself what belongs to a connection.
func (w Webhook) own() error {
	if w.Kind == Standard {
		return nil
	}
	return fault.New(fault.Conflict, "this webhook belongs to a connection of Home Assistant: change or delete it under /api/integrations/home-assistant")
}

func (s *Service) timeout(w Webhook) time.Duration {
	if w.Kind == HomeAssistant {
		return s.config.HomeAssistant
	}
	return s.config.Timeout
}

// setHeader adds what a connection is known by, if anything.
func (s *Service) setHeader(req *http.Request, w Webhook) error {
	if w.header == "" {
		return nil
	}
	text, err := s.accounts.Keys().Unseal(headerPurpose, w.header)
	name, value, _ := strings.Cut(string(text), ": ")
	if err == nil {
		req.Header.Set(name, value)
	}
	return err
}
