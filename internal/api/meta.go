package api

import (
	"context"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
)

// Health says which parts of the installation work.
type Health struct {
	Status     string `json:"status" enum:"ok,degraded,down"`
	Timestamp  string `json:"timestamp" format:"date-time"`
	Version    string `json:"version"`
	DeployedAt string `json:"deployed_at"`
	Database   string `json:"database" enum:"connected,disconnected"`
	Redis      string `json:"redis" enum:"connected,disconnected,disabled"`
	Storage    string `json:"storage" enum:"ok,full,unavailable"`
	Queue      int    `json:"queue" doc:"jobs that wait or run"`
	Paused     bool   `json:"queue_paused" doc:"workers claim no jobs until navidocs queue resume"`
	Workers    string `json:"workers" enum:"running,stopped"`
}

type healthOutput struct {
	Status int
	Body   Health
}

func (a *API) metaOperations() {
	add(a, op{id: "get-health", method: http.MethodGet, path: "/api/health", tag: "meta", summary: "What works; 503 when it cannot serve"},
		func(ctx context.Context, _ account.Actor, _ *struct{}) (*healthOutput, error) {
			h := a.config.Probes.Health(ctx)
			if h.Status == "down" {
				return &healthOutput{http.StatusServiceUnavailable, h}, nil
			}
			return &healthOutput{http.StatusOK, h}, nil
		})
	responses := a.huma.OpenAPI().Paths["/api/health"].Get.Responses
	responses["503"] = responses["200"]
	a.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive\n") })
	a.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !a.config.Probes.Ready(r.Context()) {
			plain(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
	a.mux.HandleFunc("GET /metrics", a.metrics)
	a.mux.HandleFunc("GET /internal/status", a.status)
	a.mux.HandleFunc("GET /status", a.publicStatus)
	a.mux.HandleFunc("POST "+probePath, a.resetProbe)
	a.mux.HandleFunc("GET /api/openapi.yaml", a.contract(false))
	a.mux.HandleFunc("GET /api/openapi-3.0.yaml", a.contract(true))
	a.mux.HandleFunc("GET /api/docs", a.docs)
	a.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/api/docs", http.StatusFound) })
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text)) //nolint:errcheck // the reader is gone
}

// metrics are for this machine, or for whoever holds METRICS_TOKEN.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	if a.forOperators(w, r) {
		a.config.Probes.Metrics.ServeHTTP(w, r)
	}
}

// status is for those whom metrics are for.
func (a *API) status(w http.ResponseWriter, r *http.Request) {
	if !a.forOperators(w, r) {
		return
	}
	s, err := a.config.Probes.Status(r.Context())
	if err != nil {
		writeProblem(w, r, problem(r.Context(), err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s) //nolint:errcheck // the reader is gone
}

// forOperators refuses who is neither on this machine nor holds METRICS_TOKEN.
func (a *API) forOperators(w http.ResponseWriter, r *http.Request) bool {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	byToken := a.config.MetricsToken != "" && subtle.ConstantTimeCompare([]byte(token), []byte(a.config.MetricsToken)) == 1
	if byToken || private(r) || local(r, requestOf(r.Context()).address) {
		return true
	}
	writeProblem(w, r, newProblem(http.StatusForbidden, "metrics are read from this machine, or with METRICS_TOKEN"))
	return false
}

func (a *API) contract(old bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v31, v30, err := a.Contract()
		if err != nil {
			writeProblem(w, r, problem(r.Context(), err))
			return
		}
		if old {
			v31 = v30
		}
		w.Header().Set("Content-Type", "application/yaml")
		w.Write(v31) //nolint:errcheck // the reader is gone
	}
}

//go:embed docs.html
var docsText string

var docsPage = template.Must(template.New("docs").Parse(docsText))

// docs is the contract for people: no script, nothing from elsewhere.
func (a *API) docs(w http.ResponseWriter, r *http.Request) {
	type row struct {
		Method, Path string
		*huma.Operation
	}
	groups := map[string][]row{}
	var names []string
	for path, item := range a.huma.OpenAPI().Paths {
		for method, operation := range methods(item) {
			tag := operation.Tags[0]
			if _, ok := groups[tag]; !ok {
				names = append(names, tag)
			}
			groups[tag] = append(groups[tag], row{method, path, operation})
		}
	}
	slices.Sort(names)
	for _, rows := range groups {
		slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	err := docsPage.Execute(w, map[string]any{"Version": a.config.Version, "Names": names, "Groups": groups})
	if err != nil {
		a.config.Log.Warn("docs page", "error", err)
	}
}

func methods(item *huma.PathItem) map[string]*huma.Operation {
	out := map[string]*huma.Operation{}
	for method, operation := range map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	} {
		if operation != nil {
			out[method] = operation
		}
	}
	return out
}

func marshal(v any) ([]byte, error) { return json.Marshal(v) }
