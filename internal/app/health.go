package app

import (
	"context"
	"time"

	"navidocs/internal/api"
	"navidocs/internal/fault"
)

// probeTimeout bounds each part of the health check.
const probeTimeout = 2 * time.Second

// Health looks at every part. It is down when nothing can be served, degraded
// when something that people will miss does not work.
func (a *App) Health(ctx context.Context) api.Health {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	h := api.Health{
		Status: "ok", Timestamp: a.options.Now().UTC().Format(time.RFC3339), Version: a.version(), DeployedAt: a.options.Config.App.Time,
		Database: "connected", Redis: "disabled", Storage: "ok", Workers: "running",
	}
	if err := a.kv.Ping(ctx); a.options.Config.Storage.Redis != "" {
		if h.Redis = "connected"; err != nil {
			h.Redis, h.Status = "disconnected", "degraded"
		}
	}
	if err := a.Store.Ping(ctx); err != nil {
		if h.Storage, h.Status = "unavailable", "degraded"; fault.Is(err, fault.Full) {
			h.Storage = "full"
		}
	}
	if err := a.DB.Ping(ctx); err != nil {
		h.Database, h.Workers, h.Status = "disconnected", "stopped", "down"
		return h
	}
	if !a.Jobs.Working(ctx) {
		h.Workers, h.Status = "stopped", "degraded"
	}
	h.Queue, _ = a.Jobs.Depth(ctx) // a failing database has been told above
	h.Paused, _ = a.Jobs.Paused(ctx)
	return h
}
