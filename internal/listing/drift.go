package listing

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"navidocs/internal/listing/wire"
)

// Difference is one thing that two places say differently of a boat.
type Difference struct {
	Field  string `json:"field" doc:"as in the field map (listing.price, engine.hours); image.count, image.missing and image.order for the pictures"`
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

// Compare says where what a portal shows differs from what we say: price, currency,
// whether the price is told, state, tax, place, hours, model year, HIN, name, length
// and pictures, in this order. What either does not know is no difference, except
// pictures. A length may differ by what the portal's unit loses (0.5 %, at least 1 cm),
// hours by less than one, words by case and signs.
func Compare(ours, theirs Advert) []Difference {
	d := &drift{}
	d.price(ours, theirs)
	if theirs.Status != Draft {
		d.word("listing.status", string(ours.Status), string(theirs.Status))
	}
	d.word("listing.tax_status", string(ours.Tax), string(theirs.Tax))
	d.place(ours.Place, theirs.Place)
	d.hours(ours, theirs)
	a, b := ours.Boat, theirs.Boat
	if a.ModelYear != nil && b.ModelYear != nil && *a.ModelYear != *b.ModelYear {
		d.add("boat.model_year", strconv.Itoa(*a.ModelYear), strconv.Itoa(*b.ModelYear))
	}
	d.word("boat.hin", a.HIN, b.HIN)
	d.word("boat.name", a.Name, b.Name)
	d.length("boat.length_nominal_m", a.LengthM, b.LengthM)
	d.length("boat.loa_m", a.LOAM, b.LOAM)
	d.images(ours.Images, theirs.Images)
	return d.found
}

type drift struct{ found []Difference }

func (d *drift) add(field, ours, theirs string) {
	d.found = append(d.found, Difference{field, ours, theirs})
}

func (d *drift) word(field, ours, theirs string) {
	a, b := wire.Word(ours), wire.Word(theirs)
	if a != "" && b != "" && a != b {
		d.add(field, ours, theirs)
	}
}

func (m Money) String() string { return wire.Amount(m.Minor, m.Currency) + " " + m.Currency }

func (d *drift) price(ours, theirs Advert) {
	a, b := ours.Price, theirs.Price
	switch {
	case a == nil || b == nil:
	case a.Currency != b.Currency:
		d.add("listing.currency", a.String(), b.String())
	case a.Minor != b.Minor:
		d.add("listing.price", a.String(), b.String())
	}
	// Without a price there is nothing to tell.
	if hidden := ours.PriceHidden || a == nil; hidden != (theirs.PriceHidden || b == nil) {
		d.add("listing.price_hidden", strconv.FormatBool(hidden), strconv.FormatBool(!hidden))
	}
}

// place compares regions only when both are codes or both are names.
func (d *drift) place(ours, theirs Place) {
	d.word("listing.location_city", ours.City, theirs.City)
	if (len(ours.Region) <= 3) == (len(theirs.Region) <= 3) {
		d.word("listing.location_region", ours.Region, theirs.Region)
	}
	d.word("listing.location_country", ours.Country, theirs.Country)
}

func (d *drift) length(field string, ours, theirs *float64) {
	if ours != nil && theirs != nil && math.Abs(*ours-*theirs) > max(0.01, 0.005**ours)+1e-9 {
		d.add(field, metres(*ours), metres(*theirs))
	}
}

func metres(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + " m" }

// hours are compared engine by engine where both tell them so, else their sums.
func (d *drift) hours(ours, theirs Advert) {
	a, b := ours.Engines, theirs.Engines
	if len(a) == len(b) && told(a) && told(b) {
		for i, e := range a {
			d.hour(label(e, i, len(a)), e.Hours, opposite(e, i, b).Hours)
		}
		return
	}
	if sum, other := total(ours), total(theirs); sum != nil && other != nil {
		d.hour("", sum, other)
	}
}

func (d *drift) hour(which string, ours, theirs *float64) {
	if math.Abs(*ours-*theirs) >= 1 {
		d.add("engine.hours", which+wire.Format(*ours)+" h", which+wire.Format(*theirs)+" h")
	}
}

// label names one engine of several.
func label(e Engine, i, n int) string {
	switch {
	case n == 1:
		return ""
	case e.Position != "":
		return e.Position + ": "
	}
	return strconv.Itoa(i+1) + ": "
}

// opposite is the other side's engine at the same position, else in the same place.
func opposite(e Engine, i int, others []Engine) Engine {
	here := func(o Engine) bool { return wire.Word(o.Position) == wire.Word(e.Position) }
	if j := slices.IndexFunc(others, here); e.Position != "" && j >= 0 {
		return others[j]
	}
	return others[i]
}

func told(all []Engine) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(e Engine) bool { return e.Hours == nil })
}

// total is the hours of all engines together, nil when those of one are unknown.
func total(a Advert) *float64 {
	if !told(a.Engines) {
		return a.HoursTotal
	}
	sum := 0.0
	for _, e := range a.Engines {
		sum += *e.Hours
	}
	return &sum
}

// images compares numbers, and by their captions which are missing and in what order
// they are: a portal keeps copies, at addresses of its own.
func (d *drift) images(ours, theirs []Image) {
	if len(ours) != len(theirs) {
		d.add("image.count", strconv.Itoa(len(ours)), strconv.Itoa(len(theirs)))
	}
	a, b := captions(ours), captions(theirs)
	if a == nil || b == nil {
		return
	}
	for i, c := range a {
		if !slices.Contains(b, c) {
			d.add("image.missing", ours[i].Caption, "")
		}
	}
	for i, c := range b {
		if !slices.Contains(a, c) {
			d.add("image.missing", "", theirs[i].Caption)
		}
	}
	shared := func(all, other []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(all), func(c string) bool { return !slices.Contains(other, c) }), "\n")
	}
	if shared(a, b) != shared(b, a) {
		d.add("image.order", order(ours), order(theirs))
	}
}

// captions tell pictures apart; nil when they do not, because one lacks it or two
// have the same.
func captions(all []Image) (words []string) {
	for _, i := range all {
		w := wire.Word(i.Caption)
		if w == "" || slices.Contains(words, w) {
			return nil
		}
		words = append(words, w)
	}
	return words
}

// order is the captions in a row, the first few.
func order(all []Image) string {
	var words []string
	for i, image := range all {
		if i == 10 {
			words = append(words, "…")
			break
		}
		words = append(words, image.Caption)
	}
	return strings.Join(words, ", ")
}
