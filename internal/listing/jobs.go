package listing

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// Queue is where the work with portals waits, apart from the other jobs: it waits
// on strangers' machines.
const Queue = "listings"

// Workers is how many portals are worked at once.
const Workers = 8

// Cause is why something was done with a portal.
type Cause string

// The causes.
const (
	Daily      Cause = "daily"
	Changed    Cause = "change"
	Asked      Cause = "asked" // by a person
	Registered Cause = "registered"
	Imported   Cause = "import"
)

// WatchArgs ask for what has changed to be found, and the daily runs that are due.
type WatchArgs struct{}

// Kind implements job.Args.
func (WatchArgs) Kind() string { return "listing.watch" }

// RunArgs ask for a portal to be worked: sent what waits, or read.
type RunArgs struct {
	ConnectionID ConnectionID `json:"connection_id"`
	Cause        Cause        `json:"cause"`
}

// Kind implements job.Args.
func (RunArgs) Kind() string { return "listing.run" }

// SyncArgs ask for one boat to be brought to every portal, for a person who waits.
type SyncArgs struct {
	ListingID ID     `json:"listing_id"`
	JobID     string `json:"job_id"`
}

// Kind implements job.Args.
func (SyncArgs) Kind() string { return "listing.sync" }

// PruneArgs ask for what is too old of the log to be removed.
type PruneArgs struct{}

// Kind implements job.Args.
func (PruneArgs) Kind() string { return "listing.prune" }

// runFor bounds a run: a broker's inventory is read politely, page by page.
const runFor = 30 * time.Minute

// Jobs are the package's kinds of work.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[WatchArgs]{Timeout: 5 * time.Minute, MaxAttempts: 1}, func(ctx context.Context, _ *job.Job[WatchArgs]) error { return s.Watch(ctx) }),
		job.Define(job.Options[RunArgs]{Queue: Queue, Timeout: runFor, MaxAttempts: 3}, func(ctx context.Context, j *job.Job[RunArgs]) error {
			return s.Run(ctx, j.Args.ConnectionID, j.Args.Cause)
		}),
		job.Define(job.Options[SyncArgs]{Queue: Queue, Timeout: runFor, MaxAttempts: 3, Dead: s.syncDied}, s.syncBoat),
		job.Define(job.Options[ImportArgs]{Queue: Queue, Timeout: runFor, MaxAttempts: 3, Dead: s.importDied}, s.importInventory),
		job.Define(job.Options[PicturesArgs]{Queue: Queue, Timeout: runFor, MaxAttempts: 3}, s.fetchPictures),
		job.Define(job.Options[PruneArgs]{Timeout: 10 * time.Minute}, func(ctx context.Context, _ *job.Job[PruneArgs]) error { return s.Prune(ctx) }),
	}
}

// logFor is how long the log can be read.
const logFor = 90 * 24 * time.Hour

// Prune removes what is older than 90 days of the log.
func (s *Service) Prune(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "listing.Prune")
	return s.db.InBatches(ctx, "DELETE FROM mls_sync WHERE id IN (SELECT id FROM mls_sync WHERE at < $1 LIMIT $2)", db.Micros(s.db.Now().Add(-logFor)))
}
