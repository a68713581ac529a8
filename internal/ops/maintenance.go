package ops

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"navidocs/internal/fault"
)

// Maintenance says that users are turned away, and why.
type Maintenance struct {
	Why   string    `json:"why"`
	By    string    `json:"by"`
	Since time.Time `json:"since"`
	// Until is when it will be over, as far as that is known.
	Until *time.Time `json:"until"`
}

func maintenanceFile(state string) string { return filepath.Join(state, "maintenance.json") }

// Maintain turns users away from all servers of a folder of state, within a
// second and also after a restart, until Unmaintain.
func Maintain(state string, m Maintenance) (err error) {
	defer fault.Wrap(&err, "maintenance on")
	if m.Why == "" {
		return fault.New(fault.Invalid, "say why, in words for the people who are turned away")
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	part := maintenanceFile(state) + ".part"
	if err := os.WriteFile(part, text, 0o600); err != nil { //nolint:forbidigo // state/maintenance.json
		return err
	}
	return os.Rename(part, maintenanceFile(state))
}

// Unmaintain lets users in again.
func Unmaintain(state string) (err error) {
	defer fault.Wrap(&err, "maintenance off")
	if err := os.Remove(maintenanceFile(state)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Maintained reads whether users are turned away; Why is "" when they are not.
// A file that cannot be read turns nobody away.
func Maintained(state string) (m Maintenance) {
	text, err := os.ReadFile(maintenanceFile(state)) //nolint:forbidigo // state/maintenance.json
	if err == nil && json.Unmarshal(text, &m) != nil {
		return Maintenance{}
	}
	return m
}

// Watch returns a cheap form of Maintained for every request: it looks once a
// second.
func Watch(state string, now func() time.Time) func() Maintenance {
	var mu sync.Mutex // guards what follows
	var seen Maintenance
	var at time.Time
	return func() Maintenance {
		mu.Lock()
		defer mu.Unlock()
		if t := now(); t.Sub(at) >= time.Second || t.Before(at) {
			seen, at = Maintained(state), t
		}
		return seen
	}
}
