package keeper

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reap waits for orphans, whose parent PID 1 becomes, so that they do not stay in
// the table of processes. It looks who has ended without taking it: our own
// children are waited for by whoever started them.
func (k *Keeper) reap(ctx context.Context) {
	if !k.config.Reap {
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	k.tasks.Go(func() {
		defer signal.Stop(ended)
		for {
			again := k.reapAll()
			select {
			case <-ended:
			case <-again:
			case <-ctx.Done():
				return
			}
		}
	})
}

// reapAll takes the orphans that have ended. Behind a child of our own it does not
// see others: then it is to come again soon.
func (k *Keeper) reapAll() (again <-chan time.Time) {
	for {
		k.reaping.Lock() // nobody is started meanwhile that we would not know
		pid := peek()
		k.mu.Lock()
		_, own := k.own[pid]
		k.mu.Unlock()
		if pid > 0 && !own {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		k.reaping.Unlock()
		switch {
		case pid <= 0:
			return nil
		case own:
			return time.After(10 * time.Millisecond)
		}
	}
}

// peek is a child that has ended and has not been waited for, 0 for none. The
// structure has no name for it: it follows three numbers, aligned as a pointer.
func peek() int {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || info.Signo == 0 {
			return 0
		}
		break
	}
	const size = unsafe.Sizeof(uintptr(0))
	at := (unsafe.Sizeof(info.Signo)*3 + size - 1) / size * size
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), at)))
}
