// Package api is the HTTP face of NaviDocs. The contract is generated from the
// Go types of the operations; handlers call one service and return.
//
// It guarantees: every operation has a row in the permission table; every
// error is problem+json and says no internal word; what changes can be guarded
// by If-Match and repeated safely by Idempotency-Key. Rules belong to the
// services.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/integration"
	"navidocs/internal/job"
	"navidocs/internal/listing"
	"navidocs/internal/notify"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/warranty"
	"navidocs/internal/webhook"
)

// Services are what the operations call.
type Services struct {
	Accounts      *account.Service
	Boats         *fleet.Service
	Documents     *document.Service
	Warranties    *warranty.Service
	Sales         *sale.Service
	Packages      *archive.Intake
	Records       *record.Service
	Notifications *notify.Service
	Webhooks      *webhook.Service
	Integrations  *integration.Service
	Listings      *listing.Service
	Jobs          *job.Queue
}

// Decision is a rate limiter's answer.
type Decision struct {
	Allowed    bool
	Remaining  int
	RetryAfter time.Duration
}

// Probes are health, metrics and the end of a smoke test, filled by the
// application.
type Probes struct {
	Health  func(ctx context.Context) Health
	Metrics http.Handler
	Ready   func(ctx context.Context) bool
	// Status is what operators see at a glance, as JSON.
	Status func(ctx context.Context) (any, error)
	// Public is what anybody may know.
	Public func(ctx context.Context) PublicStatus
	// ResetProbe removes what a smoke test wrote, and counts what is left.
	ResetProbe func(ctx context.Context, token string) (left int, err error)
}

// Config says how the API behaves.
type Config struct {
	Version        string
	BaseURL        string
	CORSOrigins    []string
	TrustedProxies []netip.Prefix
	// RefreshTTL is how long a browser keeps its refresh cookie.
	RefreshTTL time.Duration
	// RateLimit is how many requests an anonymous address has per RateWindow;
	// signed-in users have 20 times that.
	RateLimit  int
	RateWindow time.Duration
	// Limit counts a caller; nil counts nobody.
	Limit func(ctx context.Context, key string, limit int, window time.Duration) (Decision, error)
	// Watch signals changes of a document until the context ends; it may miss some.
	Watch func(ctx context.Context, id document.ID) <-chan struct{}
	// Notified signals a person's new notifications in the same way.
	Notified func(ctx context.Context, id account.UserID) <-chan struct{}
	Observe  func(method, route string, status int, took time.Duration)
	// Report is told of answers of 500 and above that were not meant; nil for
	// nothing. It must be quick.
	Report func(f Failure)
	// Trace begins a trace of a request; what ends it is told the pattern that took
	// it and the status. Nil for none.
	Trace        func(ctx context.Context, method string) (context.Context, func(route string, status int))
	MetricsToken string
	// Maintenance says why people are turned away now, and until when if that is
	// known; "" lets them in. Nil lets them in always.
	Maintenance func() (why string, until time.Time)
	// Wrap is what a request passes last before its operation; nil for nothing.
	Wrap   func(http.Handler) http.Handler
	Probes Probes
	Log    *slog.Logger
	Now    func() time.Time
}

// API serves the operations.
type API struct {
	Services
	config Config
	huma   huma.API
	first  *http.ServeMux // asked before mux
	mux    *http.ServeMux
	// pages knows which pages are ours.
	pages *http.CrossOriginProtection
}

// shapeErrors makes the framework's errors ours, once in a process: its hooks
// are global.
var shapeErrors = sync.OnceFunc(func() {
	huma.NewError = humaError              //nolint:reassign // huma's hook for the shape of its own errors
	huma.NewErrorWithContext = humaErrorOf //nolint:reassign // the same, where the request is known
})

// New builds the API. Called with empty Services it can still print its
// contract.
func New(s Services, c Config) *API {
	c = c.withDefaults()
	a := &API{Services: s, config: c, first: http.NewServeMux(), mux: http.NewServeMux(), pages: ownPages(c)}
	h := huma.DefaultConfig("NaviDocs", c.Version)
	h.CreateHooks = nil // else every object gets a $schema member
	h.OpenAPIPath, h.DocsPath, h.SchemasPath = "", "", ""
	h.Info.Description = "A boat's papers: documents, equipment, warranties. Errors are RFC 9457 problem+json."
	h.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	h.Servers = []*huma.Server{{URL: "/"}}
	h.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	h.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", nameSchema)
	shapeErrors()
	a.huma = humago.New(routes{a.first, a.mux}, h)
	a.huma.UseMiddleware(a.authenticate, a.limit, a.repeat)
	a.accountOperations()
	a.fleetOperations()
	a.contactOperations()
	a.documentOperations()
	a.searchOperations()
	a.warrantyOperations()
	a.saleOperations()
	a.selectionOperations()
	a.packageOperations()
	a.handoverOperations()
	a.closingOperations()
	a.recordOperations()
	a.notificationOperations()
	a.eventOperations()
	a.webhookOperations()
	a.integrationOperations()
	a.feedOperations()
	a.listingOperations()
	a.metaOperations()
	return a
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	if c.Observe == nil {
		c.Observe = func(string, string, int, time.Duration) {}
	}
	if c.Trace == nil {
		c.Trace = func(ctx context.Context, _ string) (context.Context, func(string, int)) {
			return ctx, func(string, int) {}
		}
	}
	if c.Report == nil {
		c.Report = func(Failure) {}
	}
	if c.Limit == nil {
		c.Limit = func(context.Context, string, int, time.Duration) (Decision, error) {
			return Decision{Allowed: true}, nil
		}
	}
	if c.Maintenance == nil {
		c.Maintenance = func() (string, time.Time) { return "", time.Time{} }
	}
	if c.Wrap == nil {
		c.Wrap = func(next http.Handler) http.Handler { return next }
	}
	if c.RateWindow == 0 {
		c.RateLimit, c.RateWindow = 100, 15*time.Minute
	}
	return c
}

// Handler serves everything.
func (a *API) Handler() http.Handler {
	return a.chain(a.maintained(a.config.Wrap(router(a.first, a.mux))))
}

// Contract is the OpenAPI description, 3.1 and 3.0.3, as YAML. The events under
// webhooks are in the first alone: 3.0 knows none.
func (a *API) Contract() (v31, v30 []byte, err error) {
	if v31, err = a.huma.OpenAPI().YAML(); err != nil {
		return nil, nil, err
	}
	old := *a.huma.OpenAPI()
	old.Webhooks = nil
	v30, err = old.DowngradeYAML()
	return v31, v30, err
}

// OpenAPI is the contract as an object; for tests that validate answers.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// Failure is an answer of 500 and above that was not meant.
type Failure struct {
	Method    string
	Route     string // the pattern; "" when none took the request
	Status    int
	RequestID string
	// Err is its cause, which may say anything and is for no other eyes.
	Err error
}
