//go:build unix

package prove_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/keeper"
)

// The server is exchanged and the keeper as well, by the commands that people
// type, while boats are made: none is refused, and each is there once.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	s := prepare(t, t.TempDir())
	s.kept = true
	s.start()
	c := register(t, s.url)
	a := &load{c: c}
	for range 4 {
		a.all.Go(func() { a.boats(&http.Transport{}) })
		a.all.Go(func() { a.boats(&http.Transport{DisableKeepAlives: true}) })
	}
	more := func() {
		t.Helper()
		before := a.asked.Load()
		wait(t, patience, func() error {
			if a.asked.Load() < before+100 {
				return errors.New("the clients do not come on")
			}
			return nil
		})
	}
	var leaders []int
	for _, args := range [][]string{{"restart"}, {"restart", "--keeper"}, {"restart"}} {
		more()
		leaders = append(leaders, s.command(args...))
	}
	more()
	a.stop.Store(true)
	a.all.Wait()
	for _, what := range a.lost {
		t.Error(what)
	}
	if leaders[0] != leaders[1] || leaders[1] == leaders[2] {
		t.Errorf("the servers were %v: only the keeper's own restart keeps the server", leaders)
	}
	old := s.cmd
	s.end(syscall.SIGTERM)
	if code := old.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the keeper ended with %d", code)
	}
	made, err := db.One(t.Context(), s.database(), db.Scalar[int], "SELECT count(*) FROM boats")
	if err != nil || made != int(a.acked.Load())+1 {
		t.Errorf("%d boats were acknowledged and %d are there: %v", a.acked.Load()+1, made, err)
	}
	if !t.Failed() {
		t.Logf("PROVED: navidocs restart twice and --keeper once under load: 0 of %d requests failed, all %d acknowledged boats are there", a.asked.Load(), made)
	}
}

// command runs navidocs on the server's home, and returns the process that leads
// after it.
func (s *server) command(args ...string) (leader int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.program, append([]string{"--home", s.home, "--json"}, args...)...)
	cmd.Env = s.environ
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("navidocs %s: %v\n%s", strings.Join(args, " "), err, &said)
	}
	var status keeper.Status
	if err := json.Unmarshal(out.Bytes(), &status); err != nil {
		s.t.Fatal(err)
	}
	if status.PID != s.cmd.Process.Pid {
		s.t.Error("the keeper is another process: " + strconv.Itoa(status.PID))
	}
	child, _ := status.Child(keeper.Leader)
	return child.PID
}
