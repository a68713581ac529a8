//go:build prove

package prove_test

import (
	"slices"
	"time"

	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// covered is a warranty as the model knows it: where its boat is, and the ends
// that it had, one after the other. The model reckons with instants, the first
// of each day, where the product reckons with dates.
type covered struct {
	zone *time.Location
	ends []period
}

// period is a time in which a warranty was to end on a date.
type period struct {
	end      time.Time // midnight UTC of the date
	from, to time.Time // to is zero while it lasts
}

// telling is what is told: which threshold of which end.
type telling struct {
	id   warranty.ID
	end  fleet.Date
	days int
}

func (c *covered) begins(end fleet.Date, from time.Time) {
	day, err := time.Parse(time.DateOnly, string(end))
	if err != nil {
		panic(err) // the product wrote it
	}
	c.ends = append(c.ends, period{end: day, from: from})
}

// moves puts another end in the place of the one that lasts. The same end stays
// as it was: what is late for it is told still.
func (c *covered) moves(end fleet.Date, at time.Time) {
	if last := c.ends[len(c.ends)-1]; string(end) != last.end.Format(time.DateOnly) {
		c.stops(at)
		c.begins(end, at)
	}
}

// stops ends the period that lasts.
func (c *covered) stops(at time.Time) {
	if last := &c.ends[len(c.ends)-1]; last.to.IsZero() {
		last.to = at
	}
}

// lasts reports whether there is an end that anybody is to be told of.
func (c *covered) lasts() bool { return c.ends[len(c.ends)-1].to.IsZero() }

// begin is the first instant of a day, so many after a date, where the boat is.
func (c *covered) begin(date time.Time, days int) time.Time {
	return time.Date(date.Year(), date.Month(), date.Day()+days, 0, 0, 0, 0, c.zone)
}

// expect says what is told by a server that looks at some instants, in order:
// each threshold at the first look of its day or later, unless its day was over
// when the end became known, or the same look finds a more urgent one.
func (c *covered) expect(id warranty.ID, looks []time.Time) map[telling]time.Time {
	all := map[telling]time.Time{}
	for _, p := range c.ends {
		found := time.Time{} // by which look the more urgent one is told
		for _, days := range []int{0, 14, 30, 90} {
			first := -days
			if days == 0 {
				first = 1
			}
			if !p.from.Before(c.begin(p.end, first+1)) {
				break // and so are those before
			}
			look := c.begin(p.end, first)
			if look.Before(p.from) {
				look = p.from
			}
			i, _ := slices.BinarySearchFunc(looks, look, time.Time.Compare)
			if i == len(looks) || !p.to.IsZero() && !looks[i].Before(p.to) || looks[i].Equal(found) {
				continue
			}
			found = looks[i]
			told := telling{id, fleet.Date(p.end.Format(time.DateOnly)), days}
			if _, before := all[told]; !before {
				all[told] = found
			}
		}
	}
	return all
}

// left counts the days from an instant's date to the end, where the boat is.
func (c *covered) left(end fleet.Date, at time.Time) (days int) {
	date, err := time.Parse(time.DateOnly, string(end))
	if err != nil {
		panic(err) // the product wrote it
	}
	for ; at.Before(c.begin(date, -days)); days++ {
	}
	for ; !at.Before(c.begin(date, 1-days)); days-- {
	}
	return days
}
