package warranty

import (
	"time"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
)

// AddMonths adds whole months to a date, clamped to the end of the month:
// 2024-01-31 plus 1 is 2024-02-29.
func AddMonths(d fleet.Date, months int) fleet.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return fleet.Date(first.AddDate(0, 0, min(t.Day(), last)-1).Format(time.DateOnly))
}

// addDays adds calendar days to a date.
func addDays(d fleet.Date, days int) fleet.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return fleet.Date(t.AddDate(0, 0, days).Format(time.DateOnly))
}

// daysBetween counts calendar days from one date to another.
func daysBetween(from, to fleet.Date) int {
	a, errA := time.Parse(time.DateOnly, string(from))
	b, errB := time.Parse(time.DateOnly, string(to))
	if errA != nil || errB != nil {
		return 0
	}
	return int(b.Unix()-a.Unix()) / (24 * 60 * 60)
}

// Today is the calendar date at an instant in a time zone, UTC when unknown.
func Today(now time.Time, zone string) fleet.Date {
	return fleet.Date(now.In(account.Location(zone)).Format(time.DateOnly))
}
