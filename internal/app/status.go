package app

import (
	"context"
	"maps"

	dto "github.com/prometheus/client_model/go"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"

	"navidocs/internal/ops"
)

// counted is what this process has counted since it started.
func (a *App) counted() (ops.Sample, error) {
	families, err := a.metrics.registry.Gather()
	if err != nil {
		return ops.Sample{}, err
	}
	byName := make(map[string]*dto.MetricFamily, len(families))
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return ops.SampleOf(maps.Values(byName)), nil
}

// Status is what operators see of this server at a glance. What cannot be seen
// is left out.
func (a *App) Status(ctx context.Context) (s ops.ServerStatus, err error) {
	if s.Figures, err = a.history.Figures(); err != nil {
		return s, err
	}
	s.Version, s.Since = a.version(), a.started
	h := a.Health(ctx)
	s.Health, s.Database, s.Workers, s.Redis, s.Storage, s.Queue, s.Paused = h.Status, h.Database, h.Workers, h.Redis, h.Storage, h.Queue, h.Paused
	if made, drilled, err := a.Backups.Times(ctx); err == nil {
		now := a.options.Now()
		s.BackupAge, s.DrillAge = int64(now.Sub(made).Seconds()), int64(now.Sub(drilled).Seconds())
	}
	if u, err := disk.UsageWithContext(ctx, a.options.Config.DataDir()); err == nil {
		s.DiskUsed = u.UsedPercent / 100
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil && m.Total > 0 {
		s.MemoryUsed = 1 - float64(m.Available)/float64(m.Total)
	}
	return s, nil
}
