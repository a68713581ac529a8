//go:build unix

package keeper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"navidocs/internal/fault"
)

// errEnded is what became of an order whose child is gone.
var errEnded = errors.New("the server has ended")

// child is a running server, as its keeper sees it.
type child struct {
	command Command
	pid     int
	process *os.Process
	since   time.Time
	control *net.UnixConn
	in      *bufio.Reader // of control; hear alone reads it
	pipes   [2]*os.File   // what it prints: stdout, stderr
	log     ring
	record  io.Writer // takes a copy of its stderr

	quiet   sync.Mutex // held by whoever stops the listening
	hearing sync.WaitGroup
	pumping sync.WaitGroup
	said    chan struct{} // closed when it has said hello
	ended   chan struct{} // closed when it has ended, and code is known

	mu     sync.Mutex // guards what follows
	hello  hello
	calls  map[int]chan error
	calln  int
	heard  bool // nothing more comes on control
	code   int
	ending string

	// The keeper's own notes, which its mutex guards.
	role             Role
	serving, working bool
	leaving          bool // it was told to end
	raised           bool // whoever starts it sees to its end as well
}

// spawn starts a program with the sockets; the keeper knows it before it can be reaped.
func (k *Keeper) spawn(ctx context.Context, release string, role Role) (c *child, err error) {
	command, err := k.config.Command(release)
	if err != nil {
		return nil, err
	}
	here, there, err := pair()
	if err != nil {
		return nil, err
	}
	defer there.Close() //nolint:errcheck // the child has its own
	var reads, writes [2]*os.File
	for i := range reads {
		if reads[i], writes[i], err = os.Pipe(); err != nil {
			return nil, errors.Join(err, here.Close())
		}
		defer writes[i].Close() //nolint:errcheck // the child has its own
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command.Path, command.Args...) // ended by an order, not by ctx
	cmd.Dir, cmd.Stdout, cmd.Stderr = command.Dir, writes[0], writes[1]
	cmd.ExtraFiles = append(append([]*os.File(nil), k.sockets...), there)
	cmd.Env = append(without(command.Env), controlEnv+"="+strconv.Itoa(3+len(k.sockets)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is the keeper's alone
	k.reaping.Lock()
	defer k.reaping.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fault.Because(err, fault.Unavailable, "%s cannot be started: is it the program of a release for this machine?", command.Path), here.Close(), reads[0].Close(), reads[1].Close())
	}
	c = &child{
		command: command, pid: cmd.Process.Pid, process: cmd.Process, since: k.config.Now(), control: here, pipes: reads,
		role: role, raised: true,
	}
	k.watch(ctx, c)
	return c, nil
}

// watch begins to listen to a child and waits for its end.
func (k *Keeper) watch(ctx context.Context, c *child) {
	c.record = io.Discard
	if k.config.Record != nil {
		c.record = k.config.Record()
	}
	c.said, c.ended, c.calls, c.in = make(chan struct{}), make(chan struct{}), map[int]chan error{}, bufio.NewReader(c.control)
	k.mu.Lock()
	k.own[c.pid] = c
	late := k.stopping
	k.mu.Unlock()
	if late {
		c.kill() // it has nothing in hand
	}
	c.listen(k.config.Stdout, k.config.Stderr)
	k.tasks.Go(func() {
		state, err := c.process.Wait()
		k.mu.Lock()
		delete(k.own, c.pid)
		k.mu.Unlock()
		c.end(state, err)
		_ = os.Remove(privateSocket(k.config.Home, c.pid)) // when it was killed, it is still there
		k.lost(ctx, c)
	})
}

// pair makes the two ends of a control descriptor.
func pair() (here *net.UnixConn, there *os.File, err error) {
	syscall.ForkLock.RLock() // no child may inherit them before they are marked
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	there = os.NewFile(uintptr(fds[1]), "control")
	here, err = unixConn(os.NewFile(uintptr(fds[0]), "control"))
	if err != nil {
		return nil, nil, errors.Join(err, there.Close())
	}
	return here, there, nil
}

// unixConn makes a connection of a descriptor, which it closes.
func unixConn(f *os.File) (*net.UnixConn, error) {
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fault.New(fault.Invalid, "descriptor %s is no unix socket", f.Name()), c.Close())
	}
	return u, nil
}

// without is an environment less what is meant for this process alone.
func without(environ []string) []string {
	var left []string
	for _, entry := range environ {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", controlEnv, stateEnv:
		default:
			left = append(left, entry)
		}
	}
	return left
}

// listen reads what the child says and prints, until hush or its end.
func (c *child) listen(stdout, stderr io.Writer) {
	c.hearing.Go(c.hear)
	c.pumping.Go(func() { c.pump(c.pipes[0], stdout, io.Discard) })
	c.pumping.Go(func() { c.pump(c.pipes[1], stderr, c.record) })
}

// hush stops listening without losing anything, so that another may go on. Its
// caller holds quiet.
func (c *child) hush() {
	past := time.Unix(1, 0)
	_ = c.control.SetReadDeadline(past)
	for _, p := range c.pipes {
		_ = p.SetReadDeadline(past)
	}
	c.hearing.Wait()
	c.pumping.Wait()
}

// unhush is listen after a hush.
func (c *child) unhush(stdout, stderr io.Writer) {
	_ = c.control.SetReadDeadline(time.Time{})
	for _, p := range c.pipes {
		_ = p.SetReadDeadline(time.Time{})
	}
	c.listen(stdout, stderr)
}

// pump passes on what the child prints, and keeps the last lines. That nobody
// takes it any more does not hold the child up.
func (c *child) pump(from *os.File, to, record io.Writer) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			c.log.write(buffer[:n])
			_, _ = record.Write(buffer[:n]) // first: it does not wait
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (c *child) hear() {
	for {
		line, err := readLine(c.in, longestReport)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return // hushed
		}
		var r report
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err != nil {
			c.deaf()
			return
		}
		c.take(r)
	}
}

// take is told what the child reports.
func (c *child) take(r report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch waiting := c.calls[r.ID]; {
	case r.Hello != nil && c.hello == hello{}:
		c.hello = *r.Hello
		close(c.said)
	case waiting != nil:
		delete(c.calls, r.ID)
		if r.Error != "" {
			waiting <- errors.New(r.Error)
		} else {
			waiting <- nil
		}
	}
}

// deaf answers all who wait: nothing more comes.
func (c *child) deaf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = true
	for id, waiting := range c.calls {
		delete(c.calls, id)
		waiting <- errEnded
	}
}

// order has the child do something, and waits until it has, at most as long as
// ctx lives.
func (c *child) order(ctx context.Context, do string, on bool) error {
	c.mu.Lock()
	if c.heard {
		c.mu.Unlock()
		return errEnded
	}
	c.calln++
	id, waiting := c.calln, make(chan error, 1)
	c.calls[id] = waiting
	c.mu.Unlock()
	line, err := json.Marshal(order{ID: id, Do: do, On: on})
	if err != nil {
		return err
	}
	if _, err := c.control.Write(append(line, '\n')); err != nil {
		return errEnded
	}
	select {
	case err := <-waiting:
		return err
	case <-c.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end notes how the process ended, when all that it printed is read.
func (c *child) end(state *os.ProcessState, err error) {
	c.quiet.Lock()
	defer c.quiet.Unlock()
	read := make(chan struct{})
	go func() { c.pumping.Wait(); close(read) }()
	select {
	case <-read:
	case <-time.After(time.Second): // a process of its own still holds the pipe
	}
	c.hush()
	<-read
	c.deaf()
	_ = errors.Join(c.control.Close(), c.pipes[0].Close(), c.pipes[1].Close())
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.code, c.ending = 1, "ended"; {
	case err != nil:
		c.ending += ": " + err.Error()
	case state.Exited():
		c.code, c.ending = state.ExitCode(), fmt.Sprintf("ended with exit code %d", state.ExitCode())
	default:
		c.ending = "was ended by " + state.String()
	}
	close(c.ended)
}

func (c *child) dead() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func (c *child) ready() bool {
	select {
	case <-c.said:
		return true
	default:
		return false
	}
}

func (c *child) how() (code int, ending string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code, c.ending
}

func (c *child) greeting() hello {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hello
}

func (c *child) kill() { _ = c.process.Kill() } // it may have ended by itself

// awaitReady waits until a child answers on its private socket.
func (c *child) awaitReady(ctx context.Context) error {
	select {
	case <-c.said:
		return nil
	case <-c.ended:
		_, how := c.how()
		return fault.New(fault.Unavailable, "release %s %s before it was ready", name(c.command.Release), how).With("lines", c.log.last())
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "release %s was not ready in time", name(c.command.Release)).With("lines", c.log.last())
	}
}

// name is a release for people.
func name(release string) string {
	if release == "" {
		return "(this program)"
	}
	return release
}

// same says whether the peer of a connection is this user.
func same(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	uid, peer := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, peer = peerUID(int(fd)) }); err != nil {
		return err
	}
	if peer == nil && uid != unix.Geteuid() && uid != 0 {
		peer = fault.New(fault.Forbidden, "the keeper belongs to another user")
	}
	return peer
}
