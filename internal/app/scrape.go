package app

import (
	"context"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"

	"navidocs/internal/db"
)

// scrapeWait bounds what is looked at for a scrape.
const scrapeWait = 2 * time.Second

// metricsHandler answers Prometheus: what was counted, and what is looked at
// when it asks. What cannot be seen is left out of the answer, which goes on.
func (a *App) metricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapeWait)
		defer cancel()
		now := prometheus.NewRegistry()
		now.MustRegister(collector(func(seen chan<- prometheus.Metric) { a.look(ctx, seen) }))
		promhttp.HandlerFor(prometheus.Gatherers{a.metrics.registry, now}, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
	})
}

// collector is one of a single scrape.
type collector func(seen chan<- prometheus.Metric)

// Describe implements prometheus.Collector: what will be seen is not known.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(seen chan<- prometheus.Metric) { c(seen) }

// look asks all probes at once and waits for them; ctx bounds each.
func (a *App) look(ctx context.Context, seen sink) {
	var group sync.WaitGroup
	for _, probe := range []func(context.Context, sink){
		a.seeParts, a.seeQueue, a.seeDatabase, a.seeBackups, a.seeDisk, a.seeCertificate, seeMemory, seeCPU,
	} {
		group.Go(func() { probe(ctx, seen) })
	}
	group.Wait()
}

// sink takes what was seen.
type sink chan<- prometheus.Metric

func (s sink) gauge(name, help string, value float64, label ...string) {
	s.send(prometheus.GaugeValue, name, help, value, label...)
}

// send adds a value, with at most one label: its name and its value.
func (s sink) send(kind prometheus.ValueType, name, help string, value float64, label ...string) {
	labels := prometheus.Labels{}
	if len(label) == 2 {
		labels[label[0]] = label[1]
	}
	s <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), kind, value)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seeParts is the health check as numbers.
func (a *App) seeParts(ctx context.Context, s sink) {
	h := a.Health(ctx)
	parts := map[string]bool{"database": h.Database == "connected", "storage": h.Storage == "ok", "workers": h.Workers == "running"}
	if h.Redis != "disabled" {
		parts["redis"] = h.Redis == "connected"
	}
	for part, works := range parts {
		s.gauge("navidocs_part_up", "1 when this part of the installation works.", number(works), "part", part)
	}
}

func (a *App) seeQueue(ctx context.Context, s sink) {
	b, err := a.Jobs.Backlog(ctx)
	if err != nil {
		return // seeParts tells
	}
	for state, n := range b.States {
		s.gauge("navidocs_queue_jobs", "Jobs that wait, run or are dead (discarded), by state.", float64(n), "state", state)
	}
	s.gauge("navidocs_queue_oldest_seconds", "How long the job has waited that is due for the longest time.", b.Oldest)
	s.gauge("navidocs_queue_paused", "1 while workers claim nothing (navidocs queue pause).", number(b.Paused))
}

// seeDatabase only asks how large the log is: nothing but SQLite opens its files.
func (a *App) seeDatabase(ctx context.Context, s sink) {
	if n, err := a.DB.Size(ctx); err == nil {
		s.gauge("navidocs_database_bytes", "Size of the database, without its write-ahead log.", float64(n))
	}
	if a.DB.Engine == db.Postgres {
		return
	}
	wal := 0.0 // it is absent when everything is in the database
	if info, err := os.Stat(a.DB.Path + "-wal"); err == nil {
		wal = float64(info.Size())
	}
	s.gauge("navidocs_database_wal_bytes", "Size of SQLite's write-ahead log.", wal)
}

func (a *App) seeBackups(ctx context.Context, s sink) {
	made, drilled, err := a.Backups.Times(ctx)
	if err != nil {
		return
	}
	now := a.options.Now()
	s.gauge("navidocs_backup_age_seconds", "Time since the newest good backup was made, or since the installation.", now.Sub(made).Seconds())
	s.gauge("navidocs_backup_drill_age_seconds", "Time since a backup was last restored as a drill, or since the installation.", now.Sub(drilled).Seconds())
}

func (a *App) seeDisk(ctx context.Context, s sink) {
	if share, ok := a.diskUsed(ctx); ok {
		s.gauge("navidocs_machine_disk_used_ratio", "How full the disk of the data folder is, 0 to 1.", share)
	}
}

func (a *App) diskUsed(ctx context.Context) (share float64, ok bool) {
	u, err := disk.UsageWithContext(ctx, a.options.Config.DataDir())
	if err != nil {
		return 0, false
	}
	return u.UsedPercent / 100, true
}

// seeCertificate is about a server that speaks HTTPS itself: without a certificate
// nothing of it is left.
func (a *App) seeCertificate(_ context.Context, s sink) {
	if !a.options.Config.HTTPS() {
		return
	}
	left, share := a.certificateLeft()
	s.gauge("navidocs_certificate_days", "Days until the certificate expires that the server shows, 0 without one.", left.Hours()/24)
	s.gauge("navidocs_certificate_left_ratio", "How much of the certificate's life is left, 0 to 1; it is renewed at a third.", share)
}

// certificateLeft is how long the certificate is good that the server shows, and
// what share of its whole life that is.
func (a *App) certificateLeft() (left time.Duration, share float64) {
	c := a.certificates.Load()
	if c == nil || c.Leaf() == nil {
		return 0, 0
	}
	leaf := c.Leaf()
	left = max(0, leaf.NotAfter.Sub(a.options.Now()))
	return left, min(1, left.Seconds()/max(1, leaf.NotAfter.Sub(leaf.NotBefore).Seconds()))
}

func seeMemory(ctx context.Context, s sink) {
	if share, ok := memoryUsed(ctx); ok {
		s.gauge("navidocs_machine_memory_used_ratio", "How much of the machine's memory is in use, 0 to 1.", share)
	}
}

func memoryUsed(ctx context.Context) (share float64, ok bool) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil || m.Total == 0 {
		return 0, false
	}
	return 1 - float64(m.Available)/float64(m.Total), true
}

func seeCPU(ctx context.Context, s sink) {
	if n, err := cpu.CountsWithContext(ctx, true); err == nil {
		s.gauge("navidocs_machine_cpus", "Processors of the machine.", float64(n))
	}
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(times) == 0 {
		return
	}
	t := times[0]
	for mode, spent := range map[string]float64{
		"idle": t.Idle + t.Iowait, "busy": t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal,
	} {
		s.send(prometheus.CounterValue, "navidocs_machine_cpu_seconds_total", "Time of all the machine's processors.", spent, "mode", mode)
	}
}
