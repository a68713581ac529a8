package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/webhook"
)

// keepAlive is after how many seconds a broker that says nothing is asked
// whether it is there.
const keepAlive = 30

// maxPacket is the longest message that a broker may send us, in bytes.
const maxPacket = 256 << 10

// deniedError is a CONNACK that refuses.
type deniedError struct {
	code   byte
	reason string
}

func (e deniedError) Error() string {
	if e.reason != "" {
		return fmt.Sprintf("the broker refused (reason %d): %s", e.code, e.reason)
	}
	return fmt.Sprintf("the broker refused (reason %d)", e.code)
}

// login reports whether the user or their rights are what it refuses.
func (e deniedError) login() bool {
	switch e.code {
	case packets.ConnackBadUsernameOrPassword, packets.ConnackNotAuthorized, packets.ConnackBadAuthenticationMethod, packets.ConnackBanned:
		return true
	}
	return false
}

// explainBroker says in words why a broker cannot be used.
func explainBroker(err error, timeout time.Duration) Probe {
	denied, isDenied := errors.AsType[deniedError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	p := Probe{Outcome: outcomeOf(err), Message: webhook.Explain(err, timeout)}
	switch {
	case isDenied && denied.login():
		p.Outcome, p.Message = NoLogin, "the broker refuses this user name and password: check both, and that the user may connect"
	case isDenied && denied.code == packets.ConnackUnsupportedProtocolVersion:
		p.Outcome, p.Message = Foreign, "the broker does not speak MQTT 5, which mosquitto does from version 1.6 on"
	case isDenied:
		p.Outcome, p.Message = Broken, denied.Error()
	case noTLS, alert:
		p.Outcome, p.Message = NoTLS, "nothing there speaks TLS as it should: check the port, 8883 by custom, or use mqtt://"
	case certificate, unknown:
		p.Outcome = NoTLS
	case errors.Is(err, errForeign):
		p.Outcome, p.Message = Foreign, "something answers there, but it is not an MQTT 5 broker: check the port"
	}
	return p
}

// errForeign is an answer that is no CONNACK.
var errForeign = errors.New("the answer is not that of an MQTT 5 broker")

// dialBroker opens a connection to the broker of an address, and tells whether
// anything was said on it.
func (s *Service) dialBroker(ctx context.Context, address string) (net.Conn, *atomic.Bool, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	conn, err := s.client.DialBroker(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	line := &hearing{Conn: conn}
	return packets.NewThreadSafeConn(line), &line.heard, nil
}

// hearing is a connection that notes whether the other side said anything.
type hearing struct {
	net.Conn

	heard atomic.Bool
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if n > 0 {
		h.heard.Store(true)
	}
	return n, err
}

// visit connects to a broker, once, does something there, and leaves.
func (s *Service) visit(ctx context.Context, address, username, password string, f func(context.Context, *paho.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	conn, heard, err := s.dialBroker(ctx, address)
	if err != nil {
		return err
	}
	client := paho.NewClient(paho.ClientConfig{Conn: conn, PacketTimeout: s.config.Timeout})
	ack, err := client.Connect(ctx, connectPacket("navidocs-probe-"+db.NewID(), username, password))
	switch {
	case ack != nil && ack.ReasonCode >= 0x80:
		return denied(ack)
	case err != nil && heard.Load(): // something, and no CONNACK
		return fmt.Errorf("%w: %w", errForeign, err)
	case err != nil:
		return err
	}
	err = f(ctx, client)
	_ = client.Disconnect(&paho.Disconnect{}) // whether it hears that matters to nobody
	<-client.Done()
	return err
}

func denied(ack *paho.Connack) error {
	d := deniedError{code: ack.ReasonCode}
	if ack.Properties != nil {
		d.reason = ack.Properties.ReasonString
	}
	return d
}

func connectPacket(id, username, password string) *paho.Connect {
	return &paho.Connect{
		ClientID: id, CleanStart: true, KeepAlive: keepAlive, Username: username, UsernameFlag: username != "",
		Password: []byte(password), PasswordFlag: password != "",
		Properties: &paho.ConnectProperties{MaximumPacketSize: new(uint32(maxPacket)), ReceiveMaximum: new(uint16(receiveMaximum)), RequestProblemInfo: true},
	}
}

// receiveMaximum is how many messages a broker may send before it waits.
const receiveMaximum = 100

// probeBroker asks whether a broker lets us in. A stored password is used as
// long as it would go to the host that it was given for.
func (s *Service) probeBroker(ctx context.Context, old Connection, in Input) Probe {
	password := in.Secret
	if password == "" && in.Username != "" && origin(in.URL) == origin(old.URL) {
		var err error
		if password, err = s.unsealed(old); err != nil {
			return Probe{Outcome: Broken, Message: "the stored password cannot be opened: give it again"}
		}
	}
	err := s.visit(ctx, in.URL, in.Username, password, func(context.Context, *paho.Client) error { return nil })
	if err != nil {
		return explainBroker(err, s.config.Timeout)
	}
	return Probe{Outcome: Present}
}

// testBroker publishes a message that nothing keeps, and says what the broker
// answered.
func (s *Service) testBroker(ctx context.Context, who account.Actor, c Connection) (t Tested, err error) {
	password, err := s.unsealed(c)
	if err != nil {
		return t, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		t.CreatedAt = tx.Now()
		return s.audit(ctx, tx, who, "tested", c)
	})
	if err != nil {
		return t, err
	}
	topic := c.topics().base + "/test"
	err = s.visit(ctx, c.URL, c.Broker.Username, password, func(ctx context.Context, client *paho.Client) error {
		ack, err := client.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(`{"message":"a test of NaviDocs"}`)})
		if ack != nil && ack.ReasonCode >= 0x80 {
			return deniedError{code: ack.ReasonCode, reason: "the user may not publish to " + topic}
		}
		return err
	})
	t.ID, t.EventType, t.Cause, t.Attempt, t.Status = webhook.DeliveryID(db.NewID()), "webhook.test", webhook.ByTest, 1, webhook.Succeeded
	t.AttemptedAt = new(s.db.Now())
	t.Message = "the broker took a message on " + topic
	if denied, ok := errors.AsType[deniedError](err); ok && denied.reason != "" {
		t.Status, t.Error = webhook.Failed, denied.Error()
	} else if err != nil {
		t.Status, t.Error = webhook.Failed, explainBroker(err, s.config.Timeout).Message
	}
	if t.Error != "" {
		t.Message = t.Error
	}
	return t, nil
}
