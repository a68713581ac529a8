package integration

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
	"navidocs/internal/webhook"
)

// answers is a server that says something to whoever connects, and hangs up; with
// nothing to say it waits.
func answers(t *testing.T, what string) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if what == "" {
				context.AfterFunc(t.Context(), func() { _ = conn.Close() })
				continue
			}
			_, _ = conn.Read(make([]byte, 1000)) // what was unread would turn the end into a reset
			_, _ = conn.Write([]byte(what))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestAProbeTellsWhatIsWrongWithABroker(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) //nolint:forbidigo // the server wants one
	secure.StartTLS()
	t.Cleanup(secure.Close)
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		for _, c := range []struct {
			name    string
			in      Input
			outcome Outcome
			at      string
			says    string
		}{
			{"silence", Input{URL: "mqtt://" + answers(t, "")}, TimedOut, "body.url", "there was no answer within 2s"},
			{"no such name", Input{URL: "mqtts://nowhere.example"}, NoName, "body.url", "the host's name does not exist (DNS)"},
			{"nothing listens", Input{URL: "mqtt://127.0.0.1:1"}, Refused, "body.url", "the connection was refused"},
			{"no TLS", Input{URL: "mqtts://" + answers(t, "220 mail ESMTP\r\n")}, NoTLS, "body.url", "nothing there speaks TLS"},
			{"an unknown issuer", Input{URL: "mqtts://" + secure.Listener.Addr().String()}, NoTLS, "body.url", "certificate is not valid (TLS)"},
			{"a wrong password", Input{URL: broker.URL(), Username: testkit.BrokerUser, Secret: "another"}, NoLogin, "body.secret", "refuses this user name and password"},
			{"no user", Input{URL: broker.URL()}, NoLogin, "body.secret", "refuses this user name and password"},
			{"not a broker", Input{URL: "mqtt://" + answers(t, "HTTP/1.1 400 Bad Request\r\n\r\n")}, Foreign, "body.url", "not an MQTT 5 broker"},
			{"an old broker", Input{URL: "mqtt://" + answers(t, "\x20\x02\x00\x01")}, Foreign, "body.url", "MQTT 5"},
			{"another version", Input{URL: "mqtt://" + answers(t, "\x20\x03\x00\x84\x00")}, Foreign, "body.url", "does not speak MQTT 5"},
			{"a busy broker", Input{URL: "mqtt://" + answers(t, "\x20\x03\x00\x89\x00")}, Broken, "body.url", "the broker refused (reason 137)"},
		} {
			c.in.Lane = MQTT
			_, err := b.Create(t.Context(), b.ada, b.org, c.in)
			wantKind(t, err, fault.Invalid)
			refused, _ := errors.AsType[*fault.Error](err)
			got, ok := refused.Details["probe"].(Probe)
			if !ok || got.Outcome != c.outcome || !strings.Contains(refused.Message, c.says) || fault.FieldsOf(err)[0].Location != c.at {
				t.Errorf("%s: %+v", c.name, refused)
			}
		}
		if all, err := b.Connections(t.Context(), b.ada); err != nil || len(all) != 0 {
			t.Errorf("what did not answer was kept: %v, %v", all, err)
		}
	})
}

func TestEveryFaultOfABrokerIsListed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, c := range []struct {
			in Input
			at string
		}{
			{Input{URL: "https://127.0.0.1", EventTypes: []string{"*"}, Prefix: "a/#"}, "body.url body.discovery_prefix body.event_types"},
			{Input{URL: "mqtt://u:p@127.0.0.1"}, "body.url"},
			{Input{URL: "mqtt://127.0.0.1/path"}, "body.url"},
			{Input{URL: "mqtt://"}, "body.url"},
			{Input{URL: "mqtt://9.9.9.9"}, "body.url"},          // without encryption, on the internet
			{Input{URL: "mqtts://192.168.7.7"}, "body.url"},     // not on the internet
			{Input{URL: "mqtts://private.example"}, "body.url"}, // nor behind a name
			{Input{URL: "mqtts://9.9.9.9:22"}, "body.url"},      // another port
			{Input{URL: "mqtt://127.0.0.1", Secret: "x"}, "body.username"},
			{Input{URL: "mqtt://127.0.0.1", Username: strings.Repeat("u", 201), Secret: "a\nb"}, "body.username body.secret"},
			{Input{Lane: Webhook, URL: b.home.Hook(hook), Username: "u", Prefix: "p"}, "body.username body.discovery_prefix"},
		} {
			if c.in.Unprobed = true; c.in.Lane == "" {
				c.in.Lane = MQTT
			}
			_, err := b.Create(t.Context(), b.ada, b.org, c.in)
			var at []string
			for _, f := range fault.FieldsOf(err) {
				at = append(at, f.Location)
			}
			if got := strings.Join(at, " "); got != c.at {
				t.Errorf("%+v: %s, %v", c.in, got, err)
			}
		}
	})
}

func TestAPasswordIsSealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		c := b.joins(broker)
		sealed := func() string {
			text, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT password_sealed FROM home_assistant_config")
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		before := sealed()
		if before == "" || strings.Contains(before, testkit.BrokerPassword) {
			t.Error(before)
		}
		in := Input{URL: broker.URL(), Username: testkit.BrokerUser, Name: "Salon"}
		put, err := b.Replace(t.Context(), b.ada, c.ID, in, "") // probed with the stored one
		if err != nil || put.Name != "Salon" || put.Probe.Outcome != Present || sealed() != before {
			t.Errorf("%+v, %v", put, err)
		}
		in.URL = "mqtt://127.0.0.1:1"
		in.Unprobed = true
		_, err = b.Replace(t.Context(), b.ada, c.ID, in, "")
		wantKind(t, err, fault.Invalid) // it was given for another host
		if put, err = b.Replace(t.Context(), b.ada, c.ID, Input{URL: broker.URL(), Unprobed: true}, ""); err != nil || sealed() != "" {
			t.Errorf("without a user there is no password: %+v, %v", put, err)
		}
	})
}

func TestABrokerIsTested(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		c := b.joins(broker)
		ear := broker.Listen()
		got, err := b.Test(t.Context(), b.ada, c.ID)
		if err != nil || got.Status != webhook.Succeeded || got.Message != "the broker took a message on navidocs/"+string(c.ID)+"/test" {
			t.Errorf("%+v, %v", got, err)
		}
		testkit.Eventually(t, func() error {
			for _, m := range ear.Heard() {
				if m.Topic == "navidocs/"+string(c.ID)+"/test" && !m.Retained {
					return nil
				}
			}
			return errors.New("nothing came")
		})
		if err := none(broker.Retained()); err != nil {
			t.Error(err)
		}
		in := Input{URL: broker.URL(), Username: testkit.BrokerGuest, Secret: testkit.BrokerPassword}
		if _, err := b.Replace(t.Context(), b.ada, c.ID, in, ""); err != nil {
			t.Fatal(err)
		}
		if got, err = b.Test(t.Context(), b.ada, c.ID); err != nil || got.Status != webhook.Failed || !strings.Contains(got.Message, "may not publish") {
			t.Errorf("%+v, %v", got, err)
		}
		broker.Stop()
		if got, err = b.Test(t.Context(), b.ada, c.ID); err != nil || got.Status != webhook.Failed || !strings.Contains(got.Message, "refused") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAnOrganizationHasSomeBrokers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		in := Input{Lane: MQTT, URL: "mqtt://127.0.0.1:1", Unprobed: true}
		for range MaxBrokers {
			b.connect(in)
		}
		_, err := b.Create(t.Context(), b.ada, b.org, in)
		wantKind(t, err, fault.Conflict)
		first, err := b.First(t.Context(), b.ada)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Delete(t.Context(), b.ada, first.ID, ""); err != nil {
			t.Fatal(err)
		}
		b.connect(in)
	})
}
