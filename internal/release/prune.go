package release

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"navidocs/internal/fault"
)

// Prefixes of folders that are not there for lists: what is being staged, and
// what is being removed.
const (
	stagingPrefix  = ".staging-"
	removingPrefix = ".removing-"
)

// PrunePlan lists what Prune would remove.
func PrunePlan(home string, keep int) (leave []Release, err error) {
	defer fault.Wrap(&err, "release.PrunePlan")
	if keep < 0 {
		return nil, fault.New(fault.Invalid, "a number of releases that stay is not negative")
	}
	all, err := List(home)
	if err != nil {
		return nil, err
	}
	for i, r := range all {
		if i >= keep && !r.Current && !r.Previous {
			leave = append(leave, r)
		}
	}
	return leave, nil
}

// Prune removes all but those that were staged last, keep of them, and the
// current and the previous one, which always stay. It also sweeps what killed
// commands left. What cannot be removed does not keep the others.
func Prune(ctx context.Context, home string, keep int) (gone []Release, err error) {
	defer fault.Wrap(&err, "release.Prune")
	unlock, err := lock(ctx, home)
	if err != nil {
		return nil, err
	}
	defer unlock()
	leave, err := PrunePlan(home, keep)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, r := range leave {
		// Out of the list first: a release that lists is whole.
		err := os.Rename(r.Dir, filepath.Join(home, folder, removingPrefix+rand.Text()))
		if err == nil {
			gone = append(gone, r)
		}
		errs = append(errs, diskError(err))
	}
	return gone, errors.Join(append(errs, sweep(home))...)
}

// sweep removes what is hidden. Whoever holds the lock is the only one at work.
func sweep(home string) error {
	dir := filepath.Join(home, folder)
	entries, err := os.ReadDir(dir)
	errs := []error{diskError(err)}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stagingPrefix) || strings.HasPrefix(e.Name(), removingPrefix) {
			errs = append(errs, diskError(os.RemoveAll(filepath.Join(dir, e.Name()))))
		}
	}
	return errors.Join(append(errs, syncDir(dir))...)
}
