package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"navidocs/internal/fault"
)

// The schemes of brokers, and their ports unless the address has one.
var brokerPorts = map[string]string{"mqtt": "1883", "mqtts": "8883"}

// Broker reads the address of an MQTT broker, mqtts://host:8883 or
// mqtt://host:1883, and gives it the port that it leaves out; the error is
// Invalid.
func (c *Client) Broker(rawURL string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(rawURL))
	if err != nil {
		return nil, fault.New(fault.Invalid, "this is not a URL; write mqtts://host:8883")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	port, known := brokerPorts[u.Scheme]
	switch {
	case !known || u.Opaque != "":
		return nil, fault.New(fault.Invalid, "the address must begin with mqtts:// or mqtt://")
	case u.Hostname() == "":
		return nil, fault.New(fault.Invalid, "the address names no host; write mqtts://host:8883")
	case u.User != nil:
		return nil, fault.New(fault.Invalid, "the address must not hold a user name or password: they have fields of their own")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fault.New(fault.Invalid, "the address ends with the port; write mqtts://host:8883")
	}
	web := *u
	web.Scheme = "https"
	if err := c.guard.checkForm(&web); err != nil {
		return nil, err
	}
	if u.Path = ""; u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u, nil
}

// CheckBroker is Check for the address of a broker.
func (c *Client) CheckBroker(ctx context.Context, u *url.URL) error {
	for _, addr := range c.lookup(ctx, u.Hostname()) {
		if err := c.guard.judge(u.Hostname(), netip.AddrPortFrom(addr, parsePort(u.Port())), portsOf(u)); err != nil {
			return err
		}
	}
	return nil
}

// portsOf are the ports of public addresses at which a broker is reached: none
// without encryption.
func portsOf(u *url.URL) []uint16 {
	if u.Scheme == "mqtts" {
		return encryptedPorts
	}
	return nil
}

// DialBroker connects to an address that Broker has read: for mqtts with a
// certificate of its host, for mqtt only where the allow list says so. Errors
// are those of Dial.
func (c *Client) DialBroker(ctx context.Context, u *url.URL) (net.Conn, error) {
	conn, err := c.dial(ctx, "tcp", u.Host, portsOf(u))
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		return nil, refusal
	}
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "%s did not answer", u.Hostname())
	}
	if u.Scheme != "mqtts" {
		return conn, nil
	}
	config := c.secure.TLSClientConfig.Clone()
	config.ServerName, config.NextProtos = u.Hostname(), nil
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fault.Because(err, fault.Unavailable, "%s did not answer over TLS", u.Hostname())
	}
	return secure, nil
}
