package notify

import (
	"time"
)

// Digest is how often what is not urgent is sent, as one message.
type Digest string

// The digests.
const (
	Off    Digest = "off"
	Daily  Digest = "daily"
	Weekly Digest = "weekly"
)

// morning is when reminders and digests go out, in the person's zone.
const morning = 8

// rhythm is when a person may be sent what is not urgent.
type rhythm struct {
	zone *time.Location
	// from and to are minutes after midnight; equal means no quiet hours. The
	// hours may span midnight.
	from, to int
	digest   Digest
}

// apart is how many days lie between two messages of reminders: of any three,
// the first and the last are eight days from each other, so that no seven days
// hold more than two.
const apart = 4

// gathering is how long a reminder that comes after the morning waits for those
// that come with it, as after days without a server.
const gathering = 10 * time.Minute

// groups are the messages of reminders that a person has had by a channel; zero
// is for never.
type groups struct {
	// waiting is when the next one goes: it takes along what comes until then.
	waiting time.Time
	// last is when the one before went, or is to go.
	last time.Time
}

// sendAt is when something that became known now is to be sent.
func (r rhythm) sendAt(now time.Time, reminder bool, g groups) time.Time {
	at := now.In(r.zone)
	switch {
	case r.digest == Daily:
		at = r.next(at)
	case r.digest == Weekly:
		for at = r.next(at); at.Weekday() != time.Monday; {
			at = r.next(at)
		}
	case reminder && !g.waiting.IsZero():
		return g.waiting
	case reminder:
		at = r.reminderAt(at, g.last)
	}
	return r.afterQuiet(at).UTC()
}

// reminderAt is this morning, or soon when the morning is over, and not before
// the morning that is far enough from the last group.
func (r rhythm) reminderAt(at, last time.Time) time.Time {
	if today := r.clock(at, morning*60); at.After(today) {
		at = at.Add(gathering)
	} else {
		at = today
	}
	if last.IsZero() {
		return at
	}
	l := last.In(r.zone)
	return later(at, r.clock(time.Date(l.Year(), l.Month(), l.Day()+apart, 12, 0, 0, 0, r.zone), morning*60))
}

// next is the next morning after an instant.
func (r rhythm) next(at time.Time) time.Time {
	if today := r.clock(at, morning*60); today.After(at) {
		return today
	}
	return r.clock(time.Date(at.Year(), at.Month(), at.Day()+1, 12, 0, 0, 0, r.zone), morning*60)
}

// clock is a time of the day on which at lies. When the clock was put forward
// over it, it is the same wall time counted from before the change.
func (r rhythm) clock(at time.Time, minutes int) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), minutes/60, minutes%60, 0, 0, r.zone)
}

// afterQuiet is at, or the end of the quiet hours in which it lies.
func (r rhythm) afterQuiet(at time.Time) time.Time {
	if r.from == r.to {
		return at
	}
	minute := at.Hour()*60 + at.Minute()
	end := r.clock(at, r.to)
	switch {
	case r.from < r.to && minute >= r.from && minute < r.to:
		return later(at, end)
	case r.from > r.to && minute < r.to:
		return later(at, end)
	case r.from > r.to && minute >= r.from:
		return r.clock(time.Date(at.Year(), at.Month(), at.Day()+1, 12, 0, 0, 0, r.zone), r.to)
	}
	return at
}

// later guards against an hour that the clock goes through twice.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// waitAfter is the wait after a failed attempt, counted from 1; false when no
// attempt follows. They add up to two days.
func waitAfter(attempt int) (time.Duration, bool) {
	waits := []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 20 * time.Hour,
	}
	if attempt > len(waits) {
		return 0, false
	}
	return waits[attempt-1], true
}
