package keeper

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"

	"navidocs/internal/fault"
)

// longestPath is what every system takes for the path of a unix socket.
const longestPath = 100

// short gives f a path of a socket that is short enough: itself, or one through
// a link in a new folder that nobody else may enter.
func short(path string, f func(path string) error) (err error) {
	if len(path) <= longestPath {
		return f(path)
	}
	dir, err := os.MkdirTemp("", "navidocs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	link := filepath.Join(dir, "d")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		return err
	}
	if path = filepath.Join(link, filepath.Base(path)); len(path) > longestPath {
		return fault.New(fault.Invalid, "the folder for temporary files has too long a path for a socket: set TMPDIR to a shorter one")
	}
	return f(path)
}

// listenPrivate opens a unix socket for this user alone. Its folder is private
// too, so that nobody comes before the mode is set. Whoever closes the listener
// removes the path.
func listenPrivate(ctx context.Context, path string) (l *net.UnixListener, err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	err = short(path, func(path string) error {
		var lc net.ListenConfig
		any, err := lc.Listen(ctx, "unix", path)
		if err != nil {
			return err
		}
		l = any.(*net.UnixListener)
		l.SetUnlinkOnClose(false) // by a path that may be gone, or another's
		return os.Chmod(path, 0o600)
	})
	return l, err
}
