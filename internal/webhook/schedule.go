package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// later are the waits after the quick retries.
var later = []time.Duration{
	5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// step is the wait after a failed attempt, which counts from 1: quick ones of
// 1, 2, 4 ... seconds, then the later ones. No step is left after the last.
func step(quick, attempt int) (time.Duration, bool) {
	switch {
	case attempt <= quick:
		return min(time.Second<<min(attempt-1, 20), later[0]), true
	case attempt-quick <= len(later):
		return later[attempt-quick-1], true
	}
	return 0, false
}

// wait is how long to wait after a failed attempt: its step, up to a fifth
// sooner or later by jitter (-1 to 1), but not before the receiver asked for,
// which may double the step at most. False when no attempt follows.
func wait(quick, attempt int, asked time.Duration, jitter float64) (time.Duration, bool) {
	s, ok := step(quick, attempt)
	if !ok {
		return 0, false
	}
	jittered := s + time.Duration(jitter*float64(s)/5)
	return max(jittered, min(asked, 2*s)), true
}

// retryAfter reads the header of this name (RFC 9110, 10.2.3): seconds or a
// date; 0 when there is none or it makes no sense.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
