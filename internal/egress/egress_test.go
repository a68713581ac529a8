package egress_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"navidocs/internal/egress"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func open(t *testing.T, o egress.Options) *egress.Client {
	t.Helper()
	c, err := egress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP().CloseIdleConnections)
	return c
}

// addresses are the classes of reliability.md: 34 that must never be reached
// from outside the allow list, and 2 of the internet.
var addresses = map[string]bool{
	"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "127.0.0.1": false, "127.9.9.9": false,
	"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.8": false, "192.0.2.1": false,
	"192.88.99.1": false, "192.168.1.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false,
	"224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
	"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false,
	"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:db8::1": false,
	"2002:7f00:1::": false, "3fff::1": false, "5f00::1": false, "fc00::1": false, "fe80::1": false,
	"9.9.9.9": true, "2620:fe::fe": true,
}

func TestAddressClasses(t *testing.T) {
	t.Parallel()
	c := open(t, egress.Options{})
	extra := map[string]bool{"fec0::1": false, "ff02::1": false, "100.100.100.200": false, "168.63.129.16": false, "fd00:ec2::254": false}
	if len(addresses) != 36 {
		t.Errorf("%d addresses, want 36", len(addresses))
	}
	for _, table := range []map[string]bool{addresses, extra} {
		for text, good := range table {
			addr := netip.MustParseAddr(text)
			dialled := c.Judge("host", netip.AddrPortFrom(addr, 443), 443)
			saved := c.Check(t.Context(), "https://"+bracket(text)+"/hook")
			if (dialled == nil) != good || (saved == nil) != good {
				t.Errorf("%s: dialled %v, saved %v", text, dialled, saved)
			}
			if !good && (!fault.Is(dialled, fault.Invalid) || !fault.Is(saved, fault.Invalid)) {
				t.Errorf("%s: the refusals are no refusals: %v, %v", text, dialled, saved)
			}
		}
	}
}

func bracket(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + addr + "]"
	}
	return addr
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		allow, host, target string
		want                bool
	}{
		{"192.168.1.5", "192.168.1.5", "192.168.1.5:8123", true},
		{"192.168.1.5:8123", "192.168.1.5", "192.168.1.5:8123", true},
		{"192.168.1.5:8123", "192.168.1.5", "192.168.1.5:8124", false},
		{"192.168.1.5", "any.name", "192.168.1.5:80", true},
		{"192.168.1.5", "any.name", "[::ffff:192.168.1.5]:80", true},
		{"192.168.1.5", "192.168.1.6", "192.168.1.6:80", false},
		{"192.168.1.0/24", "ha", "192.168.1.77:8123", true},
		{"192.168.1.7/24", "ha", "192.168.1.77:8123", true},
		{"192.168.1.0/24:8123", "ha", "192.168.1.77:443", false},
		{"192.168.1.0/24:8123", "ha", "192.168.1.77:8123", true},
		{"HA.local.", "ha.local", "10.0.0.1:8123", true},
		{"ha.local", "HA.LOCAL.", "10.0.0.1:8123", true},
		{"ha.local:8123", "ha.local", "10.0.0.1:80", false},
		{"ha.local", "other.local", "10.0.0.1:8123", false},
		{"ha.local", "ha.local", "127.0.0.1:8123", true},
		{"example.com:8443", "example.com", "9.9.9.9:8443", true},
		{"example.com:8443", "example.com", "9.9.9.9:8444", false},
		{"fd00::1", "ha", "[fd00::1]:80", true},
		{"[fd00::1]:80", "ha", "[fd00::1]:80", true},
		{"[fd00::1]:80", "ha", "[fd00::1]:81", false},
		{"[fd00::/8]:80", "ha", "[fd12::1]:80", true},
		{"fd00::/8", "ha", "[fd12::1]:9", true},
		// No network, and no name, opens what machines tell about themselves.
		{"169.254.169.254", "x", "169.254.169.254:80", true},
		{"169.254.169.254/32", "x", "169.254.169.254:80", false},
		{"0.0.0.0/0", "x", "169.254.169.254:80", false},
		{"0.0.0.0/0", "x", "100.100.100.200:80", false},
		{"0.0.0.0/0", "x", "168.63.129.16:443", false},
		{"0.0.0.0/0", "x", "10.0.0.1:80", true},
		{"::/0", "x", "[fe80::1]:80", false},
		{"::/0", "x", "[fd00:ec2::254]:80", false},
		{"::/0", "x", "[64:ff9b::a9fe:a9fe]:80", false},
		{"::/0", "x", "[::ffff:169.254.169.254]:80", false},
		{"metadata.internal", "metadata.internal", "169.254.169.254:80", false},
		{"fe80::1", "x", "[fe80::1%eth0]:80", true},
	} {
		c := open(t, egress.Options{Allow: []string{"nothing.else", test.allow}})
		err := c.Judge(test.host, netip.MustParseAddrPort(test.target), 443)
		if (err == nil) != test.want {
			t.Errorf("allow %s: %s at %s: %v", test.allow, test.host, test.target, err)
		}
	}
}

func TestAllowListFaultsAreReportedTogether(t *testing.T) {
	t.Parallel()
	bad := []string{"", "http://ha.local", "ha.local:0", "ha.local:99999", "[example.com]", "[192.168.1.5]:80", "[fd00::1", "1.2.3", "0x7f.1", "fe80::1%eth0", "a b", "*", "[fd00::zz]:80"}
	_, err := egress.New(egress.Options{Allow: append([]string{"ha.local"}, bad...)})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != len(bad) {
		t.Fatalf("%v", err)
	}
}

func TestCheckSaysWhatToDo(t *testing.T) {
	t.Parallel()
	c := open(t, egress.Options{Allow: []string{"192.168.1.5:8123"}})
	const notInternet = " leads to an address that is not on the internet; if it should be reached, the operator adds it to EGRESS_ALLOW"
	for rawURL, want := range map[string]string{
		"https://9.9.9.9/hook":           "",
		" https://9.9.9.9/hook ":         "",
		"https://no-such-host.invalid/":  "",
		"http://192.168.1.5:8123/api":    "",
		"http://192.168.1.5/api":         "192.168.1.5" + notInternet,
		"https://localhost/":             "localhost" + notInternet,
		"https://127.0.0.1/":             "127.0.0.1" + notInternet,
		"http://9.9.9.9/":                "9.9.9.9 would be reached without encryption; use https (mqtts for a broker), or let the operator add it to EGRESS_ALLOW",
		"https://9.9.9.9:22/":            "port 22 of 9.9.9.9 may not be used; use 443, or let the operator add 9.9.9.9:22 to EGRESS_ALLOW",
		"https://2130706433/":            "2130706433 is not an address; write four numbers, such as 192.168.1.5",
		"https://0x7f.1/":                "0x7f.1 is not an address; write four numbers, such as 192.168.1.5",
		"https://127.1/":                 "127.1 is not an address; write four numbers, such as 192.168.1.5",
		"https://0177.0.0.1/":            "0177.0.0.1 is not an address; write four numbers, such as 192.168.1.5",
		"ftp://9.9.9.9/":                 "the address must begin with https://",
		"9.9.9.9/hook":                   "the address must begin with https://",
		"https:///hook":                  "the address names no host; write https://host/path",
		"https://u:p@9.9.9.9/":           "the address must not hold a user name or password; use a token in the path or a header",
		"https://9.9.9.9:0/":             "port 0 does not exist",
		"https://[fe80::1%25eth0]/":      "fe80::1%eth0 must not name a network interface",
		"https://a b/":                   "this is not a URL; write https://host/path",
		"https://[::ffff:192.168.1.5]/x": "::ffff:192.168.1.5" + notInternet,
	} {
		err := c.Check(t.Context(), rawURL)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", rawURL, err)
		case want != "" && (!fault.Is(err, fault.Invalid) || err.Error() != want):
			t.Errorf("%s: %v, want %s", rawURL, err, want)
		}
	}
}

// server is a TLS server on the loopback interface that counts its visitors.
type server struct {
	*httptest.Server
	visits atomic.Int64
	roots  *x509.CertPool
}

func serve(t *testing.T, handle http.HandlerFunc) *server {
	t.Helper()
	s := &server{roots: x509.NewCertPool()}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.visits.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	s.roots.AddCert(s.Certificate())
	return s
}

func (s *server) address(t *testing.T) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func get(t *testing.T, c *egress.Client, rawURL string) (string, int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp.StatusCode, err
}

func TestLoopbackIsReachedOnlyWhenListed(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	_, port := s.address(t)
	refusing := open(t, egress.Options{Allow: []string{"127.0.0.1:1", "10.0.0.0/8"}})
	refusing.Trust(s.roots)
	for _, host := range []string{
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "0", "0.0.0.0",
	} {
		if _, _, err := get(t, refusing, "https://"+host+":"+port+"/"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := s.visits.Load(); n != 0 {
		t.Fatalf("%d requests came through", n)
	}
	for _, entry := range []string{"127.0.0.1:" + port, "127.0.0.0/8", "127.0.0.1"} {
		c := open(t, egress.Options{Allow: []string{entry}})
		c.Trust(s.roots)
		if body, status, err := get(t, c, s.URL); err != nil || status != 200 || body != "hello" {
			t.Errorf("listed as %s: %q %d %v", entry, body, status, err)
		}
	}
	stranger := open(t, egress.Options{Allow: []string{"127.0.0.1"}})
	if _, _, err := get(t, stranger, s.URL); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a certificate of nobody was accepted: %v", err)
	}
}

func TestPlainHTTPOnlyWhenListed(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(s.Close)
	if _, _, err := get(t, open(t, egress.Options{}), s.URL); !fault.Is(err, fault.Invalid) {
		t.Errorf("unlisted: %v", err)
	}
	if body, _, err := get(t, open(t, egress.Options{Allow: []string{"127.0.0.1"}}), s.URL); err != nil || body != "hello" {
		t.Errorf("listed: %q %v", body, err)
	}
	named := open(t, egress.Options{Allow: []string{"localhost"}})
	if body, _, err := get(t, named, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)); err != nil || body != "hello" {
		t.Errorf("listed by name: %q %v", body, err)
	}
	if _, _, err := get(t, named, s.URL); !fault.Is(err, fault.Invalid) {
		t.Errorf("a listed name opened its address: %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	})
	c := open(t, egress.Options{Allow: []string{"127.0.0.1"}})
	c.Trust(s.roots)
	_, status, err := get(t, c, s.URL)
	if err != nil || status != http.StatusFound || s.visits.Load() != 1 {
		t.Errorf("%d, %v after %d visits", status, err, s.visits.Load())
	}
}

// TestANameThatLeadsElsewhereLater is what rebinding does: a name that is on the
// internet when it is saved, and on this machine when it is dialled.
func TestANameThatLeadsElsewhereLater(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, port := s.address(t)
	public, inside := []netip.Addr{netip.MustParseAddr("9.9.9.9")}, []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	names := testkit.Names(t, func(name string, n int) testkit.Outcome {
		switch {
		case name != "rebinding.example":
			return testkit.Outcome{Code: testkit.NoSuchName}
		case n == 1:
			return testkit.Outcome{Addrs: public}
		}
		return testkit.Outcome{Addrs: inside}
	})
	c := open(t, egress.Options{Resolver: names, Allow: []string{"9.9.9.9"}}) // at any port
	c.Trust(s.roots)
	rawURL := "https://rebinding.example:" + port + "/"
	if err := c.Check(t.Context(), rawURL); err != nil {
		t.Errorf("saved: %v", err)
	}
	if _, _, err := get(t, c, rawURL); !fault.Is(err, fault.Invalid) || s.visits.Load() > 0 {
		t.Errorf("dialled: %v, %d visits", err, s.visits.Load())
	}
	if err := c.Check(t.Context(), rawURL); !fault.Is(err, fault.Invalid) {
		t.Errorf("saved again: %v", err)
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") })
	c := open(t, egress.Options{Allow: []string{"127.0.0.1"}})
	c.Trust(target.roots)
	if body, _, err := get(t, c, target.URL); err != nil || body != "direct" || proxy.visits.Load() != 0 {
		t.Errorf("%q, %v, %d visits to the proxy", body, err, proxy.visits.Load())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 100_000))
		case "/slow":
			<-r.Context().Done()
		}
	})
	c := open(t, egress.Options{Allow: []string{"127.0.0.1"}, MaxBody: 1000, Timeout: 300 * time.Millisecond})
	c.Trust(s.roots)
	if body, _, err := get(t, c, s.URL+"/exact"); err != nil || len(body) != 1000 {
		t.Errorf("an answer of the largest size: %d, %v", len(body), err)
	}
	if body, _, err := get(t, c, s.URL+"/long"); !fault.Is(err, fault.TooLarge) || len(body) != 1000 {
		t.Errorf("an answer that is too long: %d, %v", len(body), err)
	}
	for _, path := range []string{"/header", "/slow"} {
		if _, _, err := get(t, c, s.URL+path); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestErrorsDoNotRepeatTheAddress(t *testing.T) {
	t.Parallel()
	c := open(t, egress.Options{Allow: []string{"127.0.0.1"}})
	_, _, err := get(t, c, "http://127.0.0.1:1/hook?token=hidden")
	if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
}

// closeNoticing is a request body that remembers being closed.
type closeNoticing struct {
	io.Reader
	closed bool
}

func (c *closeNoticing) Close() error { c.closed = true; return nil }

func TestRefusedRequestsCloseTheirBody(t *testing.T) {
	t.Parallel()
	body := &closeNoticing{Reader: bytes.NewReader(nil)}
	u, err := url.Parse("https://u:p@9.9.9.9/")
	if err != nil {
		t.Fatal(err)
	}
	req := (&http.Request{Method: http.MethodPost, URL: u, Body: body, Header: http.Header{}}).WithContext(t.Context())
	if _, err := open(t, egress.Options{}).RoundTrip(req); !fault.Is(err, fault.Invalid) || !body.closed {
		t.Errorf("%v, closed %t", err, body.closed)
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address := listener.Addr().String()
	for _, refused := range []string{address, "localhost:993", "9.9.9.9:143", "9.9.9.9:1883", "169.254.169.254:443", "nohost", ":993", "9.9.9.9:imap", "9.9.9.9:0"} {
		if _, err := open(t, egress.Options{}).Dial(t.Context(), refused); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", refused, err)
		}
	}
	conn, err := open(t, egress.Options{Allow: []string{address}}).Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := open(t, egress.Options{Allow: []string{"127.0.0.1"}}).Dial(t.Context(), "127.0.0.1:1"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a closed port: %v", err)
	}
}

// FuzzCheck asks that no spelling of a URL that passes leads to an address
// which is not on the internet. Hosts are literal, so that nothing is looked up.
func FuzzCheck(f *testing.F) {
	for addr := range addresses {
		f.Add("https://" + bracket(addr) + ":443/")
	}
	f.Add("https://0x7f.1/")
	c, err := egress.New(egress.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, rawURL string) {
		u, err := url.Parse(strings.TrimSpace(rawURL))
		if err != nil {
			return
		}
		addr, err := netip.ParseAddr(u.Hostname())
		if err != nil || c.Check(t.Context(), rawURL) != nil {
			return
		}
		if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is4In6() || u.User != nil || u.Scheme != "https" {
			t.Errorf("%q passed", rawURL)
		}
	})
}

// FuzzAllow asks that no entry opens link-local addresses but a literal one.
func FuzzAllow(f *testing.F) {
	f.Add("0.0.0.0/0")
	f.Add("[::/0]:80")
	f.Add("169.254.169.254:80")
	f.Fuzz(func(t *testing.T, entry string) {
		c, err := egress.New(egress.Options{Allow: []string{entry}})
		if err != nil {
			return
		}
		err = c.Judge("x", netip.MustParseAddrPort("169.254.169.254:80"), 443)
		if err == nil && !strings.Contains(entry, "169.254.169.254") && !strings.Contains(entry, "::") {
			t.Errorf("%q opened the metadata address", entry)
		}
	})
}
