package db

import (
	"io/fs"
	"strconv"
)

// LatestVersion is that of a sequence's last migration: the schema that this release brings.
func LatestVersion(sequence fs.FS) (latest int64, err error) {
	names, err := fs.Glob(sequence, "*.sql")
	for _, name := range names {
		if parts := fileName.FindStringSubmatch(name); parts != nil {
			version, err := strconv.ParseInt(parts[1], 10, 64)
			if err != nil {
				return 0, err
			}
			latest = max(latest, version)
		}
	}
	return latest, err
}
