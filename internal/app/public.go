package app

import (
	"context"
	"regexp"
	"slices"
	"time"

	"navidocs/internal/api"
	"navidocs/internal/deploy"
	"navidocs/internal/ops"
)

const (
	// publicWait bounds what is gathered for strangers.
	publicWait = 2 * time.Second
	// publicFresh is how long that counts: who asks again and again costs nothing.
	publicFresh = 2 * time.Second
	// publicDeploys and publicIncidents are how many are told.
	publicDeploys, publicIncidents = 10, 10
)

// PublicStatus is what anybody may know. What cannot be seen is left out.
func (a *App) PublicStatus(ctx context.Context) api.PublicStatus {
	ctx, cancel := context.WithTimeout(ctx, publicWait)
	defer cancel()
	s, err := a.probes.public.start(ctx).wait(ctx)
	if err != nil {
		return api.PublicStatus{Status: "down", At: a.options.Now().UTC(), Release: a.version()}
	}
	if s.Maintenance != nil { // each caller has its own
		s.Maintenance = new(*s.Maintenance)
	}
	return s
}

func (a *App) lookPublic(ctx context.Context) (api.PublicStatus, error) {
	h, state, now := a.Health(ctx), a.options.Config.StateDir(), a.options.Now().UTC()
	s := api.PublicStatus{
		Status: "works", At: now, Release: a.version(), DeployedAt: h.DeployedAt, Parts: a.publicParts(h), Elsewhere: a.options.Config.Integration.StatusPageURL,
		Deploys: []api.PublicDeploy{}, Incidents: []api.PublicIncident{},
	}
	if h.Status != "ok" {
		s.Status = h.Status
	}
	if m := ops.Maintained(state); m.Why != "" {
		s.Status, s.Maintenance = "maintenance", &api.PublicMaintenance{Why: m.Why, Since: m.Since.UTC(), Until: m.Until}
	}
	taken := ops.Locked(state)
	if since := ops.HolderOf(state).Since.UTC(); taken {
		s.Deploying = &since
	}
	if runs, err := deploy.JournalOf(state).Runs(); err == nil {
		for i, r := range runs[:min(len(runs), publicDeploys)] {
			s.Deploys = append(s.Deploys, publicDeploy(r, taken && i == 0))
		}
	}
	if all, err := deploy.IncidentsOf(state).List(); err == nil {
		s.Incidents = append(s.Incidents, publicOpen(all)...)
	}
	return s, nil
}

// publicParts are the parts of the health check in words for who uses them.
func (a *App) publicParts(h api.Health) []api.PublicPart {
	database := "works"
	if h.Database != "connected" {
		database = "down"
	}
	files := map[string]string{"ok": "works", "full": "full"}[h.Storage]
	if files == "" {
		files = "down"
	}
	queue := "works"
	if h.Workers != "running" || h.Paused {
		queue = "late"
	}
	parts := []api.PublicPart{{Name: "database", State: database}, {Name: "storage", State: files}, {Name: "queue", State: queue}}
	if a.options.Config.SMTP.Host != "" { // mail is sent by jobs, and is as late as they are
		parts = append(parts, api.PublicPart{Name: "mail", State: queue})
	}
	return parts
}

func publicDeploy(r deploy.Run, running bool) api.PublicDeploy {
	d := api.PublicDeploy{At: r.At.UTC(), EndedAt: r.EndedAt, Kind: r.Kind, Release: publicRelease(r.Release), Outcome: string(r.Outcome)}
	if d.Kind != "rollback" {
		d.Kind = "deploy"
	}
	if r.Outcome == deploy.Begun {
		d.Outcome = "cut_off"
		if running {
			d.Outcome = "running"
		}
	}
	return d
}

// releaseForm is what the name of a release looks like.
var releaseForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,119}$`)

// publicRelease is a release's name, or nothing when that is no name.
func publicRelease(name string) string {
	if !releaseForm.MatchString(name) {
		return ""
	}
	return name
}

func publicOpen(all []deploy.IncidentLine) (open []api.PublicIncident) {
	for _, i := range all {
		at, err := time.Parse("INC-20060102-150405", i.ID)
		if err == nil && i.Status == "open" && len(open) < publicIncidents {
			open = append(open, api.PublicIncident{At: at, TakenBack: i.Back != ""})
		}
	}
	slices.SortFunc(open, func(a, b api.PublicIncident) int { return b.At.Compare(a.At) })
	return open
}
