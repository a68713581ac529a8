package ops

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/egress"
	"navidocs/internal/fault"
)

// reachLimit bounds one attempt to reach somebody.
const reachLimit = 5 * time.Second

// tls looks at the certificate that people are shown: the configured one, or
// that of whatever answers at APP_BASE_URL.
func (p *Preflight) tls(ctx context.Context) (Finding, error) {
	c := p.Config
	u, err := url.Parse(c.App.URL)
	if err != nil {
		return Finding{}, err
	}
	switch {
	case c.Server.TLSCert != "" && c.Server.TLSKey != "":
		pair, err := tls.LoadX509KeyPair(c.Server.TLSCert, c.Server.TLSKey)
		if err != nil {
			return fail("correct TLS_CERT_FILE and TLS_KEY_FILE, and who may read them", "the certificate cannot be used: %s", err)
		}
		return p.certificate(pair.Leaf, u.Hostname())
	case u.Scheme != "https":
		return skip("people do not reach this server by HTTPS: neither TLS_CERT_FILE nor an https address in APP_BASE_URL")
	}
	at := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443"))
	if c.HTTPS() { // by this machine's own name, which a router may not lead back
		at = net.JoinHostPort(p.here(), strconv.Itoa(c.Port()))
	}
	leaf, err := p.shown(ctx, at, u.Hostname())
	if err != nil && c.HTTPS() {
		return warn("let "+u.Hostname()+" lead to this machine, with ports 443 and 80 open, and start navidocs serve, which obtains one: its log says what is in the way", "no certificate is shown at %s: %s", at, err)
	}
	if err != nil {
		return warn("start what answers there; before a first deploy nothing does", "no certificate is shown at %s: %s", c.App.URL, err)
	}
	f, err := p.certificate(leaf[0], u.Hostname())
	if err != nil || f.Verdict == Fail {
		return f, err
	}
	between := x509.NewCertPool()
	for _, c := range leaf[1:] {
		between.AddCert(c)
	}
	if _, err := leaf[0].Verify(x509.VerifyOptions{Roots: p.Roots, Intermediates: between, CurrentTime: p.Now()}); err != nil {
		return fail("have it issued by an authority that browsers know, and serve the whole chain", "browsers refuse the certificate: %s", err)
	}
	return f, nil
}

// here is where a server of this machine is reached.
func (p *Preflight) here() string {
	host := p.Config.Server.Listen
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return host
}

// shown are the certificates that a server shows for a name, whatever they are.
func (p *Preflight) shown(ctx context.Context, at, name string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} //nolint:gosec // judged afterwards, to say what is wrong
	conn, err := d.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, fmt.Errorf("%T is no TLS", conn)
	}
	return secure.ConnectionState().PeerCertificates, nil
}

// Limits of a certificate's time: one that renews itself does so at a third of
// its lifetime, whatever that is (45 days from 2028 on), and has 2 days to try.
const (
	renewBefore = 30 * 24 * time.Hour
	renewTries  = 2 * 24 * time.Hour
	lastCall    = 48 * time.Hour
)

func (p *Preflight) certificate(c *x509.Certificate, host string) (Finding, error) {
	const renew = "renew it; an automatic renewal has failed: see its log"
	left := c.NotAfter.Sub(p.Now())
	if host != "" {
		if err := c.VerifyHostname(host); err != nil {
			return fail("have a certificate issued for "+host, "the certificate is for another name: %s", err)
		}
	}
	end := c.NotAfter.UTC().Format(time.DateTime)
	switch {
	case left <= 0:
		return fail(renew, "the certificate expired at %s UTC", end)
	case p.Now().Before(c.NotBefore):
		return fail("set the clock, or wait", "the certificate is valid from %s UTC on", c.NotBefore.UTC().Format(time.DateTime))
	case left < lastCall:
		return fail(renew, "the certificate expires in %.0f hours, at %s UTC", left.Hours(), end)
	case left <= min(renewBefore, c.NotAfter.Sub(c.NotBefore)/3-renewTries):
		return warn(renew, "the certificate expires in %.0f days, at %s UTC", left.Hours()/24, end)
	}
	return pass("the certificate is valid for %.0f more days", left.Hours()/24)
}

func (p *Preflight) smtp(ctx context.Context) (Finding, error) {
	c := p.Config.SMTP
	if p.Mail == nil {
		if p.Config.Production() {
			return warn("set SMTP_HOST and SMTP_FROM", "no mail server is set: mail is written to data/outbox, and nobody gets it")
		}
		return skip("no mail server is set: mail is written to data/outbox")
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	if err := p.Mail(ctx); err != nil {
		return fail("correct SMTP_HOST, SMTP_PORT, SMTP_USER and SMTP_PASSWORD", "the mail server does not take us: %s", fault.Message(err))
	}
	return pass("%s:%d takes us", c.Host, c.Port)
}

// manyHosts bounds how many receivers are tried.
const manyHosts = 20

// egress tries whether whoever is told of events can be reached: a connection,
// and nothing sent.
func (p *Preflight) egress(ctx context.Context) (Finding, error) {
	addresses, err := db.Collect(ctx, p.Doctor.DB, db.Scalar[string],
		"SELECT url FROM webhooks WHERE status = 'active' AND org_id <> $1 ORDER BY last_delivery_at DESC LIMIT 500", p.Probe)
	if err != nil {
		return Finding{}, err
	}
	hosts := hostsOf(append([]string{p.Config.Integration.DeployHookURL, p.Config.Notify.NtfyURL}, addresses...))
	if len(hosts) == 0 {
		return skip("nobody is told of events by webhook")
	}
	client, err := egress.New(egress.Options{Allow: p.Config.Webhook.EgressAllow, Timeout: reachLimit})
	if err != nil {
		return Finding{}, err
	}
	lost := unreached(ctx, client, hosts)
	switch {
	case len(lost) == len(hosts):
		return fail("look at the firewall, the DNS and EGRESS_ALLOW", "no receiver of webhooks can be reached: %s", strings.Join(lost, "; "))
	case len(lost) > 0:
		return warn("tell whoever runs them, or add private ones to EGRESS_ALLOW", "%d of %d receivers of webhooks cannot be reached: %s", len(lost), len(hosts), strings.Join(lost, "; "))
	}
	return pass("%s of webhooks can be reached", plural(len(hosts), "receiver"))
}

// hostsOf are the hosts and ports of addresses, each once.
func hostsOf(addresses []string) (hosts []string) {
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Hostname() == "" || len(hosts) == manyHosts {
			continue
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		if host := net.JoinHostPort(u.Hostname(), port); port != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// unreached tries all at once and says whom it did not reach, and why.
func unreached(ctx context.Context, client *egress.Client, hosts []string) (lost []string) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	errs := make([]error, len(hosts))
	var all sync.WaitGroup
	for i, host := range hosts {
		all.Go(func() {
			conn, err := client.Dial(ctx, host)
			if errs[i] = err; err == nil {
				errs[i] = conn.Close()
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			lost = append(lost, fmt.Sprintf("%s (%s)", hosts[i], err))
		}
	}
	return lost
}

// services asks the server of this machine how it is.
func (p *Preflight) services(ctx context.Context) (Finding, error) {
	scheme := "http"
	if p.Config.HTTPS() {
		scheme = "https"
	}
	address := scheme + "://" + net.JoinHostPort(p.here(), strconv.Itoa(p.Config.Port()))
	h, err := askHealth(ctx, address)
	switch {
	case err != nil:
		return warn("navidocs serve; before a first deploy nothing runs", "no server answers at %s: %s", address, err)
	case h.Status == "down":
		return fail("navidocs doctor", "the server at %s is down: database %s, storage %s", address, h.Database, h.Storage)
	case h.Status != "ok":
		return warn("navidocs doctor", "the server at %s is %s: database %s, workers %s, storage %s, redis %s", address, h.Status, h.Database, h.Workers, h.Storage, h.Redis)
	}
	return pass("release %s serves at %s, and its workers run", h.Version, address)
}

type health struct{ Status, Version, Database, Workers, Storage, Redis string }

func askHealth(ctx context.Context, address string) (h health, err error) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/health", nil)
	if err != nil {
		return h, err
	}
	// This machine's own server, whose certificate is for another name.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
	res, err := client.Do(req)
	if err != nil {
		return h, err
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err == nil && h.Status == "" {
		err = fmt.Errorf("something else answers there (status %d)", res.StatusCode)
	}
	return h, err
}

func (p *Preflight) sessions(ctx context.Context) (Finding, error) {
	now := p.Now()
	n, err := db.One(ctx, p.Doctor.DB, db.Scalar[int], "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > $1 AND last_seen_at > $2",
		db.Micros(now), db.Micros(now.Add(-15*time.Minute)))
	if err != nil {
		return Finding{}, err
	}
	return pass("%s used in the last 15 minutes; a deploy disturbs none", plural(n, "session"))
}

// lock: one deploy, one migration at a time.
func (p *Preflight) lock(context.Context) (Finding, error) {
	if p.Deploying {
		return skip("this deploy holds it")
	}
	for _, l := range []struct{ file, what string }{{"deploy.lock", "a deploy"}, {"migrate.lock", "a migration"}} {
		file := filepath.Join(p.Config.StateDir(), l.file)
		taken, err := held(file)
		if err != nil {
			return Finding{}, err
		}
		if taken {
			note, _ := os.ReadFile(file) //nolint:forbidigo // a lock's note of who holds it
			return fail("wait until it has ended", "%s is under way %.200s", l.what, strings.TrimSpace(string(note)))
		}
	}
	return pass("no deploy and no migration is under way")
}
