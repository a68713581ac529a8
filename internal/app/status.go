package app

import (
	"context"
	"slices"

	"navidocs/internal/deploy"
	"navidocs/internal/ops"
)

// counted is what this process has counted since it started.
func (a *App) counted() (ops.Sample, error) {
	families, err := a.metrics.registry.Gather()
	if err != nil {
		return ops.Sample{}, err
	}
	return ops.SampleOf(slices.Values(families)), nil
}

// Status is what operators see of this server at a glance. What cannot be seen
// is left out.
func (a *App) Status(ctx context.Context) (s deploy.ServerStatus, err error) {
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
	s.DiskUsed, _ = a.diskUsed(ctx)
	s.MemoryUsed, _ = memoryUsed(ctx)
	if a.certificates.Load() != nil {
		left, _ := a.certificateLeft()
		s.CertificateDays = new(left.Hours() / 24)
	}
	return s, nil
}
