package openmarine

import (
	"slices"
	"strconv"
	"strings"

	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// items are those of a group, by name; the first of a name counts.
func items(n *wire.Node) map[string]*wire.Node {
	found := map[string]*wire.Node{}
	for _, i := range n.All("item") {
		name := strings.ToLower(i.A("name"))
		if found[name] == nil && i.T() != "" {
			found[name] = i
		}
	}
	return found
}

// fields reads all that lies in items, less the engines.
func (x *reader) fields(a *listing.Advert, n *wire.Node) {
	boat := n.At("boat_features")
	groups := map[string]map[string]*wire.Node{other: items(n.At("advert_features", other)), direct: items(boat)}
	for _, g := range []string{dimensions, build, engine, accommodation} {
		groups[g] = items(boat.At(g))
	}
	if groups[direct]["boat_name"] == nil {
		groups[direct]["boat_name"] = groups[direct]["name"]
	}
	for _, t := range texts(a) {
		*t.at = groups[t.group][t.name].T()
	}
	for _, m := range measures(a) {
		*m.at = x.measure(groups[m.group][m.name], m)
	}
	for _, c := range counts(a) {
		*c.at = x.count(groups[c.group][c.name], c.name)
	}
	if a.Boat.ModelYear == nil && a.Boat.BuildYear == nil {
		a.Boat.ModelYear = x.year(groups[build]["year"])
	}
	ours := groups[other]
	a.CoBrokerage = yes(ours["nd_cobrokerage"].T())
	a.FirstListed = wire.Time(ours["nd_first_listed"].T())
	a.Broker.Company, a.Broker.PartyID = ours["nd_company"].T(), ours["nd_party_id"].T()
}

// measure reads a number in the unit that its item names, else in ours.
func (x *reader) measure(n *wire.Node, m measure) *float64 {
	if n == nil {
		return nil
	}
	unit := n.A("unit")
	if unit == "" {
		unit = m.unit
	}
	f, ok := wire.Measure(n.T(), max(m.quantity, 0), unit)
	if m.quantity == plain {
		f, ok = wire.Number(n.T())
		ok = ok && f >= 0
	}
	if !ok {
		x.doubt(m.name, n.T()+" "+n.A("unit"))
		return nil
	}
	// The standard is a British one, and so are its gallons.
	if said := strings.ToLower(unit + n.T()); m.quantity == wire.Volume && strings.Contains(said, "gal") && !strings.Contains(said, "us") && !strings.Contains(said, "uk") && !strings.Contains(said, "imp") {
		f = wire.Round(f * wire.UKGallon / wire.USGallon)
	}
	return &f
}

func (x *reader) count(n *wire.Node, name string) *int {
	if n == nil {
		return nil
	}
	c, err := strconv.Atoi(n.T())
	if err != nil {
		x.doubt(name, n.T())
		return nil
	}
	return &c
}

// year is the year of "2008", "2008-05" or "05/2008".
func (x *reader) year(n *wire.Node) *int {
	if n == nil {
		return nil
	}
	parts := strings.FieldsFunc(n.T(), func(r rune) bool { return r < '0' || r > '9' })
	i := slices.IndexFunc(parts, func(p string) bool { return len(p) == 4 })
	if i < 0 {
		x.doubt("year", n.T())
		return nil
	}
	y, _ := strconv.Atoi(parts[i]) // four digits
	return &y
}

// engines reads the one block, those that follow it, and as many more like it as are
// said to be there.
func (x *reader) engines(a *listing.Advert, n *wire.Node) {
	first := items(n)
	quantity := 0
	if q := x.count(first["engine_quantity"], "engine_quantity"); q != nil {
		quantity = min(*q, maxEngines)
	}
	e := x.engine(first)
	if e == (listing.Engine{}) && quantity <= 0 {
		return
	}
	a.Engines = append(a.Engines, e)
	for _, next := range n.At("other_engines").All(engine) {
		a.Engines = append(a.Engines, x.engine(items(next)))
	}
	for len(a.Engines) < quantity {
		a.Engines = append(a.Engines, e)
	}
}

func (x *reader) engine(all map[string]*wire.Node) (e listing.Engine) {
	for _, t := range words(&e) {
		*t.at = all[t.name].T()
	}
	for _, s := range []*string{&e.Fuel, &e.Type, &e.Drive, &e.Position} {
		*s = strings.ToLower(*s)
	}
	switch e.Fuel {
	case "gas", "gasoline", "unleaded", "petrol/gasoline":
		e.Fuel = "petrol"
	}
	e.Hours = x.measure(all["hours"], measure{name: "hours", unit: "h", quantity: wire.Duration})
	e.PowerKW = x.measure(all["nd_power"], measure{name: "nd_power", unit: "kw", quantity: wire.Power})
	if e.PowerKW == nil {
		e.PowerKW = x.measure(all["horse_power"], measure{name: "horse_power", unit: "hp", quantity: wire.Power})
	}
	e.Year = x.count(all["nd_year"], "engine year")
	return e
}
