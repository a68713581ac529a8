package sale

import (
	"context"
	"time"

	"navidocs/internal/job"
)

// PackageQueue is where packages wait to be built, apart from what is quick.
const PackageQueue = "packages"

// BuildArgs ask for a package to be built.
type BuildArgs struct {
	PackageID PackageID `json:"package_id"`
}

// Kind implements job.Args.
func (BuildArgs) Kind() string { return "sale.package" }

// RemindArgs ask for sellers and buyers to be told of what is near.
type RemindArgs struct{}

// Kind implements job.Args.
func (RemindArgs) Kind() string { return "sale.remind" }

// TidyArgs ask for what has had its time to be forgotten.
type TidyArgs struct{}

// Kind implements job.Args.
func (TidyArgs) Kind() string { return "sale.tidy" }

// Jobs are the package's kinds of work. A killed server uses attempts up too.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[BuildArgs]{Queue: PackageQueue, Timeout: 6 * time.Hour, MaxAttempts: 20, Dead: s.buildDied}, s.build),
		job.Define(job.Options[RemindArgs]{Timeout: 10 * time.Minute}, func(ctx context.Context, _ *job.Job[RemindArgs]) error { return s.Remind(ctx) }),
		job.Define(job.Options[TidyArgs]{Timeout: 10 * time.Minute}, func(ctx context.Context, _ *job.Job[TidyArgs]) error { return s.Tidy(ctx) }),
	}
}
