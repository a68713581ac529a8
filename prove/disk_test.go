//go:build prove && linux

package prove_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/document"
)

// smallDisk mounts a file system of some megabytes in memory.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can mount the small disk that is to fill up")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("SKIPPED: the small disk that is to fill up cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// ballast fills the disk up to some free bytes.
func ballast(t *testing.T, dir string, leave int64) string {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	free := freeOn(t, dir) - leave
	if free <= 0 {
		return name
	}
	if err := os.WriteFile(name, make([]byte, free), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func freeOn(t *testing.T, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// A server whose disk fills up refuses what it cannot keep, says why, serves
// what it has, and goes on by itself when there is room again.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	home := smallDisk(t, 64)
	s := serveAt(t, home)
	c := register(t, s.url)
	c.read(c.add("first.txt", []byte("the first paper")), time.Minute) // the engines' cache is made
	dice := seeded(24)
	// Room for some of what follows, and not for all.
	name := ballast(t, home, 6<<20)
	kept, refused := fill(t, c, dice, 40*time.Second)
	if len(refused) == 0 || len(kept) == 0 {
		t.Fatalf("%d uploads were kept and %d refused: the disk did not fill up", len(kept), len(refused))
	}
	served := 0
	for _, path := range []string{"/api/health", "/api/documents", "/api/boats", "/api/search?q=engine", "/api/documents/" + string(kept[0]) + "/content"} {
		a, err := c.send(t.Context(), "GET", path, "", http.NoBody)
		if err != nil || a.status != http.StatusOK {
			t.Errorf("GET %s on a full disk: %s %v", path, a, err)
		}
		served++
	}
	s.alive()
	t.Logf("PROVED: on the full disk %d uploads were kept, %d refused (%v), %d reads served", len(kept), total(refused), refused, served)
	unread := c.unfinished()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	goOn(t, s, c, kept, unread)
}

// fill uploads papers of 300 kB for a time, most of it on a full disk, and
// counts the refusals by what they said.
func fill(t *testing.T, c *client, dice *rand.Rand, long time.Duration) (kept []document.ID, refused map[string]int) {
	t.Helper()
	refused = map[string]int{}
	end := time.Now().Add(long)
	for i := 0; time.Now().Before(end); i++ {
		p := pdfPaper(t, dice, i, 4)
		if i%2 == 0 {
			p = textPaper(dice, i)
		}
		p.content = append(p.content, bytes.Repeat([]byte("%% room\n"), 300<<10/8)...)
		a, err := c.upload(t.Context(), p.name, bytes.NewReader(p.content))
		if err != nil {
			t.Fatalf("upload %d got no answer: %v", i, err)
		}
		if a.status == http.StatusCreated {
			var d document.Document
			if err := json.Unmarshal(a.body, &d); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, d.ID)
			continue
		}
		said, ok := a.problem()
		if !ok || a.status != http.StatusInsufficientStorage {
			t.Errorf("upload %d was refused with %s", i, a)
		}
		refused[fmt.Sprintf("%d %s", a.status, said.Detail)]++
	}
	return kept, refused
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// goOn demands that everything which was kept is read once there is room, and
// that nothing was torn.
func goOn(t *testing.T, s *server, c *client, kept []document.ID, unread int) {
	t.Helper()
	freed := time.Now()
	for _, id := range kept {
		if d := c.read(id, 3*time.Minute); d.Status != document.Ready || d.PagesFailed > 0 {
			t.Errorf("%s is %s (%s), %d pages failed", d.FileName, d.Status, d.Error, d.PagesFailed)
		}
	}
	took := time.Since(freed)
	again := time.Now()
	if d := c.read(c.add("after.txt", []byte("a paper after all that")), time.Minute); d.Status != document.Ready {
		t.Errorf("a new paper is %s: %s", d.Status, d.Error)
	}
	wait(t, 2*time.Minute, func() error { return c.idle() })
	t.Logf("PROVED: a new paper was read, and all jobs had ended, %s after that", time.Since(again).Round(100*time.Millisecond))
	s.restart()
	s.end(syscall.SIGTERM)
	i := inspect(t, s)
	i.all(len(kept) + 2)
	t.Logf("PROVED: %d papers were unread when there was room again, all %d were ready %s later; %d blobs verified, integrity_check ok",
		unread, len(kept), took.Round(100*time.Millisecond), i.blobs)
}

// Health tells a full disk of the files and one of the database, while all that
// was there is served, and takes it back when there is room.
func TestHealthTellsAFullDisk(t *testing.T) {
	files, base := smallDisk(t, 8), smallDisk(t, 8)
	s := serveAt(t, t.TempDir(), "BLOB_URL="+filepath.Join(files, "blobs"), "DATABASE_URL="+filepath.Join(base, "navidocs.db"))
	c := register(t, s.url)
	c.read(c.add("first.txt", []byte("the first paper")), time.Minute)
	health := func(what, status, storage string) time.Duration {
		t.Helper()
		begun := time.Now()
		wait(t, 10*time.Second, func() error {
			var h struct{ Status, Database, Storage, Workers string }
			c.get("/api/health", &h) // 200 throughout
			if h.Status != status || h.Storage != storage || h.Database != "connected" || h.Workers != "running" {
				return fmt.Errorf("%s: %+v", what, h)
			}
			return nil
		})
		return time.Since(begun)
	}
	health("at first", "ok", "ok")
	for what, dir := range map[string]string{"files": files, "database": base} {
		name := ballast(t, dir, 0)
		told := health(what, "degraded", "full")
		var boats []struct{ ID string }
		c.get("/api/boats", &boats)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		back := health(what, "ok", "ok")
		t.Logf("PROVED: the full disk of the %s was told after %s, reads went on, room again was told after %s", what, told.Round(time.Millisecond), back.Round(time.Millisecond))
	}
	s.alive()
}
