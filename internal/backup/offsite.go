package backup

import (
	"context"
	"fmt"
	"os"
	"path"
)

// sendAway copies the backup to the other places.
func (c *creation) sendAway(ctx context.Context) error {
	for option, place := range map[string]string{"BACKUP_OFFSITE": c.Service.options.Config.Backup.OffSite, "--to": c.options.To} {
		if place == "" {
			continue
		}
		away, err := openShelf(option, place)
		if err != nil {
			return err
		}
		if err := c.send(ctx, away); err != nil {
			return fmt.Errorf("copy to %s: %w", option, err)
		}
	}
	return nil
}

// send copies what the other place does not have; the manifest last.
func (c *creation) send(ctx context.Context, away shelf) error {
	have, err := away.list(ctx, blobDir, true)
	if err != nil {
		return err
	}
	for _, line := range c.all {
		if size, ok := have[line.key(c.manifest.Encrypted)]; ok && size >= line.size {
			continue
		}
		if err := carry(ctx, c.local, away, line.name(c.manifest.Encrypted)); err != nil {
			return err
		}
	}
	for _, f := range append([]File{c.manifest.Database}, c.manifest.Files...) {
		if err := carry(ctx, c.local, away, path.Join(c.manifest.ID, f.Name)); err != nil {
			return err
		}
	}
	now := c.Service.options.Now().UTC()
	if err := writeChecks(ctx, c.local, c.manifest.ID, func(k *Checks) { k.OffSite = &now }); err != nil {
		return err
	}
	if err := carry(ctx, c.local, away, path.Join(c.manifest.ID, checksFile)); err != nil {
		return err
	}
	return carry(ctx, c.local, away, path.Join(c.manifest.ID, manifestFile))
}

// carry copies one file from the local folder.
func carry(ctx context.Context, from folder, to shelf, name string) error {
	f, err := os.Open(from.path(name))
	if err != nil {
		return diskError(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return diskError(err)
	}
	return to.put(ctx, name, f, info.Size())
}
