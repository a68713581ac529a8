package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/ops"
	"navidocs/internal/release"
)

// ServerStatus is what a server says of itself to its operators, at
// /internal/status.
type ServerStatus struct {
	ops.Figures

	Health    string `json:"health"`
	Database  string `json:"database"`
	Workers   string `json:"workers"`
	Redis     string `json:"redis"`
	Storage   string `json:"storage"`
	Queue     int    `json:"queue"`
	Paused    bool   `json:"queue_paused"`
	BackupAge int64  `json:"backup_age_s"`
	DrillAge  int64  `json:"drill_age_s"`
	// DiskUsed and MemoryUsed are shares of the machine's, 0 to 1.
	DiskUsed   float64 `json:"disk_used"`
	MemoryUsed float64 `json:"memory_used"`
	// CertificateDays is how long the certificate is good that the server shows, 0
	// when it has none yet; nil when it does not speak HTTPS itself.
	CertificateDays *float64 `json:"certificate_days"`
}

// Status is an installation at a glance.
type Status struct {
	// Keeper is nil when a server runs alone, or none.
	Keeper *keeper.Status `json:"keeper"`
	// Server is nil when none answers; Silent says why.
	Server *ServerStatus `json:"server"`
	Silent string        `json:"silent,omitempty"`

	Current  string `json:"current"`
	Previous string `json:"previous"`
	// Last is the last deploy or rollback, and Standing what it counts as now: its
	// outcome, "provisional", "successful" or, when it was killed, "cut off".
	Last        *Run             `json:"last"`
	Standing    string           `json:"standing,omitempty"`
	Lock        *ops.Holder      `json:"lock"`
	Maintenance *ops.Maintenance `json:"maintenance"`
	Incidents   int              `json:"open_incidents"`
}

// Look gathers the status of an installation: from its keeper, or from the
// server at address (such as http://127.0.0.1:3000), which client reaches, when
// there is none.
func Look(ctx context.Context, home, state, address string, client *http.Client, now time.Time) (s Status, err error) {
	defer fault.Wrap(&err, "deploy.Look")
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	if k, err := keeper.Dial(ctx, home); err == nil {
		defer k.Close() //nolint:errcheck // only asked
		kept, err := k.Status(ctx)
		if err != nil {
			return s, err
		}
		s.Keeper = &kept
		if leader, ok := kept.Child(keeper.Leader); ok && leader.Ready {
			client, address = SocketClient(leader.Socket), "http://navidocs"
		}
	}
	if s.Server, err = ask(ctx, client, address); err != nil {
		s.Silent = fault.Message(err)
	}
	return s, s.files(home, state, now)
}

// nameCut says of a run that nobody runs any more that it was cut off, and what
// is to be done.
func (s *Status) nameCut() {
	if s.Last == nil || s.Last.Outcome != Begun || s.Lock != nil && s.Lock.Since.Equal(s.Last.At) {
		return
	}
	s.Standing, s.Last.Reason = "cut off", s.Last.inHand()+": "
	both := false
	if s.Keeper != nil {
		_, both = s.Keeper.Child(keeper.Warm)
	}
	if both {
		s.Last.Reason += "both releases are there; navidocs rollback goes back, navidocs commit keeps the new one, and the next navidocs deploy goes back before it begins"
	} else {
		s.Last.Reason += "deploy again; what it left is cleared away first"
	}
}

func ask(ctx context.Context, client *http.Client, address string) (*ServerStatus, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/internal/status", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "no server answers at %s: start one with navidocs serve", address)
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	if res.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Unavailable, "the server at %s answers %s", address, res.Status)
	}
	var s ServerStatus
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return nil, fault.Because(err, fault.Unavailable, "the server at %s does not answer as NaviDocs does", address)
	}
	return &s, nil
}

// files are what the folders say.
func (s *Status) files(home, state string, now time.Time) error {
	for link, name := range map[*string]func(string) (release.Release, error){&s.Current: release.Current, &s.Previous: release.Previous} {
		r, err := name(home)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		*link = r.Name
	}
	runs, err := JournalOf(state).Runs()
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		s.Last, s.Standing = &runs[0], runs[0].Standing(now)
	}
	if ops.Locked(state) {
		s.Lock = new(ops.HolderOf(state))
	}
	s.nameCut()
	if m := ops.Maintained(state); m.Why != "" {
		s.Maintenance = &m
	}
	all, err := IncidentsOf(state).List()
	for _, i := range all {
		if i.Status == "open" {
			s.Incidents++
		}
	}
	return err
}

// Print writes the status for people, a line a thing.
func (s Status) Print(out io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("release", "%s (before it %s)", orNone(s.Current), orNone(s.Previous))
	if s.Keeper != nil {
		line("keeper", "process %d, up %s, %d restarts after a crash", s.Keeper.PID, s.Keeper.Uptime.Round(time.Second), s.Keeper.Restarts)
		for _, c := range s.Keeper.Children {
			line(string(c.Role), "%s, process %d, up %s, %s", folderName(c.Release), c.PID, now.Sub(c.Since).Round(time.Second), doing(c))
		}
	}
	if s.Server == nil {
		line("server", "SILENT: %s", s.Silent)
	} else {
		s.Server.print(line)
	}
	if s.Last != nil {
		line("last "+s.Last.Kind, "%s, %s ago: %s", orNone(s.Last.Release), now.Sub(s.Last.At).Round(time.Second), strings.TrimSpace(s.Standing+" "+s.Last.Reason))
	}
	if s.Lock != nil {
		line("in hand", "%s", s.Lock)
	}
	if s.Maintenance != nil {
		line("maintenance", "users are turned away since %s: %s", s.Maintenance.Since.Format(time.DateTime), s.Maintenance.Why)
	}
	if s.Incidents > 0 {
		line("incidents", "%d open: navidocs incident list", s.Incidents)
	}
	return w.Flush()
}

func doing(c keeper.Child) string {
	switch {
	case c.Serving && c.Working:
		return "serves and works"
	case c.Serving:
		return "serves"
	case c.Working:
		return "works"
	case c.Ready:
		return "ready"
	}
	return "starting"
}

func (s ServerStatus) print(line func(name, format string, args ...any)) {
	line("health", "%s: database %s, workers %s, redis %s, storage %s", s.Health, s.Database, s.Workers, s.Redis, s.Storage)
	line("errors", "%.2f %% in 5 min, %.2f %% in 1 h of %.0f answers; the budget burns %.1f times as fast as it may", 100*s.Errors5m, 100*s.Errors1h, s.Requests, s.Burn)
	line("p95 of 1 h", "API %.0f ms (limit 200), database %.1f ms (limit 100), jobs %.0f ms (limit 5000)", s.APIP95, s.DBP95, s.JobsP95)
	queue := fmt.Sprintf("%d jobs, %.0f %% failed in 1 h", s.Queue, 100*s.JobFailures)
	if s.Paused {
		queue += ", PAUSED: navidocs queue resume"
	}
	line("queue", "%s", queue)
	line("machine", "disk %.0f %% full (limit 90), memory %.0f %% (limit 85)", 100*s.DiskUsed, 100*s.MemoryUsed)
	line("backup", "%s old, drilled %s ago", age(s.BackupAge), age(s.DrillAge))
	if s.CertificateDays != nil {
		line("certificate", "good for %.0f days", *s.CertificateDays)
	}
}

func age(s int64) string { return (time.Duration(s) * time.Second).Round(time.Minute).String() }
