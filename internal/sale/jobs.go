package sale

import (
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

// Jobs are the package's kinds of work. A killed server uses attempts up too.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[BuildArgs]{Queue: PackageQueue, Timeout: 6 * time.Hour, MaxAttempts: 20, Dead: s.buildDied}, s.build),
	}
}
