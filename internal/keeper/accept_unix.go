//go:build unix

package keeper

import (
	"net"
	"os"
	"syscall"
)

// acceptNow takes a connection that waits, nil when none does. The deadline of a
// listener cannot say "do not wait": one that is past refuses before it looks.
func acceptNow(l net.Listener) net.Conn {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	fd := -1
	if err := raw.Control(func(listening uintptr) { fd = take(int(listening)) }); err != nil || fd < 0 {
		return nil
	}
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close() //nolint:errcheck // the connection has its own descriptor
	c, err := net.FileConn(f)
	if err != nil {
		return nil
	}
	return c
}

// take is the system call, -1 when nobody waits. Go's listeners are non-blocking.
func take(listening int) int {
	syscall.ForkLock.RLock() // no child may inherit it before it is marked
	defer syscall.ForkLock.RUnlock()
	for {
		fd, _, err := syscall.Accept(listening)
		switch err {
		case nil:
			syscall.CloseOnExec(fd)
			return fd
		case syscall.EINTR, syscall.ECONNABORTED: // the next one may be there
		default:
			return -1
		}
	}
}
