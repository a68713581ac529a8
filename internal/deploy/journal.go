package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/release"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes of deploys and rollbacks.
const (
	Begun      Outcome = "begun"       // it runs, or was killed
	Committed  Outcome = "committed"   // the new release is the current one
	Refused    Outcome = "refused"     // nothing was begun
	Stopped    Outcome = "stopped"     // a step failed before anybody reached the new release
	RolledBack Outcome = "rolled_back" // the old release serves again
	Held       Outcome = "held"        // both are there, and a person decides
	CutOff     Outcome = "cut_off"     // it was killed, and the next one has mended what it left
)

// Step is one part of a run.
type Step struct {
	Name   string `json:"name"`
	TookMS int64  `json:"took_ms"`
	OK     bool   `json:"ok"`
	Text   string `json:"text"`
}

// Run is what a deploy or a rollback did: a line of state/deploys.jsonl when it
// begins, one before each step, so that a killed one says what it did, and one
// when it ends.
type Run struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"` // deploy, rollback
	Outcome    Outcome    `json:"outcome"`
	Step       string     `json:"step,omitempty"` // that it is at, while it runs
	Reason     string     `json:"reason"`         // why it did not come to a good end; empty otherwise
	Release    string     `json:"release"`
	Previous   string     `json:"previous"`
	Backup     string     `json:"backup"` // made before the schema was touched
	By         string     `json:"by"`
	ApprovedBy string     `json:"approved_by"`
	At         time.Time  `json:"at"`
	EndedAt    *time.Time `json:"ended_at"`
	Steps      []Step     `json:"steps"`
}

// Took is how long the run took, 0 while it runs.
func (r Run) Took() time.Duration {
	if r.EndedAt == nil {
		return 0
	}
	return r.EndedAt.Sub(r.At)
}

// Journal is the list of runs of an installation. It only grows.
type Journal struct{ file string }

// JournalOf is the journal in a folder of state.
func JournalOf(state string) Journal { return Journal{filepath.Join(state, "deploys.jsonl")} }

// Add writes a run down; it is on the platter when Add returns.
func (j Journal) Add(r Run) (err error) {
	defer fault.Wrap(&err, "append to %s", filepath.Base(j.file))
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(j.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600) //nolint:forbidigo // state/deploys.jsonl
	if err != nil {
		return err
	}
	// An empty line first: the last one may have been cut off by a loss of power.
	_, err = f.Write(slices.Concat([]byte("\n"), line, []byte("\n")))
	return errors.Join(err, f.Sync(), f.Close())
}

// Runs are all of them as they ended, the newest first; one that was killed is
// Begun until somebody mends what it left. Lines that cannot be read are left out.
func (j Journal) Runs() ([]Run, error) {
	text, err := os.ReadFile(j.file) //nolint:forbidigo // state/deploys.jsonl
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Run
	at := map[string]int{}
	for line := range bytes.Lines(text) {
		var r Run
		if json.Unmarshal(line, &r) != nil || r.ID == "" {
			continue
		}
		if i, known := at[r.ID]; known {
			all[i] = r
			continue
		}
		at[r.ID] = len(all)
		all = append(all, r)
	}
	slices.Reverse(all)
	return all, nil
}

// provisional is how long a deploy must have held until it counts as good.
const provisional = 24 * time.Hour

// Standing says what a run counts as now: its outcome, but a committed deploy is
// "provisional" for a day and "successful" then.
func (r Run) Standing(now time.Time) string {
	if r.Kind != "deploy" || r.Outcome != Committed {
		return string(r.Outcome)
	}
	if now.Sub(*r.EndedAt) < provisional {
		return "provisional"
	}
	return "successful"
}

// BoundBackups names the backups that a way back may need: the one that was made
// before the previous release was replaced, and that of a deploy which nobody has
// decided on yet.
func BoundBackups(home, state string) (ids []string, err error) {
	defer fault.Wrap(&err, "deploy.BoundBackups")
	runs, err := JournalOf(state).Runs()
	if err != nil {
		return nil, err
	}
	if len(runs) > 0 && runs[0].Backup != "" && (runs[0].Outcome == Held || runs[0].Outcome == Begun) {
		ids = append(ids, runs[0].Backup)
	}
	before := release.PreviousName(home)
	i := slices.IndexFunc(runs, func(r Run) bool {
		return before != "" && r.Previous == before && r.Backup != "" && (r.Outcome == Committed || r.Outcome == Held)
	})
	if i >= 0 {
		ids = append(ids, runs[i].Backup)
	}
	return ids, nil
}
