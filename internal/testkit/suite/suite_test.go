package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events string
		exit   int
		says   []string
		hides  []string
	}{
		{
			"passed", `{"Action":"output","Package":"m/p","Test":"A","Output":"noise\n"}
{"Action":"pass","Package":"m/p","Test":"A"}
{"Action":"pass","Package":"m/p","Elapsed":1.25}`,
			0,
			[]string{"ok   m/p 1.2s", "tests: 1 passed, 0 failed, 0 skipped", "core scenarios: none ran"},
			[]string{"noise"},
		},
		{
			"failed", `{"Action":"output","Package":"m/p","Test":"A","Output":"    a_test.go:3: want 2\n"}
{"Action":"fail","Package":"m/p","Test":"A"}
{"Action":"fail","Package":"m/p","Elapsed":0.1}`,
			1,
			[]string{"want 2", "FAIL m/p", "failed: m/p A", "0 passed, 1 failed"},
			nil,
		},
		{
			"skipped", `{"Action":"output","Package":"m/p","Test":"A","Output":"    a_test.go:3: SKIPPED: no Redis\n"}
{"Action":"output","Package":"m/p","Test":"A","Output":"--- SKIP: A (0.00s)\n"}
{"Action":"skip","Package":"m/p","Test":"A"}
{"Action":"skip","Package":"m/p","Test":"B"}
{"Action":"skip","Package":"m/q"}`,
			0,
			[]string{"2 skipped", "skipped 1: SKIPPED: no Redis", "skipped 1: no reason given"},
			nil,
		},
		{
			"panicked", `{"Action":"output","Package":"m/p","Test":"A","Output":"panic: oh\n"}
{"Action":"output","Package":"m/q","Test":"A","Output":"still running\n"}
{"Action":"fail","Package":"m/p","Elapsed":0.1}`,
			1,
			[]string{"panic: oh", "FAIL m/p"},
			[]string{"still running"},
		},
		{
			"not built", `{"Action":"build-output","ImportPath":"m/p","Output":"x.go:1: undefined: y\n"}
{"Action":"build-fail","ImportPath":"m/p"}`,
			1,
			[]string{"undefined: y", "broken: m/p does not build"},
			nil,
		},
		{
			"scenarios", `{"Action":"output","Package":"m/features","Test":"F","Output":"    f_test.go:9: core scenarios that hold: 12 of 13\n"}
not json
{"Action":"pass","Package":"m/features","Test":"F"}`,
			0,
			[]string{"F: core scenarios that hold: 12 of 13", "not json"},
			nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(test.events)); err != nil {
				t.Fatal(err)
			}
			r.summary()
			if r.exit() != test.exit {
				t.Errorf("exit %d, want %d", r.exit(), test.exit)
			}
			for _, want := range test.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out.String())
				}
			}
			for _, noise := range test.hides {
				if strings.Contains(out.String(), noise) {
					t.Errorf("%q in\n%s", noise, out.String())
				}
			}
		})
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	profile := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := coverage{}
	for _, p := range []string{
		profile("a", "mode: atomic\nnavidocs/internal/db/tx.go:1.1,2.2 3 0\nnavidocs/internal/db/tx.go:3.1,4.2 1 7\nnavidocs/internal/testkit/x.go:1.1,2.2 100 0\n"),
		profile("b", "mode: set\nnavidocs/internal/db/tx.go:1.1,2.2 3 1\nnavidocs/internal/kv/kv.go:1.1,2.2 4 0\n"),
		filepath.Join(dir, "absent"),
	} {
		if err := c.read(p); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.percent(); got != 50 {
		t.Errorf("%.1f %%, want 50", got)
	}
	var out strings.Builder
	c.least(&out, 1)
	if !strings.Contains(out.String(), "0.0 %     4 statements missed  navidocs/internal/kv") {
		t.Error(out.String())
	}
	if err := c.read(profile("c", "mode: set\nnonsense\n")); err == nil {
		t.Error("nonsense was read")
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	packages := []string{"navidocs/internal/job", "navidocs/internal/ops", "navidocs/internal/demo"}
	tests := []struct {
		name           string
		race, thorough bool
		want           []group
	}{
		{"with the race detector", true, false, []group{{true, packages[:1]}, {false, packages[1:]}}},
		{"thorough", true, true, []group{{true, packages[:2]}, {false, packages[2:]}}},
		{"without", false, false, []group{{false, packages}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, groups(packages, test.race, test.thorough), cmp.AllowUnexported(group{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
