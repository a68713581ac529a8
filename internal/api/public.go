package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// PublicStatus is what anybody may know of the installation, at /status: no name
// of a person or a host, no address, no path and no reason.
type PublicStatus struct {
	Status string    `json:"status" enum:"works,degraded,down,maintenance"`
	At     time.Time `json:"at"`
	// Maintenance is there while people are turned away.
	Maintenance *PublicMaintenance `json:"maintenance"`
	Parts       []PublicPart       `json:"parts"`
	Release     string             `json:"release"`
	DeployedAt  string             `json:"deployed_at"`
	// Deploying is since when the release is being changed; nil when it is not.
	Deploying *time.Time       `json:"deploy_since"`
	Deploys   []PublicDeploy   `json:"deploys"`   // the last ten, the newest first
	Incidents []PublicIncident `json:"incidents"` // open ones, the newest first
	// Elsewhere is a status page that works without this server; may be empty.
	Elsewhere string `json:"status_url,omitempty"`
}

// PublicMaintenance is why people are turned away, in the operator's words.
type PublicMaintenance struct {
	Why   string     `json:"why"`
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until"`
}

// PublicPart is how one part does.
type PublicPart struct {
	Name  string `json:"name" enum:"database,storage,queue,mail"`
	State string `json:"state" enum:"works,late,full,down"`
}

// PublicDeploy is a change of the release.
type PublicDeploy struct {
	At      time.Time  `json:"at"`
	EndedAt *time.Time `json:"ended_at"`
	Kind    string     `json:"kind" enum:"deploy,rollback"`
	Release string     `json:"release"` // empty when it is not known
	Outcome string     `json:"outcome" enum:"running,cut_off,committed,refused,stopped,rolled_back,held"`
}

// PublicIncident is something that went wrong and is not closed yet.
type PublicIncident struct {
	At time.Time `json:"at"`
	// TakenBack says that the release before it serves again.
	TakenBack bool `json:"taken_back"`
}

//go:embed public/page.html
var publicHTML string

//go:embed public/words.json
var publicJSON []byte

// publicPage has no forms.
var publicPage = sync.OnceValue(func() page { return newPage(publicHTML, publicJSON, "'none'") })

// publicView is what the page shows.
type publicView struct {
	Language, State string
	Words           map[string]string
	Languages       []languageName
	Status          PublicStatus
}

// Word is a text of the page in its language.
func (v publicView) Word(parts ...string) string { return v.Words[strings.Join(parts, "_")] }

// Time is a moment for people.
func (publicView) Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Stamp is a moment for programs.
func (publicView) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// longestText bounds what operators wrote, so that the page stays small.
const longestText = 1000

// publicStatus answers anybody, also while people are turned away: a page, or
// JSON for who asks for that.
func (a *API) publicStatus(w http.ResponseWriter, r *http.Request) {
	s := a.config.Probes.Public(r.Context())
	s.Release, s.DeployedAt = shortened(s.Release, 100), shortened(s.DeployedAt, 100)
	if s.Maintenance != nil {
		s.Maintenance.Why = shortened(s.Maintenance.Why, longestText)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	h.Add("Vary", "Accept, Accept-Language")
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		h.Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s) //nolint:errcheck // the reader is gone
		return
	}
	v := publicView{Status: s, State: s.Status}
	v.Language, v.Words, v.Languages = publicPage().in(r.URL.Query().Get("lang"), preferred(r.Header.Get("Accept-Language")))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Language)
	h.Set("Content-Security-Policy", publicPage().policy)
	if err := publicPage().Execute(w, v); err != nil && r.Context().Err() == nil {
		a.config.Log.WarnContext(r.Context(), "status page", "error", err)
	}
}

func shortened(text string, most int) string {
	if all := []rune(text); len(all) > most {
		return string(all[:most]) + "…"
	}
	return text
}
