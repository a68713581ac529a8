// Command suite runs every test of the project and judges the whole: it prints
// a line a package and the output of what failed, then how many tests were
// skipped and why, how many of the @core scenarios hold, and how much of
// internal/ the tests reach. It fails with any test, and below the least
// coverage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"navidocs/internal/testkit"
)

const module = "navidocs"

// unraced are the packages that run without the race detector: their time goes
// into recognizing pages in WebAssembly, which the detector cannot see into and
// whose compiler it slows down tenfold. The tour starts the shipped binary, which
// has no detector. The scenarios run whole servers one after the other, on both
// databases, for minutes; what they call is raced by its own tests.
var unraced = []string{
	module + "/doc",
	module + "/features",
	module + "/internal/demo",
	module + "/internal/demo/press",
	module + "/internal/document/extract",
	module + "/internal/document/tesseract",
	module + "/internal/document/tesseract/gen",
}

// slow are packages that test whole servers or work a step after the other, with
// the database and the disk, on bytes or on passwords, whose hashing the detector
// slows down tenfold: raced, they are two thirds of the suite's time, and what runs
// at once in them are packages below, which are raced. -thorough, which
// `make prove` gives, races them too.
var slow = []string{
	module + "/internal/account",
	module + "/internal/api",
	module + "/internal/app",
	module + "/internal/archive",
	module + "/internal/backup",
	module + "/internal/bundle",
	module + "/internal/cli",
	module + "/internal/db",
	module + "/internal/dossier",
	module + "/internal/fleet",
	module + "/internal/listing/boatsgroup",
	module + "/internal/listing/openmarine",
	module + "/internal/listing/star",
	module + "/internal/listing/wire",
	module + "/internal/ops",
	module + "/internal/record",
	module + "/internal/sale",
	module + "/internal/sheet",
	module + "/internal/testkit/with",
	module + "/internal/warranty",
	module + "/packaging",
	module + "/prove",
}

func main() {
	least := flag.Float64("least", 80, "per cent of internal/ that the tests must reach")
	thorough := flag.Bool("thorough", false, "race the slow packages too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, *least, *thorough, os.Stdout)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, least float64, thorough bool, out io.Writer) int {
	packages, err := list(ctx)
	if err != nil {
		fmt.Fprintln(out, "suite:", err)
		return 2
	}
	dir, err := os.MkdirTemp("", "navidocs-suite-")
	if err != nil {
		fmt.Fprintln(out, "suite:", err)
		return 2
	}
	defer os.RemoveAll(dir)
	binaries := filepath.Join(dir, "binaries")
	if err := os.Mkdir(binaries, 0o700); err != nil {
		fmt.Fprintln(out, "suite:", err)
		return 2
	}
	child := filepath.Join(dir, "navidocs")
	if err := errors.Join(build(ctx, child), os.Setenv(testkit.ExtractEnv, child)); err != nil {
		fmt.Fprintln(out, "suite:", err)
		return 1
	}
	started, r, reached := time.Now(), newReport(out), coverage{}
	for i, g := range groups(packages, raceable(ctx, out), thorough) {
		profile := filepath.Join(dir, fmt.Sprintf("%d.out", i))
		if err := test(ctx, g, profile, binaries, r); err != nil {
			r.broken = append(r.broken, err.Error())
		}
		if err := reached.read(profile); err != nil {
			r.broken = append(r.broken, err.Error())
		}
	}
	if err := reached.gather(ctx, binaries, filepath.Join(dir, "binaries.out")); err != nil {
		r.broken = append(r.broken, err.Error())
	}
	r.summary()
	covered := reached.percent()
	fmt.Fprintf(out, "coverage of internal/: %.1f %% (at least %.0f %%), in %s\n", covered, least, time.Since(started).Round(time.Second))
	if covered < least {
		fmt.Fprintln(out, "suite: the tests reach too little; the least reached packages:")
		reached.least(out, 8)
		return 1
	}
	return r.exit()
}

// build makes the binary that serves the tests as extraction child, as it is
// shipped: without the race detector.
func build(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/navidocs")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if words, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, words)
	}
	return nil
}

// group is what one `go test` runs.
type group struct {
	race     bool
	packages []string
}

func groups(packages []string, race, thorough bool) []group {
	if !race {
		return []group{{false, packages}}
	}
	heavy := func(p string) bool { return slices.Contains(unraced, p) || !thorough && slices.Contains(slow, p) }
	raced := slices.DeleteFunc(slices.Clone(packages), heavy)
	plain := slices.DeleteFunc(slices.Clone(packages), func(p string) bool { return !heavy(p) })
	return slices.DeleteFunc([]group{{true, raced}, {false, plain}}, func(g group) bool { return len(g.packages) == 0 })
}

// raceable tells whether the race detector can be built here.
func raceable(ctx context.Context, out io.Writer) bool {
	cc, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	if err == nil {
		_, err = exec.LookPath(strings.TrimSpace(string(cc)))
	}
	if err != nil {
		fmt.Fprintln(out, "suite: SKIPPED: the race detector (it needs gcc)")
	}
	return err == nil
}

func list(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.Fields(string(out)), err
}

// test runs a group. Binaries that its tests start leave their coverage in a
// folder.
func test(ctx context.Context, g group, profile, binaries string, r *report) error {
	args := []string{"test", "-json", "-timeout", "15m", "-coverprofile", profile}
	environ := append(os.Environ(), "NAVIDOCS_TEST_COVER="+binaries, "CGO_ENABLED=0")
	if g.race { // the one thing that needs cgo; each package alone is counted, which spares linking all with each
		args, environ = append(args, "-race"), append(environ, "CGO_ENABLED=1")
		args = append(args, "-parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // those of jobs and deliveries mostly wait
	} else {
		args = append(args, "-coverpkg", module+"/internal/...")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, g.packages...)...)
	cmd.Env = environ
	cmd.Stderr = r.out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := r.read(events); err != nil {
		return err
	}
	// A test that failed was read as an event; anything else is said here.
	if err := cmd.Wait(); err != nil && !r.failed() {
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}
