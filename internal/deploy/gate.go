package deploy

import (
	"fmt"
	"math"
	"time"

	"navidocs/internal/ops"
)

// Gate judges a release that has just been promoted, by what it has counted
// since then and by how the one before it did on the same machine.
type Gate struct {
	// Before is what the old release counted in a time like this; it may be empty.
	Before ops.Sample
	// MaxErrors is the share of answers that may be errors: 0.05.
	MaxErrors float64
	// Slack is how many times slower the machine is now than it was before; 0
	// means as fast as then.
	Slack float64
}

const (
	// enough is how many answers or jobs are needed to judge by them.
	enough = 20
	// slowest is how long 95 of 100 short answers may take on any machine.
	slowest = 200 * time.Millisecond
	// slower is how many times longer than under the old release they may take.
	slower = 1.5
	// surprising is how seldom a release that is as fast as the limit allows gives
	// as many slow answers as were seen. Of 20 answers two may be slow by chance,
	// and are 95 of 100 then; seven of 20, or 16 of 100, are none.
	surprising = 0.0001
	// failing is the share of jobs that may fail.
	failing = 0.2
)

// Judge returns why the release must go, or "". What is relative to the old
// release is not judged when the old one did too little to compare with: a slow
// machine is no fault of a release.
func (g Gate) Judge(now ops.Sample) string {
	limit := g.MaxErrors
	if limit == 0 {
		limit = 0.05
	}
	if share := now.ErrorShare(); now.Requests >= enough && share > limit {
		return fmt.Sprintf("%.1f %% of %.0f answers are errors of the server (5xx), more than %.0f %%", 100*share, now.Requests, 100*limit)
	}
	if why := g.latency(now); why != "" {
		return why
	}
	share, was := now.FailureShare(), g.Before.FailureShare()
	if now.Jobs >= enough && share > max(failing, slower*was) {
		return fmt.Sprintf("%.0f %% of %.0f attempts at jobs failed; it was %.0f %% before", 100*share, now.Jobs, 100*was)
	}
	return ""
}

func (g Gate) latency(now ops.Sample) string {
	n := now.Short.Count()
	if n < enough || g.Before.Short.Count() < enough {
		return ""
	}
	p95, _ := now.Short.P95()
	was, _ := g.Before.Short.P95()
	limit := time.Duration(max(1, g.Slack) * float64(max(slowest, time.Duration(slower*float64(was)))))
	if p95 <= limit || chance(n, now.Short.Above(limit), 0.05) > surprising {
		return ""
	}
	return fmt.Sprintf("95 of 100 short answers take up to %s; the limit is %s, and it was %s before",
		p95.Round(time.Millisecond), limit.Round(time.Millisecond), was.Round(time.Millisecond))
}

// chance is how likely at least k of n are of a kind that each is with
// probability p: the upper tail of the binomial distribution.
func chance(n, k, p float64) float64 {
	k = math.Floor(k)
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += math.Exp(choices(n, i) + i*math.Log(p) + (n-i)*math.Log(1-p))
	}
	return sum
}

// choices is the logarithm of in how many ways k of n are chosen.
func choices(n, k float64) float64 {
	all, _ := math.Lgamma(n + 1)
	in, _ := math.Lgamma(k + 1)
	out, _ := math.Lgamma(n - k + 1)
	return all - in - out
}
