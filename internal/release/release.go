// Package release keeps the releases of an installation on its disk:
//
//	<home>/releases/<version>-<first eight digits of the SHA-256>/navidocs, manifest.json, manifest.json.minisig, sbom.json
//	<home>/current  -> releases/...
//	<home>/previous -> releases/...
//
// It guarantees that a folder that lists is whole, that its binary is the one
// that the manifest names, that the manifest was signed by a key that the
// operator trusts (unless the operator said otherwise), and that current and
// previous are always whole releases, whatever moment the power fails at. No
// binary is run before its signature is verified.
//
// What a release is started for, and when it becomes current, is decided by
// those who deploy.
package release

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"navidocs/internal/fault"
)

// The names of the files of a release, and of the links to two of them.
const (
	Binary        = "navidocs"
	ManifestFile  = "manifest.json"
	SignatureFile = "manifest.json.minisig"
	SbomFile      = "sbom.json"

	folder       = "releases"
	currentLink  = "current"
	previousLink = "previous"
)

// Release is a release on the disk of an installation.
type Release struct {
	// Name is that of its folder: version and the beginning of the hash.
	Name string `json:"name"`
	Dir  string `json:"dir"`
	// Signed: it has a signature, which was verified when it was staged.
	Signed   bool      `json:"signed"`
	StagedAt time.Time `json:"staged_at"`
	Current  bool      `json:"current"`
	Previous bool      `json:"previous"`
	Manifest Manifest  `json:"manifest"`
}

// Binary is the path of the program.
func (r Release) Binary() string { return filepath.Join(r.Dir, Binary) }

// nameOf is the name of a release's folder.
func nameOf(m Manifest) string {
	return strings.TrimPrefix(m.Version, "v") + "-" + m.SHA256[:8]
}

// List lists the releases, that staged last first.
func List(home string) (all []Release, err error) {
	defer fault.Wrap(&err, "release.List")
	entries, err := os.ReadDir(filepath.Join(home, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		r, err := read(home, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b Release) int {
		return cmp.Or(b.StagedAt.Compare(a.StagedAt), cmp.Compare(b.Name, a.Name))
	})
	return all, nil
}

// Find is a release by the name of its folder, or by a version that only one
// of them has.
func Find(home, name string) (_ Release, err error) {
	defer fault.Wrap(&err, "release.Find %s", name)
	all, err := List(home)
	if err != nil {
		return Release{}, err
	}
	var found []Release
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
		if strings.TrimPrefix(r.Manifest.Version, "v") == strings.TrimPrefix(name, "v") {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return Release{}, fault.New(fault.NotFound, "there is no release %s: see navidocs releases list", name)
	case 1:
		return found[0], nil
	}
	return Release{}, fault.New(fault.Conflict, "%d releases have the version %s: give the whole name, as navidocs releases list prints it", len(found), name)
}

// read reads a release by the name of its folder.
func read(home, name string) (r Release, err error) {
	dir := filepath.Join(home, folder, name)
	info, err := os.Stat(filepath.Join(dir, ManifestFile))
	if err != nil {
		return r, diskError(err)
	}
	text, err := readSmall(filepath.Join(dir, ManifestFile))
	if err != nil {
		return r, err
	}
	r = Release{Name: name, Dir: dir, StagedAt: info.ModTime().UTC(), Current: target(home, currentLink) == name, Previous: target(home, previousLink) == name}
	if r.Manifest, err = parseManifest(text); err != nil {
		return r, err
	}
	_, err = os.Stat(filepath.Join(dir, SignatureFile))
	r.Signed = err == nil
	return r, nil
}

// Current is the release that serves.
func Current(home string) (Release, error) {
	return linked(home, currentLink, "no release has been deployed yet: navidocs releases stage, then navidocs deploy")
}

// Previous is the release that served before, and to which a rollback goes.
func Previous(home string) (Release, error) {
	return linked(home, previousLink, "there is no release before the present one")
}

// PreviousName is the name of the release that served before, whether it can be
// read or not; "" when there is none.
func PreviousName(home string) string { return target(home, previousLink) }

func linked(home, link, none string) (r Release, err error) {
	defer fault.Wrap(&err, "release %s", link)
	name := target(home, link)
	if name == "" {
		return r, fault.New(fault.NotFound, "%s", none)
	}
	return read(home, name)
}

// target is the release that a link names, empty when it names none.
func target(home, link string) string {
	to, err := os.Readlink(filepath.Join(home, link))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// Commit makes a release the current one, and what was current the previous
// one. Killed in between, both links name the old one: nothing has changed then
// but that the one before it is no longer named.
func Commit(ctx context.Context, home string, r Release) (err error) {
	defer fault.Wrap(&err, "release.Commit %s", r.Name)
	unlock, err := lock(ctx, home)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := read(home, r.Name); err != nil {
		return err
	}
	before := target(home, currentLink)
	if before == r.Name {
		return nil
	}
	if before != "" {
		if err := relink(home, previousLink, before); err != nil {
			return err
		}
	}
	return relink(home, currentLink, r.Name)
}

// relink makes a link name a release, in one step.
func relink(home, link, name string) error {
	fresh := filepath.Join(home, "."+link+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	err := os.Symlink(filepath.Join(folder, name), fresh)
	if err == nil {
		err = os.Rename(fresh, filepath.Join(home, link))
	}
	if err != nil {
		return diskError(err)
	}
	return syncDir(home)
}

// lockWait is how long a command waits for another that changes the releases.
const lockWait = 30 * time.Second

// lock lets one process at a time change the releases.
func lock(ctx context.Context, home string) (unlock func(), err error) {
	dir := filepath.Join(home, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil { // no secrets here, and the service may have another user
		return nil, diskError(err)
	}
	l := flock.New(filepath.Join(dir, ".lock"))
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if ok, err := l.TryLockContext(ctx, 20*time.Millisecond); err != nil || !ok {
		return nil, errors.Join(fault.Because(err, fault.Conflict, "another command changes the releases in %s; try again when it has ended", dir), l.Close())
	}
	return func() { l.Close() }, nil //nolint:errcheck // the lock ends with the process at the latest
}
