package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// goodbye is how long a stop waits for a broker and the database.
	goodbye = 3 * time.Second
	// steady is how long a connection holds that is not one of a broker that
	// takes and drops us in turns.
	steady = time.Minute
	// longestWait is the longest pause between two attempts to connect.
	longestWait = time.Minute
	// lateAfter is after how long an event is told to nobody any more.
	lateAfter = 24 * time.Hour
)

// link keeps one connection's devices on its broker.
type link struct {
	*Service

	me     string
	target target
	topics topics
	// shared tells of one that was left behind on a broker that its connection
	// still uses, below another prefix: the states are not its own.
	shared bool

	inbox  *inbox
	client *autopaho.ConnectionManager
	ups    chan context.Context // each ends with the connection that came up

	// What follows belongs to the library's goroutine.
	drop    context.CancelFunc
	upAt    time.Time
	flapped int

	// What follows belongs to the session.
	published map[string]string // what the broker keeps of ours, as far as we know
	there     map[string]bool   // topics with something retained, wished or not
	stale     bool              // somebody changed what is ours
	beat      string

	telling sync.Mutex
	told    *string // the problem that the row has; guarded by telling
}

func newLink(s *Service, me string, t target) *link {
	return &link{Service: s, me: me, target: t, topics: t.topics(), inbox: newInbox(), ups: make(chan context.Context, 1)}
}

// run works until ctx ends, or until nothing of a connection that is gone is on
// the broker.
func (l *link) run(ctx context.Context) {
	config, err := l.settings(ctx)
	if err == nil {
		l.client, err = autopaho.NewConnection(context.WithoutCancel(ctx), config)
	}
	if err != nil {
		l.tell(ctx, fault.Message(err))
		<-ctx.Done() // until the connection is changed
		return
	}
	defer l.leave(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case up := <-l.ups:
			if l.session(up) { //nolint:contextcheck // it comes of ctx, and ends with its connection
				return
			}
			if ctx.Err() == nil {
				_ = l.setConnected(ctx, false) // the next connection says otherwise
			}
		}
	}
}

// leave says goodbye, unless somebody else may be online by now, and waits until
// nothing runs any more.
func (l *link) leave(ctx context.Context) {
	lost := errors.Is(context.Cause(ctx), errLost)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if !l.target.gone() && !lost {
		_ = l.publish(ctx, message{l.topics.status(), offline}, true) // else the broker says it for us
	}
	_ = l.client.Disconnect(ctx)
	<-l.client.Done()
	if !lost {
		_ = l.setConnected(ctx, false) // a lease that ends says the same
	}
}

// settings are those of the library, which connects again by itself.
func (l *link) settings(ctx context.Context) (c autopaho.ClientConfig, err error) {
	password, err := l.unsealed(l.target.Connection)
	if err != nil {
		return c, fault.Because(err, fault.Invalid, "the stored password cannot be opened: give it again")
	}
	u, err := url.Parse(l.target.URL)
	if err != nil {
		return c, err
	}
	if l.shared, err = l.sharesBroker(ctx); err != nil {
		return c, err
	}
	c = autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: keepAlive, ConnectTimeout: l.config.Timeout, ReconnectBackoff: l.pause,
		AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, _ *url.URL) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, l.config.Timeout)
			defer cancel()
			conn, _, err := l.dialBroker(ctx, l.target.URL)
			return conn, err
		},
		// The session in the library's memory is no better than what we know.
		ConnectPacketBuilder: func(p *paho.Connect, _ *url.URL) (*paho.Connect, error) {
			fresh := connectPacket("navidocs-"+string(l.target.ID), l.target.Broker.Username, password)
			fresh.WillMessage, fresh.WillProperties = p.WillMessage, p.WillProperties
			return fresh, nil
		},
		OnConnectionUp: func(*autopaho.ConnectionManager, *paho.Connack) { l.up(ctx) },
		OnConnectionDown: func() bool {
			l.drop()
			return true
		},
		OnConnectError: func(err error) { l.failed(ctx, err) },
		ClientConfig: paho.ClientConfig{
			PacketTimeout: l.config.Timeout,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				if l.ours(p.Packet.Topic) {
					l.inbox.put(p.Packet)
				}
				return true, nil
			}},
		},
	}
	if !l.target.gone() {
		c.WillMessage = &paho.WillMessage{Topic: l.topics.status(), Payload: []byte(offline), QoS: 1, Retain: true}
	}
	return c, nil
}

// sharesBroker reports whether the connection that left this broker is still
// there under another prefix.
func (l *link) sharesBroker(ctx context.Context) (bool, error) {
	n, err := db.One(ctx, l.db, db.Scalar[int], "SELECT count(*) FROM home_assistant_config WHERE id = $1 AND id <> $2 AND url = $3 AND ended_at IS NULL",
		l.target.key, l.target.ID, l.target.URL)
	return n > 0, err
}

// ours reports whether a topic is one that we look at: others' devices are none.
func (l *link) ours(topic string) bool {
	return topic == l.topics.birth() || topic == l.topics.mark() || l.kept(topic)
}

// kept reports whether a topic is one of those that we keep, or remove.
func (l *link) kept(topic string) bool {
	return l.topics.isConfig(topic) || !l.shared && strings.HasPrefix(topic, l.topics.base+"/")
}

// pause is how long to wait before an attempt: longer after each that failed, and
// after each connection that did not last.
func (l *link) pause(attempt int) time.Duration {
	if attempt == 0 && !l.upAt.IsZero() {
		if l.flapped++; l.db.Now().Sub(l.upAt) > steady {
			l.flapped = 0
		}
		l.upAt = time.Time{}
	}
	n := min(attempt+max(0, l.flapped-3), 10)
	if n == 0 {
		return 0
	}
	return min(l.config.Retry<<(n-1), longestWait)
}

func (l *link) up(ctx context.Context) {
	ctx, l.drop = context.WithCancel(ctx)
	l.upAt = l.db.Now()
	select {
	case <-l.ups: // one that has ended before anybody looked
	default:
	}
	l.ups <- ctx
}

func (l *link) failed(ctx context.Context, err error) {
	if refused, ok := errors.AsType[*autopaho.ConnackError](err); ok {
		err = deniedError{code: refused.ReasonCode, reason: refused.Reason}
	}
	if ctx.Err() == nil {
		l.tell(ctx, explainBroker(err, l.config.Timeout).Message)
	}
}

// session keeps the devices until the connection goes down; true when there is
// nothing left to do.
func (l *link) session(ctx context.Context) (done bool) {
	l.published, l.there, l.beat, l.stale = map[string]string{}, map[string]bool{}, "", false
	l.inbox.take()
	if err := l.setConnected(ctx, true); err != nil && ctx.Err() == nil {
		l.config.Log.Warn("a bridge to MQTT waits for the database", "connection_id", l.target.ID, "error", err)
	}
	if l.target.gone() {
		return l.clear(ctx)
	}
	problems := []error{l.publish(ctx, message{l.topics.status(), online}, true), l.settle(ctx)}
	l.published[l.topics.status()] = online
	l.keep(ctx, problems...)
	l.watch(ctx)
	return false
}

// watch keeps what is there as it is wished, until ctx ends.
func (l *link) watch(ctx context.Context) {
	poll, again := time.NewTicker(l.config.Poll), time.NewTicker(l.config.Again)
	defer poll.Stop()
	defer again.Stop()
	for {
		look := false
		select {
		case <-ctx.Done():
			return
		case <-l.inbox.more:
			look = l.hear(ctx)
		case <-again.C: // days pass, and a refusal may have been lifted
			look = true
		case <-poll.C:
			beat, err := l.pulse(ctx, l.target.OrgID)
			look = err == nil && beat != l.beat || l.stale
		}
		if look {
			l.keep(ctx)
		}
	}
}

// keep brings the broker to what is wished, tells what happened, and notes the
// first problem.
func (l *link) keep(ctx context.Context, problems ...error) {
	l.stale = false
	beat, err := l.pulse(ctx, l.target.OrgID)
	problems = append(problems, err)
	var all []facts
	if err == nil {
		if all, err = l.read(ctx, l.db, l.target.Connection); err == nil {
			err = l.enroll(ctx, l.target.Connection, all)
		}
		problems = append(problems, err)
	}
	if err == nil {
		problems = append(problems, l.refresh(ctx, all))
		for _, f := range all {
			problems = append(problems, l.happen(ctx, f))
		}
		l.beat = beat
	}
	if ctx.Err() != nil {
		return
	}
	l.stale = l.stale || err != nil
	l.tell(ctx, problem(problems))
}

// problem is the first of some errors in words.
func problem(all []error) string {
	for _, err := range all {
		if refused, ok := errors.AsType[deniedError](err); ok {
			return refused.Error()
		}
		if err != nil {
			return "not everything could be published: " + fault.Message(err)
		}
	}
	return ""
}

// refresh publishes what differs from what was published, and removes what is
// there and not wished.
func (l *link) refresh(ctx context.Context, all []facts) error {
	wished, err := l.wished(l.topics, all)
	if err != nil {
		return err
	}
	want := map[string]bool{}
	var errs []error
	for _, m := range wished {
		want[m.topic] = true
		if l.published[m.topic] == m.payload {
			continue
		}
		if err := l.publish(ctx, m, true); err != nil {
			errs = append(errs, err)
			continue
		}
		l.published[m.topic], l.there[m.topic] = m.payload, true
	}
	for topic := range l.there {
		if !want[topic] {
			errs = append(errs, l.remove(ctx, topic))
		}
	}
	return errors.Join(errs...)
}

func (l *link) remove(ctx context.Context, topic string) error {
	err := l.publish(ctx, message{topic: topic}, true)
	if err == nil {
		delete(l.there, topic)
		delete(l.published, topic)
	}
	return err
}

// publish sends a message and waits until the broker has it.
func (l *link) publish(ctx context.Context, m message, retained bool) error {
	ack, err := l.client.Publish(ctx, &paho.Publish{Topic: m.topic, Payload: []byte(m.payload), QoS: 1, Retain: retained})
	if ack != nil && ack.ReasonCode >= 0x80 {
		return deniedError{code: ack.ReasonCode, reason: "the user may not publish to " + m.topic}
	}
	return err
}

// happen tells the events of a boat that were not told yet, each once the one
// before has arrived.
func (l *link) happen(ctx context.Context, f facts) error {
	from, err := db.One(ctx, l.db, db.Scalar[int64], "SELECT sequence FROM home_assistant_devices WHERE connection_id = $1 AND boat_id = $2", l.target.ID, f.boat)
	if err != nil {
		return err
	}
	const some = 100
	for {
		all, err := l.following(ctx, f.boat, from, some)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, e := range all {
			if e.tell {
				if err := l.publish(ctx, message{l.topics.of(f.boat, "event"), e.payload}, false); err != nil {
					return err
				}
			}
			from = e.sequence
			if e.tell || e.last {
				if err := l.toldUntil(ctx, f.boat, from); err != nil {
					return err
				}
			}
		}
		if len(all) < some {
			return nil
		}
	}
}

// settle subscribes and waits until all that the broker keeps of ours has come.
func (l *link) settle(ctx context.Context) error {
	own := func(topic string) paho.SubscribeOptions {
		return paho.SubscribeOptions{Topic: topic, QoS: 1, NoLocal: true, RetainAsPublished: true}
	}
	subscribe := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
		{Topic: l.topics.mark(), QoS: 1}, own(l.topics.base + "/#"), own(l.topics.prefix + "/device/+/config"), own(l.topics.birth()),
	}}
	l.there = map[string]bool{}
	if ack, err := l.client.Subscribe(ctx, subscribe); err != nil {
		if ack != nil {
			return deniedError{code: packets.SubackNotauthorized, reason: fmt.Sprintf("the user may not read %s/#, %s/# and %s", l.topics.base, l.topics.prefix, l.topics.mark())}
		}
		return err
	}
	nonce := db.NewID()
	if err := l.publish(ctx, message{l.topics.mark(), nonce}, false); err != nil {
		return err
	}
	timeout := time.NewTimer(l.config.Timeout)
	defer timeout.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return nil // what comes later is seen to as well
		case <-l.inbox.more:
		}
		if l.hearUntil(ctx, nonce) {
			return nil
		}
	}
}

// hear takes what the broker sent; true when a look is due at once.
func (l *link) hear(ctx context.Context) (look bool) {
	for _, m := range l.inbox.take() {
		look = l.take(ctx, m) || look
	}
	return look
}

// hearUntil is hear; true when the mark with a nonce was among it.
func (l *link) hearUntil(ctx context.Context, nonce string) (marked bool) {
	for _, m := range l.inbox.take() {
		l.take(ctx, m)
		marked = marked || m.topic == l.topics.mark() && m.payload == nonce
	}
	return marked
}

// take understands one message; true when a look is due at once.
func (l *link) take(ctx context.Context, m received) (look bool) {
	switch {
	case m.topic == l.topics.mark():
	case m.topic == l.topics.birth():
		if m.payload != online || m.retained {
			return false
		}
		clear(l.published) // Home Assistant has started: it knows nothing
		return true
	case m.retained:
		if l.there[m.topic] = m.payload != ""; m.payload == "" {
			delete(l.there, m.topic)
		}
		if before, known := l.published[m.topic]; !known || before != m.payload {
			delete(l.published, m.topic)
			l.stale = true // at the next look: whoever changes it may do so again
		}
	case m.payload != "" && !l.target.gone():
		id, pressed := l.topics.pressed(m.topic)
		if !pressed {
			return false
		}
		if err := l.acknowledge(ctx, l.target.Connection, id); err != nil {
			l.tell(ctx, "a button was pressed and could not be heeded: "+fault.Message(err))
			return false
		}
		return true
	}
	return false
}
