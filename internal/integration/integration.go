// Package integration connects NaviDocs with what people already look at: Home
// Assistant, over a webhook, its event bus or an MQTT broker, and calendars.
//
// It guarantees: a connection is probed before it is kept, and the answer tells
// a name that does not exist, a refused connection, silence and an HTTP status
// apart; its secrets are sealed and never read back, and never sent to an
// address that they were not given for; what is sent is carried by package
// webhook, with its retries, log and replay; a calendar shows what its owner may
// see at the moment when it is fetched; a broker keeps a device for each boat that an
// organization has, and nothing of one that it has not. Which address may be reached is decided
// by package egress.
package integration

import (
	"cmp"
	"log/slog"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/egress"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
	"navidocs/internal/webhook"
)

// Config says where NaviDocs is reached, and bounds what it waits for.
type Config struct {
	// BaseURL is where a Home Assistant or a calendar reaches the API.
	BaseURL string
	// Timeout is the longest wait for a Home Assistant; 0 means 5 s.
	Timeout time.Duration
	// AppURL is where people reach the application, and Version what it says it
	// is: devices tell both.
	AppURL, Version string
	// Poll is how often the bridge looks for changes, Again how often it looks at
	// everything, and Retry its first pause before it connects again; 0 means 2 s,
	// a minute and 1 s.
	Poll, Again, Retry time.Duration
	// Log is told when the bridge waits for the database; nil means nobody is.
	Log *slog.Logger
}

// Service is the connections and calendars of one installation.
type Service struct {
	db         *db.DB
	accounts   *account.Service
	boats      *fleet.Service
	documents  *document.Service
	warranties *warranty.Service
	webhooks   *webhook.Service
	client     *egress.Client
	config     Config
}

// Rooms are the services that the package builds on.
type Rooms struct {
	Accounts   *account.Service
	Boats      *fleet.Service
	Documents  *document.Service
	Warranties *warranty.Service
	Webhooks   *webhook.Service
}

// New makes the service.
func New(d *db.DB, r Rooms, client *egress.Client, c Config) *Service {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	c.Poll, c.Again, c.Retry = cmp.Or(c.Poll, 2*time.Second), cmp.Or(c.Again, time.Minute), cmp.Or(c.Retry, time.Second)
	c.BaseURL, c.AppURL, c.Log = strings.TrimSuffix(c.BaseURL, "/"), strings.TrimSuffix(c.AppURL, "/"), quiet(c.Log)
	return &Service{
		db: d, accounts: r.Accounts, boats: r.Boats, documents: r.Documents, warranties: r.Warranties, webhooks: r.Webhooks,
		client: client, config: c,
	}
}
