package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"navidocs/internal/api"
	"navidocs/internal/fault"
)

const (
	// healthWait bounds a health check, which is to be answered within 2 s.
	healthWait = 1500 * time.Millisecond
	// readyWait bounds a check of readiness, which is to be answered within 1 s.
	readyWait = 800 * time.Millisecond
	// diskFresh is how long what was found of a disk counts: who asks again and
	// again must not wear it out.
	diskFresh = 2 * time.Second
)

// probes ask the parts.
type probes struct {
	database, redis, store, room probe[struct{}]
	jobs                         probe[jobState]
	public                       probe[api.PublicStatus]
}

type jobState struct {
	depth           int
	working, paused bool
}

func (a *App) newProbes() *probes {
	ask := func(f func(ctx context.Context) error, fresh time.Duration) probe[struct{}] {
		check := func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) }
		return probe[struct{}]{check: check, limit: healthWait, fresh: fresh, now: a.options.Now}
	}
	return &probes{
		public:   probe[api.PublicStatus]{check: a.lookPublic, limit: publicWait, fresh: publicFresh, now: a.options.Now},
		database: ask(a.DB.Ping, 0), redis: ask(a.kv.Ping, 0), store: ask(a.Store.Ping, diskFresh), room: ask(a.DB.Room, diskFresh),
		jobs: probe[jobState]{limit: healthWait, now: a.options.Now, check: func(ctx context.Context) (s jobState, err error) {
			s.working = a.Jobs.Working(ctx)
			if s.depth, err = a.Jobs.Depth(ctx); err == nil {
				s.paused, err = a.Jobs.Paused(ctx)
			}
			return s, err
		}},
	}
}

// Health looks at every part, and at each on its own, so that one that is gone
// or hangs is told apart. It is down when nothing can be served, degraded when
// something that people will miss does not work.
func (a *App) Health(ctx context.Context) api.Health {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	database, redis, jobs := a.probes.database.start(ctx), a.probes.redis.start(ctx), a.probes.jobs.start(ctx)
	store, room := a.probes.store.start(ctx), a.probes.room.start(ctx)
	h := api.Health{
		Status: "ok", Timestamp: a.options.Now().UTC().Format(time.RFC3339), Version: a.version(), DeployedAt: a.options.Config.App.Time,
		Database: "connected", Redis: "disabled", Storage: "ok", Workers: "running",
	}
	if _, err := redis.wait(ctx); a.options.Config.Storage.Redis != "" {
		if h.Redis = "connected"; err != nil {
			h.Redis, h.Status = "disconnected", "degraded"
		}
	}
	state, err := jobs.wait(ctx)
	if h.Queue, h.Paused = state.depth, state.paused; err != nil {
		h.Status = "degraded"
	}
	if !state.working && !a.Jobs.Here() {
		h.Workers, h.Status = "stopped", "degraded"
	}
	_, err = store.wait(ctx)
	_, rerr := room.wait(ctx)
	if h.Storage = storage(err, rerr); h.Storage != "ok" {
		h.Status = "degraded"
	}
	if _, err := database.wait(ctx); err != nil {
		h.Database, h.Status = "disconnected", "down"
	}
	return h
}

// storage says how the disks of the files and of the database are.
func storage(errs ...error) string {
	switch {
	case slices.ContainsFunc(errs, func(err error) bool { return fault.Is(err, fault.Full) }):
		return "full"
	case errors.Join(errs...) != nil:
		return "unavailable"
	default:
		return "ok"
	}
}

// Ready reports whether new requests are welcome: the server runs, does not
// drain, and has its database.
func (a *App) Ready(ctx context.Context) bool {
	if !a.ready.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	_, err := a.probes.database.start(ctx).wait(ctx)
	return err == nil
}
