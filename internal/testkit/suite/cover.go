package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
)

// uncounted are the packages left out of the percentage: they are no part of
// the product. demo/press and demo/gen draw the demo's papers when a developer
// asks for it, document/tesseract/gen fetches the recognizer's data likewise;
// the rest is what tests are made of.
var uncounted = []string{
	"internal/demo/press/", "internal/demo/gen/", "internal/document/tesseract/gen/",
	"internal/testkit/", "internal/apptest/", "internal/blob/blobtest/", "internal/kv/kvtest/", "internal/notify/notifytest/",
}

// coverage is the blocks of code that were seen.
type coverage map[string]block

type block struct {
	statements int
	reached    bool
}

// read adds a profile. A block is reached when any test reached it. There is
// no profile when nothing could be built.
func (c coverage) read(profile string) error {
	f, err := os.Open(profile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "mode:") {
			continue
		}
		// navidocs/internal/db/tx.go:10.2,12.3 statements count
		words := strings.Fields(lines.Text())
		if len(words) != 3 {
			return fmt.Errorf("%s: %q is no block", profile, lines.Text())
		}
		if !counted(words[0]) {
			continue
		}
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return fmt.Errorf("%s: %q is no block", profile, lines.Text())
		}
		c[words[0]] = block{n, c[words[0]].reached || words[2] != "0"}
	}
	return lines.Err()
}

// gather adds what binaries left in a folder, if any did.
func (c coverage) gather(ctx context.Context, folder, profile string) error {
	left, err := os.ReadDir(folder)
	if err != nil || len(left) == 0 {
		return err
	}
	convert := exec.CommandContext(ctx, "go", "tool", "covdata", "textfmt", "-i", folder, "-o", profile)
	if words, err := convert.CombinedOutput(); err != nil {
		return fmt.Errorf("go tool covdata: %w: %s", err, words)
	}
	return c.read(profile)
}

func counted(block string) bool {
	file := strings.TrimPrefix(block, module+"/")
	return !slices.ContainsFunc(uncounted, func(p string) bool { return strings.HasPrefix(file, p) })
}

func (c coverage) percent() float64 {
	var t tally
	for _, b := range c {
		t.add(b)
	}
	return t.percent()
}

// tally is statements and how many of them were reached.
type tally struct{ statements, reached int }

func (t *tally) add(b block) {
	t.statements += b.statements
	if b.reached {
		t.reached += b.statements
	}
}

func (t *tally) percent() float64 {
	if t.statements == 0 {
		return 0
	}
	return 100 * float64(t.reached) / float64(t.statements)
}

// least prints the packages with the most statements that no test reached.
func (c coverage) least(out io.Writer, n int) {
	packages := map[string]*tally{}
	for at, b := range c {
		file, _, _ := strings.Cut(at, ":")
		pkg := path.Dir(file)
		if packages[pkg] == nil {
			packages[pkg] = &tally{}
		}
		packages[pkg].add(b)
	}
	missing := func(pkg string) int { return packages[pkg].statements - packages[pkg].reached }
	sorted := slices.SortedFunc(maps.Keys(packages), func(a, b string) int {
		return cmp.Or(cmp.Compare(missing(b), missing(a)), cmp.Compare(a, b))
	})
	for _, pkg := range sorted[:min(n, len(sorted))] {
		fmt.Fprintf(out, "  %5.1f %%  %4d statements missed  %s\n", packages[pkg].percent(), missing(pkg), pkg)
	}
}
