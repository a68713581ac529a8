//go:build unix

package keeper

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"navidocs/internal/fault"
)

// Inherit takes what a keeper passes to its child; without a keeper it is nil.
// From then on a reader of our output who has gone away does not end us: the
// keeper may die while we drain.
func Inherit() (_ *Post, err error) {
	defer fault.Wrap(&err, "keeper.Inherit")
	text, found := os.LookupEnv(controlEnv)
	if !found {
		return nil, nil
	}
	if err := os.Unsetenv(controlEnv); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 || fd > 64 {
		return nil, fault.New(fault.Invalid, "%s is set and names no descriptor: unset it", controlEnv)
	}
	for i := 3; i <= fd; i++ {
		if _, err := unix.FcntlInt(uintptr(i), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fault.Because(err, fault.Invalid, "%s is set, and no keeper is there: unset it", controlEnv)
		}
	}
	signal.Ignore(syscall.SIGPIPE)
	p := &Post{}
	for i := 3; i < fd; i++ {
		p.Listeners = append(p.Listeners, os.NewFile(uintptr(i), "listener"))
	}
	p.control, err = unixConn(os.NewFile(uintptr(fd), "control"))
	return p, err
}
