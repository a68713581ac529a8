package star

import (
	"context"
	"net/http"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
)

// Doer sends a request; egress.Client is one, and refuses plain HTTP to all but
// what the operator listed.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// Settings are what was agreed with a partner: an address, and either a name with a
// password or a token.
type Settings struct {
	URL            string
	User, Password string
	Token          string
}

// Partner is sent one message for each boat. It is safe for concurrent use.
type Partner struct {
	client Doer
	s      Settings
	now    func() time.Time
}

var _ listing.Vendor = (*Partner)(nil)

// NewPartner prepares to send; now is the clock. The error is Invalid and names the
// setting that cannot be.
func NewPartner(client Doer, s Settings, now func() time.Time) (_ *Partner, err error) {
	defer fault.Wrap(&err, "star.NewPartner")
	return &Partner{client, s, now}, nil
}

// Validate implements listing.Vendor.
func (p *Partner) Validate(context.Context) error { return fault.New(fault.Unsupported, "not yet") }

// Create implements listing.Vendor.
func (p *Partner) Create(context.Context, listing.Advert) (string, error) {
	return "", fault.New(fault.Unsupported, "not yet")
}

// Update implements listing.Vendor.
func (p *Partner) Update(context.Context, string, listing.Advert) error {
	return fault.New(fault.Unsupported, "not yet")
}

// Delete implements listing.Vendor.
func (p *Partner) Delete(context.Context, string) error {
	return fault.New(fault.Unsupported, "not yet")
}

// Attach implements listing.Vendor: the format carries links, no files.
func (p *Partner) Attach(context.Context, string, listing.Paper) error {
	return fault.New(fault.Unsupported, "a partner feed takes no files: add a link to the description")
}
