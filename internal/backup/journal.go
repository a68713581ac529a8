package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"navidocs/internal/config"
	"navidocs/internal/fault"
)

// Journal is a file of lines beside the database. It only grows, and stays what
// it is when the database is exchanged for an older one.
type Journal struct{ file string }

// ErasureJournal is the installation's list of what was erased. Each backup has
// a copy, and a restore adds what the backups know to the one that is there.
func ErasureJournal(c config.Config) Journal { return Journal{c.ErasureJournal()} }

// Lines are those of the file, none when there is no file.
func (j Journal) Lines() (_ [][]byte, err error) {
	defer fault.Wrap(&err, "read %s", filepath.Base(j.file))
	text, err := os.ReadFile(j.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return splitLines(text), err
}

// Append adds lines, which are on the platter when it returns. Of several that
// append at once, each one's lines stay together.
func (j Journal) Append(lines [][]byte) (err error) {
	defer fault.Wrap(&err, "append to %s", filepath.Base(j.file))
	f, err := os.OpenFile(j.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return diskError(err)
	}
	// An empty line first: the last one may have been cut off by a loss of power.
	_, err = f.Write(append([]byte("\n"), joinLines(lines)...))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return diskError(err)
	}
	return syncDir(filepath.Dir(j.file))
}

func splitLines(text []byte) (lines [][]byte) {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

func joinLines(lines [][]byte) []byte {
	var out []byte
	for _, line := range lines {
		out = append(append(out, line...), '\n')
	}
	return out
}

// gatherErasures adds to a journal what any backup here knows to be erased: the
// one that is restored may be older.
func (r *restore) gatherErasures(ctx context.Context, to Journal) error {
	there, err := to.Lines()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, line := range there {
		known[string(line)] = true
	}
	var fresh [][]byte
	for _, place := range []shelf{r.local, r.place} {
		all, err := list(ctx, place)
		if err != nil {
			return err
		}
		for _, e := range all {
			for _, line := range erasuresOf(ctx, place, e.ID) {
				if !known[string(line)] {
					known[string(line)], fresh = true, append(fresh, line)
				}
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return to.Append(fresh)
}

// erasuresOf is what a backup knows to be erased. One that cannot be read does
// not stand in the way of restoring another.
func erasuresOf(ctx context.Context, place shelf, id string) [][]byte {
	m, err := readManifest(ctx, place, id)
	if err != nil {
		return nil
	}
	for _, f := range m.Files {
		if f.Name != erasuresFile {
			continue
		}
		text, err := readFile(ctx, place, path.Join(id, erasuresFile))
		if sum := sha256.Sum256(text); err == nil && hex.EncodeToString(sum[:]) == f.SHA256 {
			return splitLines(text)
		}
	}
	return nil
}
