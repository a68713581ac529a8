package testkit

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Trigger is one run of an automation in a HomeAssistant.
type Trigger struct {
	Webhook string // of a webhook trigger
	Event   string // of an event on the bus
	Header  http.Header
	// JSON is trigger.json or the event's data; nil when a webhook's content type
	// was not JSON, and then Form says what came.
	JSON map[string]any
	Form string
	Body string // as it came
}

// HomeAssistant is a model of the two places at which Home Assistant takes
// messages, written after its components webhook and api: it answers as they
// do, branch by branch. It is not a Home Assistant.
type HomeAssistant struct {
	URL   string
	Token string // the long-lived token that it knows

	mu       sync.Mutex // guards what follows
	webhooks map[string]bool
	triggers []Trigger
	fails    int
	// OnTrigger runs as the automation, when it is set; before the answer.
	OnTrigger func(t Trigger)
}

// NewHomeAssistant starts one that knows some ids of webhooks and one token.
func NewHomeAssistant(t testing.TB, token string, webhooks ...string) *HomeAssistant {
	t.Helper()
	h := &HomeAssistant{Token: token, webhooks: map[string]bool{}}
	for _, id := range webhooks {
		h.webhooks[id] = true
	}
	server := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

// Hook is the address of a webhook, known or not.
func (h *HomeAssistant) Hook(id string) string { return h.URL + "/api/webhook/" + id }

// Fail makes every request answer a status from now on; 0 ends it. A proxy in
// front of a Home Assistant that starts does so.
func (h *HomeAssistant) Fail(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails = status
}

// Triggers are the runs so far.
func (h *HomeAssistant) Triggers() []Trigger {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Trigger(nil), h.triggers...)
}

func (h *HomeAssistant) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	fails := h.fails
	h.mu.Unlock()
	if fails != 0 {
		w.WriteHeader(fails)
		return
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/api/webhook/"); ok {
		h.webhook(w, r, id)
		return
	}
	if r.URL.Path == "/api/" || strings.HasPrefix(r.URL.Path, "/api/events/") {
		h.rest(w, r)
		return
	}
	http.NotFound(w, r)
}

// webhook is the view of the component webhook: no sign-in, and 200 to
// everything that has an allowed method or is not known.
func (h *HomeAssistant) webhook(w http.ResponseWriter, r *http.Request, id string) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
	default: // the view has no handler for it
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.mu.Lock()
	known := h.webhooks[id]
	h.mu.Unlock()
	if !known { // nobody is to learn which ids there are
		return
	}
	switch r.Method {
	case http.MethodHead: // "allow HEAD to always return 200"
		return
	case http.MethodGet: // not among the methods that are allowed by default
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	t := Trigger{Webhook: id, Header: r.Header.Clone(), Body: string(raw)}
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		if len(raw) > 0 && json.Unmarshal(raw, &t.JSON) != nil {
			return // the handler's exception is logged; the answer is 200
		}
	} else {
		t.Form = string(raw)
	}
	h.run(t)
}

// rest is the view of the component api: a bearer token, or 401.
func (h *HomeAssistant) rest(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+h.Token {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "401: Unauthorized") // as it says it; the caller may be gone
		return
	}
	event, isEvent := strings.CutPrefix(r.URL.Path, "/api/events/")
	switch {
	case !isEvent && r.Method == http.MethodGet:
		say(w, http.StatusOK, "API running.")
		return
	case !isEvent || r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var data any
	if len(raw) > 0 && json.Unmarshal(raw, &data) != nil {
		say(w, http.StatusBadRequest, "Event data should be valid JSON.")
		return
	}
	object, ok := data.(map[string]any)
	if !ok && data != nil {
		say(w, http.StatusBadRequest, "Event data should be a JSON object")
		return
	}
	h.run(Trigger{Event: event, Header: r.Header.Clone(), JSON: object})
	say(w, http.StatusOK, "Event "+event+" fired.")
}

func say(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // the caller may be gone
}

func (h *HomeAssistant) run(t Trigger) {
	h.mu.Lock()
	h.triggers = append(h.triggers, t)
	h.mu.Unlock()
	if h.OnTrigger != nil {
		h.OnTrigger(t)
	}
}
