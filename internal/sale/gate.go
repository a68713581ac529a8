package sale

import (
	"context"

	"navidocs/internal/db"
)

// undecided names what goes into the package only if somebody says so, and of
// which nobody has said anything: papers of the kind R.
func (s *Service) undecided(_ context.Context, _ db.Querier, _ Sale) ([]string, error) {
	return nil, nil
}

// waiting names the owners who have to approve the package before it is handed
// over, and have not.
func (s *Service) waiting(_ context.Context, _ db.Querier, _ Sale) ([]string, error) {
	return nil, nil
}
