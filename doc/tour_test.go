package doc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTour types every command of the documents into bash, beside a demo server
// from the built binary, and compares what is printed with what the documents
// say is printed.
//
//nolint:tparallel // the documents share a server, and read what they added
func TestTour(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED: the tour builds the binary and reads all papers (-short)")
	}
	needs(t, "bash", "curl", "jq", "openssl")
	d := serveDemo(t)
	for _, path := range documents(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { d.follow(t, path) })
	}
}

// TestMakeTargets: the commands that a document only shows, since they serve or
// test everything, name targets and commands that exist.
func TestMakeTargets(t *testing.T) {
	t.Parallel()
	makefile := read(t, "../Makefile")
	shown := regexp.MustCompile(`(?m)^make (\w+)`)
	for _, path := range documents(t) {
		for _, b := range blocks(t, path) {
			if b.info != "sh run" {
				continue
			}
			for _, m := range shown.FindAllStringSubmatch(b.text, -1) {
				if !strings.Contains(makefile, "\n"+m[1]+":") {
					t.Errorf("%s: there is no make %s", path, m[1])
				}
			}
		}
	}
}

// TestLinks: what a document points to is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s points to %s: %v", path, m[1], err)
			}
		}
	}
}

// TestExamplesAreShown: these five are promised to integrators as written.
func TestExamplesAreShown(t *testing.T) {
	t.Parallel()
	guide := read(t, "api.md")
	for _, example := range []string{
		`curl -s localhost:3000/api/health`,
		`curl -s localhost:3000/api/auth/login -H 'Content-Type: application/json' -d '{"email":"demo@navidocs.app","password":"test"}' | jq -r .token`,
		`curl -s -H "Authorization: Bearer $T" localhost:3000/api/boats | jq length`,
		`curl -s -H "Authorization: Bearer $T" localhost:3000/api/warranties/expiring | jq .`,
		`curl -s -X POST -H "Authorization: Bearer $T" -H 'Content-Type: application/json' localhost:3000/api/warranties \` + "\n" +
			`  -d '{"boat_id":"test-boat","item_name":"Engine","purchase_date":"2023-01-15","warranty_period_months":24}'`,
	} {
		if !strings.Contains(guide, "\n"+example) {
			t.Errorf("api.md lacks %s", example)
		}
	}
}

// documents are the pages that people read.
func documents(t *testing.T) []string {
	t.Helper()
	all := []string{"../README.md", "../CONTRIBUTING.md"}
	for _, pattern := range []string{"*.md", "integrations/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pages...)
	}
	return all
}

// block is a fenced block of a document.
type block struct {
	info string // what stands behind the fence: sh, text
	text string
	line int
}

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

func blocks(t *testing.T, path string) []block {
	t.Helper()
	text := read(t, path)
	var all []block
	for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
		all = append(all, block{text[m[2]:m[3]], text[m[4]:m[5]], 1 + strings.Count(text[:m[0]], "\n")})
	}
	return all
}

// demo is a running server and the folder in which commands are typed.
type demo struct {
	folder string
	port   string
	cover  string // where a binary leaves what was reached of it
}

// marker separates what the blocks print.
const marker = "-- end of block --\n"

// follow runs the sh blocks of a document in one shell and compares the text
// block behind each, if there is one, with what it printed.
func (d demo) follow(t *testing.T, path string) {
	var script strings.Builder
	var typed []block
	want := map[int]block{}
	for _, b := range blocks(t, path) {
		switch {
		case b.info == "sh":
			fmt.Fprintf(&script, "%s\nprintf '%%s' '%s'\n", strings.ReplaceAll(b.text, "localhost:3000", "localhost:"+d.port), marker)
			typed = append(typed, b)
		case b.info == "text" && len(typed) > 0:
			want[len(typed)-1] = b
		}
	}
	if len(typed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script.String())
	bash.Dir, bash.Env = d.folder, append(os.Environ(), "GOCOVERDIR="+d.cover)
	var out, words bytes.Buffer
	bash.Stdout, bash.Stderr = &out, &words
	err := bash.Run()
	printed := strings.Split(out.String(), marker)
	if done := len(printed) - 1; err != nil || done < len(typed) {
		t.Fatalf("%s, line %d: %v\n%s%s", path, typed[min(done, len(typed)-1)].line, err, printed[done], words.String())
	}
	for i, b := range want {
		if !pattern(b.text).MatchString(printed[i]) {
			t.Errorf("%s, line %d: the document says\n%s\nprinted was\n%s", path, b.line, b.text, printed[i])
		}
	}
}

// pattern matches a text in which "..." stands for anything.
func pattern(text string) *regexp.Regexp {
	parts := strings.Split(strings.TrimSpace(text), "...")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(strings.TrimSpace(p))
	}
	return regexp.MustCompile(`(?s)^\s*` + strings.Join(parts, ".*") + `\s*$`)
}

// serveDemo builds the binary and serves the demo until the test ends.
func serveDemo(t *testing.T) demo {
	t.Helper()
	d := demo{folder: t.TempDir(), port: freePort(t), cover: covered(t)}
	binary := filepath.Join(d.folder, "bin", "navidocs")
	build := exec.CommandContext(t.Context(), "go", "build", "-cover", "-coverpkg=navidocs/internal/...", "-o", binary, "./cmd/navidocs")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if words, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, words)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(here, filepath.Join(d.folder, "doc")); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(binary, "serve", "--demo") //nolint:noctx // ended by a signal, so that it stops in order
	server.Dir = d.folder
	server.Env = append(os.Environ(), "PORT="+d.port, "GOCOVERDIR="+d.cover)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v\n%s", err, log.String())
		}
	})
	d.await(t, ended)
	return d
}

// await asks until the server is well.
func (d demo) await(t *testing.T, ended chan error) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !d.healthy(t) {
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			t.Fatal("the server ended before it was ready")
		case <-deadline:
			t.Fatal("the server is not ready after a minute")
		}
	}
}

func (d demo) healthy(t *testing.T) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+d.port+"/api/health", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false // not listening yet
	}
	defer response.Body.Close()
	var health struct{ Status string }
	body, err := io.ReadAll(response.Body)
	return err == nil && json.Unmarshal(body, &health) == nil && health.Status == "ok"
}

// covered is the folder that testkit/suite gathers from, or one that nobody
// looks at.
func covered(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("NAVIDOCS_TEST_COVER"); dir != "" {
		return dir
	}
	return t.TempDir()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIPPED: no %s", p)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
