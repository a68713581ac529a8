package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"navidocs/internal/fault"
)

// Holder says who works on an installation, since when and why.
type Holder struct {
	PID   int       `json:"pid"`
	By    string    `json:"by"`
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
}

func (h Holder) String() string {
	return fmt.Sprintf("%s (process %d) since %s: %s", h.By, h.PID, h.Since.UTC().Format(time.RFC3339), h.Why)
}

const (
	// glances is how long those may take who look whether the lock is taken, and
	// for that take it for a moment, shared.
	glances = 100 * time.Millisecond
	glance  = 10 * time.Millisecond
)

// Lock keeps others from changing which release runs, until unlock is called or
// the process ends. Somebody who holds it is named in the Conflict.
func Lock(ctx context.Context, state string, h Holder) (unlock func() error, err error) {
	defer fault.Wrap(&err, "ops.Lock")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(state, "deploy.lock")
	l := flock.New(file, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	brief, cancel := context.WithTimeout(ctx, glances)
	defer cancel()
	got, err := l.TryLockContext(brief, glance)
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return nil, err
	}
	if !got {
		return nil, fault.New(fault.Conflict, "somebody works on this installation: %s. Wait until it has ended", HolderOf(state))
	}
	text, err := json.Marshal(h)
	if err == nil {
		err = os.WriteFile(file, text, 0o600) //nolint:forbidigo // state/deploy.lock
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l.Close, nil
}

// HolderOf reads who took the lock last.
func HolderOf(state string) Holder {
	h := Holder{By: "unknown"}
	if text, err := os.ReadFile(filepath.Join(state, "deploy.lock")); err == nil { //nolint:forbidigo // as it says
		_ = json.Unmarshal(text, &h) // half a line says as little as none
	}
	return h
}

// Locked reports whether somebody holds the lock now.
func Locked(state string) bool {
	taken, err := held(filepath.Join(state, "deploy.lock"))
	return err == nil && taken
}

// held reports whether somebody holds the lock that is a file; without the file
// nobody does.
func held(file string) (bool, error) {
	if _, err := os.Stat(file); err != nil {
		return false, nil //nolint:nilerr // it was never taken
	}
	l := flock.New(file)
	free, err := l.TryRLock()
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	return err == nil && !free, err
}
