package account

import (
	"sync"
	"time"
)

// zones keeps the time zones that were read: each is a file, and lists and
// notices ask for those of many boats and people.
var zones sync.Map //nolint:gochecknoglobals // a cache of what the system has; of *time.Location by name

// Location is a time zone by its IANA name, UTC when it is unknown or "".
func Location(zone string) *time.Location {
	if loc, ok := zones.Load(zone); ok {
		return loc.(*time.Location) //nolint:forcetypeassert // only Location stores
	}
	loc, err := time.LoadLocation(zone) // "" is UTC
	if err != nil {
		return time.UTC
	}
	zones.Store(zone, loc)
	return loc
}
