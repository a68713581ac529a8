package ops_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gofrs/flock"

	"navidocs/internal/apptest"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/ops"
	"navidocs/internal/release"
	"navidocs/internal/testkit"
)

// good are the reports of a build of which nothing is to be said.
func good(at time.Time) release.Reports {
	coverage := 82.5
	return release.Reports{
		Commit: "c0ffee", Coverage: &coverage, Race: &release.Findings{At: at}, Lint: &release.Findings{At: at}, Vuln: &release.Vuln{At: at, Other: 1},
		Tests:   &release.Tests{At: at, Suites: map[string]release.Suite{"unit": {Passed: 900}, "integration": {Passed: 80}, "e2e": {Passed: 30}}},
		Reviews: []release.Review{{By: "ann", At: at}, {By: "bo", At: at}},
	}
}

// build makes a signed release whose program is a script, and trusts its key.
func build(t *testing.T, reports release.Reports) (dir string, trust release.Trust) {
	t.Helper()
	says, err := json.Marshal(release.Info{Version: "1.4.0", Commit: "c0ffee", OS: runtime.GOOS, Arch: runtime.GOARCH, SchemaMin: 1, SchemaMax: 2})
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	program, key := filepath.Join(work, "built"), filepath.Join(work, "key")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho '"+string(says)+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	public, err := release.KeyPair(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(work, "dist")
	_, err = release.Make(t.Context(), release.MakeOptions{Binary: program, Dir: dir, BuiltAt: time.Now(), Reports: reports, Key: string(secret), Sbom: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	return dir, release.Trust{Keys: public}
}

// find runs a preflight and returns what it says of one check.
func find(t *testing.T, p *ops.Preflight, check string) ops.Finding {
	t.Helper()
	for _, f := range p.Run(t.Context()) {
		if f.Check == check {
			return f
		}
	}
	t.Fatal("there is no check", check)
	return ops.Finding{}
}

// demand demands a verdict, words of the text, and words of the remedy.
func demand(t *testing.T, f ops.Finding, verdict, text, remedy string) {
	t.Helper()
	if f.Verdict != verdict || !strings.Contains(f.Text, text) || !strings.Contains(f.Remedy, remedy) || (verdict == ops.Fail || verdict == ops.Warn) && f.Remedy == "" {
		t.Errorf("%+v, want %s: %q -> %q", f, verdict, text, remedy)
	}
}

// Of a good release on a healthy installation nothing is said but that it is
// well, or that it does not apply; and that within ten seconds.
func TestPreflightOfWhatIsWell(t *testing.T) {
	t.Parallel()
	eachPatient(t, func(p *patient) {
		secret, err := p.RecoveryKey()
		if err == nil {
			err = backup.ConfirmRecoveryKey(filepath.Join(p.home, "data", "keys"), secret)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		apptest.Work(p.t, p.App)
		pre := p.preflight()
		pre.Release, pre.Trust = build(p.t, good(p.clock.Now()))
		pre.Mail = func(context.Context) error { return nil }
		pre.Assets = fstest.MapFS{"index.html": {Data: []byte("a page")}}
		testkit.Eventually(p.t, func() error {
			if f := find(p.t, pre, "services"); f.Verdict != ops.Pass {
				return errorOf(f)
			}
			return nil
		})
		before := time.Now()
		found := pre.Run(p.t.Context())
		took := time.Since(before)
		for _, f := range found {
			if f.Verdict == ops.Fail || f.Verdict == ops.Warn && !slices.Contains([]string{"load", "ram", "disk"}, f.Check) {
				p.t.Errorf("%+v", f)
			}
		}
		if len(found) != 28 || took > 10*time.Second {
			p.t.Error(len(found), took)
		}
		p.t.Log("preflight took", took.Round(time.Millisecond))
	})
}

// preflight is one of this patient, whose server it finds.
func (p *patient) preflight() *ops.Preflight {
	p.t.Helper()
	d := p.Doctor(false)
	u, err := url.Parse(p.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	c := d.Config
	c.Server.Listen = u.Hostname()
	if c.Server.Port, err = strconv.Atoi(u.Port()); err != nil {
		p.t.Fatal(err)
	}
	return &ops.Preflight{Config: c, Doctor: d, Now: p.clock.Now}
}

// configured is a preflight of a configuration, on a machine where nothing was
// started yet.
func configured(t *testing.T, settings ...string) *ops.Preflight {
	t.Helper()
	c, faults, err := config.Examine(config.Source{Environ: settings, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return &ops.Preflight{Config: c, Faults: faults, Unopened: fault.New(fault.Conflict, "the database is empty"), Now: time.Now}
}

// What is wrong with the settings and the machine is named with its fix, and
// hides nothing else.
func TestPreflightNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		settings             []string
		spoil                func(t *testing.T, p *ops.Preflight)
		check, verdict       string
		text, remedy         string
		otherCheck, otherSay string
	}{
		"a missing secret":   {[]string{"SMTP_HOST=mail.example.com", "SMTP_FROM=a@example.com", "SMTP_USER=a", "PORT=http"}, nil, "secrets", ops.Fail, "SMTP_PASSWORD is missing", "SMTP_PASSWORD: set both", "config", "PORT"},
		"a secret's file":    {[]string{"JWT_SECRET_FILE=/nowhere"}, nil, "secrets", ops.Fail, "cannot be read", "JWT_SECRET_FILE: correct the path", "config", ""},
		"a placeholder":      {[]string{"APP_BASE_URL=https://<your domain>", "JWT_SECRET=change-me"}, nil, "config", ops.Fail, "is a placeholder", "APP_BASE_URL: give the real value", "secrets", "JWT_SECRET is a placeholder"},
		"a weak secret":      {[]string{"JWT_SECRET=12345678"}, nil, "secrets", ops.Fail, "too few for a key", "openssl rand", "", ""},
		"plain HTTP":         {[]string{"APP_BASE_URL=http://boats.example.com"}, nil, "config", ops.Warn, "in the clear", "HTTPS", "", ""},
		"another origin":     {[]string{"APP_BASE_URL=https://boats.example.com", "API_BASE_URL=https://api.example.com"}, nil, "config", ops.Warn, "CORS_ORIGIN", "https://boats.example.com", "", ""},
		"an origin let in":   {[]string{"APP_BASE_URL=https://boats.example.com", "API_BASE_URL=https://api.example.com", "CORS_ORIGIN=https://boats.example.com"}, nil, "config", ops.Pass, "whole", "", "", ""},
		"no mail":            {nil, nil, "smtp", ops.Warn, "nobody gets it", "SMTP_HOST", "", ""},
		"mail that fails":    {nil, func(_ *testing.T, p *ops.Preflight) { p.Mail = refused }, "smtp", ops.Fail, "535 no", "SMTP_PASSWORD", "", ""},
		"a full disk":        {nil, fillDisk, "disk", ops.Fail, "MB are free, and", "backup prune", "", ""},
		"an open env file":   {[]string{"JWT_SECRET=" + long}, openFile, "secrets", ops.Fail, "everybody on this machine may read", "chmod o=", "", ""},
		"a good secret":      {[]string{"JWT_SECRET=" + long}, nil, "secrets", ops.Pass, "JWT_SECRET (environment)", "", "", ""},
		"nothing runs":       {[]string{"LISTEN=127.0.0.1", "PORT=1"}, nil, "services", ops.Warn, "no server answers", "navidocs serve", "", ""},
		"an empty database":  {nil, nil, "db", ops.Warn, "empty", "migrate up", "schema", "see config and db"},
		"a broken database":  {nil, func(_ *testing.T, p *ops.Preflight) { p.Unopened = errors.New("no such host") }, "db", ops.Fail, "no such host", "doctor", "", ""},
		"a deploy under way": {nil, holdLock, "lock", ops.Fail, "a deploy is under way ann since nine", "wait", "", ""},
		"its own deploy":     {nil, func(t *testing.T, p *ops.Preflight) { t.Helper(); holdLock(t, p); p.Deploying = true }, "lock", ops.Skip, "this deploy", "", "", ""},
		"an empty front end": {nil, func(_ *testing.T, p *ops.Preflight) { p.Assets = fstest.MapFS{} }, "assets", ops.Fail, "empty", "build", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := configured(t, c.settings...)
			if c.spoil != nil {
				c.spoil(t, p)
			}
			demand(t, find(t, p, c.check), c.verdict, c.text, c.remedy)
			if c.otherCheck != "" && !strings.Contains(find(t, p, c.otherCheck).Text, c.otherSay) {
				t.Errorf("%+v", find(t, p, c.otherCheck))
			}
		})
	}
}

func refused(context.Context) error { return fault.New(fault.Unavailable, "535 no") }

// fillDisk gives the database a size for which no disk has room. It has holes.
func fillDisk(t *testing.T, p *ops.Preflight) {
	t.Helper()
	path, _ := p.Config.SQLitePath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(15<<40), f.Close()); err != nil {
		t.Skip("SKIPPED: this file system has no holes:", err)
	}
}

func openFile(t *testing.T, p *ops.Preflight) {
	t.Helper()
	p.EnvFiles = []string{".env.production"}
	name := filepath.Join(p.Config.Home, ".env.production")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chmod(name, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func holdLock(t *testing.T, p *ops.Preflight) {
	t.Helper()
	name := filepath.Join(p.Config.StateDir(), "deploy.lock")
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("ann since nine\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	l := flock.New(name)
	if ok, err := l.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	t.Cleanup(func() { l.Close() })
}

// What the manifest says is judged, and believed only of a trusted signature.
func TestPreflightJudgesTheRelease(t *testing.T) {
	t.Parallel()
	now := time.Now()
	low := 69.9
	for name, c := range map[string]struct {
		change         func(r *release.Reports)
		check, verdict string
		text           string
	}{
		"a failed test":      {func(r *release.Reports) { r.Tests.Suites["e2e"] = release.Suite{Passed: 1, Failed: 2} }, "tests", ops.Fail, "2 tests of the suite e2e failed"},
		"no test":            {func(r *release.Reports) { clear(r.Tests.Suites) }, "tests", ops.Fail, "no test was run"},
		"a suite left out":   {func(r *release.Reports) { delete(r.Tests.Suites, "e2e") }, "tests", ops.Warn, "e2e was not run"},
		"a race":             {func(r *release.Reports) { r.Race.Found = 1 }, "tests", ops.Fail, "1 races"},
		"few statements":     {func(r *release.Reports) { r.Coverage = &low }, "tests", ops.Fail, "69.9 %"},
		"no commit":          {func(r *release.Reports) { r.Commit = "" }, "tests", ops.Warn, "which commit"},
		"no race detector":   {func(r *release.Reports) { r.Race = nil }, "tests", ops.Warn, "not reported"},
		"no tests reported":  {func(r *release.Reports) { r.Tests = nil }, "tests", ops.Skip, "no report"},
		"a vulnerability":    {func(r *release.Reports) { r.Vuln.High = 1 }, "vuln", ops.Fail, "1 high"},
		"an old look":        {func(r *release.Reports) { r.Vuln.At = now.Add(-8 * 24 * time.Hour) }, "vuln", ops.Warn, "8 days old"},
		"a linter's finding": {func(r *release.Reports) { r.Lint.Found = 3 }, "lint", ops.Fail, "3 things"},
		"one review twice":   {func(r *release.Reports) { r.Reviews[1].By = "ann" }, "review", ops.Fail, "1 people"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reports := good(now)
			c.change(&reports)
			p := configured(t)
			p.Release, p.Trust = build(t, reports)
			demand(t, find(t, p, c.check), c.verdict, c.text, "")
		})
	}
}

func TestPreflightBelievesNobodyUnknown(t *testing.T) {
	t.Parallel()
	p := configured(t)
	p.Release, _ = build(t, good(time.Now()))
	found := p.Run(t.Context())
	verdicts := map[string]string{}
	for _, f := range found {
		verdicts[f.Check] = f.Verdict
	}
	want := map[string]string{"signature": ops.Fail, "tests": ops.Skip, "vuln": ops.Skip, "lint": ops.Skip, "review": ops.Skip, "binary": ops.Skip}
	for check, verdict := range want {
		if verdicts[check] != verdict {
			t.Errorf("%s: %s, want %s", check, verdicts[check], verdict)
		}
	}
	p.Trust.Unsigned = true
	demand(t, find(t, p, "signature"), ops.Warn, "no key is trusted", "--unsigned")
	demand(t, find(t, p, "binary"), ops.Pass, "1.4.0", "")
	if err := os.WriteFile(filepath.Join(p.Release, release.Binary), []byte("altered"), 0o755); err != nil {
		t.Fatal(err)
	}
	demand(t, find(t, p, "binary"), ops.Fail, "not the one", "fetch")
	p.Release = "nowhere"
	demand(t, find(t, p, "signature"), ops.Fail, "not there", "folder")
}

// certify makes a certificate that began some days ago and ends in some hours.
func certify(t *testing.T, host string, days, hours int) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.AddDate(0, 0, -days), NotAfter: now.Add(time.Duration(hours)*time.Hour + time.Minute),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	err = errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// The rule follows the lifetime: 30 days before the end of one of a year, 13
// before the end of one of 45 days, 0 before that of one of 6 days.
func TestPreflightOfACertificate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host          string
		days, hours   int
		verdict, says string
	}{
		"a year, 31 days left":   {"localhost", 334, 31 * 24, ops.Pass, "31 more days"},
		"a year, 29 days left":   {"localhost", 336, 29 * 24, ops.Warn, "expires in 29 days"},
		"45 days, 14 days left":  {"localhost", 31, 14 * 24, ops.Pass, "14 more days"},
		"45 days, 12 days left":  {"localhost", 33, 12 * 24, ops.Warn, "expires in 12 days"},
		"6 days, 3 days left":    {"localhost", 3, 3 * 24, ops.Pass, "3 more days"},
		"90 days, 47 hours left": {"localhost", 88, 47, ops.Fail, "expires in 47 hours"},
		"expired":                {"localhost", 90, -1, ops.Fail, "expired at"},
		"not yet":                {"localhost", -1, 48 * 24, ops.Fail, "valid from"},
		"of another name":        {"other.example.com", 1, 80 * 24, ops.Fail, "another name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert, key := certify(t, c.host, c.days, c.hours)
			p := configured(t, "APP_BASE_URL=https://localhost", "TLS_CERT_FILE="+cert, "TLS_KEY_FILE="+key)
			demand(t, find(t, p, "tls"), c.verdict, c.says, "")
		})
	}
	cert, _ := certify(t, "localhost", 1, 1000)
	_, key := certify(t, "localhost", 1, 1000)
	p := configured(t, "TLS_CERT_FILE="+cert, "TLS_KEY_FILE="+key)
	demand(t, find(t, p, "tls"), ops.Fail, "cannot be used", "TLS_KEY_FILE")
	demand(t, find(t, configured(t), "tls"), ops.Skip, "not reach", "")
}

// A proxy in front shows its own certificate, which browsers must take.
func TestPreflightOfAProxysCertificate(t *testing.T) {
	t.Parallel()
	cert, key := certify(t, "localhost", 1, 80*24)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{pair}})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).HandshakeContext(t.Context()); _ = conn.Close() }() // what the client thinks of it counts
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	proxied := configured(t, "APP_BASE_URL=https://localhost:"+port, "TRUSTED_PROXIES=127.0.0.1", "PORT=1")
	itself := configured(t, "APP_BASE_URL=https://localhost", "LISTEN=127.0.0.1", "PORT="+port)
	for _, p := range []*ops.Preflight{proxied, itself} {
		demand(t, find(t, p, "tls"), ops.Fail, "browsers refuse", "authority")
		p.Roots = x509.NewCertPool()
		p.Roots.AddCert(pair.Leaf)
		demand(t, find(t, p, "tls"), ops.Pass, "80 more days", "")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	demand(t, find(t, proxied, "tls"), ops.Warn, "no certificate is shown", "start what answers")
	demand(t, find(t, itself, "tls"), ops.Warn, "no certificate is shown at 127.0.0.1:"+port, "ports 443 and 80")
}

// Keys that are gone are told while there is something that they opened; what
// webhooks go to is tried; migrations that wait are no fault.
func TestPreflightOfAnInstallation(t *testing.T) {
	t.Parallel()
	eachPatient(t, func(p *patient) {
		pre := p.preflight()
		demand(p.t, find(p.t, pre, "secrets"), ops.Pass, "JWT_SECRET (", "")
		key := filepath.Join(p.home, "data", "keys", "jwt")
		if err := os.Rename(key, key+".away"); err != nil {
			p.t.Fatal(err)
		}
		demand(p.t, find(p.t, pre, "secrets"), ops.Pass, "JWT_SECRET (made at the first start)", "")
		p.User("ada@example.org", "", "")
		demand(p.t, find(p.t, pre, "secrets"), ops.Fail, "JWT_SECRET is missing", "backup restore")
		demand(p.t, find(p.t, pre, "webhook-egress"), ops.Skip, "nobody is told", "")
		// Of a smoke test that runs, or was killed.
		p.exec("INSERT INTO organizations (id, name, name_fold, created_at, updated_at) VALUES ('probe', 'Probe', 'probe', 0, 0)")
		p.exec("INSERT INTO webhooks (id, org_id, url, event_types, secret_sealed, status, created_at, updated_at) VALUES ('w', 'probe', 'http://127.0.0.1:1', '[]', '', 'active', 0, 0)")
		demand(p.t, find(p.t, pre, "webhook-egress"), ops.Fail, "no receiver", "")
		pre.Probe = "probe"
		demand(p.t, find(p.t, pre, "webhook-egress"), ops.Skip, "nobody is told", "")
		p.receivers(pre)
		demand(p.t, find(p.t, pre, "sessions"), ops.Pass, "1 session used", "")
		pre.Doctor.Pending = func(context.Context) ([]string, []string, error) { return []string{"2026060101_more"}, nil, nil }
		demand(p.t, find(p.t, pre, "schema"), ops.Pass, "2026060101_more", "")
		pre.Doctor.Pending = func(context.Context) ([]string, []string, error) { return []string{"b"}, []string{"a"}, nil }
		demand(p.t, find(p.t, pre, "schema"), ops.Fail, "changed", "release")
	})
}

// receivers are one that listens and one that does not.
func (p *patient) receivers(pre *ops.Preflight) {
	p.t.Helper()
	l, err := new(net.ListenConfig).Listen(p.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer l.Close()
	pre.Config.Integration.DeployHookURL = "http://" + l.Addr().String() + "/hook"
	demand(p.t, find(p.t, pre, "webhook-egress"), ops.Fail, "no receiver", "EGRESS_ALLOW")
	pre.Config.Webhook.EgressAllow = []string{"127.0.0.1"}
	demand(p.t, find(p.t, pre, "webhook-egress"), ops.Pass, "1 receiver", "")
	pre.Config.Notify.NtfyURL = "http://127.0.0.1:1"
	demand(p.t, find(p.t, pre, "webhook-egress"), ops.Warn, "1 of 2", "EGRESS_ALLOW")
}

// Whoever does not answer holds nothing up for longer than the limit.
func TestPreflightEndsInTime(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // it takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := configured(t, "LISTEN=127.0.0.1", "PORT="+port, "APP_BASE_URL=https://127.0.0.1:"+port)
	p.Mail = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	p.Limit = 300 * time.Millisecond
	before := time.Now()
	found := p.Run(t.Context())
	if took := time.Since(before); took > 4*time.Second {
		t.Error("it took", took)
	}
	for _, f := range found {
		if slices.Contains([]string{"tls", "services", "smtp"}, f.Check) && f.Verdict != ops.Warn && f.Verdict != ops.Fail {
			t.Errorf("%+v", f)
		}
	}
}

// Every check ticks a box, a box is as bad as its worst check, and what was
// not looked at is left to people.
func TestChecklist(t *testing.T) {
	t.Parallel()
	p := configured(t, "JWT_SECRET=change-me")
	p.Release, p.Trust = build(t, good(time.Now()))
	found := p.Run(t.Context())
	boxes := ops.Checklist(found)
	ticked := map[string]int{}
	verdicts := map[string]string{}
	for _, b := range boxes {
		for _, c := range b.Checks {
			ticked[c]++
			verdicts[c] = b.Verdict
		}
		if len(b.Found) != len(b.Checks) {
			t.Errorf("%+v", b)
		}
	}
	for _, f := range found {
		if ticked[f.Check] != 1 {
			t.Errorf("%s is in %d boxes", f.Check, ticked[f.Check])
		}
	}
	if len(ticked) != len(found) {
		t.Error("boxes name checks that there are not:", slices.Sorted(maps.Keys(ticked)))
	}
	if verdicts["tests"] != ops.Pass || verdicts["secrets"] != ops.Fail || verdicts["drill"] != ops.Skip || verdicts["assets"] != ops.Pass {
		t.Error(verdicts)
	}
	var b bytes.Buffer
	if err := ops.WriteChecklist(&b, boxes, ops.SignOff{DeployedBy: "Ann", At: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"[x] Unit, integration", "[ ] FAIL Secrets", "[ ] A backup was restored", "Deployed by: Ann\n", "Approved by: ____", "2026-06-01 09:00:00 UTC"} {
		if !strings.Contains(b.String(), line) {
			t.Error(fmt.Sprintf("%q is not in", line), b.String())
		}
	}
}
