package chaos

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"navidocs/internal/fault"
)

// said is what all nodes have said.
type said struct {
	mu        sync.Mutex
	runs      int
	committed map[int]bool
	takenBack map[int]bool
}

// numbers is where the numbers of the next process begin.
func (s *said) numbers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	return s.runs * 1_000_000
}

func (s *said) hear(line string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.committed == nil {
		s.committed, s.takenBack = map[int]bool{}, map[int]bool{}
	}
	n, err := strconv.Atoi(line[min(1, len(line)):])
	switch {
	case err != nil:
		return fmt.Errorf("%q is nothing that a node says", line)
	case line[0] == sayCommitted:
		s.committed[n] = true
	case line[0] == sayTakenBack:
		s.takenBack[n] = true
	}
	return nil
}

// node is a process that is started and killed again and again.
type node struct {
	program string
	tie     func(*exec.Cmd)
	home    string
	said    *said

	cmd     *exec.Cmd
	works   chan struct{} // closed when it has begun
	ended   chan struct{} // closed when it has ended and all it said was heard
	words   bytes.Buffer  // on its stderr; to be read when it has ended
	unheard error         // what it said that nobody understands; likewise
	gone    bool          // it was ended by us
}

// start runs a process; a writing one changes boats.
func (n *node) start(ctx context.Context, environ []string, writing bool) error {
	from := -1
	if writing {
		from = n.said.numbers()
	}
	n.words.Reset()
	n.unheard = nil
	n.gone, n.works, n.ended = false, make(chan struct{}), make(chan struct{})
	n.cmd = exec.CommandContext(context.WithoutCancel(ctx), n.program, "--home", n.home, "selftest", "node", "--from", strconv.Itoa(from))
	n.cmd.Env, n.cmd.Stderr = environ, &n.words
	n.tie(n.cmd)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	go n.listen(n.cmd, out, n.works, n.ended)
	return nil
}

// listen hears what a process says until its end. A last line that breaks off
// was not said.
func (n *node) listen(cmd *exec.Cmd, out io.Reader, works, ended chan struct{}) {
	defer close(ended)
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		if line = strings.TrimSuffix(line, "\n"); line == sayBegun {
			close(works)
		} else if err := n.said.hear(line); err != nil {
			n.unheard = err
		}
	}
	_ = cmd.Wait() // how it ended is in its state
}

// begun waits until the process works.
func (n *node) begun(ctx context.Context) error {
	select {
	case <-n.works:
		return nil
	case <-n.ended:
		return n.failed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends the process as a power cut would, and waits until it is gone.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.gone = true
	_ = n.cmd.Process.Kill() // it may have ended by itself
	<-n.ended
}

// stop ends the process as a supervisor does; one that was killed is gone.
func (n *node) stop(ctx context.Context) error {
	if n.gone {
		return nil
	}
	if err := n.begun(ctx); err != nil {
		return err
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-n.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !n.cmd.ProcessState.Success() {
		return n.failed()
	}
	n.gone = true
	return nil
}

// failed says that the process ended by itself.
func (n *node) failed() error {
	if n.gone {
		return nil
	}
	select {
	case <-n.ended:
		ended := fault.New(fault.Internal, "a process ended by itself (%s): %s", n.cmd.ProcessState, strings.TrimSpace(n.words.String()))
		return errors.Join(ended, n.unheard)
	default:
		return nil
	}
}
