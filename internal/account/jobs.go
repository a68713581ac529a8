package account

import (
	"context"
	"time"

	"navidocs/internal/job"
)

// TidyArgs ask for what has had its time to be removed.
type TidyArgs struct{}

// Kind implements job.Args.
func (TidyArgs) Kind() string { return "account.tidy" }

// Jobs are the package's kinds of work.
func (s *Service) Jobs() []job.Work {
	return []job.Work{job.Define(job.Options[TidyArgs]{Timeout: time.Hour}, func(ctx context.Context, _ *job.Job[TidyArgs]) error { return s.Tidy(ctx) })}
}
