//go:build unix

package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/testkit"
)

// toyEnv makes the test binary a release or a keeper; homeEnv is where.
const (
	toyEnv  = "NAVIDOCS_TEST_TOY"
	homeEnv = "NAVIDOCS_TEST_HOME"
)

func TestMain(m *testing.M) {
	if toy := os.Getenv(toyEnv); toy != "" {
		os.Exit(runToy(toy))
	}
	os.Exit(m.Run())
}

// runToy is the other process. Of a release that is to fail its name says how.
func runToy(toy string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch toy {
	case "keeper":
		l := os.NewFile(3, "listener")
		k := keeper.New(toyKeeper(os.Getenv(homeEnv), os.Stdout, func(context.Context) ([]*os.File, error) { return []*os.File{l}, nil }))
		if err := k.Run(ctx); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	case "exits":
		for i := range 60 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		return 3
	case "hangs":
		<-ctx.Done()
		return 0
	case "orphans":
		// A process whose parent ends at once, and that ends a little later.
		cmd := exec.Command("/bin/sh", "-c", "(sleep 0.2; exit 0) & exit 0") //nolint:noctx // it ends at once
		if err := cmd.Run(); err != nil {
			fmt.Println(err)
		}
	}
	if err := serveToy(ctx); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func serveToy(ctx context.Context) error {
	post, err := keeper.Inherit()
	if err != nil || post == nil {
		return fmt.Errorf("no keeper: %w", err)
	}
	home := os.Getenv(homeEnv)
	note := func(what string) {
		f, err := os.OpenFile(filepath.Join(home, "work"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintf(f, "%d %s\n", os.Getpid(), what)
			f.Close()
		}
	}
	s := keeper.Shift{
		Home: home, Post: post, Log: slog.New(slog.DiscardHandler),
		Server: func(socket int) *http.Server { return toyServer(socket, len(post.Listeners)) },
		Beside: func(ctx context.Context) error {
			if len(post.Listeners) > 1 {
				note("serves")
				<-ctx.Done()
				note("drains")
			}
			return nil
		},
		Work: func(ctx context.Context) error {
			note("works")
			<-ctx.Done()
			note("rests")
			return nil
		},
	}
	return s.Run(ctx)
}

// toyServer speaks TLS on the first of several sockets.
func toyServer(socket, of int) *http.Server {
	if socket == 0 && of > 1 {
		return secured(toyAnswer)
	}
	return answering(toyAnswer)
}

func toyAnswer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/pid":
		fmt.Fprint(w, os.Getpid())
	case "/die":
		os.Exit(7)
	case "/stream":
		_ = http.NewResponseController(w).Flush()
		<-keeper.Draining(r.Context())
	default:
		echo(w, r)
	}
}

// toyKeeper keeps toys; a release is the name of one.
func toyKeeper(home string, out io.Writer, listen func(context.Context) ([]*os.File, error)) keeper.Config {
	command := func(toy string) keeper.Command {
		return keeper.Command{Release: toy, Path: os.Args[0], Env: append(os.Environ(), toyEnv+"="+toy, homeEnv+"="+home)}
	}
	return keeper.Config{
		Home: home, Version: "test", Stdout: out, Stderr: out, Listen: listen, Now: time.Now, Reap: os.Getpid() == 1,
		Command: func(release string) (keeper.Command, error) {
			if release == "" {
				release = os.Getenv("NAVIDOCS_TEST_FIRST")
			}
			if release == "" {
				release = "good"
			}
			return command(release), nil
		},
		Self:  func(string) (keeper.Command, error) { return command("keeper"), nil },
		Log:   slog.New(slog.NewTextHandler(out, nil)),
		Waits: keeper.Waits{Again: 50 * time.Millisecond, End: 20 * time.Second},
	}
}

// paper is written by several at once.
type paper struct {
	mu   sync.Mutex
	text []byte
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b...)
	return len(b), nil
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

// kept is a keeper under test, with a client.
type kept struct {
	*keeper.Client
	home    string
	address string
	stop    context.CancelFunc
	ended   chan error
	printed *paper
	cmd     *exec.Cmd // when it is a process of its own
}

func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "k") // shorter than t.TempDir, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	return home
}

// keep runs a keeper in this process.
func keep(t *testing.T, home string, change func(c *keeper.Config)) *kept {
	t.Helper()
	l := listen(t)
	k := &kept{home: home, address: l.Addr().String(), ended: make(chan error, 1), printed: &paper{}}
	c := toyKeeper(home, k.printed, func(context.Context) ([]*os.File, error) {
		f, err := l.(*net.TCPListener).File()
		return []*os.File{f}, errors.Join(err, l.Close())
	})
	if change != nil {
		change(&c)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	k.stop = stop
	go func() { k.ended <- keeper.New(c).Run(ctx); close(k.ended) }()
	t.Cleanup(func() {
		stop()
		if err := <-k.ended; err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	k.reach(t)
	return k
}

// reach waits until the keeper's leader serves.
func (k *kept) reach(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(k.printed.String())
		}
	})
	testkit.Eventually(t, func() error {
		select {
		case err := <-k.ended:
			t.Fatalf("the keeper has ended: %v", err)
		default:
		}
		c, err := keeper.Dial(t.Context(), k.home)
		if err != nil {
			return err
		}
		k.Client = c
		s, err := c.Status(t.Context())
		if leader, _ := s.Child(keeper.Leader); err == nil && !leader.Working {
			err = errors.New("the leader does not work yet")
		}
		if err != nil {
			c.Close()
		}
		return err
	})
	t.Cleanup(func() { k.Client.Close() })
}

// apart runs a keeper in a process of its own.
func apart(t *testing.T, home string, attr *syscall.SysProcAttr, environ ...string) *kept {
	t.Helper()
	l := listen(t)
	f, err := l.(*net.TCPListener).File()
	if err = errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	k := &kept{home: home, address: l.Addr().String(), ended: make(chan error, 1), printed: &paper{}}
	k.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	k.cmd.Env = append(append(os.Environ(), toyEnv+"=keeper", homeEnv+"="+home), environ...)
	k.cmd.ExtraFiles, k.cmd.Stdout, k.cmd.Stderr, k.cmd.SysProcAttr = []*os.File{f}, k.printed, k.printed, attr
	k.cmd.WaitDelay = 10 * time.Second
	if err := k.cmd.Start(); err != nil {
		if attr != nil && errors.Is(err, os.ErrPermission) {
			t.Skipf("SKIPPED: no right to make a namespace of processes: %v", err)
		}
		t.Fatal(err)
	}
	go func() { k.ended <- k.cmd.Wait(); close(k.ended) }()
	t.Cleanup(func() {
		_ = k.cmd.Process.Signal(syscall.SIGTERM)
		<-k.ended
	})
	k.reach(t)
	return k
}

// role is the child that has one.
func (k *kept) role(t *testing.T, role keeper.Role) keeper.Child {
	t.Helper()
	s, err := k.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, ok := s.Child(role)
	if !ok {
		t.Fatalf("there is no %s: %+v", role, s)
	}
	return c
}

// asks gets a path of the public address.
func (k *kept) asks(t *testing.T, path string) (string, error) {
	t.Helper()
	return get(t, &http.Transport{DisableKeepAlives: true}, "http://"+k.address+path)
}

func get(t *testing.T, tr *http.Transport, url string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// served demands that a process answers in public.
func (k *kept) served(t *testing.T, pid int) {
	t.Helper()
	if text, err := k.asks(t, "/pid"); text != strconv.Itoa(pid) || err != nil {
		t.Errorf("%s answers, and not %d: %v", text, pid, err)
	}
}

// must is the answer of an operation that is to succeed.
func must(t *testing.T) func(s keeper.Status, err error) keeper.Status {
	t.Helper()
	return func(s keeper.Status, err error) keeper.Status {
		t.Helper()
		if err != nil {
			t.Fatalf("%v: %q", err, keeper.Lines(err))
		}
		return s
	}
}

// gone waits until a process is no more.
func gone(t *testing.T, pid int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d is still there: %v", pid, err)
		}
		return nil
	})
}

// diary is who worked and rested, in order.
func (k *kept) diary(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k.home, "work"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func refused(t *testing.T, err error, kind fault.Kind, words string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), words) {
		t.Errorf("%v, want one of kind %d with %q", err, kind, words)
	}
}
