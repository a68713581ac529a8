package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// signingFile is the key that signs sessions, where the settings give none.
const signingFile = "jwt"

// secret is the configured key, or one that is made once and kept in a file
// that only its owner reads.
func secret(configured, path string) ([]byte, error) {
	if configured != "" {
		return []byte(configured), nil
	}
	text, err := kept(path, func() string { return string(newKey()) })
	return []byte(text), err
}

// sealKeys are the present master key and the earlier ones. When the settings
// give the present one, the file's is an earlier one.
func sealKeys(c config.Config) (present []byte, earlier [][]byte, err error) {
	if present, err = secret(c.Webhook.Secret, filepath.Join(c.KeyDir(), backup.SealFile)); err != nil {
		return nil, nil, err
	}
	earlier, err = earlierKeys(c, present)
	return present, earlier, err
}

func earlierKeys(c config.Config, present []byte) (earlier [][]byte, err error) {
	for _, s := range c.Webhook.OldSecrets {
		earlier = append(earlier, []byte(s))
	}
	for _, name := range []string{backup.SealFile, backup.EarlierFile} {
		text, err := os.ReadFile(filepath.Join(c.KeyDir(), name)) //nolint:forbidigo // a key
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				earlier = append(earlier, line)
			}
		}
	}
	return slices.DeleteFunc(earlier, func(key []byte) bool { return bytes.Equal(key, present) }), nil
}

// newKey makes a key as it stands in its file.
func newKey() []byte { return []byte(hex.EncodeToString(vault.Random(32))) }

// kept reads a small file, or makes it; two processes that start at once agree.
func kept(path string, make func() string) (string, error) {
	text, err := os.ReadFile(path) //nolint:forbidigo // a key
	if err == nil {
		if text = bytes.TrimSpace(text); len(text) == 0 {
			return "", fault.New(fault.Internal, "%s is empty: restore it from a backup, or remove it to have a new one made", path)
		}
		return string(text), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // linked or useless by then
	_, err = f.WriteString(make() + "\n")
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return "", err
	}
	// A link never replaces a file: whoever was first has made the key.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return kept(path, make)
}

// setupCode is what lets the first user in, empty when nobody needs one.
func (a *App) setupCode(ctx context.Context) (string, error) {
	if a.options.Config.Auth.Registration == string(account.Anyone) {
		return "", nil
	}
	users, err := db.One(ctx, a.DB, db.Scalar[int], "SELECT count(*) FROM users WHERE id <> $1", account.ProbeUser)
	if err != nil || users > 0 {
		return "", err
	}
	return kept(filepath.Join(a.options.Config.KeyDir(), "setup-code"), func() string { return rand.Text()[:12] })
}

// pageWorkers is how many page groups are read at once: one a core.
func pageWorkers() int { return runtime.NumCPU() }
