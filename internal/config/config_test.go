package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNothingConfiguredWorks(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{})
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	path, sqlite := c.SQLitePath()
	folder, disk := c.BlobDir()
	got := []any{c.Home, path, sqlite, c.Postgres(), folder, disk, c.Address(), c.Production(), c.DataDir(), c.KeyDir(), c.StateDir(), c.Backup.Dir}
	want := []any{
		wd, wd + "/data/navidocs.db", true, false, wd + "/data/blobs", true, ":3000", true,
		wd + "/data", wd + "/data/keys", wd + "/state", wd + "/backups",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := c.Notices(); n != nil {
		t.Errorf("notices without configuration: %q", n)
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.Auth.JWTExpiration, c.Auth.RefreshExpiration, c.Auth.SessionIdle, c.Auth.Registration,
		c.Webhook.Timeout, c.Webhook.MaxRetries, c.Webhook.HomeAssistantTimeout,
		c.Limit.Window, c.Limit.Requests, c.Storage.MaxUpload, c.Backup.KeepLast, c.Backup.KeepDaily, c.Backup.KeepWeekly,
	}
	want := []any{
		24 * time.Hour, 7 * 24 * time.Hour, time.Hour, "invite",
		30 * time.Second, 3, 5 * time.Second, 15 * time.Minute, 100, int64(512 << 20), 5, 7, 4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTableIsSound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range Options() {
		if seen[o.Name] {
			t.Errorf("%s stands twice in the table", o.Name)
		}
		seen[o.Name] = true
		if kinds[o.Kind] == nil {
			t.Errorf("%s has the unknown kind %q", o.Name, o.Kind)
		}
		if o.Name == "" || o.Help == "" || o.Group == "" {
			t.Errorf("%+v lacks name, help or group", o)
		}
	}
	for _, names := range together {
		for _, name := range names {
			if !seen[name] {
				t.Errorf("%s is no option", name)
			}
		}
	}
}

// https says whether the server speaks HTTPS itself, and on which ports.
func https(c Config) any {
	plain := "none"
	if address, ok := c.PlainAddress(); ok {
		plain = strings.TrimPrefix(address, ":")
	}
	return fmt.Sprintf("%t %d %s", c.HTTPS(), c.Port(), plain)
}

func TestValues(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	secret := strings.Repeat("k7", 16)
	for name, test := range map[string]struct {
		environ []string
		value   func(Config) any
		want    any
	}{
		"days and hours":         {[]string{"JWT_EXPIRATION=1d12h"}, func(c Config) any { return c.Auth.JWTExpiration }, 36 * time.Hour},
		"milliseconds":           {[]string{"WEBHOOK_TIMEOUT_MS=1500"}, func(c Config) any { return c.Webhook.Timeout }, 1500 * time.Millisecond},
		"milliseconds with unit": {[]string{"WEBHOOK_TIMEOUT_MS=2s"}, func(c Config) any { return c.Webhook.Timeout }, 2 * time.Second},
		"megabytes":              {[]string{"MAX_UPLOAD_MB=2"}, func(c Config) any { return c.Storage.MaxUpload }, int64(2 << 20)},
		"alias":                  {[]string{"NODE_ENV=development"}, func(c Config) any { return c.App.Env }, "development"},
		"alias loses":            {[]string{"NODE_ENV=development", "APP_ENV=Staging"}, func(c Config) any { return c.App.Env }, "staging"},
		"list":                   {[]string{"OCR_LANGUAGES=eng, deu,,fra"}, func(c Config) any { return c.Document.OCRLanguages }, []string{"eng", "deu", "fra"}},
		"emails are lower case":  {[]string{"OPERATORS=Ann@Example.com"}, func(c Config) any { return c.Auth.Operators }, []string{"ann@example.com"}},
		"url loses its slash":    {[]string{"APP_BASE_URL=https://boat.example.com/"}, func(c Config) any { return c.App.URL }, "https://boat.example.com"},
		"origins":                {[]string{"CORS_ORIGIN=https://a.example,http://localhost:5173"}, func(c Config) any { return c.Server.CORSOrigins }, []string{"https://a.example", "http://localhost:5173"}},
		"proxies": {
			[]string{"TRUSTED_PROXIES=10.1.2.3,192.168.7.9/16,::1"},
			func(c Config) any { return show("networks", c.Server.TrustedProxies) },
			"10.1.2.3/32,192.168.0.0/16,::1/128",
		},
		"targets": {
			[]string{"EGRESS_ALLOW=ha.local:8123,192.168.1.5,10.0.0.0/8,10.0.0.0/8:8123,fd00::1,[fd00::1]:80,[fd00::/8]:80"},
			func(c Config) any { return len(c.Webhook.EgressAllow) }, 7,
		},
		"relative database":      {[]string{"DATABASE_URL=db/x.db"}, func(c Config) any { return c.Storage.Database }, home + "/db/x.db"},
		"sqlite scheme":          {[]string{"DATABASE_URL=sqlite:///srv/x.db"}, func(c Config) any { return c.Storage.Database }, "/srv/x.db"},
		"file scheme":            {[]string{"DATABASE_URL=file:x.db"}, func(c Config) any { return c.Storage.Database }, home + "/x.db"},
		"postgres":               {[]string{"DATABASE_URL=postgres://u:p@h/n"}, func(c Config) any { return c.Postgres() }, true},
		"postgres over a socket": {[]string{"DATABASE_URL=postgresql:///n?host=/run/pg"}, func(c Config) any { return c.Postgres() }, true},
		"folder named postgres":  {[]string{"DATABASE_URL=/postgres/x"}, func(c Config) any { return c.Postgres() }, false},
		"s3":                     {[]string{"BLOB_URL=s3://k:s@h:7070/bucket?tls=off"}, func(c Config) any { _, disk := c.BlobDir(); return disk }, false},
		"blob folder":            {[]string{"BLOB_URL=file://blobs"}, func(c Config) any { return c.Storage.Blobs }, home + "/blobs"},
		"redis socket":           {[]string{"REDIS_URL=unix:///run/redis.sock"}, func(c Config) any { return c.Storage.Redis }, "unix:///run/redis.sock"},
		"address":                {[]string{"LISTEN=::1", "PORT=80"}, func(c Config) any { return c.Address() }, "[::1]:80"},
		"https by itself":        {[]string{"APP_BASE_URL=https://b.example"}, https, "true 443 80"},
		"https from files":       {[]string{"TLS_CERT_FILE=c", "TLS_KEY_FILE=k", "TRUSTED_PROXIES=127.0.0.1"}, https, "true 443 80"},
		"https on other ports":   {[]string{"APP_BASE_URL=https://b.example", "PORT=3000", "HTTP_PORT=8080"}, https, "true 3000 8080"},
		"https alone":            {[]string{"APP_BASE_URL=https://b.example", "PORT=8443", "HTTP_PORT=0"}, https, "true 8443 none"},
		"https by a proxy":       {[]string{"APP_BASE_URL=https://b.example", "TRUSTED_PROXIES=127.0.0.1"}, https, "false 3000 none"},
		"no https":               {[]string{"APP_BASE_URL=http://b.example"}, https, "false 3000 none"},
		"https of a demo":        {[]string{"APP_BASE_URL=https://b.example", "TLS_CERT_FILE=c", "TLS_KEY_FILE=k"}, func(c Config) any { return https(c.Local()) }, "false 3000 none"},
		"contact":                {[]string{"VAPID_SUBJECT=mailto:a@b.example"}, func(c Config) any { return c.Notify.VAPIDSubject }, "mailto:a@b.example"},
		"contact page":           {[]string{"VAPID_SUBJECT=https://b.example"}, func(c Config) any { return c.Notify.VAPIDSubject }, "https://b.example"},
		"age":                    {[]string{"BACKUP_RECIPIENT=age1" + strings.Repeat("q", 58)}, func(c Config) any { return len(c.Backup.Recipient) }, 62},
		"minisign":               {[]string{"RELEASE_PUBLIC_KEY=RW" + strings.Repeat("q", 54)}, func(c Config) any { return len(c.Operation.ReleaseKey) }, 1},
		"keys":                   {[]string{"WEBHOOK_SIGNATURE_SECRET_OLD=" + secret + "," + secret}, func(c Config) any { return c.Webhook.OldSecrets }, []string{secret, secret}},
		"short key elsewhere":    {[]string{"APP_ENV=test", "JWT_SECRET=short"}, func(c Config) any { return c.Auth.JWTSecret }, "short"},
		"empty is unset":         {[]string{"PORT=", "SMTP_HOST= "}, func(c Config) any { return c.Server.Port }, 3000},
		"unknown names":          {[]string{"PATH=/bin", "PROT=1", "=x", "novalue"}, func(c Config) any { return c.Server.Port }, 3000},
		"prefix is heard":        {[]string{"QUEUE_PREFIX=nd"}, func(c Config) any { return len(c.Notices()) }, 1},
		"people in angles":       {[]string{"OPERATOR_CONTACTS=Ann <ann@example.com>"}, func(c Config) any { return c.Integration.OperatorPeople }, "Ann <ann@example.com>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Home: home, Environ: test.environ})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.value(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachFaultNamesVariableValueAndRemedy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ entry, want string }{
		{"PORT=70000", `PORT="70000" is out of range; use a whole number from 1 to 65535`},
		{"PORT=http", `PORT="http" is not a whole number; use a whole number from 1 to 65535`},
		{"APP_ENV=prod", `APP_ENV="prod" is not one of the choices; use one of production, staging, development, test`},
		{"LISTEN=127.0.0.1:3000", `LISTEN="127.0.0.1:3000" is not a host name or address; give the host alone, without scheme, port or path`},
		{"JWT_EXPIRATION=3600", `JWT_EXPIRATION="3600" is not a duration; write a number and a unit: 30s, 15m, 24h or 7d`},
		{"JWT_EXPIRATION=7d-1h", `JWT_EXPIRATION="7d-1h" is not a duration; write a number and a unit: 30s, 15m, 24h or 7d`},
		{"JWT_EXPIRATION=1d900h", `JWT_EXPIRATION="1d900h" is not a duration; write a number and a unit: 30s, 15m, 24h or 7d`},
		{"JWT_EXPIRATION=999999d", `JWT_EXPIRATION="999999d" is not a duration; write a number and a unit: 30s, 15m, 24h or 7d`},
		{"SESSION_IDLE=-1h", `SESSION_IDLE="-1h" is not longer than nothing; use a duration such as 15m, 24h or 7d`},
		{"WEBHOOK_TIMEOUT_MS=0", `WEBHOOK_TIMEOUT_MS="0" is out of range; use milliseconds from 1 to 2147483647, or a duration such as 30s`},
		{"APP_BASE_URL=boat.example.com", `APP_BASE_URL="boat.example.com" does not begin with https:// or http://; write https://... or http://...`},
		{"APP_BASE_URL=https://%zz", `APP_BASE_URL="https://%zz" is not a URL; write https://... or http://... and percent-encode special characters`},
		{"APP_BASE_URL=https:///x", `APP_BASE_URL="https:///x" names no host; write https://host/path`},
		{"APP_BASE_URL=https://a:99999", `APP_BASE_URL="https://a:99999" has a port out of range; use a port from 1 to 65535`},
		{"APP_BASE_URL=https://<your domain>", `APP_BASE_URL="https://<your domain>" is a placeholder; give the real value, or remove the line`},
		{"CORS_ORIGIN=https://a.example/app", `CORS_ORIGIN="https://a.example/app" https://a.example/app is not an origin; write scheme and host alone: https://app.example.com`},
		{"CORS_ORIGIN=*", `CORS_ORIGIN="*" * does not begin with https:// or http://; write https://... or http://...`},
		{"EGRESS_ALLOW=http://ha.local", `EGRESS_ALLOW="http://ha.local" http://ha.local is not a host, address or network; write host, 192.168.1.5, 192.168.1.0/24 or [fd00::1], each with optional :port`},
		{"EGRESS_ALLOW=ha.local:0", `EGRESS_ALLOW="ha.local:0" ha.local:0 has a port out of range; use a port from 1 to 65535`},
		{"TRUSTED_PROXIES=proxy", `TRUSTED_PROXIES="proxy" proxy is not an address or network; write 10.0.0.7 or 10.0.0.0/8`},
		{"OPERATORS=ann", `OPERATORS="ann" ann is not an e-mail address; write the address alone: name@example.com`},
		{"OPERATOR_EMAIL=Ann <a@b.example>", `OPERATOR_EMAIL="Ann <a@b.example>" is not an e-mail address; write the address alone: name@example.com`},
		{"VAPID_SUBJECT=ann", `VAPID_SUBJECT="ann" is not a contact; write mailto:name@example.com or https://...`},
		{"BACKUP_RECIPIENT=ssh-ed25519 AAAA", `BACKUP_RECIPIENT="ssh-ed25519 AAAA" is not an age public key; write the line that begins with age1, from age-keygen`},
		{"RELEASE_PUBLIC_KEY=ssh-ed25519 AAAA", `RELEASE_PUBLIC_KEY="ssh-ed25519 AAAA" ssh-ed25519 AAAA is not a public key of minisign; write the line of the .pub file that begins with RW`},
		{"DATABASE_URL=mysql://u:hidden@h/n", `DATABASE_URL names a database that NaviDocs does not use; write a path, or postgres://user:password@host/name`},
		{"DATABASE_URL=postgres://u:hidden@h", `DATABASE_URL names no database; write a path, or postgres://user:password@host/name`},
		{"DATABASE_URL=postgres://u:changeme@h/n", `DATABASE_URL is a placeholder; give the real value, or remove the line`},
		{"BLOB_URL=gs://bucket", `BLOB_URL does not begin with s3://; write a folder, or s3://key:secret@host/bucket`},
		{"BLOB_URL=s3://bucket", `BLOB_URL names no host or no bucket; write a folder, or s3://key:secret@host/bucket`},
		{"REDIS_URL=localhost:6379", `REDIS_URL does not begin with redis:// or rediss:// or unix://; write redis://... or rediss://... or unix://...`},
		{"REDIS_URL=redis://", `REDIS_URL names no host; write redis://host:6379/0`},
		{"JWT_SECRET=hidden", `JWT_SECRET has 6 bytes, too few for a key; make one of at least 32 bytes: openssl rand -base64 48`},
		{"JWT_SECRET=" + strings.Repeat("h", 40), `JWT_SECRET repeats one character; make a random one: openssl rand -base64 48`},
		{"JWT_SECRET=changeme-changeme-changeme-changeme", `JWT_SECRET is a placeholder; give the real value, or remove the line`},
		{"METRICS_TOKEN=<token>", `METRICS_TOKEN is a placeholder; give the real value, or remove the line`},
		{"TLS_KEY_FILE=/k.pem", `TLS_CERT_FILE is missing, and TLS_KEY_FILE needs it; set both, or remove TLS_KEY_FILE`},
		{"SMTP_HOST=mail.example.com", `SMTP_FROM is missing, and SMTP_HOST needs it; give the sender's address`},
		{"STATUS_URL=" + strings.Repeat("x", 200), `STATUS_URL="` + strings.Repeat("x", 100) + `..." is a placeholder; give the real value, or remove the line`},
		{"JWT_SECRET_FILE=absent", `JWT_SECRET_FILE="absent" cannot be read: no such file or directory; correct the path or the permissions`},
	} {
		t.Run(test.entry, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Source{Home: t.TempDir(), Environ: []string{test.entry}})
			faults, ok := errors.AsType[Faults](err)
			if !ok || len(faults) != 1 {
				t.Fatalf("want one fault, got %v", err)
			}
			if diff := cmp.Diff(test.want, faults[0].String()); diff != "" {
				t.Error(diff)
			}
		})
	}
	secretKey := "AGE-SECRET-KEY-1ABC"
	_, err := Load(Source{Home: t.TempDir(), Environ: []string{"BACKUP_RECIPIENT=" + secretKey}})
	if err == nil || !strings.Contains(err.Error(), "is a secret key") || strings.Contains(err.Error(), secretKey) {
		t.Errorf("a secret key in place of the public one: %v", err)
	}
}

func TestAllFaultsAreReportedTogether(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, ".env", "PROT=3000\nJWT_SECRET='hidden'\nnonsense\n")
	_, err := Load(Source{Home: home, EnvFiles: []string{".env", "absent.env"}, Environ: []string{"PORT=x", "LOG_LEVEL=loud"}})
	want := `the configuration has 6 mistakes:
  .env line 3 is not of the form NAME=VALUE; write NAME=VALUE, or begin the line with #
  PROT (.env) is not a name that NaviDocs knows; did you mean PORT?
  absent.env cannot be read: no such file or directory; correct the path or the permissions
  PORT="x" is not a whole number; use a whole number from 1 to 65535
  LOG_LEVEL="loud" is not one of the choices; use one of debug, info, warn, error
  JWT_SECRET (.env) has 6 bytes, too few for a key; make one of at least 32 bytes: openssl rand -base64 48`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if got := (Faults{{Name: "X", Problem: "is wrong"}}).Error(); got != "the configuration has 1 mistake:\n  X is wrong" {
		t.Errorf("one mistake reads %q", got)
	}
}

func TestSourcesOverrideEachOther(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, "a.env", "PORT=1\nLOG_LEVEL=warn\nAPP_ENV=test\nSMTP_USER=a\nSMTP_PASSWORD_FILE=pw\n")
	write(t, home, "b.env", "PORT=2\nLOG_LEVEL=error\n")
	write(t, home, "pw", "p w\n")
	c, err := Load(Source{Home: home, EnvFiles: []string{"a.env", "b.env"}, Environ: []string{"PORT=3"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Port != 3 || c.Operation.LogLevel != "error" || c.App.Env != "test" || c.SMTP.Password != "p w" {
		t.Errorf("got %+v", c)
	}
	sources := map[string]string{}
	for _, s := range Redacted(c) {
		sources[s.Name] = s.Source
	}
	for name, want := range map[string]string{"PORT": "environment", "LOG_LEVEL": "b.env", "APP_ENV": "a.env", "SMTP_PASSWORD": "pw", "SMTP_PORT": "default"} {
		if sources[name] != want {
			t.Errorf("%s comes from %q, want %q", name, sources[name], want)
		}
	}
}

func TestSecretFileFaults(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, "empty", "\n")
	write(t, home, "full", strings.Repeat("k7", 16))
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"both":  {[]string{"JWT_SECRET=" + strings.Repeat("k7", 16), "JWT_SECRET_FILE=full"}, "JWT_SECRET is given together with JWT_SECRET_FILE"},
		"empty": {[]string{"JWT_SECRET_FILE=empty"}, `JWT_SECRET_FILE="empty" names an empty file`},
	} {
		if _, err := Load(Source{Home: home, Environ: test.environ}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRedactedShowsNoSecret(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Home: t.TempDir(), Environ: []string{
		"APP_ENV=test", "JWT_SECRET=hidden", "DATABASE_URL=postgres://u:hidden@h/n?password=hidden", "BLOB_URL=s3://k:hidden@h/b",
		"REDIS_URL=redis://:hidden@h", "WEBHOOK_SIGNATURE_SECRET_OLD=hidden,hidden", "TRUSTED_PROXIES=10.0.0.0/8",
		"SMTP_PASSWORD=hidden", "SMTP_USER=u", "DEPLOY_WEBHOOK_URL=https://hidden.example/hidden",
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.Server.TrustedProxies = append(c.Server.TrustedProxies, netip.MustParsePrefix("::1/128"))
	got := map[string]string{}
	for _, s := range Redacted(c) {
		got[s.Name] = s.Value
		if strings.Contains(s.Value, "hidden") {
			t.Errorf("%s shows its secret: %s", s.Name, s.Value)
		}
	}
	for name, want := range map[string]string{
		"JWT_SECRET": "(set, 6 bytes)", "DATABASE_URL": "postgres://u:xxxxx@h/n", "METRICS_TOKEN": "",
		"MAX_UPLOAD_MB": "512", "WEBHOOK_TIMEOUT_MS": "30000", "JWT_EXPIRATION": "24h0m0s", "TRUSTED_PROXIES": "10.0.0.0/8,::1/128",
	} {
		if got[name] != want {
			t.Errorf("%s prints %q, want %q", name, got[name], want)
		}
	}
	if got := redact(SecretPassword, "x://%zz"); got != "(set)" {
		t.Errorf("a URL that cannot be read prints %q", got)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := knownNames(Options())
	for name, want := range map[string]string{
		"SMPT_HOST": "did you mean SMTP_HOST?", "DATABSE_URL": "did you mean DATABASE_URL?",
		"port": "did you mean PORT?", "JWT_SECRET_FLE": "did you mean JWT_SECRET_FILE?",
		"COMPLETELY_DIFFERENT": "remove it; navidocs doctor lists the names",
	} {
		if got := suggest(name, known); got != want {
			t.Errorf("suggest(%s) = %q, want %q", name, got, want)
		}
	}
}
