//go:build unix

package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"navidocs/internal/fault"
)

// replace makes this process the keeper of the leader's release, with the same
// number, sockets and children. It returns only when that fails, and then
// nothing has changed.
func (k *Keeper) replace(ctx context.Context, asker *net.UnixConn) (err error) {
	if k.config.Self == nil {
		return fault.New(fault.Unsupported, "this keeper cannot replace itself: stop it and start it again")
	}
	children, release, err := k.handable()
	if err != nil {
		return err
	}
	command, err := k.config.Self(release)
	if err != nil {
		return err
	}
	if _, err := os.Stat(command.Path); err != nil {
		return fault.Because(err, fault.Unavailable, "%s cannot be started", command.Path)
	}
	for _, c := range children {
		c.quiet.Lock()
		c.hush()
		defer func() {
			c.unhush(k.config.Stdout, k.config.Stderr)
			c.quiet.Unlock()
		}()
	}
	s, err := k.state(children, asker)
	if err != nil {
		return err
	}
	text, err := s.encode()
	if err != nil {
		return err
	}
	return k.exec(ctx, command, s, text)
}

// handable are the children and the leader's release, when another keeper can
// take them over.
func (k *Keeper) handable() (children []*child, release string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range []*child{k.leader, k.other} {
		switch {
		case c == nil || k.paused && c.dead():
		case c.dead() || c.leaving || !c.ready() || k.revival != nil:
			return nil, "", fault.New(fault.Unavailable, "a server is being started or ended: try again when navidocs status shows it ready")
		default:
			children = append(children, c)
		}
	}
	if k.leader == nil || k.leader.greeting().State != stateVersion {
		return nil, "", fault.New(fault.Conflict, "the leader's release reads another version of the keeper's state: stop the keeper and start it again")
	}
	return children, k.leader.command.Release, nil
}

// state gathers what the next keeper takes over.
func (k *Keeper) state(children []*child, asker *net.UnixConn) (s *state, err error) {
	number := func(f syscall.Conn) int {
		fd, ferr := descriptor(f)
		err = errors.Join(err, ferr)
		return fd
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s = &state{
		Version: stateVersion, Started: k.started, Lock: number(k.lock), Door: number(k.door), Asker: number(asker),
		Paused: k.paused, Restarts: k.restarts, RolledBack: k.rolledBack,
	}
	for _, l := range k.sockets {
		s.Listeners = append(s.Listeners, number(l))
	}
	for _, c := range children {
		s.Children = append(s.Children, childState{
			Release: c.command.Release, Path: c.command.Path, PID: c.pid, Role: c.role, Since: c.since, Serving: c.serving, Working: c.working,
			Hello: c.greeting(), Control: number(c.control), Pipes: [2]int{number(c.pipes[0]), number(c.pipes[1])},
		})
	}
	return s, err
}

// exec hands the descriptors over and becomes the other program.
func (k *Keeper) exec(ctx context.Context, command Command, s *state, text []byte) (err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, read.Close()) }()
	_, err = write.Write(text) // it is shorter than what a pipe takes
	if err = errors.Join(err, write.Close()); err != nil {
		return err
	}
	from, err := descriptor(read)
	if err != nil {
		return err
	}
	k.reaping.Lock() // no child is started that would inherit them
	defer k.reaping.Unlock()
	handed := append(s.descriptors(), from)
	defer func() {
		for _, fd := range handed {
			syscall.CloseOnExec(fd)
		}
	}()
	for _, fd := range handed {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.notify("RELOADING=1\nMAINPID=" + strconv.Itoa(os.Getpid()) + monotonic())
	environ := append(outdated(command.Env), stateEnv+"="+strconv.Itoa(from))
	k.config.Log.Info("the keeper is replaced", "program", command.Path)
	if k.config.Flush != nil {
		k.config.Flush()
	}
	err = syscall.Exec(command.Path, append([]string{command.Path}, command.Args...), environ)
	k.notify("READY=1")
	return fault.Because(err, fault.Unavailable, "%s cannot be started: the keeper goes on as it is", command.Path)
}

// outdated is an environment less what was true of the process at its start.
func outdated(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "LISTEN_") || name == controlEnv || name == stateEnv
	})
}

// monotonic is the time that systemd wants to hear of a reload.
func monotonic() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return ""
	}
	return fmt.Sprintf("\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// inheritState reads what the keeper before this one handed over, nil for none.
func inheritState() (*state, error) {
	text, found := os.LookupEnv(stateEnv)
	if !found {
		return nil, nil
	}
	if err := os.Unsetenv(stateEnv); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fault.New(fault.Invalid, "%s is set and names no descriptor: unset it", stateEnv)
	}
	f := os.NewFile(uintptr(fd), "state")
	written, err := io.ReadAll(io.LimitReader(f, longestState+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	s, err := parseState(written)
	if err != nil {
		return nil, err
	}
	for _, fd := range s.descriptors() {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fault.Because(err, fault.Invalid, "the keeper's state names a descriptor that is not there: start it again with navidocs serve")
		}
	}
	return s, nil
}

// adopt takes the home, the sockets and the children over.
func (k *Keeper) adopt(ctx context.Context, s *state) (asker *net.UnixConn, err error) {
	k.started, k.paused, k.restarts, k.rolledBack = s.Started, s.Paused, s.Restarts, s.RolledBack
	k.lock = os.NewFile(uintptr(s.Lock), "keeper.lock")
	k.sockets = nil
	for _, fd := range s.Listeners {
		k.sockets = append(k.sockets, os.NewFile(uintptr(fd), "listener"))
	}
	door := os.NewFile(uintptr(s.Door), "keeper.sock")
	l, err := net.FileListener(door)
	if err = errors.Join(err, door.Close()); err != nil {
		return nil, err
	}
	var ok bool
	if k.door, ok = l.(*net.UnixListener); !ok {
		return nil, fault.New(fault.Invalid, "the keeper's state names no control socket")
	}
	k.door.SetUnlinkOnClose(false)
	for _, cs := range s.Children {
		if err := k.adoptChild(ctx, cs); err != nil {
			return nil, err
		}
	}
	return unixConn(os.NewFile(uintptr(s.Asker), "asker"))
}

func (k *Keeper) adoptChild(ctx context.Context, s childState) error {
	control, err := unixConn(os.NewFile(uintptr(s.Control), "control"))
	if err != nil {
		return err
	}
	process, err := os.FindProcess(s.PID)
	if err != nil {
		return err
	}
	c := &child{
		command: Command{Release: s.Release, Path: s.Path}, pid: s.PID, process: process, since: s.Since, control: control,
		pipes: [2]*os.File{os.NewFile(uintptr(s.Pipes[0]), "stdout"), os.NewFile(uintptr(s.Pipes[1]), "stderr")},
		role:  s.Role, serving: s.Serving, working: s.Working,
	}
	k.mu.Lock()
	if s.Role == Leader {
		k.leader = c
	} else {
		k.other = c
	}
	k.mu.Unlock()
	k.watch(ctx, c)
	c.take(report{Hello: &s.Hello})
	return nil
}
