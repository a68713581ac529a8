package app_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// scrape reads /metrics into values by series.
func scrape(t *testing.T, s *apptest.Server) map[string]float64 {
	t.Helper()
	text := string(s.Anonymous().Want(http.StatusOK, "GET", "/metrics", nil).Body)
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatal(line, err)
		}
		values[line[:i]] = v
	}
	return values
}

func between(t *testing.T, values map[string]float64, series string, low, high float64) {
	t.Helper()
	if v, ok := values[series]; !ok || v < low || v > high {
		t.Errorf("%s is %v (%v), want %v to %v", series, v, ok, low, high)
	}
}

func TestMetricsSayWhatHappened(t *testing.T) {
	t.Parallel()
	now := time.Now()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE schema_files SET applied_at = $1", db.Micros(now.Add(-3*time.Hour)))
			if err == nil {
				_, err = tx.Exec(t.Context(), "INSERT INTO backups (id, reason, release, state, started_at) VALUES ('x', '', '', 'completed', $1)",
					db.Micros(now.Add(-time.Hour)))
			}
			for i := range 10 { // this night has had its tries: at no hour is the age that of a new backup
				if err == nil {
					_, err = tx.Exec(t.Context(), "INSERT INTO backups (id, reason, release, state, started_at) VALUES ($1, '', '', 'failed', $2)",
						fmt.Sprint("failed-", i), db.Micros(now))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c := s.User("ada@example.org", "", "")
		c.Read(c.Upload("a.txt", []byte("all is well")).ID)
		testkit.Eventually(t, func() error {
			if n, err := s.Jobs.Depth(t.Context()); n > 0 || err != nil {
				return fmt.Errorf("%d jobs, %w", n, err)
			}
			return nil
		})
		if left, err := s.Jobs.Drain(t.Context(), time.Minute); len(left) > 0 || err != nil {
			t.Fatal(left, err)
		}
		c.Upload("b.txt", []byte("all is well below"))
		got := scrape(t, s)
		between(t, got, `navidocs_http_request_duration_seconds_count{method="POST",route="POST /api/documents",status="201"}`, 2, 2)
		between(t, got, `navidocs_db_duration_seconds_count{kind="read"}`, 1, 1e6)
		between(t, got, `navidocs_db_duration_seconds_count{kind="write"}`, 1, 1e6)
		between(t, got, `navidocs_job_duration_seconds_count{kind="document.inspect",outcome="completed"}`, 1, 1)
		between(t, got, `navidocs_build_info{version="test"}`, 1, 1)
		between(t, got, `navidocs_queue_jobs{state="available"}`, 1, 20)
		between(t, got, `navidocs_queue_jobs{state="discarded"}`, 0, 0)
		between(t, got, `navidocs_queue_oldest_seconds`, 0, 60)
		between(t, got, `navidocs_queue_paused`, 1, 1)
		for _, part := range []string{"database", "storage", "workers"} {
			between(t, got, `navidocs_part_up{part="`+part+`"}`, 1, 1)
		}
		between(t, got, `navidocs_backup_age_seconds`, 3600, 2*3600)
		between(t, got, `navidocs_backup_drill_age_seconds`, 3*3600, 4*3600)
		between(t, got, `navidocs_database_bytes`, 4096, 1e9)
		between(t, got, `navidocs_machine_cpus`, 1, 4096)
		between(t, got, `navidocs_machine_memory_used_ratio`, 0.001, 1)
		between(t, got, `navidocs_machine_disk_used_ratio`, 0.001, 1)
		between(t, got, `navidocs_machine_cpu_seconds_total{mode="busy"}`, 0.1, 1e12)
	})
}

// Prometheus must hear of a lost database: the scrape goes on without it.
func TestMetricsOfALostDatabase(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		if err := s.DB.Close(); err != nil {
			t.Fatal(err)
		}
		got := scrape(t, s)
		between(t, got, `navidocs_part_up{part="database"}`, 0, 0)
		between(t, got, `navidocs_part_up{part="storage"}`, 1, 1)
		between(t, got, `navidocs_machine_cpus`, 1, 4096)
		if _, ok := got["navidocs_queue_oldest_seconds"]; ok {
			t.Error("the queue of a lost database has an age")
		}
	})
}
