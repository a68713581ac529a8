package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// The users of a Broker: one who may do all, and one who may nothing.
const (
	BrokerUser     = "navidocs"
	BrokerGuest    = "guest"
	BrokerPassword = "a password of the broker" //nolint:gosec // of tests
)

// Broker is a real mosquitto that keeps nothing on a disk.
type Broker struct {
	Address string // host:port

	t       testing.TB
	config  string
	command *exec.Cmd
	alive   io.Closer // closing it kills the broker
}

// mosquitto is where Debian puts the program.
const mosquitto = "/usr/sbin/mosquitto"

// HasMosquitto reports whether the program is installed.
func HasMosquitto() bool {
	_, err := os.Stat(mosquitto)
	return err == nil
}

// Mosquitto starts a broker on a free port; the test is skipped where the program
// is not installed.
func Mosquitto(t testing.TB) *Broker {
	t.Helper()
	if !HasMosquitto() {
		t.Skip("SKIPPED: no mosquitto; as root: apt-get install mosquitto")
	}
	var lc net.ListenConfig
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &Broker{t: t, Address: free.Addr().String(), config: filepath.Join(dir, "conf")}
	_, port, err := net.SplitHostPort(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	passwords := filepath.Join(dir, "passwords")
	for i, user := range []string{BrokerUser, BrokerGuest} {
		args := []string{"-b", passwords, user, BrokerPassword}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		if words, err := exec.CommandContext(t.Context(), "mosquitto_passwd", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, words)
		}
	}
	for name, text := range map[string]string{
		b.config: "user root\nlistener " + port + " 127.0.0.1\nallow_anonymous false\npersistence false\npassword_file " + passwords +
			"\nacl_file " + filepath.Join(dir, "acl") + "\n",
		filepath.Join(dir, "acl"): "user " + BrokerUser + "\ntopic readwrite #\nuser " + BrokerGuest + "\ntopic read nothing/#\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// URL is where its clients find it.
func (b *Broker) URL() string { return "mqtt://" + b.Address }

// Start starts it, again after a Stop, on the same port. It ends with this
// process: its shell waits for the pipe to close.
func (b *Broker) Start() {
	b.t.Helper()
	b.command = exec.CommandContext(context.WithoutCancel(b.t.Context()), "sh", "-c", `"$@" & cat >/dev/null; kill -9 $!; wait $!`, "sh", mosquitto, "-c", b.config)
	log, err := os.Create(b.config + ".log")
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close() // the process has its own
	b.command.Stdout, b.command.Stderr = log, log
	if b.alive, err = b.command.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	if err := b.command.Start(); err != nil {
		b.t.Fatal(err)
	}
	err = poll(context.WithoutCancel(b.t.Context()), time.Minute, func() (bool, error) {
		conn, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", b.Address)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
	if err != nil {
		words, _ := os.ReadFile(b.config + ".log")
		b.Stop()
		b.t.Fatalf("mosquitto did not start: %v: %s", err, words)
	}
}

// Stop kills it: nobody gets a goodbye, and what it kept is lost.
func (b *Broker) Stop() {
	if b.alive == nil {
		return
	}
	_ = b.alive.Close()
	_ = b.command.Wait() // it was killed
	b.alive = nil
}

// Message is one that came from a broker.
type Message struct {
	Topic, Payload string
	Retained       bool
}

// Listener is a client of a broker that hears everything.
type Listener struct {
	t      testing.TB
	client *paho.Client

	mu  sync.Mutex
	all []Message // guarded by mu
}

// Listen connects one until the test ends or the broker does.
func (b *Broker) Listen() *Listener {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.t.Context()), time.Minute)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.Address)
	if err != nil {
		b.t.Fatal(err)
	}
	l := &Listener{t: b.t}
	l.client = paho.NewClient(paho.ClientConfig{
		Conn: conn, PacketTimeout: time.Minute,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.all = append(l.all, Message{p.Packet.Topic, string(p.Packet.Payload), p.Packet.Retain})
			return true, nil
		}},
	})
	_, err = l.client.Connect(ctx, &paho.Connect{
		KeepAlive: 30, CleanStart: true, Username: BrokerUser, UsernameFlag: true, Password: []byte(BrokerPassword), PasswordFlag: true,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(l.Close)
	if _, err := l.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "#", QoS: 1}}}); err != nil {
		b.t.Fatal(err)
	}
	return l
}

// Close disconnects it.
func (l *Listener) Close() { _ = l.client.Disconnect(&paho.Disconnect{}) }

// Heard are the messages so far.
func (l *Listener) Heard() []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Message(nil), l.all...)
}

// Publish sends a message.
func (l *Listener) Publish(topic, payload string, retained bool) {
	l.t.Helper()
	if _, err := l.client.Publish(context.WithoutCancel(l.t.Context()), &paho.Publish{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retained}); err != nil {
		l.t.Fatal(err)
	}
}

// Retained is what the broker keeps now, by topic.
func (b *Broker) Retained() map[string]string {
	b.t.Helper()
	l := b.Listen()
	defer l.Close()
	mark := fmt.Sprintf("test/mark/%p", l)
	l.Publish(mark, mark, false)
	kept := map[string]string{}
	Eventually(b.t, func() error {
		for _, m := range l.Heard() {
			if m.Topic == mark {
				return nil
			}
		}
		return errors.New("the broker has not answered")
	})
	for _, m := range l.Heard() {
		if m.Retained && !strings.HasPrefix(m.Topic, "test/") {
			kept[m.Topic] = m.Payload
		}
	}
	return kept
}
