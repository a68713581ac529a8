package release_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"navidocs/internal/release"
)

// program writes a program that says that it is so.
func program(t *testing.T, says string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "built")
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func version(t *testing.T, v string) string {
	t.Helper()
	text, err := json.Marshal(release.Info{Version: v, Commit: "c0ffee", OS: runtime.GOOS, Arch: runtime.GOARCH, SchemaMin: 2025112400, SchemaMax: 2025112401})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// yard is a place where releases are built, and a home that trusts its key.
type yard struct {
	t         *testing.T
	home, dir string
	key       string // the secret one
}

func setup(t *testing.T) *yard {
	t.Helper()
	y := &yard{t: t, home: t.TempDir(), dir: t.TempDir()}
	name := filepath.Join(y.dir, "release.key")
	_, err := release.KeyPair(t.Context(), name)
	y.must(err)
	y.key = y.read(name)
	y.must(os.MkdirAll(filepath.Join(y.home, "state"), 0o700))
	y.write(filepath.Join(y.home, release.KeyFile), y.read(name+".pub"))
	return y
}

func (y *yard) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) read(name string) string {
	y.t.Helper()
	text, err := os.ReadFile(name)
	y.must(err)
	return string(text)
}

func (y *yard) write(name, text string) {
	y.t.Helper()
	y.must(os.WriteFile(name, []byte(text), 0o600))
}

func day(n int) time.Time { return time.Date(2026, 6, n, 9, 0, 0, 0, time.UTC) }

// build makes a signed release.
func (y *yard) build(says string) string {
	y.t.Helper()
	dir := filepath.Join(y.t.TempDir(), "dist")
	_, err := release.Make(y.t.Context(), y.options(program(y.t, says), dir))
	y.must(err)
	return dir
}

// options are those of a signed release. The programs of these tests are
// scripts, in which no linker has written.
func (y *yard) options(binary, dir string) release.MakeOptions {
	return release.MakeOptions{Binary: binary, Dir: dir, BuiltAt: day(1), Key: y.key, Sbom: []byte(`{"bomFormat": "CycloneDX"}`)}
}

func (y *yard) stage(from string) release.Release {
	y.t.Helper()
	r, err := release.Stage(y.t.Context(), y.home, from, release.Trust{})
	y.must(err)
	return r
}

// names are what is in the folder of releases, hidden or not.
func (y *yard) names() (names []string) {
	y.t.Helper()
	entries, err := os.ReadDir(filepath.Join(y.home, "releases"))
	if err != nil && !os.IsNotExist(err) {
		y.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}
