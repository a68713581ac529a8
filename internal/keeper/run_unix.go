//go:build unix

package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"navidocs/internal/fault"
)

// platform is what only these systems have.
type platform struct {
	lock *os.File
	door *net.UnixListener // the control socket
}

// Run keeps until ctx ends or the first server does not come to life; then it is
// an ExitError. At its end the children drain and end, and a second signal ends
// them at once.
func (k *Keeper) Run(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "keeper.Run")
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, k.stop = context.WithCancel(ctx)
	defer k.stop()
	k.started = k.config.Now()
	asker, err := k.enter(ctx)
	if err != nil {
		return err
	}
	defer k.leave()
	defer k.tasks.Wait()
	defer k.stop()
	k.reap(ctx)
	k.tasks.Go(func() { k.beat(ctx) })
	k.tasks.Go(func() { k.answerAll(ctx, asker) })
	if err := k.begin(ctx); err != nil {
		return err
	}
	k.notify("READY=1\nMAINPID=" + strconv.Itoa(os.Getpid()))
	<-ctx.Done()
	k.notify("STOPPING=1")
	k.shutdown(ctx, signals)
	return nil
}

// enter takes the home, from the keeper before this one or as the only one.
func (k *Keeper) enter(ctx context.Context) (asker *net.UnixConn, err error) {
	s, err := inheritState()
	if err != nil {
		return nil, err
	}
	if s != nil {
		return k.adopt(ctx, s)
	}
	if err := os.MkdirAll(runDir(k.config.Home), 0o700); err != nil {
		return nil, err
	}
	if k.lock, err = lock(filepath.Join(runDir(k.config.Home), "keeper.lock"), k.config.Home); err != nil {
		return nil, err
	}
	if k.sockets, err = k.listen(ctx); err == nil {
		k.door, err = listenPrivate(ctx, controlSocket(k.config.Home))
	}
	if err == nil {
		err = k.sweep()
	}
	if err != nil {
		k.leave()
	}
	return nil, err
}

// listen opens the public sockets, each with a descriptor that stays non-blocking
// when it is passed on. One that os.File makes blocking is so for all who hold it,
// and a server that waits in accept then cannot be told to stop.
func (k *Keeper) listen(ctx context.Context) (own []*os.File, err error) {
	opened, err := k.config.Listen(ctx)
	for _, f := range opened {
		fd, ferr := descriptor(f)
		if ferr == nil {
			fd, ferr = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		}
		if ferr == nil {
			ferr = unix.SetNonblock(fd, true)
			own = append(own, os.NewFile(uintptr(fd), f.Name()))
		}
		err = errors.Join(err, ferr, f.Close())
	}
	return own, err
}

// descriptor is the number of a file, whose mode stays as it is.
func descriptor(f syscall.Conn) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	n := -1
	err = raw.Control(func(fd uintptr) { n = int(fd) })
	return n, err
}

// leave gives the home back. The lock goes last, so that who comes next finds
// no socket of ours.
func (k *Keeper) leave() {
	for _, f := range k.sockets {
		_ = f.Close()
	}
	if k.door != nil {
		_ = errors.Join(k.door.Close(), os.Remove(controlSocket(k.config.Home)))
	}
	_ = errors.Join(k.lock.Truncate(0), k.lock.Close()) // the process ends
}

// lock makes this the only keeper of a home.
func lock(path, home string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:forbidigo // a lock with a number in it
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		text, _ := io.ReadAll(io.LimitReader(f, 20)) // who holds it may not have written yet
		return nil, errors.Join(fault.New(fault.Conflict, "a keeper runs in %s already, process %s: stop it, or use navidocs restart", home, strings.TrimSpace(string(text))), f.Close())
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the private sockets of servers that were killed.
func (k *Keeper) sweep() error {
	left, err := filepath.Glob(filepath.Join(escape(runDir(k.config.Home)), "w-*.sock"))
	for _, path := range left {
		pid, perr := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "w-"), ".sock"))
		if perr == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// escape makes a path a pattern that matches it alone.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// begin starts the first leader, unless the keeper took one over.
func (k *Keeper) begin(ctx context.Context) error {
	k.mu.Lock()
	found := k.leader != nil || k.paused
	k.mu.Unlock()
	if found {
		return nil
	}
	c, err := k.lead(ctx, ctx, "")
	if ctx.Err() != nil {
		err = nil // told to stop while it waited
	}
	if err == nil {
		return nil
	}
	if c == nil {
		return err
	}
	<-c.ended
	code, _ := c.how()
	return &ExitError{Code: code, Lines: c.log.last()}
}

// lead starts a release as the leader and lets it serve and work. The child is
// returned with an error too, when it ends before that. ctx bounds the start, life
// what is done for the child afterwards.
func (k *Keeper) lead(ctx, life context.Context, release string) (*child, error) {
	c, err := k.spawn(life, release, Leader)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.leader = c
	k.mu.Unlock()
	if err = c.awaitReady(ctx); err == nil { // as long as it takes: there is no other
		err = k.serve(ctx, c, true)
	}
	if err == nil {
		err = k.work(ctx, c, true)
	}
	k.mu.Lock()
	if err == nil && c.dead() {
		err = errEnded
	}
	c.raised = err != nil
	k.mu.Unlock()
	if err != nil {
		k.retire(ctx, c)
	}
	return c, err
}

// serve has a child serve in public, or begin its drain.
func (k *Keeper) serve(ctx context.Context, c *child, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, k.waits.Answer)
	defer cancel()
	err := c.order(ctx, orderServe, on)
	if err == nil {
		k.mu.Lock()
		c.serving = on
		k.mu.Unlock()
	}
	return err
}

// work has a child work, or finish the jobs that it has in hand.
func (k *Keeper) work(ctx context.Context, c *child, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, k.waits.Work)
	defer cancel()
	err := c.order(ctx, orderWork, on)
	if err == nil {
		k.mu.Lock()
		c.working = on
		k.mu.Unlock()
	}
	return err
}

// retire has a child drain and end, and waits for that; at last it kills it.
func (k *Keeper) retire(ctx context.Context, c *child) {
	k.mu.Lock()
	c.leaving = true
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.waits.End)
	defer cancel()
	if !c.ready() {
		_ = c.process.Signal(syscall.SIGTERM) // it does not take orders yet
	}
	if err := c.order(ctx, orderExit, true); errors.Is(err, context.DeadlineExceeded) {
		k.config.Log.Warn("a server is killed that did not end in time", "pid", c.pid, "release", c.command.Release)
	}
	select {
	case <-c.ended:
		return
	case <-ctx.Done():
	}
	c.kill()
	<-c.ended
}

// lost is told that a child has ended.
func (k *Keeper) lost(ctx context.Context, c *child) {
	k.mu.Lock()
	warm := k.other
	leads, raised, expected := c == k.leader, c.raised, c.leaving || k.stopping
	waits := warm != nil && warm.role == Warm && !warm.leaving && !warm.dead()
	c.serving = false
	if c == k.other {
		k.other = nil
	}
	worked, leader := c.working && c.role == Warm, k.leader
	c.working = false
	k.mu.Unlock()
	if expected || raised && leads {
		return
	}
	_, how := c.how()
	k.config.Log.Error("a server has ended by itself", "pid", c.pid, "release", c.command.Release, "role", string(c.role), "how", how)
	k.tell(Trouble{From: c.command.Release, How: how})
	switch {
	case leads && waits:
		k.tasks.Go(func() { k.rescue(ctx, c, how) })
	case leads:
		k.revive(ctx, c)
	case worked && leader != nil: // its work had stayed with it
		k.tasks.Go(func() { _ = k.work(ctx, leader, true) }) // when that one is gone too, lost is told
	}
}

// rescue takes the warm release back because the promoted one has died.
func (k *Keeper) rescue(ctx context.Context, c *child, how string) {
	select {
	case k.busy <- doBack: // not in the middle of another operation, which a death cuts short
	case <-ctx.Done():
		return
	}
	defer func() { <-k.busy }()
	k.mu.Lock()
	leads := k.leader == c
	k.mu.Unlock()
	if !leads {
		return
	}
	if err := k.back(ctx, fmt.Sprintf("release %s %s", name(c.command.Release), how)); err != nil {
		k.config.Log.Error("the release before cannot be taken back", "error", err)
		k.revive(ctx, c)
	}
}

// revival is the attempt to get a leader again.
type revival struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// revive starts the release of a leader that has died, again and again.
func (k *Keeper) revive(ctx context.Context, c *child) {
	life := ctx
	ctx, cancel := context.WithCancel(life)
	r := &revival{cancel, make(chan struct{})}
	k.mu.Lock()
	if k.config.Now().Sub(c.since) > k.waits.Calm {
		k.crashes = 0
	}
	k.revival = r
	k.mu.Unlock()
	k.tasks.Go(func() {
		defer close(r.ended)
		defer cancel()
		for k.wait(ctx) {
			again, err := k.lead(ctx, life, c.command.Release)
			if err == nil {
				k.config.Log.Info("the server was started again", "pid", again.pid)
				break
			}
			k.config.Log.Error("the server cannot be started again", "error", err)
		}
		k.mu.Lock()
		if k.revival == r {
			k.revival = nil
		}
		k.mu.Unlock()
	})
}

// wait waits before a leader is started again, and says whether to.
func (k *Keeper) wait(ctx context.Context) bool {
	k.mu.Lock()
	var wait time.Duration
	if k.crashes > 0 {
		wait = min(k.waits.Most, k.waits.Again<<min(k.crashes-1, 20))
	}
	k.crashes++
	k.restarts++
	k.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// unrevive gives up the attempt to get the old leader again.
func (k *Keeper) unrevive() {
	k.mu.Lock()
	r := k.revival
	k.mu.Unlock()
	if r != nil {
		r.cancel()
		<-r.ended
	}
}

// shutdown lets the children drain and end, or kills them at the second signal.
func (k *Keeper) shutdown(ctx context.Context, signals <-chan os.Signal) {
	k.mu.Lock()
	k.stopping = true
	var left []*child
	for _, c := range k.own {
		left = append(left, c)
	}
	k.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, c := range left {
			k.tasks.Go(func() { k.retire(ctx, c) })
		}
		k.tasks.Wait()
	}()
	for n := 0; ; {
		select {
		case <-ended:
			return
		case <-signals:
			if n++; n < 2 {
				continue // the one that began the end
			}
			k.mu.Lock()
			for _, c := range k.own {
				c.kill()
			}
			k.mu.Unlock()
		}
	}
}
