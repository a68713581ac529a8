package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a server process and where it writes.
type process struct {
	cmd    *exec.Cmd
	signal os.Signal // that asks it to end
	log    string
	grace  time.Duration
	done   chan struct{} // closed when it has ended
}

// launch starts a server, apart from our own signals, and ending with us even
// when we are killed (where the system can do that).
func launch(ctx context.Context, dir string, user *account, end os.Signal, name string, args ...string) (*process, error) {
	p := &process{signal: end, log: dir + "/log", grace: grace, done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.SysProcAttr = attributes(user)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // whoever waits for done does not care how it ended
		close(p.done)
	}()
	return p, nil
}

// await calls ready until it succeeds. A server that ends meanwhile, or needs
// longer than patience, has failed, and its last words are the error.
func (p *process) await(ctx context.Context, patience time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return p.failure(errors.New("it ended"))
		case <-ctx.Done():
			p.stop()
			return p.failure(err)
		}
	}
}

func (p *process) failure(cause error) error {
	words, err := os.ReadFile(p.log)
	if err != nil {
		return cause
	}
	if len(words) > 2000 {
		words = words[len(words)-2000:]
	}
	return fmt.Errorf("%w: %s", cause, bytes.TrimSpace(words))
}

// stop ends the process and waits for that.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(p.signal) // it may have ended already
	select {
	case <-p.done:
		return
	case <-time.After(p.grace):
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}
