package egress_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"navidocs/internal/egress"
	"navidocs/internal/fault"
)

func TestBrokersAreCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	c := open(t, egress.Options{Allow: []string{"192.168.1.5:1883"}})
	const notInternet = " leads to an address that is not on the internet; if it should be reached, the operator adds it to EGRESS_ALLOW"
	for rawURL, want := range map[string]string{
		"mqtts://9.9.9.9":             "",
		" MQTTS://9.9.9.9:8883/ ":     "", //nolint:gocritic // as people paste it
		"mqtts://9.9.9.9:443":         "",
		"mqtts://no-such.invalid":     "",
		"mqtt://192.168.1.5":          "",
		"mqtts://192.168.1.5":         "192.168.1.5" + notInternet,
		"mqtt://192.168.1.6:1883":     "192.168.1.6" + notInternet,
		"mqtts://127.0.0.1":           "127.0.0.1" + notInternet,
		"mqtt://9.9.9.9:8883":         "9.9.9.9 would be reached without encryption; use https (mqtts for a broker), or let the operator add it to EGRESS_ALLOW",
		"mqtts://9.9.9.9:1883":        "port 1883 of 9.9.9.9 may not be used; use 443, 993, 8883, or let the operator add 9.9.9.9:1883 to EGRESS_ALLOW",
		"https://9.9.9.9":             "the address must begin with mqtts:// or mqtt://",
		"mqtts:9.9.9.9":               "the address must begin with mqtts:// or mqtt://",
		"9.9.9.9:8883":                "this is not a URL; write mqtts://host:8883",
		"mqtts://":                    "the address names no host; write mqtts://host:8883",
		"mqtts://u:p@9.9.9.9":         "the address must not hold a user name or password: they have fields of their own",
		"mqtts://9.9.9.9/topic":       "the address ends with the port; write mqtts://host:8883",
		"mqtts://9.9.9.9?x=1":         "the address ends with the port; write mqtts://host:8883",
		"mqtts://9.9.9.9:0":           "port 0 does not exist",
		"mqtts://127.1":               "127.1 is not an address; write four numbers, such as 192.168.1.5",
		"mqtts://[fe80::1%25eth0]:88": "fe80::1%eth0 must not name a network interface",
	} {
		u, err := c.Broker(rawURL)
		if err == nil {
			err = c.CheckBroker(t.Context(), u)
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", rawURL, err)
		case want != "" && (!fault.Is(err, fault.Invalid) || err.Error() != want):
			t.Errorf("%s: %v, want %s", rawURL, err, want)
		}
	}
	for rawURL, want := range map[string]string{"mqtt://Broker.Example": "mqtt://broker.example:1883", "mqtts://[2620:fe::fe]": "mqtts://[2620:fe::fe]:8883"} {
		if u, err := c.Broker(rawURL); err != nil || u.String() != want {
			t.Errorf("%v, %v", u, err)
		}
	}
}

// TestBrokersAreJudgedWhenDialled: over TLS by their own name, and without it only
// where the list says so.
func TestBrokersAreJudgedWhenDialled(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "https://")
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	dial := func(c *egress.Client, rawURL string) error {
		u, err := c.Broker(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := c.DialBroker(t.Context(), u)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	listed := open(t, egress.Options{Allow: []string{"127.0.0.1"}})
	if err := dial(listed, "mqtts://"+address); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a certificate of nobody known: %v", err)
	}
	listed.Trust(roots)
	for _, scheme := range []string{"mqtts://", "mqtt://"} {
		if err := dial(listed, scheme+address); err != nil {
			t.Error(err)
		}
		if err := dial(open(t, egress.Options{}), scheme+address); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s is not listed: %v", scheme, err)
		}
	}
	if err := dial(open(t, egress.Options{}), "mqtt://9.9.9.9:8883"); !fault.Is(err, fault.Invalid) {
		t.Errorf("without encryption: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	u, err := listed.Broker("mqtts://" + address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listed.DialBroker(ended, u); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}
