// Package egress makes every connection whose target a user chose: webhooks,
// Home Assistant, ntfy, push services, feeds, MQTT and IMAP.
//
// It guarantees that such a connection reaches the internet or what the
// operator listed (EGRESS_ALLOW), and nothing else: the address is judged when
// it is dialled, after every name and spelling has become an address. It
// follows no redirect, uses no proxy, verifies every certificate and bounds
// what it reads. Retries are left to the caller; an error of kind Invalid is a
// refusal, which no retry will change.
package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"navidocs/internal/fault"
)

// Options bounds a client. Zero values mean the defaults.
type Options struct {
	Allow   []string      // host, ip or cidr, each with optional :port
	Timeout time.Duration // of a whole request with its answer, 30 s
	MaxBody int64         // bytes of an answer, 1 MiB
	// Resolver looks names up; nil means as the machine does.
	Resolver *net.Resolver
}

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 1 << 20
	dialTimeout    = 10 * time.Second
	lookupTimeout  = 2 * time.Second
	maxHeader      = 64 << 10
)

// Client is a guarded client. It is safe for concurrent use.
type Client struct {
	guard    *guard
	resolver *net.Resolver
	timeout  time.Duration
	maxBody  int64
	secure   *http.Transport // for https
	plain    *http.Transport // for http, which only the allow list may have
}

// New makes a client; the error names every entry of Allow that cannot be read.
func New(o Options) (_ *Client, err error) {
	defer fault.Wrap(&err, "egress.New")
	allowed, err := parseAllow(o.Allow)
	if err != nil {
		return nil, err
	}
	c := &Client{guard: newGuard(allowed), timeout: o.Timeout, maxBody: o.MaxBody, resolver: cmp.Or(o.Resolver, net.DefaultResolver)}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.maxBody <= 0 {
		c.maxBody = defaultMaxBody
	}
	c.secure = c.transport(webPorts)
	c.plain = c.transport(nil)
	return c, nil
}

// transport dials public addresses on the given ports only.
func (c *Client) transport(ports []uint16) *http.Transport {
	return &http.Transport{
		Proxy: nil, // a proxy would be judged in place of the target
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.dial(ctx, network, address, ports)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  c.timeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    2,
		MaxConnsPerHost:        16,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// HTTP is the guarded client for libraries that want one of the standard kind.
func (c *Client) HTTP() *http.Client {
	return &http.Client{
		Transport:     c,
		Timeout:       c.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do sends a request. An answer of any status is no error. Errors are Invalid
// when the target is refused and Unavailable when it did not answer; reading
// more of the body than allowed is TooLarge.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.HTTP().Do(req)
	if err == nil {
		return resp, nil
	}
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		return nil, refusal
	}
	var sent *url.Error // repeats the address, which may be a secret
	if errors.As(err, &sent) {
		err = sent.Err
	}
	return nil, fault.Because(err, fault.Unavailable, "%s did not answer", req.URL.Hostname())
}

// RoundTrip implements http.RoundTripper.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := c.guard.checkForm(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	transport := c.secure
	if req.URL.Scheme == "http" {
		transport = c.plain
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{body: resp.Body, left: c.maxBody}
	return resp, nil
}

// Dial opens a TCP connection for MQTT or IMAP. Outside the allow list it
// reaches the ports of their encrypted forms only: 443, 993 and 8883.
func (c *Client) Dial(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || !validPort(port) {
		return nil, fault.New(fault.Invalid, "%q is not of the form host:port", address)
	}
	conn, err := c.dial(ctx, "tcp", address, encryptedPorts)
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		return nil, refusal
	}
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "%s did not answer", host)
	}
	return conn, nil
}

// dial judges each address that the host turns out to have, at the last moment
// before connecting to it.
func (c *Client) dial(ctx context.Context, network, address string, ports []uint16) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: c.resolver,
		Control: func(network, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil || !strings.HasPrefix(network, "tcp") {
				return fault.New(fault.Invalid, "%s cannot be reached over %s", host, network)
			}
			return c.guard.judge(host, target, ports)
		},
	}
	return dialer.DialContext(ctx, network, address)
}

// Check says whether a URL may be saved, in words for the person who typed it;
// the error is Invalid. A name that cannot be looked up now passes, because the
// boat may be offline; whatever it leads to is judged again when dialled.
func (c *Client) Check(ctx context.Context, rawURL string) error {
	u, err := url.Parse(strings.TrimSpace(rawURL))
	if err != nil {
		return fault.New(fault.Invalid, "this is not a URL; write https://host/path")
	}
	if err := c.guard.checkForm(u); err != nil {
		return err
	}
	ports, port := webPorts, uint16(443)
	if u.Scheme == "http" {
		ports, port = nil, 80
	}
	if u.Port() != "" {
		port = parsePort(u.Port())
	}
	for _, addr := range c.lookup(ctx, u.Hostname()) {
		if err := c.guard.judge(u.Hostname(), netip.AddrPortFrom(addr, port), ports); err != nil {
			return err
		}
	}
	return nil
}

// lookup returns the addresses of a host, none when they cannot be had.
func (c *Client) lookup(ctx context.Context, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := c.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
	}
	return addrs
}

// limitedBody is an answer that fails when it is longer than it may be.
type limitedBody struct {
	body io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		err = fault.New(fault.TooLarge, "the answer is longer than allowed")
	}
	b.left -= int64(n)
	return n, err
}

func (b *limitedBody) Close() error { return b.body.Close() }
