//go:build unix

package keeper

import (
	"context"
	"net"

	"navidocs/internal/fault"
)

// operate does what a request asks for. One operation at a time: who comes second
// is refused, since what was asked for may make no sense after the first.
func (k *Keeper) operate(ctx context.Context, r request, asker *net.UnixConn) error {
	switch r.Do {
	case doStatus:
		return nil
	case doStop:
		k.stop()
		return nil
	}
	if err := k.claim(ctx, r.Do); err != nil {
		return err
	}
	defer func() { <-k.busy }()
	switch r.Do {
	case doStart:
		return k.startCandidate(ctx, r.Release)
	case doPromote:
		return k.promote(ctx, r.RequestsOnly)
	case doBack:
		return k.back(ctx, r.Reason)
	case doCommit:
		return k.commit(ctx)
	case doDiscard:
		return k.discard(ctx)
	case doRestart:
		return k.restart(ctx)
	case doPause:
		return k.hold(ctx)
	case doResume:
		return k.resume(ctx)
	default:
		return k.replace(ctx, asker)
	}
}

// claim waits for nobody, but for jobs that a way back cuts short.
func (k *Keeper) claim(ctx context.Context, do string) error {
	short, cancel := context.WithCancel(ctx)
	cancel()
	k.mu.Lock()
	if do == doBack && k.interrupt != nil {
		k.interrupt()
		short, cancel = context.WithTimeout(ctx, k.waits.Answer)
	}
	k.mu.Unlock()
	defer cancel()
	select {
	case k.busy <- do:
		return nil
	default:
	}
	select {
	case k.busy <- do:
		return nil
	case <-short.Done():
		return fault.New(fault.Conflict, "another operation is under way: wait until it has ended, then look at navidocs status")
	}
}

// pick returns the second child when it has the role.
func (k *Keeper) pick(role Role, otherwise string) (*child, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.other == nil || k.other.role != role {
		return nil, fault.New(fault.Conflict, "%s", otherwise)
	}
	return k.other, nil
}

// alive returns the leader when it serves, and nothing is there beside it.
func (k *Keeper) alive() (*child, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.paused:
		return nil, fault.New(fault.Conflict, "the server is paused: resume it first")
	case k.other != nil:
		return nil, fault.New(fault.Conflict, "a %s release is there: promote, discard, commit or take it back first", k.other.role)
	case k.leader == nil || k.leader.dead() || k.revival != nil:
		return nil, fault.New(fault.Unavailable, "the server has crashed and is being started again: see its log")
	}
	return k.leader, nil
}

func (k *Keeper) startCandidate(ctx context.Context, release string) error {
	k.mu.Lock()
	taken := k.other
	k.mu.Unlock()
	if taken != nil {
		return fault.New(fault.Conflict, "a %s release is there: promote, discard, commit or take it back first", taken.role)
	}
	c, err := k.spawn(ctx, release, Candidate)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.other = c
	k.mu.Unlock()
	short, cancel := context.WithTimeout(ctx, k.waits.Ready)
	defer cancel()
	err = c.awaitReady(short)
	k.mu.Lock()
	if c.raised = err != nil; err != nil || c.dead() {
		k.other = nil
	}
	k.mu.Unlock()
	if err != nil {
		c.kill() // it has nothing in hand
		<-c.ended
	}
	return err
}

// promote gives the candidate the requests: it serves before the leader stops.
func (k *Keeper) promote(ctx context.Context, requestsOnly bool) error {
	if warm, err := k.pick(Warm, ""); err == nil { // the requests were moved before
		if requestsOnly {
			return nil
		}
		k.mu.Lock()
		leader := k.leader
		k.mu.Unlock()
		return k.move(ctx, warm, leader)
	}
	next, err := k.pick(Candidate, "there is no candidate: start a release first")
	if err != nil {
		return err
	}
	if err := k.serve(ctx, next, true); err != nil {
		return fault.Because(err, fault.Unavailable, "the candidate does not serve: the release before goes on").With("lines", next.log.last())
	}
	k.unrevive()
	k.mu.Lock()
	old := k.leader
	if next.dead() {
		k.mu.Unlock()
		return fault.New(fault.Unavailable, "the candidate has ended: the release before goes on").With("lines", next.log.last())
	}
	k.leader, next.role, k.other = next, Leader, nil
	k.crashes, k.paused = 0, false
	warm := old != nil && !old.dead()
	if warm {
		k.other, old.role = old, Warm
	}
	k.mu.Unlock()
	if !warm {
		return k.work(ctx, next, true)
	}
	if err := k.serve(ctx, old, false); err != nil {
		k.config.Log.Error("the old release is killed that did not stop serving", "pid", old.pid, "error", err)
		old.kill()
		<-old.ended
	}
	if requestsOnly {
		return nil
	}
	return k.move(ctx, old, next)
}

// move lets one child finish its jobs in hand and then the other one work. One
// that does not finish is killed: its jobs go back by themselves. The end of the
// one that is to work cuts it short, and so does a way back: then nobody is
// killed, and who goes back says who works.
func (k *Keeper) move(ctx context.Context, from, to *child) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.interruptible(cancel)
	defer k.interruptible(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-to.ended:
			cancel()
		case <-stop:
		}
	}()
	err := k.work(ctx, from, false)
	if ctx.Err() != nil && !to.dead() {
		return fault.New(fault.Unavailable, "it was cut short: see navidocs status")
	}
	if err != nil && !to.dead() && !from.dead() {
		k.config.Log.Error("a server is killed that did not finish its jobs", "pid", from.pid, "error", err)
		from.kill()
		<-from.ended
	}
	if to.dead() {
		return fault.New(fault.Unavailable, "the new release has ended").With("lines", to.log.last())
	}
	return k.work(ctx, to, true)
}

func (k *Keeper) interruptible(by context.CancelFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.interrupt = by
}

// back takes the warm release back: it serves before the other one stops.
func (k *Keeper) back(ctx context.Context, reason string) error {
	warm, err := k.pick(Warm, "there is no warm release to take back: start the one before, and promote it")
	if err != nil {
		return err
	}
	if err := k.serve(ctx, warm, true); err != nil {
		return fault.Because(err, fault.Unavailable, "the warm release does not serve: start it, and promote it").With("lines", warm.log.last())
	}
	k.mu.Lock()
	bad := k.leader
	bad.leaving, bad.role = true, Candidate
	k.leader, k.other, warm.role = warm, nil, Leader
	k.rolledBack = &RolledBack{
		From: bad.command.Release, To: warm.command.Release, Reason: reason, At: k.config.Now(), Lines: bad.log.last(),
	}
	k.mu.Unlock()
	k.config.Log.Warn("the release before was taken back", "from", bad.command.Release, "to", warm.command.Release, "reason", reason)
	k.tell(Trouble{From: bad.command.Release, To: warm.command.Release})
	if bad.dead() {
		return k.work(ctx, warm, true)
	}
	defer k.tasks.Go(func() { k.retire(ctx, bad) })
	if err := k.serve(ctx, bad, false); err != nil {
		bad.kill()
		<-bad.ended
	}
	return k.move(ctx, bad, warm)
}

func (k *Keeper) commit(ctx context.Context) error {
	warm, err := k.pick(Warm, "there is no warm release to end")
	if err != nil {
		return err
	}
	k.mu.Lock()
	works, leader := warm.working, k.leader
	k.mu.Unlock()
	if works {
		if err := k.move(ctx, warm, leader); err != nil {
			return err
		}
	}
	k.retire(ctx, warm)
	return nil
}

func (k *Keeper) discard(ctx context.Context) error {
	c, err := k.pick(Candidate, "there is no candidate to end")
	if err != nil {
		return err
	}
	k.retire(ctx, c)
	return nil
}

// restart exchanges the leader for another of the same release.
func (k *Keeper) restart(ctx context.Context) error {
	old, err := k.alive()
	if err != nil {
		return err
	}
	if err := k.startCandidate(ctx, old.command.Release); err != nil {
		return err
	}
	if err := k.promote(ctx, false); err != nil {
		return err
	}
	if _, err := k.pick(Warm, ""); err == nil { // else it has ended by itself
		return k.commit(ctx)
	}
	return nil
}

// hold ends the leader and keeps the sockets: who comes now waits.
func (k *Keeper) hold(ctx context.Context) error {
	c, err := k.alive()
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.paused = true
	k.mu.Unlock()
	k.retire(ctx, c)
	return nil
}

func (k *Keeper) resume(ctx context.Context) error {
	k.mu.Lock()
	paused, old := k.paused, k.leader
	k.mu.Unlock()
	if !paused {
		return fault.New(fault.Conflict, "nothing is paused")
	}
	release := ""
	if old != nil {
		release = old.command.Release
	}
	c, err := k.lead(ctx, ctx, release)
	if err != nil {
		if c != nil {
			err = fault.Because(err, fault.Unavailable, "the server does not start: requests still wait; see what it printed, then resume again").With("lines", c.log.last())
		}
		return err
	}
	k.mu.Lock()
	k.paused = false
	k.mu.Unlock()
	return nil
}

// status says what is.
func (k *Keeper) status(pid int) *Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.config.Now()
	s := &Status{
		Version: k.config.Version, PID: pid, Since: k.started, Uptime: now.Sub(k.started),
		Paused: k.paused, Restarts: k.restarts, RolledBack: k.rolledBack, Children: []Child{},
	}
	for _, c := range []*child{k.leader, k.other} {
		if c == nil || c.dead() {
			continue
		}
		s.Children = append(s.Children, Child{
			Release: c.command.Release, PID: c.pid, Role: c.role, Since: c.since, Ready: c.ready(),
			Serving: c.serving, Working: c.working, Socket: c.greeting().Socket,
		})
	}
	return s
}
