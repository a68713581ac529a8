package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/ops"
)

const (
	// pace is how often a new release is looked at in its first minute, and
	// calmPace later.
	pace     = 100 * time.Millisecond
	calmPace = 2 * time.Second
	// tight is how long the first minute is.
	tight = time.Minute
	// span is the time over which the answers count, so that a burst of errors
	// is seen however good the hour was.
	span = 10 * time.Second
	// settling is how long a server that has just begun to serve takes longer to
	// answer, at most a third of the watch: its caches are empty, everybody connects
	// anew, and those who came while it took over wait.
	settling = 5 * time.Second
	// noticed is the share of errors that operators are told of after the first
	// minute.
	noticed = 0.01
)

// watch judges the new release until it may be committed; its error says why it
// must go.
func (x *deploy) watch(ctx context.Context) (string, error) {
	deadline, told := x.promoted.at.Add(x.Options.Watch), false
	past := []moment{x.promoted}
	for {
		now, err := x.look(ctx)
		if err != nil {
			return "", err
		}
		past = append(past, now)
		for len(past) > 2 && now.at.Sub(past[1].at) >= span {
			past = past[1:]
		}
		lately := x.lately(past)
		if x.gate.Judge(lately) != "" {
			x.gate.Slack = x.slowdown(ctx) // others may have come to the machine meanwhile
		}
		if why := x.gate.Judge(lately); why != "" {
			return "", fault.New(fault.Internal, "%s", why)
		}
		if share := lately.ErrorShare(); !told && lately.Requests >= enough && share > noticed {
			told = true
			x.Announce(ctx, Announcement{Title: fmt.Sprintf("NaviDocs %s: %.1f %% of the answers are errors", x.fresh.Name, 100*share)})
		}
		if !now.at.Before(deadline) {
			all := now.Since(x.promoted.Sample)
			return fmt.Sprintf("%.0f answers, %.0f errors", all.Requests, all.Errors), nil
		}
		if ops.Sleep(ctx, min(x.pace(now.at), deadline.Sub(now.at))); ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
}

// lately is what was counted over the moments past, of how long answers took without
// those of the settling.
func (x *deploy) lately(past []moment) ops.Sample {
	now := past[len(past)-1]
	settled := x.promoted.at.Add(min(settling, x.Options.Watch/3))
	from := slices.IndexFunc(past, func(m moment) bool { return !m.at.Before(settled) })
	if from < 0 {
		from = len(past) - 1
	}
	sample := now.Since(past[0].Sample)
	sample.Short = now.Since(past[from].Sample).Short
	return sample
}

// moment is what had been counted at an instant.
type moment struct {
	ops.Sample
	at time.Time
}

func (x *deploy) pace(now time.Time) time.Duration {
	if now.Sub(x.promoted.at) < tight {
		return pace
	}
	return calmPace
}

// look reads what the new release has counted; an error also says that it is
// not the leader any more.
func (x *deploy) look(ctx context.Context) (moment, error) {
	s, err := x.keeper.Status(ctx)
	if err != nil {
		return moment{}, err
	}
	if c, ok := s.Child(keeper.Leader); !ok || folderName(c.Release) != x.fresh.Name {
		return moment{}, fault.New(fault.Internal, "the new release has ended: %s", lastWords(s))
	}
	counted, err := sampleOf(ctx, s, keeper.Leader)
	return moment{counted, x.Now()}, err
}

// slowdown is how many times longer the old release, which nobody uses now, takes
// for the same question than before the new one was promoted: what the machine
// has become slower by, whoever may be the cause. 1 when it cannot be asked.
func (x *deploy) slowdown(ctx context.Context) float64 {
	s, err := x.keeper.Status(ctx)
	if err != nil || x.answered <= 0 {
		return 1
	}
	now := answered(ctx, s, keeper.Warm)
	return max(1, float64(now)/float64(x.answered))
}

// answered is how long a release takes to look at its parts over its private
// socket: the median of some answers, 0 when it gives none.
func answered(ctx context.Context, s keeper.Status, role keeper.Role) time.Duration {
	c, ok := s.Child(role)
	if !ok {
		return 0
	}
	client := SocketClient(c.Socket)
	defer client.CloseIdleConnections()
	var all []time.Duration
	for range 7 {
		began := time.Now() //nolint:forbidigo // for a duration, which is no instant of ours
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://navidocs/api/health", http.NoBody)
		if err != nil {
			return 0
		}
		res, err := client.Do(req)
		if err != nil {
			return 0
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return 0
		}
		all = append(all, time.Since(began)) //nolint:forbidigo // as above
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// looking bounds how long a server may take to say how it does.
const looking = 5 * time.Second

// sampleOf asks a release over its private socket what it has counted.
func sampleOf(ctx context.Context, s keeper.Status, role keeper.Role) (sample ops.Sample, err error) {
	c, ok := s.Child(role)
	if !ok {
		return sample, fault.New(fault.Internal, "there is no %s: %s", role, lastWords(s))
	}
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://navidocs/metrics", http.NoBody)
	if err != nil {
		return sample, err
	}
	client := SocketClient(c.Socket)
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return sample, fault.Because(err, fault.Unavailable, "%s does not say how it does", folderName(c.Release))
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	if res.StatusCode != http.StatusOK {
		return sample, fault.New(fault.Unavailable, "%s answers %s to /metrics", folderName(c.Release), res.Status)
	}
	sample, err = ops.ReadSample(res.Body)
	return sample, err
}

// SocketClient is an HTTP client that reaches one server by its unix socket,
// whatever the address says.
func SocketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return keeper.Socket(ctx, path) },
	}}
}
