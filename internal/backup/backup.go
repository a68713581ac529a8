// Package backup makes copies of an installation that prove themselves, and
// brings them back.
//
// It guarantees: a backup holds every row that was acknowledged before it
// began, as of one instant, and every paper; it lists only when it is whole;
// each one is verified when it is made and drilled (restored elsewhere,
// migrated and tried) at night; the keys leave the machine only sealed to the
// recovery key; a restore says what will be lost before it touches anything,
// keeps the state before it, and happens wholly or not at all. When backups
// are made is decided in package app, what a restored server must answer by
// the Smoke that is passed in.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"

	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// Options are what a Service works with.
type Options struct {
	Config config.Config
	// DB is the installation's database; restoring opens it itself.
	DB *db.DB
	// Store holds the papers.
	Store blob.Store
	// Events takes backup.failed; nil tells nobody.
	Events *event.Outbox
	// Release is the running version.
	Release string
	Now     func() time.Time
	// Schema is the version of the newest migration that this release has.
	Schema int64
	// Migrate brings the schema of a restored copy up to date.
	Migrate func(ctx context.Context, d *db.DB) error
	// Settle changes what is restored before it is in use: what may have happened
	// since the backup must not happen again. nil changes nothing.
	Settle func(ctx context.Context, d *db.DB) error
	// Smoke starts a server on a restored copy and tries it; it may write to it.
	Smoke func(ctx context.Context, c config.Config) error
	// Bound names the backups that are never pruned; nil binds none. When it cannot
	// tell, nothing is pruned.
	Bound func() (ids []string, err error)
	// From is where backups are looked for instead of the configured folder: a
	// folder or s3://... Backups are made in the configured folder alone.
	From string
	// Identity is a secret key (AGE-SECRET-KEY-1...) that opens encrypted
	// backups and sealed keys; empty means what the keys' folder holds.
	Identity string
}

// Service makes, checks and restores the backups of one installation.
type Service struct {
	options Options
	local   folder // where backups are made
	place   shelf  // where they are looked for
	given   []age.Identity
}

// New makes a service; the folders are made when they are needed.
func New(o Options) (_ *Service, err error) {
	defer fault.Wrap(&err, "backup.New")
	s := &Service{options: o, local: folder{o.Config.Backup.Dir}}
	s.place = s.local
	if o.From != "" {
		if s.place, err = openShelf("--from", o.From); err != nil {
			return nil, err
		}
	}
	if o.Identity != "" {
		identity, err := parseIdentity(o.Identity)
		if err != nil {
			return nil, err
		}
		s.given = []age.Identity{identity}
	}
	return s, nil
}

// The ways to hold the folder of the backups.
const (
	shared    = false // look at backups
	exclusive = true  // make or remove some
)

// lockWait is how long a command waits for another that holds the folder.
const lockWait = 30 * time.Second

// lock keeps others from removing what we read, or from reading what we change.
// What killed processes left is swept by whoever holds the folder alone.
func (s *Service) lock(ctx context.Context, alone bool) (unlock func(), err error) {
	if err := os.MkdirAll(s.local.dir, 0o700); err != nil {
		return nil, diskError(err)
	}
	l := flock.New(filepath.Join(s.local.dir, ".lock"))
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	try := l.TryRLockContext
	if alone {
		try = l.TryLockContext
	}
	if ok, err := try(wait, 20*time.Millisecond); err != nil || !ok {
		return nil, errors.Join(fault.Because(err, fault.Conflict,
			"another backup command is at work on %s; try again when it has ended", s.local.dir), l.Close())
	}
	if alone {
		if err := s.sweep(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return func() { l.Close() }, nil //nolint:errcheck // the lock ends with the process at the latest
}

// Prefixes of what is not there for lists.
const (
	makingPrefix   = ".making-"
	workPrefix     = ".work-"
	removingPrefix = ".removing-"
)

func (s *Service) sweep() error {
	var left []string
	for _, pattern := range []string{
		s.local.path(makingPrefix + "*"), s.local.path(workPrefix + "*"), s.local.path(removingPrefix + "*"), filepath.Join(memoryDir, s.memoryPrefix()+"*"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		left = append(left, found...)
	}
	for _, name := range left {
		if err := os.RemoveAll(name); err != nil {
			return diskError(err)
		}
	}
	return nil
}

// memoryDir is a file system in memory, where the system has one.
const memoryDir = "/dev/shm"

// memoryPrefix tells the passing folders of this installation from others'.
func (s *Service) memoryPrefix() string {
	sum := sha256.Sum256([]byte(s.local.dir))
	return "navidocs-" + hex.EncodeToString(sum[:6]) + "-"
}

// ample is how many times what is needed must be free for passing files to go
// into memory.
const ample = 4

// work makes a folder for passing files of so many bytes: in memory where there
// is plenty, since a disk that is busy with them keeps every commit of the
// database waiting, else beside the backups.
func (s *Service) work(size int64) (dir string, done func(), err error) {
	if err := os.MkdirAll(s.local.dir, 0o700); err != nil {
		return "", nil, diskError(err)
	}
	parent, prefix := s.local.dir, workPrefix
	if need := uint64(max(size, 1<<20)) * ample; inMemory(need) { //nolint:gosec // positive
		parent, prefix = memoryDir, s.memoryPrefix()
	}
	if dir, err = os.MkdirTemp(parent, prefix); err != nil {
		return "", nil, diskError(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil // what is left is swept
}

func inMemory(need uint64) bool {
	shared, err := disk.Usage(memoryDir)
	if err != nil || shared.Fstype != "tmpfs" || shared.Free < need {
		return false
	}
	m, err := mem.VirtualMemory()
	return err == nil && m.Available >= need
}

// identities open encrypted backups.
func (s *Service) identities() ([]age.Identity, error) {
	out := slices.Clone(s.given)
	text, err := os.ReadFile(filepath.Join(s.options.Config.KeyDir(), identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	own, err := parseIdentity(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", identityFile, err)
	}
	return append(out, own), nil
}

// List gives the backups, newest first.
func (s *Service) List(ctx context.Context) (_ []Entry, err error) {
	defer fault.Wrap(&err, "list backups")
	return list(ctx, s.place)
}

func list(ctx context.Context, place shelf) ([]Entry, error) {
	names, err := place.list(ctx, "", false)
	if err != nil {
		return nil, err
	}
	entries := []Entry{}
	for name := range names {
		id, isDir := strings.CutSuffix(name, "/")
		if !isDir || !idForm.MatchString(id) {
			continue
		}
		m, err := readManifest(ctx, place, id)
		switch {
		case fault.Is(err, fault.NotFound): // half copied, or half removed
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.Conflict):
			entries = append(entries, Entry{ID: id, Created: idCreated(id), Damage: fault.Message(err)})
		case err != nil:
			return nil, err
		default:
			entries = append(entries, entryOf(m, readChecks(ctx, place, id)))
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return entries, nil
}

// manifest reads what a backup says of itself; NotFound names the command that lists.
func (s *Service) manifest(ctx context.Context, id string) (Manifest, error) {
	if !idForm.MatchString(id) {
		return Manifest{}, fault.New(fault.NotFound, "there is no backup %q; see navidocs backup list", id)
	}
	m, err := readManifest(ctx, s.place, id)
	if fault.Is(err, fault.NotFound) {
		err = fault.Because(err, fault.NotFound, "there is no backup %s; see navidocs backup list", id)
	}
	return m, err
}
