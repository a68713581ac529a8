package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"navidocs/internal/blob"
	"navidocs/internal/fault"
)

// leftAfter is how long a file that is being written may lie untouched before
// it counts as left behind by a killed process: an upload that sends nothing
// is cut off much earlier, and other processes may be writing beside this one.
const leftAfter = time.Hour

// sweep removes what killed processes left half-written.
func (a *App) sweep() (err error) {
	defer fault.Wrap(&err, "app.sweep")
	before := a.options.Now().Add(-leftAfter)
	if disk, ok := a.Store.(*blob.Disk); ok {
		if _, err := disk.Sweep(before); err != nil {
			return err
		}
	}
	return sweepDir(a.tempDir(), before)
}

// sweepDir removes the files of a folder that were last written before.
func sweepDir(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.IsDir() || !info.ModTime().Before(before) {
			continue // in use, or finished meanwhile
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// collect removes bytes without an owner, and what was left half-written.
func (a *App) collect(ctx context.Context) error {
	_, err := blob.Collect(ctx, a.DB, a.Store)
	return errors.Join(err, a.sweep())
}
