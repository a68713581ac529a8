//go:build unix

package keeper

import (
	"context"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// notify tells systemd how the keeper is (sd_notify(3)). A manager that does not
// read its socket must not hold us up: what finds no room is left out.
func (k *Keeper) notify(state string) {
	if err := tell(k.config.Notify, state); err != nil {
		k.config.Log.Warn("systemd was not told", "state", state, "error", err)
	}
}

// tell sends one datagram, or nothing. The library's own waits for room.
func tell(socket, state string) error {
	if socket == "" {
		return nil
	}
	syscall.ForkLock.RLock() // no child may inherit it before it is marked
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return err
	}
	defer syscall.Close(fd) //nolint:errcheck // a datagram is sent or not by now
	return unix.Sendto(fd, []byte(state), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: socket})
}

// beat is the watchdog's: the keeper lives, and answers its operations.
func (k *Keeper) beat(ctx context.Context) {
	if k.config.Watchdog <= 0 || k.config.Notify == "" {
		return
	}
	tick := time.NewTicker(k.config.Watchdog / 2)
	defer tick.Stop()
	for {
		k.mu.Lock() // a keeper that is stuck does not get here, and says nothing
		again := k.restarts
		k.mu.Unlock()
		_ = tell(k.config.Notify, "WATCHDOG=1\nSTATUS=crashed servers started again: "+strconv.Itoa(again)) // one that is lost is followed by the next
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
