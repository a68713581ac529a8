package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is a line of `go test -json`.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// name is a test of a package; Test is empty for the package itself.
type name struct{ pkg, test string }

// report gathers what the tests say.
type report struct {
	out      io.Writer
	output   map[name][]string
	passed   int
	failures []name
	skipped  map[string]int // by reason
	core     []string       // what features said of the @core scenarios
	broken   []string       // what is no test and went wrong
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[name][]string{}, skipped: map[string]int{}}
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text()) // not from a test
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *report) take(e event) {
	n := name{e.Package, e.Test}
	switch e.Action {
	case "output":
		r.output[n] = append(r.output[n], e.Output)
		if strings.HasSuffix(e.Package, "/features") && strings.Contains(e.Output, "core scenarios") {
			r.core = append(r.core, e.Test+": "+said(e.Output))
		}
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.broken = append(r.broken, e.ImportPath+" does not build")
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(n, e.Action)
		}
	}
}

func (r *report) endTest(n name, action string) {
	switch action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped[reason(r.output[n])]++
	case "fail":
		r.failures = append(r.failures, n)
		fmt.Fprint(r.out, strings.Join(r.output[n], ""))
	}
	delete(r.output, n)
}

func (r *report) endPackage(e event) {
	n := name{e.Package, ""}
	switch e.Action {
	case "fail":
		r.died(e.Package)
		fmt.Fprintf(r.out, "FAIL %s %.1fs\n", e.Package, e.Elapsed)
		r.failures = append(r.failures, n)
	case "pass":
		fmt.Fprintf(r.out, "ok   %s %.1fs\n", e.Package, e.Elapsed)
	}
	maps.DeleteFunc(r.output, func(n name, _ []string) bool { return n.pkg == e.Package })
}

// died prints what is left unsaid when a package fails: the output of the
// tests that did not end (a panic, a timeout) and of the package itself.
func (r *report) died(pkg string) {
	unsaid := slices.SortedFunc(maps.Keys(r.output), func(a, b name) int { return cmp.Compare(a.test, b.test) })
	for _, n := range unsaid {
		if n.pkg == pkg {
			fmt.Fprint(r.out, strings.Join(r.output[n], ""))
		}
	}
}

// reason is the line with which a test skipped itself, without its place.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "=== ") {
			continue
		}
		return said(line)
	}
	return "no reason given"
}

// said is a line of a test's log without its place.
func said(line string) string {
	if _, rest, ok := strings.Cut(line, ".go:"); ok {
		if _, text, ok := strings.Cut(rest, ": "); ok {
			line = text
		}
	}
	return strings.TrimSpace(line)
}

func (r *report) summary() {
	skips := 0
	for _, n := range r.skipped {
		skips += n
	}
	for _, n := range r.failures {
		if n.test != "" {
			fmt.Fprintf(r.out, "failed: %s %s\n", n.pkg, n.test)
		}
	}
	for _, b := range r.broken {
		fmt.Fprintln(r.out, "broken:", b)
	}
	fmt.Fprintf(r.out, "tests: %d passed, %d failed, %d skipped\n", r.passed, r.failedTests(), skips)
	for _, why := range slices.Sorted(maps.Keys(r.skipped)) {
		fmt.Fprintf(r.out, "skipped %d: %s\n", r.skipped[why], why)
	}
	for _, line := range r.core {
		fmt.Fprintln(r.out, line)
	}
	if len(r.core) == 0 {
		fmt.Fprintln(r.out, "core scenarios: none ran")
	}
}

func (r *report) failedTests() int {
	n := 0
	for _, f := range r.failures {
		if f.test != "" {
			n++
		}
	}
	return n
}

func (r *report) failed() bool { return len(r.failures) > 0 || len(r.broken) > 0 }

func (r *report) exit() int {
	if r.failed() {
		return 1
	}
	return 0
}
