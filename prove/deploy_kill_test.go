//go:build prove && unix

package prove_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/deploy"
	"navidocs/internal/release"
)

var (
	cuts   = flag.Int("cuts", 200, "how often navidocs deploy is killed")
	breaks = flag.Int("breaks", 40, "how often it is broken off")
)

// Whenever a deploy is killed: users notice nothing, the installation serves, its
// database is whole, no half release lists, the status says where it was cut off,
// and the next deploy goes through.
func TestTwoHundredKillsOfDeploy(t *testing.T) {
	temporary := t.TempDir()
	in := install(t, "TMPDIR="+temporary)
	u := &users{t: t, c: register(t, in.url), url: in.url, pace: 500 * time.Millisecond}
	u.arrive(5, &http.Transport{})
	u.arrive(5, &http.Transport{DisableKeepAlives: true})
	releases := []string{in.release(), in.release(), in.release()}
	k := &killer{installation: in, temporary: temporary, dice: seeded(200), at: map[string]int{}}
	in.deploy(releases[0], "1s") // the first has more to do
	k.usual = in.deploy(releases[1], "1s").Took()
	whole := 2
	for i := 2; k.struck < *cuts && i < 2*(*cuts); i++ {
		k.kill(releases[i%len(releases)])
		k.sane()
		if k.dice.IntN(5) == 0 {
			in.deploy(releases[(i+1)%len(releases)], "1s")
			k.alone()
			whole++
		}
	}
	in.deploy(in.release(), "1s")
	k.alone()
	u.leave()
	in.rest(u.c)
	in.end(syscall.SIGTERM)
	in.holds(u)
	inspect(t, in.server).all(0)
	if k.struck < *cuts {
		t.Errorf("only %d kills struck", k.struck)
	}
	if !t.Failed() {
		t.Logf("PROVED: %d kills of navidocs deploy, in the steps %v (%d came to their end first): always served, database whole, no half release; each of %d whole deploys in between was committed; %s, 0 failed; all %d acknowledged boats are there",
			k.struck, k.at, k.ended, whole+1, u.figures(), len(u.boats))
	}
}

// Whenever a deploy is broken off, by Ctrl-C or because its terminal is lost, it
// puts things back itself: one server is there, of the current release.
func TestFortyBrokenOffDeploysGoBack(t *testing.T) {
	in := install(t)
	u := &users{t: t, c: register(t, in.url), url: in.url, pace: 500 * time.Millisecond}
	u.arrive(5, &http.Transport{})
	u.arrive(5, &http.Transport{DisableKeepAlives: true})
	releases := []string{in.release(), in.release()}
	k := &killer{installation: in, dice: seeded(40), at: map[string]int{}}
	in.deploy(releases[0], "1s") // the first has more to do
	k.usual = in.deploy(releases[1], "1s").Took()
	for i := 0; k.struck < *breaks && i < 2*(*breaks); i++ {
		signal := []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM}[i%3]
		k.breakOff(releases[i%len(releases)], signal)
	}
	u.leave()
	in.rest(u.c)
	in.end(syscall.SIGTERM)
	in.holds(u)
	inspect(t, in.server).all(0)
	if !t.Failed() {
		t.Logf("PROVED: %d deploys broken off, outcomes %v: each put things back itself; %s, 0 failed; all %d acknowledged boats are there", k.struck, k.at, u.figures(), len(u.boats))
	}
}

// breakOff sends a signal to a deploy at a random moment of its usual time.
func (k *killer) breakOff(path string, signal syscall.Signal) {
	k.t.Helper()
	before := k.status().Current
	cmd := k.tool(unwatched(path, "1s")...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(k.dice.Int64N(int64(k.usual))), func() { _ = cmd.Process.Signal(signal) })
	err := cmd.Wait()
	timer.Stop()
	if state, _ := cmd.ProcessState.Sys().(syscall.WaitStatus); state.Signaled() {
		return // it had not begun
	}
	s := k.status()
	if s.Last.Outcome == deploy.Begun || len(s.Keeper.Children) != 1 || !s.Keeper.Children[0].Serving || !s.Keeper.Children[0].Working || err != nil && s.Current != before {
		k.t.Fatalf("after %s: %+v, %+v, current %s\n%s", signal, s.Last, s.Keeper.Children, s.Current, &out)
	}
	k.at[string(s.Last.Outcome)]++
	k.struck++
}

// killer kills deploys.
type killer struct {
	*installation

	temporary     string // where the commands put what does not stay
	dice          *rand.Rand
	usual         time.Duration // of a deploy
	struck, ended int
	at            map[string]int // kills by the step that they struck
}

// kill deploys a release and kills that at a random moment of its usual time. A
// deploy that ends earlier must be a good one.
func (k *killer) kill(path string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Duration(k.dice.Int64N(int64(k.usual))))
	defer cancel()
	cmd := k.tool(unwatched(path, "1s")...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	end := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer end()
	err := cmd.Wait()
	switch state, _ := cmd.ProcessState.Sys().(syscall.WaitStatus); {
	case state.Signaled():
		k.struck++
	case err != nil:
		k.t.Fatalf("a deploy after %d kills: %v\n%s", k.struck, err, &out)
	default:
		k.ended++
	}
}

// sane demands what holds after any kill.
func (k *killer) sane() {
	k.t.Helper()
	if err := ping(k.t.Context(), nil, k.url); err != nil {
		k.t.Fatalf("after %d kills: %v", k.struck, err)
	}
	s := k.status()
	if s.Server == nil || s.Server.Health != "ok" || s.Lock != nil {
		k.t.Fatalf("after %d kills: %+v", k.struck, s)
	}
	switch {
	case s.Last.Outcome == deploy.Begun:
		k.at[s.Last.Step]++
		if s.Standing != "cut off" || s.Last.Reason == "" {
			k.t.Fatalf("a killed deploy is %q: %s", s.Standing, s.Last.Reason)
		}
	case s.Last.Outcome != deploy.Committed:
		k.t.Fatalf("after %d kills the last one is %+v", k.struck, s.Last)
	default:
		k.at["before or after"]++
	}
	k.whole()
	d := k.database()
	problems, err := d.Check(k.t.Context(), false)
	if cerr := d.Close(); err != nil || cerr != nil || len(problems) > 0 {
		k.t.Fatalf("after %d kills: %v, %v, %v", k.struck, problems, err, cerr)
	}
}

// whole demands that each release that lists has its binary.
func (k *killer) whole() {
	k.t.Helper()
	all, err := release.List(k.home)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range all {
		content, err := os.ReadFile(r.Binary())
		sum := sha256.Sum256(content)
		if err != nil || hex.EncodeToString(sum[:]) != r.Manifest.SHA256 {
			k.t.Fatalf("after %d kills %s is not whole: %v", k.struck, r.Name, err)
		}
	}
}

// alone demands that after a whole deploy nothing of the killed ones is left.
func (k *killer) alone() {
	k.t.Helper()
	s := k.status()
	if c := s.Keeper.Children; len(c) != 1 || !c[0].Serving || !c[0].Working || filepath.Base(c[0].Release) != s.Current {
		k.t.Fatalf("after a deploy there are %+v, and the current release is %s", c, s.Current)
	}
	left, err := filepath.Glob(filepath.Join(k.home, "releases", ".*-*"))
	if err != nil || len(left) > 0 {
		k.t.Fatalf("left of killed deploys: %v, %v", left, err)
	}
	// A killed command may leave the folder of a socket, and no more than that.
	err = filepath.WalkDir(k.temporary, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Size() > 4<<20 {
			k.t.Errorf("left of killed deploys: %s, %d bytes", path, info.Size())
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.t.Error(err)
	}
}
