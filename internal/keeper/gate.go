package keeper

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// errShut is how a server ends that was told to accept no more.
var errShut = errors.New("the gate is shut")

// longestQueue is how many connections may wait in the kernel (net.core.somaxconn
// is 4096). It bounds what is let in after the gate was shut, however fast new
// ones come.
const longestQueue = 4096

// gate is a listener that can be told to stop without losing those who wait
// before it. Their handshake is done and their request perhaps sent: when the
// last process closes the socket, the kernel resets them.
type gate struct {
	net.Listener
	closing atomic.Bool
	late    int // let in after closing; only Accept's caller counts
}

// shut makes Accept take who is waiting now, and then end with errShut.
func (g *gate) shut() {
	g.closing.Store(true)
	if l, ok := g.Listener.(interface{ SetDeadline(t time.Time) error }); ok && l.SetDeadline(time.Unix(1, 0)) == nil {
		return // a deadline that is past wakes Accept and leaves the queue as it is
	}
	_ = g.Listener.Close() // no other way to wake it
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	if !g.closing.Load() {
		c, err := g.Listener.Accept()
		if err == nil || !g.closing.Load() {
			return c, err
		}
	}
	if g.late++; g.late <= longestQueue {
		if c := acceptNow(g.Listener); c != nil {
			return c, nil
		}
	}
	return nil, errShut // and the server closes the listener
}
