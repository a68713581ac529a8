package keeper

import (
	"bytes"
	"encoding/json"
	"time"

	"navidocs/internal/fault"
)

// stateVersion is that of the state which a keeper hands to the one that replaces
// it. It changes with the meaning of a field: a keeper refuses to be replaced by
// a release that reads another version.
const stateVersion = 1

// longestState is what a pipe takes without a reader, on every system.
const longestState = 16 << 10

// state is what a keeper takes over. All numbers are descriptors that it inherits.
type state struct {
	Version    int          `json:"version"`
	Started    time.Time    `json:"started"`
	Listeners  []int        `json:"listeners"`
	Lock       int          `json:"lock"`
	Door       int          `json:"door"`
	Asker      int          `json:"asker"` // the client who waits for the answer
	Paused     bool         `json:"paused"`
	Restarts   int          `json:"restarts"`
	RolledBack *RolledBack  `json:"rolled_back,omitempty"`
	Children   []childState `json:"children"`
}

// childState is one child, the leader first.
type childState struct {
	Release string    `json:"release"`
	Path    string    `json:"path"`
	PID     int       `json:"pid"`
	Role    Role      `json:"role"`
	Since   time.Time `json:"since"`
	Serving bool      `json:"serving"`
	Working bool      `json:"working"`
	Hello   hello     `json:"hello"`
	Control int       `json:"control"`
	Pipes   [2]int    `json:"pipes"`
}

func (s *state) descriptors() []int {
	all := append([]int{s.Lock, s.Door, s.Asker}, s.Listeners...)
	for _, c := range s.Children {
		all = append(all, c.Control, c.Pipes[0], c.Pipes[1])
	}
	return all
}

// encode makes the state the text that goes through the pipe.
func (s *state) encode() ([]byte, error) {
	text, err := json.Marshal(s)
	if err == nil && len(text) > longestState && s.RolledBack != nil {
		short := *s.RolledBack
		short.Lines, short.Reason = nil, short.Reason[:min(len(short.Reason), 1<<10)]
		s.RolledBack = &short
		text, err = json.Marshal(s)
	}
	if err == nil && len(text) > longestState {
		err = fault.New(fault.Unsupported, "the keeper's state is too long to be handed on: stop it and start it again")
	}
	return text, err
}

// parseState checks what a keeper takes over: that it has everything, of the
// version that this program knows, each descriptor once.
func parseState(text []byte) (*state, error) {
	broken := func(why string) (*state, error) {
		return nil, fault.New(fault.Invalid, "the keeper's state cannot be taken over, %s: start it again with navidocs serve", why)
	}
	var s state
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&s); err != nil || d.More() {
		return broken("it is no JSON object")
	}
	if s.Version != stateVersion {
		return broken("it is of another version")
	}
	seen := map[int]bool{}
	for _, fd := range s.descriptors() {
		if fd < 3 || fd > 1<<20 || seen[fd] {
			return broken("a descriptor is missing or there twice")
		}
		seen[fd] = true
	}
	if len(s.Children) > 2 || len(s.Children) == 0 && !s.Paused {
		return broken("it has no leader")
	}
	for i, c := range s.Children {
		if c.PID <= 1 || (i == 0) != (c.Role == Leader) || i == 1 && c.Role != Candidate && c.Role != Warm {
			return broken("the roles of the servers are wrong")
		}
	}
	return &s, nil
}
