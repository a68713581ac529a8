package listing

import (
	"context"
	"io"
)

// Vendor is a portal that is sent what it shows. Errors are fault.Invalid when the
// vendor does not want this advert as it is, fault.Unauthenticated when it does
// not know us (nothing more is sent to it until somebody has looked),
// fault.NotFound when Update names a boat that the vendor does not have (create it
// again), fault.RateLimited with the seconds to wait as its detail "retry_after" (an
// int), and fault.Unavailable for all that may be better later.
type Vendor interface {
	// Validate asks whether the credentials are good.
	Validate(ctx context.Context) error
	// Create offers a boat and returns the vendor's own reference of it.
	Create(ctx context.Context, a Advert) (reference string, err error)
	// Update says how a boat that was created is now.
	Update(ctx context.Context, reference string, a Advert) error
	// Delete takes a boat away; that it is not there is no error.
	Delete(ctx context.Context, reference string) error
	// Attach adds a paper for buyers, such as a brochure. A vendor that takes none
	// answers fault.Unsupported.
	Attach(ctx context.Context, reference string, p Paper) error
}

// Paper is a file that goes with an advert.
type Paper struct {
	Name, MediaType string
	Size            int64
	Content         io.Reader
}
