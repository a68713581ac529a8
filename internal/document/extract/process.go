package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// memoryPoll is how often a child's memory is looked at.
	memoryPoll = 20 * time.Millisecond
	// pipeDelay is how long a dead child's pipes may stay open.
	pipeDelay = 2 * time.Second
	// stderrKept bounds what is kept of a dying child's last words.
	stderrKept = 2048
)

// death is the end of a child before it was done.
type death struct {
	reason string
	cause  error
}

func (d *death) Error() string { return fmt.Sprintf("child ended (%s): %v", d.reason, d.cause) }

func (d *death) Unwrap() error { return d.cause }

// child is a running child process with its request sent.
type child struct {
	cmd      *exec.Cmd
	stdin    io.Closer
	replies  chan received
	stderr   tail
	deadline time.Duration
	limit    int64
	killed   sync.Once
	stopped  sync.Once
	overfed  atomic.Int64  // the memory that it was killed for
	ended    chan struct{} // closed by stop
	watched  chan struct{} // closed when the memory is not watched any more
	running  sync.WaitGroup
}

type received struct {
	reply reply
	err   error
}

// start runs the command and sends it the request.
func (e *Extractor) start(ctx context.Context, r request) (*child, error) {
	o := e.options
	if len(o.Command) == 0 {
		return nil, errors.New("no command for the extraction child")
	}
	r.CacheDir, r.TessdataDir, r.Languages, r.Native = o.CacheDir, o.TessdataDir, o.Languages, o.Native
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &child{
		cmd:      exec.CommandContext(ctx, o.Command[0], o.Command[1:]...),
		replies:  make(chan received),
		deadline: o.PageDeadline,
		limit:    o.MemoryLimit,
		ended:    make(chan struct{}),
	}
	c.cmd.Env = environment(o.MemoryLimit)
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = pipeDelay
	dieWithParent(c.cmd)
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the extraction child: %w", err)
	}
	c.stdin = stdin
	c.running.Go(func() { c.receive(stdin, stdout, r) })
	c.watched = make(chan struct{})
	go c.watch()
	return c, nil
}

// environment is what a child needs of ours: no secret of the server reaches a
// process that opens strangers' files. Its heap stays below the limit as long
// as collecting garbage helps.
func environment(limit int64) []string {
	env := []string{"GOMEMLIMIT=" + strconv.FormatInt(limit/4*3, 10), "GOTRACEBACK=none"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TESSDATA_PREFIX", "SYSTEMROOT", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// receive sends the request and passes the replies on until the child ends.
func (c *child) receive(stdin io.Writer, stdout io.Reader, r request) {
	err := writeFrame(stdin, r)
	for {
		var m received
		if m.err = err; err == nil {
			m.err = readFrame(stdout, &m.reply)
			err = m.err
		}
		select {
		case c.replies <- m:
		case <-c.ended:
			return
		}
		if err != nil {
			return
		}
	}
}

// next waits for a reply; a *death when the child ended, took too long or too
// much memory, and the error of the context when nobody waits any more.
func (c *child) next(ctx context.Context) (reply, error) {
	deadline := time.NewTimer(c.deadline)
	defer deadline.Stop()
	select {
	case m := <-c.replies:
		if m.err == nil {
			return m.reply, nil
		}
		return reply{}, c.lastWords(ctx, m.err)
	case <-deadline.C:
		return reply{}, &death{ReasonTimeout, fmt.Errorf("no answer within %s", c.deadline)}
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

// watch kills the child when it takes too much memory, also while its parent
// is busy with what it sent.
func (c *child) watch() {
	defer close(c.watched)
	poll := time.NewTicker(memoryPoll)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if rss := resident(c.cmd.Process.Pid); rss > c.limit {
				c.overfed.Store(rss)
				c.kill()
				return
			}
		case <-c.ended:
			return
		}
	}
}

// lastWords explains the end of the replies.
func (c *child) lastWords(ctx context.Context, err error) error {
	c.stop()
	if ctx.Err() != nil { // the end of the context is what killed it
		return ctx.Err()
	}
	if rss := c.overfed.Load(); rss > 0 {
		return &death{ReasonMemory, fmt.Errorf("%d MiB resident", rss>>20)}
	}
	reason, said := ReasonCrashed, c.stderr.String()
	if strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory") {
		reason = ReasonMemory
	}
	return &death{reason, fmt.Errorf("%w (%s): %s", err, c.cmd.ProcessState, said)}
}

// stop ends the child, done or not, and waits for it. It may be called again.
func (c *child) stop() {
	c.stopped.Do(func() {
		close(c.ended)
		c.kill()
		c.running.Wait()
		<-c.watched
		// How it ended is in the state of the process.
		_ = c.cmd.Wait()
	})
}

func (c *child) kill() {
	c.killed.Do(func() {
		_ = c.stdin.Close()
		killGroup(c.cmd.Process)
	})
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte // guarded by mu
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-stderrKept):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
