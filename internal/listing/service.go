package listing

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/egress"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
)

// Feed is what a portal fetches: an office and what it offers.
type Feed struct {
	Code     string // the broker's number at the portal
	Company  string
	Office   Office
	Date     time.Time
	Language string
	Adverts  []Advert
}

// Office is how portals and buyers reach a broker.
type Office struct {
	Name     string `json:"name" required:"false" maxLength:"200"`
	Email    string `json:"email" required:"false" maxLength:"254"`
	Phone    string `json:"phone" required:"false" maxLength:"50"`
	Address  string `json:"address" required:"false" maxLength:"200"`
	Town     string `json:"town" required:"false" maxLength:"200"`
	County   string `json:"county" required:"false" maxLength:"200"`
	Country  string `json:"country" required:"false" maxLength:"200"`
	Postcode string `json:"postcode" required:"false" maxLength:"20"`
	Website  string `json:"website" required:"false" maxLength:"500"`
	Company  string `json:"company" required:"false" maxLength:"200" doc:"the organization's name unless given"`
	Code     string `json:"code" required:"false" maxLength:"100" doc:"the broker's number at the portal"`
}

// Inventory is a broker's own listings at a portal that can only be read.
type Inventory interface {
	// Check asks whether the key is good: fault.Invalid when the portal does not
	// know it, fault.Unavailable when it did not say.
	Check(ctx context.Context) error
	// Each hands over every listing, politely: it may take minutes.
	Each(ctx context.Context, f func(id string, a Advert) error) error
}

// Partner is how a portal with an agreement is reached.
type Partner struct{ URL, User, Password, Token string }

// Formats are the vendors, handed in by the application: their packages import
// this one.
type Formats struct {
	OpenMarine func(w io.Writer, f Feed) error
	Inventory  func(client *egress.Client, kind Kind, base, key string) (Inventory, error)
	Partner    func(client *egress.Client, p Partner) (Vendor, error)
}

// Key is a broker's access to a portal as the operator configured it.
type Key struct{ Base, Key string }

// Config says where feeds are reached and which keys the operator has given.
type Config struct {
	BaseURL string
	// Keys are those of the configuration, used by a connection that names none.
	Keys map[Kind]Key
	Log  *slog.Logger
	// Jitter spreads retries: between -1 and 1; nil is at random.
	Jitter func() float64
}

// Rooms are the services that the package builds on.
type Rooms struct {
	Accounts  *account.Service
	Boats     *fleet.Service
	Documents *document.Service
	Events    *event.Outbox
	Jobs      *job.Queue
	Store     blob.Store
}

// Service is the listings of one installation.
type Service struct {
	db        *db.DB
	accounts  *account.Service
	boats     *fleet.Service
	documents *document.Service
	events    *event.Outbox
	jobs      *job.Queue
	store     blob.Store
	client    *egress.Client
	formats   Formats
	config    Config
}

// New makes the service.
func New(d *db.DB, r Rooms, client *egress.Client, f Formats, c Config) *Service {
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Jitter == nil {
		c.Jitter = jitter
	}
	return &Service{
		db: d, accounts: r.Accounts, boats: r.Boats, documents: r.Documents, events: r.Events, jobs: r.Jobs, store: r.Store,
		client: client, formats: f, config: c,
	}
}
