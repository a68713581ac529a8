//go:build unix

package prove_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/deploy"
	"navidocs/internal/testkit"
)

// Releases are deployed one after the other while people read and write, on
// connections that stay and on new ones: no request fails and no row that was
// acknowledged is lost. At last comes a release that hangs, which nobody meets.
// The same 20 times at 600 requests/s from afar is TestTwentyDeploysFromAfar.
func TestFiveDeploysFailNoRequest(t *testing.T) {
	t.Parallel()
	const deploys = 5
	in := install(t)
	u := &users{t: t, c: register(t, in.url), url: in.url, pace: 200 * time.Millisecond}
	u.arrive(4, &http.Transport{})
	u.arrive(4, &http.Transport{DisableKeepAlives: true})
	var all []time.Duration
	for range deploys {
		run := in.deploy(in.release(), "2s")
		all = append(all, run.Took().Round(100*time.Millisecond))
	}
	last := in.status()
	if last.Standing != "provisional" || last.Current != last.Last.Release {
		t.Errorf("the status: %s %s, current %s", last.Standing, last.Last.Release, last.Current)
	}
	u.leave()
	hung := in.hang()
	in.end(syscall.SIGTERM)
	in.holds(u)
	if !t.Failed() {
		t.Logf("PROVED: %d deploys in %v under users that never ask twice: 0 failed; %s; all %d acknowledged boats are there", deploys, all, u.figures(), len(u.boats))
		t.Logf("PROVED: a release that hangs was stopped after %s, and nobody met it", hung.Round(time.Second))
	}
}

// On PostgreSQL, too, releases follow each other and go back without a request
// that fails: two processes on one database are what it is for, but the backup,
// the rehearsal and who leads are made otherwise there.
func TestDeploysOnPostgreSQL(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	in := install(t, "DATABASE_URL="+testkit.URL(d))
	u := &users{t: t, c: register(t, in.url), url: in.url, pace: 200 * time.Millisecond}
	u.arrive(4, &http.Transport{})
	u.arrive(4, &http.Transport{DisableKeepAlives: true})
	first := in.deploy(in.release(), "2s")
	second := in.deploy(in.release(), "2s")
	if code, said := in.ask(nil, "rollback", "--reason", "the captain wants it"); code != 0 {
		t.Errorf("exit code %d: %s", code, said)
	}
	if s := in.status(); s.Current != first.Release {
		t.Errorf("after the rollback %s is current, not %s", s.Current, first.Release)
	}
	u.more(20)
	u.leave()
	in.rest(u.c)
	in.end(syscall.SIGTERM)
	in.holds(u)
	if !t.Failed() {
		t.Logf("PROVED: on PostgreSQL: 2 deploys (%s, %s) and a rollback under users that never ask twice: 0 failed; %s; all %d acknowledged boats are there",
			first.Took().Round(time.Second), second.Took().Round(time.Second), u.figures(), len(u.boats))
	}
}

// hang deploys a release that never answers, and returns how long that took.
func (in *installation) hang() time.Duration {
	in.t.Helper()
	program, err := faultyProgram()
	if err != nil {
		in.t.Fatal(err)
	}
	before := in.leader()
	var run deploy.Run
	code, said := in.ask(&run, unwatched(releaseOf(in.t, program, "fault: hangs"), "2s")...)
	if code != 1 || run.Outcome != deploy.Stopped || !strings.Contains(run.Reason, "not ready in time") {
		in.t.Errorf("exit code %d, %s: %s\n%s", code, run.Outcome, run.Reason, said)
	}
	if s := in.status(); len(s.Keeper.Children) != 1 || s.Keeper.Children[0].PID != before.PID {
		in.t.Errorf("process %d led before, and now %+v", before.PID, s.Keeper.Children)
	}
	return run.Took()
}
