//go:build unix

package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/testkit"
)

// A server that crashes is started again, and who comes meanwhile waits.
func TestCrashedServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	for range 3 {
		before := k.role(t, keeper.Leader).PID
		if _, err := k.asks(t, "/die"); err == nil {
			t.Error("the server answered, and should have died")
		}
		gone(t, before)
		if text, err := k.asks(t, "/pid"); err != nil || text == fmt.Sprint(before) {
			t.Errorf("who came between: %s, %v", text, err)
		}
	}
	testkit.Eventually(t, func() error {
		s, err := k.Status(t.Context())
		if leader, _ := s.Child(keeper.Leader); s.Restarts != 3 || !leader.Serving || !leader.Working {
			return errors.Join(err, fmt.Errorf("%+v", s))
		}
		return err
	})
}

// A first server that does not come to life ends the keeper with its exit code.
func TestFirstServerThatExits(t *testing.T) {
	t.Parallel()
	home, printed := newHome(t), &paper{}
	c := toyKeeper(home, printed, func(context.Context) ([]*os.File, error) { return nil, nil })
	good := c.Command
	c.Command = func(string) (keeper.Command, error) { return good("exits") }
	err := keeper.New(c).Run(t.Context())
	e, ok := errors.AsType[*keeper.ExitError](err)
	if !ok || e.Code != 3 || len(e.Lines) != 50 || e.Lines[49] != "line 59" || !strings.Contains(printed.String(), "line 0\n") {
		t.Errorf("%v\n%s", err, printed)
	}
	if left, err := os.ReadDir(filepath.Join(home, "run")); err != nil || len(left) != 1 {
		t.Errorf("sockets are left: %v %v", left, err)
	}
}

// What does not come to life reaches nobody.
func TestCandidateThatFails(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), func(c *keeper.Config) { c.Waits.Ready = 2 * time.Second })
	leader := k.role(t, keeper.Leader).PID
	_, err := k.Start(t.Context(), "exits")
	refused(t, err, fault.Unavailable, "ended with exit code 3")
	if lines := keeper.Lines(err); len(lines) != 50 || lines[49] != "line 59" {
		t.Errorf("%q", lines)
	}
	_, err = k.Start(t.Context(), "hangs")
	refused(t, err, fault.Unavailable, "not ready in time")
	k.served(t, leader)
	for name, ask := range map[string]func() (keeper.Status, error){
		"promote": func() (keeper.Status, error) { return k.Promote(t.Context(), false) },
		"back":    func() (keeper.Status, error) { return k.Back(t.Context(), "") },
		"commit":  func() (keeper.Status, error) { return k.Commit(t.Context()) },
		"discard": func() (keeper.Status, error) { return k.Discard(t.Context()) },
		"resume":  func() (keeper.Status, error) { return k.Resume(t.Context()) },
	} {
		if _, err := ask(); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s without anything to do it with: %v", name, err)
		}
	}
	if s := must(t)(k.Status(t.Context())); len(s.Children) != 1 || s.Children[0].PID != leader {
		t.Errorf("%+v", s)
	}
}

// A candidate answers on its private socket alone, until it is promoted or ended.
func TestCandidateIsPrivate(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	leader := k.role(t, keeper.Leader)
	next, err := k.Start(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	if next.Release != "other" || next.Serving || next.Working || !next.Ready {
		t.Errorf("%+v", next)
	}
	private := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return keeper.Socket(ctx, next.Socket)
	}}
	if text, err := get(t, private, "http://candidate/pid"); text != fmt.Sprint(next.PID) || err != nil {
		t.Error(text, err)
	}
	for _, path := range []string{next.Socket, filepath.Join(k.home, "run", "keeper.sock")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info, err)
		}
	}
	for range 10 {
		k.served(t, leader.PID)
	}
	_, err = k.Start(t.Context(), "third")
	refused(t, err, fault.Conflict, "candidate release is there")
	must(t)(k.Discard(t.Context()))
	gone(t, next.PID)
	if _, err := os.Stat(next.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Error("its socket is left", err)
	}
	k.served(t, leader.PID)
}

// Work moves after the requests, or later, and never runs in two places.
func TestWorkMoves(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	old := k.role(t, keeper.Leader).PID
	next, err := k.Start(t.Context(), "next")
	if err != nil {
		t.Fatal(err)
	}
	s := must(t)(k.Promote(t.Context(), true))
	if warm, _ := s.Child(keeper.Warm); warm.PID != old || warm.Serving || !warm.Working {
		t.Errorf("%+v", s)
	}
	k.served(t, next.PID)
	s = must(t)(k.Promote(t.Context(), false))
	if leader, _ := s.Child(keeper.Leader); leader.PID != next.PID || !leader.Working || !leader.Serving {
		t.Errorf("%+v", s)
	}
	s = must(t)(k.Back(t.Context(), "as a test"))
	if leader, _ := s.Child(keeper.Leader); leader.PID != old || !leader.Working || s.RolledBack == nil || s.RolledBack.From != "next" || s.RolledBack.To != "good" || s.RolledBack.Reason != "as a test" {
		t.Errorf("%+v", s)
	}
	k.served(t, old)
	gone(t, next.PID)
	want := fmt.Sprintf("%d works\n%d rests\n%d works\n%d rests\n%d works", old, old, next.PID, next.PID, old)
	testkit.Eventually(t, func() error {
		if got := k.diary(t); got != want {
			return fmt.Errorf("%s\nwant\n%s", got, want)
		}
		return nil
	})
}

// Streams are told to come back at each end of serving, not only at the first.
func TestStreamsEndEachTime(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	for range 3 {
		ended := make(chan error, 1)
		before := k.role(t, keeper.Leader).PID
		go func() {
			_, err := k.asks(t, "/stream")
			ended <- err
		}()
		if _, err := k.Start(t.Context(), "next"); err != nil {
			t.Fatal(err)
		}
		must(t)(k.Promote(t.Context(), false))
		must(t)(k.Back(t.Context(), ""))
		if err := <-ended; err != nil {
			t.Error(err)
		}
		k.served(t, before)
	}
}

// A promoted release that dies is exchanged for the warm one, and why is noted.
func TestPromotedThatDiesIsTakenBack(t *testing.T) {
	t.Parallel()
	told := make(chan keeper.Trouble, 10)
	k := keep(t, newHome(t), func(c *keeper.Config) { c.Told = func(t keeper.Trouble) { told <- t } })
	old := k.role(t, keeper.Leader).PID
	next, err := k.Start(t.Context(), "dies")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(k.Promote(t.Context(), false))
	if _, err := k.asks(t, "/die"); err == nil {
		t.Error("it answered, and should have died")
	}
	k.served(t, old) // who comes between waits
	testkit.Eventually(t, func() error {
		s, err := k.Status(t.Context())
		leader, _ := s.Child(keeper.Leader)
		if r := s.RolledBack; err != nil || r == nil || r.From != "dies" || !strings.Contains(r.Reason, "exit code 7") || leader.PID != old || !leader.Working || len(s.Children) != 1 {
			return errors.Join(err, fmt.Errorf("%+v", s))
		}
		return nil
	})
	gone(t, next.PID)
	if died, back := <-told, <-told; died != (keeper.Trouble{From: "dies", How: "ended with exit code 7"}) || back != (keeper.Trouble{From: "dies", To: "good"}) {
		t.Errorf("%+v, %+v", died, back)
	}
}

// Who comes in a pause is answered after it.
func TestPauseHoldsRequests(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	before := k.role(t, keeper.Leader).PID
	if s := must(t)(k.Pause(t.Context())); !s.Paused || len(s.Children) != 0 {
		t.Errorf("%+v", s)
	}
	gone(t, before)
	var answers []chan error
	for range 20 {
		answered := make(chan error, 1)
		go func() {
			_, err := k.asks(t, "/pid")
			answered <- err
		}()
		answers = append(answers, answered)
	}
	_, err := k.Restart(t.Context())
	refused(t, err, fault.Conflict, "paused")
	must(t)(k.Resume(t.Context()))
	for _, answered := range answers {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// The home has one keeper, and the other is told which.
func TestSecondKeeperIsRefused(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	c := toyKeeper(k.home, k.printed, func(context.Context) ([]*os.File, error) {
		return nil, errors.New("it should not listen")
	})
	err := keeper.New(c).Run(t.Context())
	refused(t, err, fault.Conflict, fmt.Sprintf("process %d", os.Getpid()))
	k.served(t, k.role(t, keeper.Leader).PID)
	_, err = keeper.Dial(t.Context(), newHome(t))
	refused(t, err, fault.Unavailable, "navidocs serve")
}

// A home may lie deeper than a socket's path may be long.
func TestDeepHome(t *testing.T) {
	t.Parallel()
	home := filepath.Join(newHome(t), strings.Repeat("deep/", 30))
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	k := keep(t, home, nil)
	leader := k.role(t, keeper.Leader)
	c, err := keeper.Socket(t.Context(), leader.Socket)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	must(t)(k.Restart(t.Context()))
	gone(t, leader.PID)
}

// The control socket answers nonsense, and stays.
func TestNonsenseOnTheControlSocket(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	for _, line := range []string{"\n", "{}\n", `{"do":"explode"}` + "\n", `{"do":"status","more":1}` + "\n", strings.Repeat("x", 10<<10) + "\n", "half a line"} {
		c, err := keeper.Socket(t.Context(), filepath.Join(k.home, "run", "keeper.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(line)); err != nil {
			t.Error(err)
		}
		_ = c.(*net.UnixConn).CloseWrite()
		text := make([]byte, 4<<10)
		n, _ := c.Read(text)
		if answered := strings.Contains(string(text[:n]), `"kind":"invalid"`); answered != strings.HasSuffix(line, "\n") {
			t.Errorf("%.20q: %s", line, text[:n])
		}
		c.Close()
	}
	must(t)(k.Status(t.Context()))
}

// Releases come and go under load, and no request fails, of clients that never
// ask twice.
func TestReleasesUnderLoad(t *testing.T) {
	t.Parallel()
	k := keep(t, newHome(t), nil)
	c := &crowd{t: t, url: "http://" + testkit.Distant(t, k.address)}
	tallies := map[string]*tally{
		"HTTP/1.1 kept alive":   c.come(12, keepAlive),
		"a new connection each": c.come(8, newEachTime),
	}
	near := &crowd{t: t, url: "http://" + k.address}
	tallies["a new connection nearby"] = near.come(4, newEachTime)
	defer c.leave()
	defer near.leave()
	var slowest time.Duration
	for i := range 3 {
		busy(t, tallies)
		if _, err := k.Start(t.Context(), fmt.Sprintf("r%d", i)); err != nil {
			t.Fatal(err)
		}
		must(t)(k.Promote(t.Context(), false))
		busy(t, tallies)
		if i == 1 {
			begun := time.Now()
			must(t)(k.Back(t.Context(), ""))
			slowest = time.Since(begun)
			continue
		}
		must(t)(k.Commit(t.Context()))
	}
	busy(t, tallies)
	must(t)(k.Restart(t.Context()))
	busy(t, tallies)
	c.leave()
	near.leave()
	if asked := allAnswered(t, tallies); !t.Failed() {
		t.Logf("PROVED: 3 releases, one taken back (in %s), and a restart under load: 0 of %d requests failed", slowest.Round(time.Millisecond), asked)
	}
}

// The keeper replaces itself: the same process, the same children, no request lost.
func TestReplaceUnderLoad(t *testing.T) {
	t.Parallel()
	k := apart(t, newHome(t), nil)
	before := must(t)(k.Status(t.Context()))
	next, err := k.Start(t.Context(), "next")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(k.Promote(t.Context(), false))
	c := &crowd{t: t, url: "http://" + k.address}
	tallies := map[string]*tally{"kept alive": c.come(8, keepAlive), "new": c.come(8, newEachTime)}
	defer c.leave()
	for range 3 {
		busy(t, tallies)
		s := must(t)(k.Replace(t.Context()))
		leader, _ := s.Child(keeper.Leader)
		warm, _ := s.Child(keeper.Warm)
		if s.PID != before.PID || leader.PID != next.PID || !leader.Serving || !leader.Working || warm.PID != before.Children[0].PID || !s.Since.Equal(before.Since) {
			t.Fatalf("%+v\nbefore %+v", s, before)
		}
	}
	busy(t, tallies)
	must(t)(k.Back(t.Context(), "the new keeper commands the old children"))
	busy(t, tallies)
	must(t)(k.Restart(t.Context()))
	busy(t, tallies)
	c.leave()
	allAnswered(t, tallies)
	must(t)(k.Stop(t.Context()))
	if err := <-k.ended; err != nil {
		t.Error("a keeper that was stopped:", err)
	}
	if !t.Failed() {
		t.Logf("PROVED: the keeper replaced itself 3 times under load: 0 of %d requests failed", tallies["new"].asked+tallies["kept alive"].asked)
	}
}

// A keeper that is killed takes nothing with it: its servers drain and end.
func TestKilledKeeper(t *testing.T) {
	t.Parallel()
	k := apart(t, newHome(t), nil)
	leader := k.role(t, keeper.Leader)
	next, err := k.Start(t.Context(), "next")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-k.ended
	testkit.Eventually(t, func() error {
		for _, pid := range []int{leader.PID, next.PID} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !strings.Contains(string(text), ") Z ") {
				return fmt.Errorf("process %d lives on", pid)
			}
		}
		return nil
	})
	if got := k.diary(t); !strings.HasSuffix(got, fmt.Sprintf("%d rests", leader.PID)) {
		t.Errorf("the jobs in hand did not end: %s", got)
	}
}

// A second signal ends everything at once.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	k := apart(t, newHome(t), nil)
	leader := k.role(t, keeper.Leader)
	hanging := make(chan struct{})
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", k.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(hanging); _, _ = c.Read(make([]byte, 1)) }()
	begun := time.Now()
	for range 2 {
		if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, func() error {
			if s, err := k.Status(t.Context()); err == nil {
				return fmt.Errorf("it still answers: %+v", s)
			}
			return nil
		})
	}
	<-k.ended
	<-hanging
	gone(t, leader.PID)
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
}

// As the first process of a container the keeper reaps what nobody waits for, and
// still learns how its own children end.
func TestFirstProcessReaps(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can make a namespace of processes")
	}
	k := apart(t, newHome(t), newPIDs(), "NAVIDOCS_TEST_FIRST=orphans")
	if s := must(t)(k.Status(t.Context())); s.PID != 1 {
		t.Fatalf("it is process %d", s.PID)
	}
	for range 3 {
		must(t)(k.Restart(t.Context()))
	}
	if _, err := k.asks(t, "/die"); err == nil {
		t.Error("it answered, and should have died")
	}
	if _, err := k.asks(t, "/pid"); err != nil {
		t.Error(err)
	}
	keeperPID := k.cmd.Process.Pid
	testkit.Eventually(t, func() error {
		if left := zombies(t, keeperPID); len(left) > 0 {
			return fmt.Errorf("nobody waits for %v", left)
		}
		return nil
	})
	if text := k.printed.String(); !strings.Contains(text, "exit code 7") {
		t.Error("the keeper does not know how its own child has ended:", text)
	}
}

// zombies are the ended children of a process that it has not waited for.
func zombies(t *testing.T, parent int) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(path string) bool {
		text, err := os.ReadFile(path)
		return err != nil || !strings.Contains(string(text), fmt.Sprintf(") Z %d ", parent))
	})
}
