package webhook

import (
	"context"
	"sync"
	"time"
)

// laneWidth is how many attempts one endpoint is given at a time, so that a
// slow one keeps no worker from the others.
const laneWidth = 4

// patience is how long an attempt waits in its worker for room in its lane:
// long enough for an endpoint that answers, short for one that hangs.
const patience = 50 * time.Millisecond

// lanes bound the attempts of each endpoint in this process.
type lanes struct {
	mu  sync.Mutex
	all map[ID]*lane // guarded by mu, as is what they hold
}

type lane struct {
	slots chan struct{}
	users int
	// parked tells that deliveries were put aside since the lane was last seen
	// to have room.
	parked bool
}

// enter takes a slot of the endpoint's lane; false when it stays full.
func (l *lanes) enter(ctx context.Context, id ID) bool {
	room := l.use(id)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case room.slots <- struct{}{}:
		return true
	case <-timeout.C:
	case <-ctx.Done():
	}
	l.drop(id)
	return false
}

func (l *lanes) use(id ID) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[ID]*lane{}
	}
	room := l.all[id]
	if room == nil {
		room = &lane{slots: make(chan struct{}, laneWidth)}
		l.all[id] = room
	}
	room.users++
	return room
}

// drop forgets a user, and the lane with its last one.
func (l *lanes) drop(id ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := l.all[id]; room != nil {
		if room.users--; room.users == 0 && !room.parked {
			delete(l.all, id)
		}
	}
}

// leave gives a slot back. True when deliveries were parked meanwhile, which
// the caller is to wake.
func (l *lanes) leave(id ID) (wake bool) {
	l.mu.Lock()
	room := l.all[id]
	<-room.slots
	wake, room.parked = room.parked, false
	l.mu.Unlock()
	l.drop(id)
	return wake
}

// park notes that a delivery was put aside. True when there is room after all,
// because the lane emptied meanwhile: the caller is to wake it.
func (l *lanes) park(id ID) (wake bool) {
	room := l.use(id)
	defer l.drop(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(room.slots) < laneWidth {
		return true
	}
	room.parked = true
	return false
}
