// Package config turns the environment, env files and secret files into one
// plain struct, or into one error that names every mistake at once.
//
// The struct below is the table: a field is an option and its tags are the row
// (name, default, kind, help), so adding an option is adding a field. The
// package decides what a value may look like; what the value means is decided
// where it is used. It opens env files and secret files and nothing else.
package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is the whole configuration, complete and checked; pass it by value.
type Config struct {
	// Home is the folder where relative paths start. It is absolute.
	Home string

	App         App         `group:"Application"`
	Server      Server      `group:"Server"`
	Storage     Storage     `group:"Storage"`
	Auth        Auth        `group:"Sign-in"`
	OIDC        OIDC        `group:"Sign-in with another service"`
	Limit       Limit       `group:"Limits"`
	SMTP        SMTP        `group:"Outgoing mail"`
	DKIM        DKIM        `group:"Outgoing mail"`
	IMAP        IMAP        `group:"Incoming mail"`
	Notify      Notify      `group:"Notifications"`
	Webhook     Webhook     `group:"Webhooks"`
	Integration Integration `group:"Integrations"`
	Document    Document    `group:"Documents"`
	Backup      Backup      `group:"Backups"`
	Operation   Operation   `group:"Operation"`
	Telemetry   Telemetry   `group:"Telemetry"`
	Unused      Unused      `group:"Accepted without effect"`

	// origin tells for each option that was given where its value came from.
	origin map[string]string
}

// App says what runs and where people reach it.
type App struct {
	Env     string `env:"APP_ENV" alias:"NODE_ENV" default:"production" kind:"choice" of:"production staging development test" help:"what this installation is for"`
	APIURL  string `env:"API_BASE_URL" kind:"web" help:"address where programs reach the API; when unset, the address of the request"`
	URL     string `env:"APP_BASE_URL" kind:"web" help:"address where people reach the application; links in mails begin with it"`
	Version string `env:"DEPLOYMENT_VERSION" kind:"text" help:"name of the running release, shown by the health page"`
	Time    string `env:"DEPLOYMENT_TIMESTAMP" kind:"text" help:"when the running release was deployed, shown by the health page"`
}

// Server says where to listen and whom to believe.
type Server struct {
	Listen         string         `env:"LISTEN" kind:"host" help:"host or address to listen on; when unset, all of them"`
	Port           int            `env:"PORT" default:"3000" kind:"int" of:"1 65535" help:"TCP port to listen on; when unset and the server speaks HTTPS itself, 443"`
	HTTPPort       int            `env:"HTTP_PORT" default:"80" kind:"int" of:"0 65535" help:"TCP port that sends plain HTTP to HTTPS, where the server speaks HTTPS itself; 0 for none"`
	TLSCert        string         `env:"TLS_CERT_FILE" kind:"path" help:"certificate chain (PEM); with it the server speaks HTTPS. Read again when it changes. When unset, APP_BASE_URL is https and no TRUSTED_PROXIES are named, the server obtains a certificate itself"`
	TLSKey         string         `env:"TLS_KEY_FILE" kind:"path" help:"private key of the certificate (PEM)"`
	ACMEDirectory  string         `env:"ACME_DIRECTORY" kind:"web" help:"authority (ACME) that the server obtains its certificate from; when unset, Let's Encrypt"`
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" kind:"networks" help:"proxies (addresses or networks) in front of the server: their X-Forwarded-For is believed, and they have the certificate"`
	CORSOrigins    []string       `env:"CORS_ORIGIN" kind:"origins" help:"other origins whose pages may call the API"`
	MetricsToken   string         `env:"METRICS_TOKEN" kind:"key" secret:"yes" help:"token that opens /metrics to other machines"`
}

// Storage says where data lies.
type Storage struct {
	Database   string `env:"DATABASE_URL" default:"data/navidocs.db" kind:"database" secret:"password" help:"a file (SQLite), or postgres://user:password@host/name"`
	Blobs      string `env:"BLOB_URL" default:"data/blobs" kind:"blobs" secret:"password" help:"a folder, or s3://key:secret@host/bucket/prefix (?region=..., ?tls=off)"`
	Redis      string `env:"REDIS_URL" kind:"redis" secret:"password" help:"redis://user:password@host:6379/0 or unix:///path; shares rate limits between processes"`
	MaxUpload  int64  `env:"MAX_UPLOAD_MB" default:"512" kind:"megabytes" of:"1 1048576" help:"largest file that may be uploaded, in MB"`
	MaxPackage int64  `env:"MAX_PACKAGE_MB" default:"10240" kind:"megabytes" of:"1 1048576" help:"largest package that may be sent to be verified or imported, in MB, and how much of the disk all that are verified take together"`
}

// Auth says who may come in and for how long.
type Auth struct {
	JWTSecret         string        `env:"JWT_SECRET" kind:"key" secret:"yes" help:"key that signs sessions; when unset, one is made in data/keys"`
	JWTExpiration     time.Duration `env:"JWT_EXPIRATION" default:"24h" kind:"duration" help:"life of an access token"`
	RefreshExpiration time.Duration `env:"REFRESH_TOKEN_EXPIRATION" default:"7d" kind:"duration" help:"life of a refresh token"`
	SessionIdle       time.Duration `env:"SESSION_IDLE" default:"1h" kind:"duration" help:"a session unused for this long must sign in again"`
	Registration      string        `env:"REGISTRATION" default:"invite" kind:"choice" of:"invite open closed" help:"who may create an account"`
	Operators         []string      `env:"OPERATORS" kind:"emails" help:"users (by e-mail address) who run this installation"`
}

// OIDC is sign-in through another service.
type OIDC struct {
	Issuer       string   `env:"OIDC_ISSUER" kind:"web" help:"address of the OpenID Connect provider"`
	ClientID     string   `env:"OIDC_CLIENT_ID" kind:"text" help:"name of NaviDocs at the provider"`
	ClientSecret string   `env:"OIDC_CLIENT_SECRET" kind:"text" secret:"yes" help:"secret of NaviDocs at the provider"`
	Scopes       []string `env:"OIDC_SCOPES" default:"openid,email,profile" kind:"list" help:"what to ask the provider for"`
	Name         string   `env:"OIDC_NAME" default:"Single sign-on" kind:"text" help:"text on the sign-in button"`
}

// Limit bounds what one caller may ask.
type Limit struct {
	Window   time.Duration `env:"RATE_LIMIT_WINDOW_MS" default:"900000" kind:"millis" help:"window of the rate limit, in milliseconds"`
	Requests int           `env:"RATE_LIMIT_MAX_REQUESTS" default:"100" kind:"int" of:"1 1000000000" help:"requests in one window before a caller has to wait"`
}

// SMTP is the way out for mail. Without a host mail is written to data/outbox.
type SMTP struct {
	Host     string `env:"SMTP_HOST" kind:"host" help:"mail server; when unset, mail is written to data/outbox"`
	Port     int    `env:"SMTP_PORT" default:"587" kind:"int" of:"1 65535" help:"port of the mail server; 465 means TLS from the first byte"`
	User     string `env:"SMTP_USER" kind:"text" help:"user name at the mail server"`
	Password string `env:"SMTP_PASSWORD" kind:"text" secret:"yes" help:"password at the mail server"`
	From     string `env:"SMTP_FROM" kind:"email" help:"sender's address"`
	FromName string `env:"SMTP_FROM_NAME" default:"NaviDocs" kind:"text" help:"sender's name"`
}

// DKIM signs outgoing mail.
type DKIM struct {
	Domain     string `env:"DKIM_DOMAIN" kind:"host" help:"domain that signs outgoing mail"`
	Selector   string `env:"DKIM_SELECTOR" kind:"text" help:"selector of the key in the domain's DNS"`
	PrivateKey string `env:"DKIM_PRIVATE_KEY" kind:"text" secret:"yes" help:"private key (PEM)"`
}

// IMAP is the way in for mails that came back.
type IMAP struct {
	Host     string `env:"IMAP_HOST" kind:"host" help:"mail server whose mailbox is read for mails that came back"`
	Port     int    `env:"IMAP_PORT" default:"993" kind:"int" of:"1 65535" help:"port of that server; 993 means TLS from the first byte, others STARTTLS"`
	User     string `env:"IMAP_USER" kind:"text" help:"user name at that server"`
	Password string `env:"IMAP_PASSWORD" kind:"text" secret:"yes" help:"password at that server"`
	Mailbox  string `env:"IMAP_MAILBOX" default:"INBOX" kind:"text" help:"mailbox to read"`
}

// Notify is what the other channels need.
type Notify struct {
	TwilioSID    string `env:"TWILIO_ACCOUNT_SID" kind:"text" help:"Twilio account that sends text messages"`
	TwilioToken  string `env:"TWILIO_AUTH_TOKEN" kind:"text" secret:"yes" help:"token of the Twilio account"`
	TwilioFrom   string `env:"TWILIO_FROM" kind:"text" help:"telephone number or messaging service that sends"`
	TwilioURL    string `env:"TWILIO_API_BASE" kind:"web" help:"address of an SMS service that speaks Twilio's form; when unset, Twilio itself"`
	NtfyURL      string `env:"NTFY_URL" kind:"web" help:"ntfy server for push messages"`
	VAPIDSubject string `env:"VAPID_SUBJECT" kind:"contact" help:"mailto: or https: address that push services may turn to"`
}

// Webhook bounds deliveries and names the key that seals stored secrets.
type Webhook struct {
	Secret               string        `env:"WEBHOOK_SIGNATURE_SECRET" kind:"key" secret:"yes" help:"master key that seals stored secrets; when unset, one is made in data/keys"`
	OldSecrets           []string      `env:"WEBHOOK_SIGNATURE_SECRET_OLD" kind:"keys" secret:"yes" help:"earlier master keys, until navidocs keys rotate has run"`
	Timeout              time.Duration `env:"WEBHOOK_TIMEOUT_MS" default:"30000" kind:"millis" help:"longest wait for a receiver, in milliseconds"`
	MaxRetries           int           `env:"WEBHOOK_MAX_RETRIES" default:"3" kind:"int" of:"0 30" help:"attempts after the first one"`
	HomeAssistantTimeout time.Duration `env:"HOME_ASSISTANT_WEBHOOK_TIMEOUT" default:"5000" kind:"millis" help:"longest wait for Home Assistant, in milliseconds"`
	EgressAllow          []string      `env:"EGRESS_ALLOW" kind:"targets" help:"private hosts, addresses or networks (each with optional :port) that users' URLs may reach"`
}

// Integration is what connected services need.
type Integration struct {
	YachtWorldKey  string `env:"YACHTWORLD_API_KEY" kind:"text" secret:"yes" help:"broker's key for YachtWorld"`
	YachtWorldURL  string `env:"YACHTWORLD_API_BASE" kind:"web" help:"address of YachtWorld's API"`
	BoatTraderKey  string `env:"BOAT_TRADER_API_KEY" kind:"text" secret:"yes" help:"broker's key for Boat Trader"`
	BoatTraderURL  string `env:"BOAT_TRADER_API_BASE" kind:"web" help:"address of Boat Trader's API"`
	StatusPageURL  string `env:"STATUS_URL" kind:"web" help:"status page shown to users when something is down"`
	DeployHookURL  string `env:"DEPLOY_WEBHOOK_URL" kind:"web" secret:"yes" help:"address that is told of deploys and rollbacks"`
	OperatorEmail  string `env:"OPERATOR_EMAIL" kind:"email" help:"address that is told when something needs a human"`
	OperatorPeople string `env:"OPERATOR_CONTACTS" kind:"text" help:"whom to call, printed in every incident report"`
}

// Document says how papers come in and are read.
type Document struct {
	OCRLanguages []string `env:"OCR_LANGUAGES" default:"eng" kind:"list" help:"languages that text recognition expects"`
	Inbox        string   `env:"NAVIDOCS_INBOX" kind:"path" help:"watched folder; papers put there are taken in"`
}

// Backup says where backups go and which stay.
type Backup struct {
	Dir         string `env:"DATABASE_BACKUP_DIR" default:"backups" kind:"path" help:"folder of the backups"`
	Recipient   string `env:"BACKUP_RECIPIENT" kind:"age" help:"age public key (age1...) to which backups are encrypted"`
	OffSite     string `env:"BACKUP_OFFSITE" kind:"blobs" secret:"password" help:"a second place for every backup: a folder (another disk), or s3://key:secret@host/bucket/prefix"`
	KeepLast    int    `env:"BACKUP_KEEP_LAST" default:"5" kind:"int" of:"1 10000" help:"newest backups that are kept"`
	KeepDaily   int    `env:"BACKUP_KEEP_DAILY" default:"7" kind:"int" of:"0 10000" help:"days of which one backup each is kept"`
	KeepWeekly  int    `env:"BACKUP_KEEP_WEEKLY" default:"4" kind:"int" of:"0 10000" help:"weeks of which one backup each is kept"`
	KeepMonthly int    `env:"BACKUP_KEEP_MONTHLY" default:"0" kind:"int" of:"0 10000" help:"months of which one backup each is kept"`
}

// Operation is for the people who run the installation.
type Operation struct {
	LogLevel   string   `env:"LOG_LEVEL" default:"info" kind:"choice" of:"debug info warn error" help:"least important message that is logged"`
	ReleaseKey []string `env:"RELEASE_PUBLIC_KEY" kind:"minisign" help:"public keys (minisign, RW...) of those whose releases may be staged; when unset, those in state/release.pub"`
	// Smoke is what was given; SmokeEvery is what counts.
	Smoke time.Duration `env:"SMOKE_INTERVAL" default:"1m" kind:"interval" help:"how often the server tries itself, in a hidden organization that leaves nothing; 0 for never, as it is for development and test unless given"`
}

// Telemetry sends errors and traces elsewhere. All of it is off by default.
type Telemetry struct {
	SentryDSN       string `env:"SENTRY_DSN" kind:"web" secret:"yes" help:"where errors are reported (Sentry): places in the code and kinds, never names, titles or texts"`
	NewRelicLicense string `env:"NEW_RELIC_LICENSE_KEY" kind:"text" secret:"yes" help:"sends traces to New Relic, with a binary built for it (make build TAGS=otel)"`
	OTLPEndpoint    string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" kind:"web" help:"where traces are sent (OTLP over HTTP), with a binary built for it (make build TAGS=otel)"`
}

// Unused holds names of the earlier installation that must not be faults.
type Unused struct {
	QueuePrefix string `env:"QUEUE_PREFIX" kind:"text" help:"no meaning: the queue lies in the database"`
}

// Production reports whether this installation holds real papers.
func (c Config) Production() bool { return c.App.Env == "production" }

// HTTPS reports whether the server speaks HTTPS itself: with files that hold the
// certificate, or with one that it obtains, where no proxy in front has it.
func (c Config) HTTPS() bool {
	return c.Server.TLSCert != "" || strings.HasPrefix(c.App.URL, "https://") && len(c.Server.TrustedProxies) == 0
}

// Local is the configuration of a server for this machine alone, which has no
// name that a certificate could be for.
func (c Config) Local() Config {
	c.Server.TLSCert, c.Server.TLSKey = "", ""
	if strings.HasPrefix(c.App.URL, "https://") {
		c.App.URL = ""
	}
	return c
}

// Port is what the server listens on.
func (c Config) Port() int {
	if c.HTTPS() && c.origin["PORT"] == "" {
		return 443
	}
	return c.Server.Port
}

// Address is what the server listens on.
func (c Config) Address() string {
	return net.JoinHostPort(c.Server.Listen, strconv.Itoa(c.Port()))
}

// PlainAddress is what sends plain HTTP to HTTPS, false when nothing does.
func (c Config) PlainAddress() (string, bool) {
	if !c.HTTPS() || c.Server.HTTPPort == 0 {
		return "", false
	}
	return net.JoinHostPort(c.Server.Listen, strconv.Itoa(c.Server.HTTPPort)), true
}

// CertificateDir is the folder of the certificates that the server obtains.
func (c Config) CertificateDir() string { return filepath.Join(c.DataDir(), "certificates") }

// SmokeEvery is how often the server tries itself, 0 for never: unless it was
// asked to, only where people rely on it.
func (c Config) SmokeEvery() time.Duration {
	if c.origin["SMOKE_INTERVAL"] == "" && c.App.Env != "production" && c.App.Env != "staging" {
		return 0
	}
	return c.Operation.Smoke
}

// Postgres reports whether the database is PostgreSQL.
func (c Config) Postgres() bool {
	return strings.HasPrefix(c.Storage.Database, "postgres") && isURL(c.Storage.Database)
}

// SQLitePath is the file of the database, false when it is not SQLite.
func (c Config) SQLitePath() (string, bool) {
	if c.Postgres() {
		return "", false
	}
	return c.Storage.Database, true
}

// BlobDir is the folder of the blobs, false when they lie in S3.
func (c Config) BlobDir() (string, bool) {
	if isURL(c.Storage.Blobs) {
		return "", false
	}
	return c.Storage.Blobs, true
}

// DataDir is the folder of everything that a backup must hold.
func (c Config) DataDir() string { return filepath.Join(c.Home, "data") }

// KeyDir is the folder of generated secrets.
func (c Config) KeyDir() string { return filepath.Join(c.Home, "data", "keys") }

// ErasureJournal is the list of what was erased, which outlives the database.
func (c Config) ErasureJournal() string { return filepath.Join(c.DataDir(), "erasures.jsonl") }

// StateDir is the folder of locks, sockets and the deploy journal.
func (c Config) StateDir() string { return filepath.Join(c.Home, "state") }

// Notices lists what the operator should hear at start and need not act on.
func (c Config) Notices() []string {
	var notices []string
	if c.Unused.QueuePrefix != "" {
		notices = append(notices, "QUEUE_PREFIX has no effect: the queue lies in the database")
	}
	return notices
}

func isURL(s string) bool { return strings.Contains(s, "://") }
