// Package features runs the acceptance scenarios against a whole server.
package features

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/testkit"
)

// only is the file of the scenarios that run; all of them unless given.
var only = flag.String("feature", ".", "file of the scenarios to run")

func TestMain(m *testing.M) { apptest.Main(m, trustTestServers) }

func TestScenariosOnSQLite(t *testing.T) {
	t.Parallel()
	run(t, "", func(*testing.T) string { return "" })
}

func TestScenariosOnPostgreSQL(t *testing.T) {
	t.Parallel()
	testkit.PostgresURL(t) // skips loudly without a server
	// What starts the program itself, and exchanges it, does so on one database.
	run(t, "~@process", func(t *testing.T) string {
		t.Helper()
		d := testkit.Postgres(t)
		if err := d.Close(); err != nil { // a restore wants it to itself
			t.Error(err)
		}
		return testkit.URL(d)
	})
}

// coreScenarios is how many scenarios the whole system has to hold.
const coreScenarios = 31

func run(t *testing.T, tags string, database func(*testing.T) string) {
	t.Helper()
	var core atomic.Int32
	var said bytes.Buffer // what the runner says, of which each write may be one letter
	suite := godog.TestSuite{
		ScenarioInitializer: func(sc *godog.ScenarioContext) {
			tb := newStepTB(t)
			w := &world{t: tb, database: database(t)}
			sc.After(func(ctx context.Context, s *godog.Scenario, err error) (context.Context, error) {
				if err == nil && isCore(s) {
					core.Add(1)
				}
				return ctx, nil
			})
			w.steps(sc)
			sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) { return ctx, tb.end() }) // the last hook
		},
		Options: &godog.Options{Format: "progress", NoColors: true, Output: &said, Paths: []string{*only}, Tags: tags, TestingT: t, Strict: true},
	}
	if suite.Run() != 0 {
		t.Error(said.String())
	}
	t.Logf("core scenarios that hold: %d of %d", core.Load(), coreScenarios)
}

func isCore(s *godog.Scenario) bool {
	for _, tag := range s.Tags {
		if tag.Name == "@core" {
			return true
		}
	}
	return false
}

// stepTB makes a failure in a step one of its scenario: the runner reports a
// panic as the step's error. What a scenario started ends with it.
type stepTB struct {
	testing.TB
	ctx    context.Context //nolint:containedctx // as testing.TB's own
	cancel context.CancelFunc
	ends   []func()
}

func newStepTB(t *testing.T) *stepTB {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	return &stepTB{TB: t, ctx: ctx, cancel: cancel}
}

func (s *stepTB) Context() context.Context { return s.ctx }
func (s *stepTB) Cleanup(f func())         { s.ends = append(s.ends, f) }

// end runs the cleanups, the last one first, as testing does.
func (s *stepTB) end() (err error) {
	s.cancel()
	for _, f := range slices.Backward(s.ends) {
		func() {
			defer func() {
				if p := recover(); p != nil {
					err = errors.Join(err, fmt.Errorf("cleanup: %v", p))
				}
			}()
			f()
		}()
	}
	return err
}

func (s *stepTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (s *stepTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (s *stepTB) Error(args ...any)                 { panic(fmt.Sprint(args...)) }
func (s *stepTB) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

var stepLine = regexp.MustCompile(`(?m)^\s*(@core)?\s*Scenario`)

func TestEveryFeatureHasScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.feature")
	if err != nil || len(files) == 0 {
		t.Fatal("no features", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !stepLine.Match(text) {
			t.Errorf("%s has no scenario", name)
		}
	}
}
