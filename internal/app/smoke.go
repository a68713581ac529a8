package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/ops"
)

const (
	// probeJobsWait bounds how long the end of a smoke test waits for jobs of its
	// own that still run.
	probeJobsWait = 5 * time.Second
	probeJobsTick = 50 * time.Millisecond
)

// ProbeToken signs one smoke test in to the server of an installation, "" when its
// keys cannot be read from here. It makes no keys.
func ProbeToken(c config.Config, run string, now time.Time) string {
	key := []byte(c.Auth.JWTSecret)
	if len(key) == 0 {
		text, err := os.ReadFile(filepath.Join(c.KeyDir(), signingFile)) //nolint:forbidigo // a key
		if err != nil {
			return ""
		}
		key = bytes.TrimSpace(text)
	}
	if len(key) == 0 {
		return ""
	}
	return account.ProbeToken(key, run, now)
}

// ProbeToken signs one smoke test in to this installation.
func (a *App) ProbeToken() string { return ProbeToken(a.options.Config, "", a.options.Now()) }

// Rows counts the rows of every table at an instant when no smoke test has any,
// which would go when it ends. What one that was killed has left stays, and counts:
// one of the name dead at once, another when its time is over.
func Rows(ctx context.Context, d *db.DB, dead string) (all []db.TableDigest, err error) {
	for {
		var since time.Time
		err = d.Snapshot(ctx, func(q db.Querier, _ string) (err error) {
			if since, err = account.ProbeSince(ctx, q, dead); err != nil || !since.IsZero() && d.Now().Sub(since) < account.ProbeFor {
				return err
			}
			since = time.Time{}
			all, err = db.Counts(ctx, d, q)
			return err
		})
		if err != nil || since.IsZero() {
			return all, err
		}
		if ops.Sleep(ctx, probePace); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// probePace is how often it is looked whether a smoke test has ended.
const probePace = 100 * time.Millisecond

// resetProbe ends a smoke test: it removes all that the probe wrote and counts
// what is left, which is nothing unless a job of its own does not end. Bytes that
// a backup is copying go with the next collection.
func (a *App) resetProbe(ctx context.Context, token string) (left int, err error) {
	since, err := a.Accounts.HoldProbe(ctx, token)
	if err != nil || since.IsZero() {
		return 0, err
	}
	if left, err = a.forgetProbeJobs(ctx, since); err != nil || left > 0 {
		return left, err
	}
	names, err := a.probeNames(ctx) // once more: what ran has made others
	if err != nil {
		return 0, err
	}
	digests, err := db.Collect(ctx, a.DB, db.Scalar[blob.Digest], `SELECT DISTINCT r.digest FROM blob_refs r
		WHERE r.owner_kind IN ('document', 'page') AND r.owner_id IN (SELECT id FROM documents WHERE org_id = $1)`, account.ProbeOrg)
	if err != nil {
		return 0, err
	}
	if err := a.Accounts.PurgeProbe(ctx); err != nil {
		return 0, err
	}
	if err := blob.Discard(ctx, a.DB, a.Store, digests); err != nil {
		return 0, err
	}
	if left, err = a.waitForgotten(ctx, since, names); err != nil || left > 0 {
		return left, err
	}
	return db.CountNaming(ctx, a.DB, map[string]any{"org_id": account.ProbeOrg, "user_id": account.ProbeUser})
}

// forgetProbeJobs removes the probe's jobs, those as well that its jobs enqueue.
func (a *App) forgetProbeJobs(ctx context.Context, since time.Time) (left int, err error) {
	names, err := a.probeNames(ctx)
	if err != nil {
		return 0, err
	}
	return a.waitForgotten(ctx, since, names)
}

// probeNames are the ids by which jobs name what the probe wrote.
func (a *App) probeNames(ctx context.Context) (map[string]bool, error) {
	all, err := db.Collect(ctx, a.DB, db.Scalar[string], `SELECT id FROM events WHERE org_id = $1
		UNION ALL SELECT id FROM documents WHERE org_id = $1
		UNION ALL SELECT d.id FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE m.org_id = $1
		UNION ALL SELECT id FROM notification_messages WHERE user_id = $2`, account.ProbeOrg, account.ProbeUser)
	names := make(map[string]bool, len(all))
	for _, id := range all {
		names[id] = true
	}
	return names, err
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// waitForgotten removes the jobs that name something, and waits for those that run.
func (a *App) waitForgotten(ctx context.Context, since time.Time, names map[string]bool) (left int, err error) {
	mine := func(args string) bool {
		for _, id := range anyID.FindAllString(args, -1) {
			if names[id] {
				return true
			}
		}
		return false
	}
	over := time.NewTimer(probeJobsWait)
	defer over.Stop()
	tick := time.NewTicker(probeJobsTick)
	defer tick.Stop()
	for {
		if left, err = a.Jobs.Forget(ctx, since, mine); err != nil || left == 0 {
			return left, err
		}
		select {
		case <-tick.C:
		case <-over.C:
			return left, nil
		case <-ctx.Done():
			return left, ctx.Err()
		}
	}
}
