package prove_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/db"
)

// patience bounds a wait for one thing that should happen soon.
const patience = 60 * time.Second

// build makes the binary, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "navidocs-prove-")
	if err != nil {
		return "", err
	}
	built = dir
	program := filepath.Join(dir, "navidocs")
	cmd := exec.Command("go", slices.Concat([]string{"build"}, how(), []string{"-o", program, "navidocs/cmd/navidocs"})...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

// built is the folder that build made.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// server is a real navidocs process with its folder, started again and again
// on the same port.
type server struct {
	t       testing.TB
	program string
	home    string
	log     string
	port    string
	url     string
	environ []string
	secured string       // where it is when it speaks TLS; "" when it should not
	http    *http.Client // that trusts it; nil for any
	socket  *os.File     // passed to the process, which then opens none
	kept    bool         // a keeper holds the socket; otherwise the process is the server itself
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended
}

// serve starts a server with its data in a new folder.
func serve(t testing.TB) *server {
	t.Helper()
	return serveAt(t, t.TempDir())
}

// serveAt is serve with the data in a folder that is there, and NAME=value
// settings.
func serveAt(t testing.TB, home string, settings ...string) *server {
	t.Helper()
	s := prepare(t, home, settings...)
	s.start()
	return s
}

// prepare is serveAt without starting the process.
func prepare(t testing.TB, home string, settings ...string) *server {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, program: program, home: home, log: filepath.Join(t.TempDir(), "log"), port: freePort(t)}
	s.url = "http://127.0.0.1:" + s.port
	s.environ = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(),
		"APP_ENV=test", "REGISTRATION=open", "RATE_LIMIT_MAX_REQUESTS=100000000", "LOG_LEVEL=warn", "LISTEN=127.0.0.1", "PORT=" + s.port,
	}, settings...)
	t.Cleanup(func() {
		s.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", tail(s.log, 4000))
		}
	})
	return s
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it opens at once or not at all
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// start runs the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	f, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	args := []string{s.program, "--home", s.home, "serve"}
	if !s.kept { // what is killed and measured is the server
		args = append(args, "--alone")
	}
	if s.socket != nil { // its process has to know its own number before it begins
		args = append([]string{"/bin/sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`}, args...)
	}
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), args[0], args[1:]...)
	if s.socket != nil {
		cmd.ExtraFiles = []*os.File{s.socket}
	}
	cmd.Env, cmd.Stdout, cmd.Stderr = s.environ, f, f
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		close(ended)
	}()
	wait(s.t, patience, func() error {
		select {
		case <-ended:
			s.t.Fatalf("the server ended: %s\n%s", cmd.ProcessState, tail(s.log, 4000))
		default:
		}
		return s.answers()
	})
}

// answers asks whether the server is ready. One that should speak TLS says by how
// it answers whether it does.
func (s *server) answers() error {
	if s.secured != "" && ping(s.t.Context(), s.http, s.secured) == nil {
		s.url = s.secured
		return nil
	}
	return ping(s.t.Context(), nil, s.url)
}

// ping asks a server whether it is ready; a nil client is the common one.
func ping(ctx context.Context, client *http.Client, url string) error {
	if client == nil {
		client = http.DefaultClient
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// end sends a signal and waits for the end of the process.
func (s *server) end(signal syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Errorf("the server did not end by %s", signal)
		<-s.ended
	}
	s.cmd = nil
}

// alive fails the test when the process has ended.
func (s *server) alive() {
	s.t.Helper()
	select {
	case <-s.ended:
		s.t.Fatalf("the server ended by itself: %s\n%s", s.cmd.ProcessState, tail(s.log, 4000))
	default:
	}
}

// database opens the data of a server that has stopped.
func (s *server) database() *db.DB {
	s.t.Helper()
	url := filepath.Join(s.home, "data", "navidocs.db")
	for _, setting := range s.environ {
		if other, is := strings.CutPrefix(setting, "DATABASE_URL="); is {
			url = other
		}
	}
	d, err := db.Open(s.t.Context(), db.Options{URL: url})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { d.Close() })
	return d
}

// peak is the most memory that the process has had, in kB.
func (s *server) peak() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Skipf("SKIPPED: no /proc to measure memory by: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatal("no peak of memory in the status of the process")
	return 0
}

// wait calls f until it returns nil, and ends the test when that takes too long.
func wait(t testing.TB, patience time.Duration, f func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("still after %s: %v", patience, err)
		}
	}
}

func tail(path string, n int) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-n):])
}
