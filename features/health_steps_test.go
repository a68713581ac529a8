package features

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/cucumber/godog"

	"navidocs/internal/api"
	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

func (w *world) healthSteps(sc *godog.ScenarioContext, q *workers) {
	var givesBack func() error
	sc.Step(`^health says: (\w+), database (\w+), workers (\w+)$`, w.healthSays)
	sc.Step(`^the workers stop$`, q.end)
	sc.Step(`^the workers start$`, func() error { return w.work(q) })
	sc.Step(`^the database is lost$`, func() (err error) { givesBack, err = w.losesDatabase(); return err })
	sc.Step(`^the database comes back$`, func() error { return givesBack() })
}

// healthSays waits for what the page says; only a server that is down answers
// with an error.
func (w *world) healthSays(status, database, workers string) error {
	want := http.StatusOK
	if status == "down" {
		want = http.StatusServiceUnavailable
	}
	testkit.Eventually(w.t, func() error {
		a := w.server.Anonymous().Do("GET", "/api/health", nil)
		var h api.Health
		if err := json.Unmarshal(a.Body, &h); err != nil {
			return err
		}
		if a.Status != want || h.Status != status || h.Database != database || h.Workers != workers || h.Storage != "ok" {
			return fmt.Errorf("%d %+v", a.Status, h)
		}
		return nil
	})
	return nil
}

// losesDatabase takes the database away: SQLite's file, or a PostgreSQL server's
// consent to connections.
func (w *world) losesDatabase() (givesBack func() error, err error) {
	d, ctx := w.server.DB, w.t.Context()
	if d.Engine == db.SQLite {
		return func() error { return os.Rename(d.Path+".away", d.Path) }, os.Rename(d.Path, d.Path+".away")
	}
	server, name := testkit.PostgresURL(w.t), d.Pool().Config().ConnConfig.Database
	allow := func(ctx context.Context, yes bool) error {
		return db.Administer(ctx, server, fmt.Sprintf("ALTER DATABASE %s WITH ALLOW_CONNECTIONS %t", name, yes))
	}
	if err := allow(ctx, false); err != nil {
		return nil, err
	}
	err = db.Administer(ctx, server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
	return func() error { return allow(ctx, true) }, err
}
