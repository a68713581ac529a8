package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// The two figures that fail the check.
const (
	longestFunction = 80
	longestFile     = 800
)

func (t *tree) faults() []string {
	var faults []string
	for _, p := range t.functions {
		if p.lines > longestFunction {
			faults = append(faults, fmt.Sprintf("%s has %d lines, a function has at most %d", p.name, p.lines, longestFunction))
		}
	}
	for _, p := range t.files {
		if p.lines > longestFile {
			faults = append(faults, fmt.Sprintf("%s has %d lines, a file has at most %d", p.name, p.lines, longestFile))
		}
	}
	return faults
}

func (t *tree) print(out io.Writer) {
	row := func(what, aim, format string, args ...any) {
		fmt.Fprintf(out, "%-34s %-30s aim %s\n", what, fmt.Sprintf(format, args...), aim)
	}
	row("function, lines", "median <= 12, p90 <= 40, max <= 80", "%s", spread(t.functions))
	row("file, lines", "p90 <= 400, max <= 800", "%s", spread(t.files))
	all := room{}
	for _, path := range slices.Sorted(maps.Keys(t.rooms)) {
		r := t.rooms[path]
		all.code += r.code
		all.tests += r.tests
		all.exported += r.exported
		all.documented += r.documented
		all.interfaces += r.interfaces
		all.initializers += r.initializers
	}
	row("code and tests, lines", "tests/code 0.8-1.3", "%d and %d, %.2f", all.code, all.tests, ratio(all.tests, all.code))
	row("exports documented", ">= 80 %", "%d of %d, %.0f %%", all.documented, all.exported, 100*ratio(all.documented, all.exported))
	row("exported interfaces", "<= 8", "%d", all.interfaces)
	row("init functions", "0", "%d", all.initializers)
	row("direct dependencies", "as few as carry their weight", "%d", t.requires)
	t.unusual(row)
}

// unusual lists the packages that are outside their aims.
func (t *tree) unusual(row func(what, aim, format string, args ...any)) {
	for _, path := range slices.Sorted(maps.Keys(t.rooms)) {
		r := t.rooms[path]
		if r.code > 4000 {
			row("package "+path, "<= 4000 lines", "%d lines", r.code)
		}
		if most := exportsAim(path); most > 0 && ratio(1000*r.exported, r.code) > float64(most) {
			row("package "+path, fmt.Sprintf("<= %d exports per 1000 lines", most), "%.0f exports per 1000 lines", ratio(1000*r.exported, r.code))
		}
	}
}

// exportsAim is how many names a thousand lines may export; 0 is no aim.
func exportsAim(path string) int {
	switch strings.TrimPrefix(path, "internal/") {
	case "api", "web", "cli":
		return 2
	case "account", "fleet", "document", "warranty", "sale", "notify", "webhook", "integration":
		return 25
	default:
		return 0
	}
}

// spread is the median, the ninetieth percentile and the largest.
func spread(pieces []piece) string {
	if len(pieces) == 0 {
		return "none"
	}
	sorted := slices.SortedFunc(slices.Values(pieces), func(a, b piece) int { return cmp.Compare(a.lines, b.lines) })
	at := func(percent int) int { return sorted[(len(sorted)-1)*percent/100].lines }
	return fmt.Sprintf("median %d, p90 %d, max %d", at(50), at(90), at(100))
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
