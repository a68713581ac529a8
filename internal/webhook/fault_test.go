package webhook

import (
	"bufio"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"navidocs/internal/testkit"
)

// raw answers a request with whatever f writes to the connection, which is then
// cut: its end is a reset, not a farewell.
func raw(f func(w io.Writer)) answer {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		f(conn)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

func saying(text string) answer { return raw(func(w io.Writer) { _, _ = io.WriteString(w, text) }) }

// bomb is an answer of 64 kB that unpacks to 64 MB.
func bomb(w http.ResponseWriter, _ *http.Request, _ int) {
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := packed.Write(zeros); err != nil {
			return // the receiver of the answer has had enough
		}
	}
	_ = packed.Close()
}

// endless writes for as long as somebody reads.
func endless(w http.ResponseWriter, _ *http.Request, _ int) {
	for out := bufio.NewWriter(w); ; {
		if _, err := out.WriteString("and so on, "); err != nil {
			return
		}
	}
}

// secure serves over TLS with a certificate that nobody known has issued, or the
// given one, and returns the address under a host.
func secure(t *testing.T, host string, certificate ...tls.Certificate) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a message arrived") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	if len(certificate) > 0 {
		server.TLS = &tls.Config{Certificates: certificate, MinVersion: tls.VersionTLS12}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://" + net.JoinHostPort(host, port) + "/hook"
}

// expired is a certificate of this machine that was good until 2001.
func expired(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
}

// TestEveryFault goes through what may go wrong on the way to a receiver and
// back. What is wrong before its answer is tried again. What is wrong after the
// status changes nothing about it.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	const taken, again = "succeeded", "failed pending"
	for name, c := range map[string]struct {
		answer answer
		url    func(t *testing.T) string // of something else than a receiver with that answer
		states string                    // after the first attempt
		says   string
		kept   func(body string) bool
	}{
		"TLS: unknown issuer": {nil, func(t *testing.T) string { t.Helper(); return secure(t, "127.0.0.1") }, again, "(TLS): nobody known", nil},
		"TLS: another name":   {nil, func(t *testing.T) string { t.Helper(); return secure(t, "receiver.example") }, again, "(TLS): it is for another name", nil},
		"TLS: expired": {nil, func(t *testing.T) string {
			t.Helper()
			return secure(t, "127.0.0.1", expired(t))
		}, again, "(TLS): it has expired", nil},
		"TLS: none": {nil, func(t *testing.T) string {
			t.Helper()
			return strings.Replace(listen(t, nil).URL, "http:", "https:", 1)
		}, again, "did not answer", nil},
		"DNS: no such name": {nil, func(*testing.T) string { return "https://gone.example/" }, again, "does not exist (DNS)", nil},
		"DNS: broken":       {nil, func(*testing.T) string { return "https://broken.example/" }, again, "could not be looked up (DNS)", nil},

		"reset before the answer":        {saying(""), nil, again, "broke off before the answer", nil},
		"reset within the head":          {saying("HTTP/1.1 200 OK\r\n"), nil, again, "broke off before the answer", nil},
		"not HTTP":                       {saying("220 mail.example ESMTP\r\n\r\n"), nil, again, "did not answer", nil},
		"a head without end":             {saying("HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 1<<20)), nil, again, "did not answer", nil},
		"a status that is none":          {saying("HTTP/1.1 2000 OK\r\n\r\n"), nil, again, "did not answer", nil},
		"a redirect to ourselves":        {saying("HTTP/1.1 307 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"), nil, again, "redirect", nil},
		"reset within the body":          {saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nwell"), nil, taken, "", func(body string) bool { return body == "well" }},
		"reset after the answer":         {saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"), nil, taken, "", func(body string) bool { return body == "well" }},
		"a body that unpacks to 64 MB":   {bomb, nil, taken, "", func(body string) bool { return strings.HasPrefix(body, "\x1f") && len(body) <= maxAnswer }},
		"a body without end":             {endless, nil, taken, "", func(body string) bool { return len(body) == maxAnswer }},
		"chunks that say they are large": {saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\nwell"), nil, taken, "", func(body string) bool { return body == "well" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, Config{MaxRetries: 1}, func(t *testing.T, b *bench) {
				b.clock.Set(time.Now().AddDate(1, 0, 0)) // ahead of the queue, so that no second attempt is due
				url := ""
				if c.url != nil {
					url = c.url(t)
				} else {
					url = listen(t, c.answer).URL
				}
				w := b.create(url, "boat.created")
				b.run()
				b.happens("boat.created")
				var all []Delivery
				testkit.Eventually(t, func() error {
					if all = b.log(w.ID); len(all) == 0 || all[0].Status == Pending {
						return fmt.Errorf("%d attempts: %s", len(all), states(all))
					}
					return nil
				})
				if got := states(all); got != c.states {
					t.Errorf("%s, want %s", got, c.states)
				}
				d := all[0]
				if !strings.Contains(d.Error, c.says) || (c.says == "") != (d.Error == "") {
					t.Errorf("it says %q, want %q", d.Error, c.says)
				}
				if c.kept != nil && !c.kept(d.ResponseBody) {
					t.Errorf("%d bytes are kept: %.40q", len(d.ResponseBody), d.ResponseBody)
				}
				if whole := c.states == again || name == "reset after the answer"; d.Truncated == whole {
					t.Errorf("cut: %v", d.Truncated)
				}
			})
		})
	}
}

// A body that stops coming does not hold the attempt beyond its time, and the
// status before it counts.
func TestABodyThatStopsIsLeft(t *testing.T) {
	t.Parallel()
	each(t, Config{Timeout: 2 * time.Second}, func(t *testing.T, b *bench) {
		r := listen(t, func(w http.ResponseWriter, req *http.Request, _ int) {
			fmt.Fprint(w, "well")
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
		})
		w := b.create(r.URL, "*")
		b.run()
		b.happens("boat.created")
		if d := b.settled(w.ID, 1)[0]; d.Status != Succeeded || d.ResponseBody != "well" || !d.Truncated {
			t.Errorf("%+v", d)
		}
	})
}
