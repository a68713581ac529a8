package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"navidocs/internal/api"
	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// is demands some parts of a health, in the order status, database, storage, workers.
func is(t *testing.T, what string, h api.Health, status, database, storage, workers string) {
	t.Helper()
	if err := like(h, status, database, storage, workers); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func like(h api.Health, status, database, storage, workers string) error {
	if h.Status != status || h.Database != database || h.Storage != storage || h.Workers != workers {
		return fmt.Errorf("%+v", h)
	}
	return nil
}

func becomes(t *testing.T, a *app.App, status, database, storage, workers string) {
	t.Helper()
	testkit.Eventually(t, func() error { return like(a.Health(t.Context()), status, database, storage, workers) })
}

func TestHealthIsOkWhenEverythingWorks(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{Settings: []string{"DEPLOYMENT_VERSION=v9", "DEPLOYMENT_TIMESTAMP=2026-01-02T03:04:05Z"}}, func(t *testing.T, s *apptest.Server) {
		becomes(t, s.App, "ok", "connected", "ok", "running")
		if h := s.Health(t.Context()); h.Version != "v9" || h.DeployedAt != "2026-01-02T03:04:05Z" || h.Redis != "disabled" {
			t.Errorf("%+v", h)
		}
	})
}

func TestHealthTellsAStoppedWorker(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true, Settings: []string{"REDIS_URL=redis://127.0.0.1:1"}}, func(t *testing.T, s *apptest.Server) {
		var h api.Health
		s.Anonymous().Want(http.StatusOK, "GET", "/api/health", nil).Into(s, &h)
		if is(t, "nobody works", h, "degraded", "connected", "ok", "stopped"); h.Redis != "disconnected" {
			t.Error(h.Redis)
		}
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- s.Jobs.Run(ctx) }()
		testkit.Eventually(t, func() error {
			if h := s.Health(t.Context()); h.Workers != "running" {
				return fmt.Errorf("%+v", h)
			}
			return nil
		})
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		is(t, "it stopped", s.Health(t.Context()), "degraded", "connected", "ok", "stopped")
	})
}

// cut takes a PostgreSQL database away from everybody, and gives it back.
func cut(t *testing.T, d *db.DB) (restore func()) {
	t.Helper()
	name := d.Pool().Config().ConnConfig.Database
	conn, err := pgx.Connect(t.Context(), testkit.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	exec := func(query string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS false")
	exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'")
	return func() { exec("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS true") }
}

func TestHealthTellsALostPostgres(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	r := run(t, apptest.Options{Database: testkit.URL(d)}, app.Parts{API: true, Worker: true})
	becomes(t, r.App, "ok", "connected", "ok", "running")
	restore := cut(t, d)
	for path, want := range map[string]int{"/api/health": 503, "/readyz": 503, "/livez": 200} {
		if status, err := r.get(t, path); status != want || err != nil {
			t.Errorf("%s: %d, want %d, %v", path, status, want, err)
		}
	}
	is(t, "cut", r.Health(t.Context()), "down", "disconnected", "ok", "running")
	restore()
	becomes(t, r.App, "ok", "connected", "ok", "running")
	if status, err := r.get(t, "/readyz"); status != http.StatusOK || err != nil {
		t.Error(status, err)
	}
	r.stop()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

// passage is a way to a server that can be made to hang.
type passage struct {
	net.Listener
	// hangs is held to write by who makes it hang.
	hangs sync.RWMutex
}

func newPassage(t *testing.T, network, address string) *passage {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &passage{Listener: l}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			var d net.Dialer
			far, err := d.DialContext(context.WithoutCancel(t.Context()), network, address)
			if err != nil {
				near.Close()
				continue
			}
			go p.carry(near, far)
			go p.carry(far, near)
		}
	}()
	return p
}

func (p *passage) carry(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		p.hangs.RLock()
		_, werr := to.Write(b[:n])
		p.hangs.RUnlock()
		if err != nil || werr != nil {
			return
		}
	}
}

// A server that takes what it is sent and answers nothing is told in time too.
func TestHealthTellsAHangingPostgres(t *testing.T) {
	t.Parallel()
	c := testkit.Postgres(t).Pool().Config().ConnConfig
	network, address := pgconn.NetworkAddress(c.Host, c.Port)
	p := newPassage(t, network, address)
	to := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: p.Addr().String(), Path: c.Database, RawQuery: "sslmode=disable"}
	r := run(t, apptest.Options{Database: to.String()}, app.Parts{API: true})
	becomes(t, r.App, "degraded", "connected", "ok", "stopped")
	p.hangs.Lock()
	begun := time.Now()
	if r.Ready(t.Context()) {
		t.Error("ready without a database")
	}
	ready := time.Since(begun)
	begun = time.Now()
	is(t, "hangs", r.Health(t.Context()), "down", "disconnected", "ok", "stopped")
	told := time.Since(begun)
	p.hangs.Unlock()
	// A machine may be busy; the promises are 2 s and 1 s, the waits 1.5 and 0.8.
	if t.Logf("PROVED: a hanging database is told after %s, and by readyz after %s", told, ready); told > 10*time.Second || ready > 10*time.Second {
		t.Error("that is no bound")
	}
	becomes(t, r.App, "degraded", "connected", "ok", "stopped")
}

// A file that was taken away goes on answering those who have it open.
func TestHealthTellsALostSQLiteFile(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{})
	testkit.Eventually(t, func() error { // a worker that is still starting would end without its database
		if !s.Jobs.Here() {
			return errors.New("no worker yet")
		}
		return nil
	})
	path := s.DB.Path
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	is(t, "gone", s.Health(t.Context()), "down", "disconnected", "ok", "running")
	s.Anonymous().Want(http.StatusServiceUnavailable, "GET", "/api/health", nil)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking for the file made one:", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	becomes(t, s.App, "ok", "connected", "ok", "running")
}

// Another file in its place is as bad: what is written to the old one is lost.
func TestHealthTellsAReplacedSQLiteFile(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	path := s.DB.Path
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := s.Health(t.Context()); h.Status != "down" || h.Database != "disconnected" {
		t.Errorf("%+v", h)
	}
}

func TestHealthTellsClosed(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		a := apptest.Build(t, apptest.Options{Database: testkit.URL(d)})
		if err := a.DB.Close(); err != nil {
			t.Fatal(err)
		}
		is(t, "closed", a.Health(t.Context()), "down", "disconnected", "ok", "stopped")
	})
}

// The disks: reading goes on, so it is degraded. What was found of one counts
// for a while, so that who asks again and again does not wear it out.
func TestHealthTellsTheDisks(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("SKIPPED: no /dev/full to run out of room on")
	}
	clock := testkit.NewClock(time.Now())
	s := apptest.New(t, apptest.Options{Now: clock.Now, NoWorker: true})
	ask := func() (h api.Health) {
		s.Anonymous().Want(http.StatusOK, "GET", "/api/health", nil).Into(s, &h)
		return h
	}
	is(t, "at first", ask(), "degraded", "connected", "ok", "stopped")
	if err := os.Symlink("/dev/full", filepath.Join(filepath.Dir(s.DB.Path), ".navidocs-room")); err != nil {
		t.Fatal(err)
	}
	is(t, "at once", ask(), "degraded", "connected", "ok", "stopped")
	clock.Add(2 * time.Second)
	is(t, "the database's disk is full", ask(), "degraded", "connected", "full", "stopped")
	clock.Add(2 * time.Second)
	is(t, "there is room again", ask(), "degraded", "connected", "ok", "stopped")
}

func TestHealthTellsALostFolder(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	a := mustBuild(t, home)
	if err := os.RemoveAll(filepath.Join(home, "data", "blobs")); err != nil {
		t.Fatal(err)
	}
	is(t, "without the folder of the files", a.Health(t.Context()), "degraded", "connected", "unavailable", "stopped")
}

// How much a health check costs: a monitor asks every few seconds, a stranger
// as often as they like.
func BenchmarkHealth(b *testing.B) {
	for name, d := range map[string]func(testing.TB) *db.DB{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		for _, jobs := range []int{1, 100_000} {
			b.Run(fmt.Sprintf("%s/%d jobs", name, jobs), func(b *testing.B) {
				a := apptest.Build(b, apptest.Options{Database: testkit.URL(d(b))})
				work(b, a, jobs)
				for b.Loop() {
					if h := a.Health(b.Context()); h.Queue <= jobs-1 {
						b.Fatalf("%+v", h)
					}
				}
			})
		}
	}
}

// work leaves jobs that wait.
func work(t testing.TB, a *app.App, n int) {
	t.Helper()
	err := a.DB.Transact(t.Context(), func(tx *db.Tx) error {
		if err := a.Jobs.Enqueue(t.Context(), tx, waiting{}, ""); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO river_job (args, kind, max_attempts, state)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+strconv.Itoa(n)+`)
			SELECT args, kind, max_attempts, state FROM river_job, n`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type waiting struct{}

func (waiting) Kind() string { return "test.waiting" }
