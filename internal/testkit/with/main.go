// Command with runs a command beside servers of its own:
//
//	go run ./internal/testkit/with -- go test ./...
//
// It starts PostgreSQL, Redis and an S3 server in a new folder, reachable from
// this machine only, names them to the command in the environment (see package
// testkit), ends with the command's exit code, and leaves nothing behind. A
// server whose program is not installed is skipped, and said so; one that is
// named in the environment already is used as it is.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

// The exit codes of our own; any other is the command's.
const (
	exitUsage  = 2
	exitServer = 125 // a server that is installed did not start
)

// grace is how long a process may take to end before it is killed.
const grace = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stderr, services)
	stop()
	os.Exit(code)
}

// service is a server that can be started.
type service struct {
	name string
	env  string
	// start makes the server in an empty folder. errMissing says that its
	// program is not installed.
	start func(ctx context.Context, dir string) (*running, error)
}

// running is a server that was started.
type running struct {
	address string
	process *process
}

var errMissing = errors.New("not installed")

func run(ctx context.Context, args, environ []string, out io.Writer, services []service) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(out, "usage: with -- command [argument]...")
		return exitUsage
	}
	dir, temp, err := makeDir()
	if err != nil {
		fmt.Fprintln(out, "with:", err)
		return exitServer
	}
	defer os.RemoveAll(dir)
	environ = append(environ, temp...)
	s := startAll(ctx, services, environ, dir)
	defer s.stop()
	for _, note := range s.notes {
		fmt.Fprintln(out, "with:", note)
	}
	if s.failed {
		return exitServer
	}
	code := command(ctx, args, append(environ, s.environ...), out)
	if len(s.skipped) > 0 {
		fmt.Fprintf(out, "with: SKIPPED SERVICES (%d): %s\n", len(s.skipped), strings.Join(s.skipped, ", "))
	} else {
		fmt.Fprintln(out, "with: skipped services: none")
	}
	return code
}

// makeDir makes a folder whose path is short enough for sockets and whose
// sockets other users (the one PostgreSQL runs as) can reach. Where the machine has
// enough memory it lies there, and temp has the command's temporary files in it too:
// a commit that need not wait for the disk takes a microsecond and not four
// milliseconds, and the tests make a hundred thousand. What the compiler writes stays
// on the disk.
func makeDir() (dir string, temp []string, err error) {
	parent := os.TempDir()
	memory := roomy(shared)
	switch {
	case memory:
		parent = shared
	case len(parent) > 40:
		parent = "/tmp"
	}
	if dir, err = os.MkdirTemp(parent, "navidocs-with-"); err != nil || !memory {
		return dir, nil, errors.Join(err, os.Chmod(dir, 0o711))
	}
	own := filepath.Join(dir, "tmp")
	temp = []string{"TMPDIR=" + own, "GOTMPDIR=" + cmp.Or(os.Getenv("GOTMPDIR"), os.TempDir())}
	return dir, temp, errors.Join(os.Chmod(dir, 0o711), os.Mkdir(own, 0o711)) //nolint:gosec // PostgreSQL's user goes through both
}

// shared is where Linux keeps files in memory.
const shared = "/dev/shm"

// roomy says whether a folder is in memory, with eight gigabytes for files and as much
// again for programs.
func roomy(dir string) bool {
	const least = 8 << 30
	at, err := disk.Usage(dir)
	if err != nil || at.Fstype != "tmpfs" || at.Free < least {
		return false
	}
	has, err := mem.VirtualMemory()
	return err == nil && has.Available >= 2*least
}

// started is what came of starting every service.
type started struct {
	running []*running
	environ []string
	skipped []string
	notes   []string
	failed  bool
}

// startAll starts the services side by side.
func startAll(ctx context.Context, services []service, environ []string, dir string) *started {
	results := make([]*running, len(services))
	errs := make([]error, len(services))
	var starting sync.WaitGroup
	for i, s := range services {
		if address := lookup(environ, s.env); address != "" {
			results[i] = &running{address: address}
			continue
		}
		starting.Go(func() {
			own := dir + "/" + s.name
			if errs[i] = os.Mkdir(own, 0o711); errs[i] == nil {
				results[i], errs[i] = s.start(ctx, own)
			}
		})
	}
	starting.Wait()
	all := &started{}
	for i, s := range services {
		switch {
		case errors.Is(errs[i], errMissing):
			all.skipped = append(all.skipped, s.name)
			all.notes = append(all.notes, fmt.Sprintf("SKIPPED: %s: %v", s.name, errs[i]))
		case errs[i] != nil:
			all.failed = true
			all.notes = append(all.notes, fmt.Sprintf("%s did not start: %v", s.name, errs[i]))
		default:
			all.running = append(all.running, results[i])
			all.environ = append(all.environ, s.env+"="+results[i].address)
		}
	}
	return all
}

func (s *started) stop() {
	var stopping sync.WaitGroup
	for _, r := range s.running {
		if r.process != nil {
			stopping.Go(r.process.stop)
		}
	}
	stopping.Wait()
}

func lookup(environ []string, name string) string {
	value := ""
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// command runs the command and returns its exit code. When ctx ends, it is
// asked to end too.
func command(ctx context.Context, args, environ []string, out io.Writer) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if exit.ExitCode() < 0 { // ended by a signal
			return 128 + int(syscall.SIGTERM)
		}
		return exit.ExitCode()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return 128 + int(syscall.SIGTERM)
	case err != nil:
		fmt.Fprintln(out, "with:", err)
		return 127
	}
	return 0
}
