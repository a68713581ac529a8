//go:build prove && unix

package prove_test

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/db"
)

// With a database of 1 GB a deploy takes less than a minute without its watch,
// preflight less than 10 s, a look at the status less than 200 ms, and the smoke
// test less than 10 s, after which each table has the rows that it had.
func TestBudgetsWithAGigabyte(t *testing.T) {
	in := arrange(t)
	if code, said := in.ask(nil, "migrate", "up"); code != 0 {
		t.Fatal(said)
	}
	size := in.fill()
	in.start()
	timed := func(want int, args ...string) time.Duration {
		t.Helper()
		began := time.Now()
		if code, said := in.ask(nil, args...); code != want && want >= 0 {
			t.Errorf("navidocs %v: exit code %d: %s", args, code, said)
		}
		return time.Since(began)
	}
	var looks []time.Duration
	for range 9 {
		looks = append(looks, timed(0, "status"))
	}
	status := median(looks)
	preflight := timed(-1, "preflight", "--no-review", "--unsigned") // what it finds is this machine's matter
	before := in.counts()
	smoke := timed(0, "smoke")
	wait(t, patience, func() error { return in.same(before) })
	deployed := in.deploy(in.release(), "0s")
	t.Logf("PROVED: with %d MB: status %s (< 200 ms), preflight %.1f s (< 10), smoke %.1f s (< 10) leaving 0 rows, deploy without watch %.1f s (< 60)",
		size>>20, status.Round(time.Millisecond), preflight.Seconds(), smoke.Seconds(), deployed.Took().Seconds())
	for _, s := range deployed.Steps {
		t.Logf("%-10s %6.1f s  %s", s.Name, float64(s.TookMS)/1000, s.Text)
	}
	if status > 200*time.Millisecond || preflight > 10*time.Second || smoke > 10*time.Second || deployed.Took() > time.Minute {
		t.Error("MISSED: see the figures above")
	}
	in.end(syscall.SIGTERM)
}

// fill writes 1 GB.
func (in *installation) fill() (size int64) {
	in.t.Helper()
	d, dice := in.database(), seeded(9)
	text := prose(dice, 1<<20)
	for range 242 {
		err := d.Transact(in.t.Context(), func(tx *db.Tx) error {
			for range 1000 {
				at := dice.IntN(len(text) - 4000)
				if err := addLine(in.t.Context(), tx, text[at:at+4000]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			in.t.Fatal(err)
		}
	}
	info, err := os.Stat(d.Path)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		in.t.Fatal(err)
	}
	return info.Size()
}

func (in *installation) counts() []db.TableDigest {
	in.t.Helper()
	d := in.database()
	all, err := db.Counts(in.t.Context(), d, d)
	if err != nil {
		in.t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		in.t.Fatal(err)
	}
	return all
}

// same is an error when a table has other rows than before.
func (in *installation) same(before []db.TableDigest) error {
	for _, now := range in.counts() {
		if !slices.Contains(before, now) {
			return errors.New("the smoke test has left rows in " + now.Name)
		}
	}
	return nil
}
