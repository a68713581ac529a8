package account

import (
	"slices"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Right is what an actor may do with something: as in which role, and which
// classes it shows them.
type Right struct {
	Role            Role
	money, personal bool
}

// rightOf is a role in an organization as a right.
func rightOf(r Role) Right {
	return Right{Role: r, money: r.AtLeast(Member), personal: r.AtLeast(Manager)}
}

// Shows reports whether the right shows what is of a class.
func (r Right) Shows(c Class) bool { return slices.Contains(r.Classes(), c) }

// Classes lists what the right shows.
func (r Right) Classes() []Class {
	if r.Role == Nobody {
		return nil
	}
	all := []Class{Open}
	if r.money {
		all = append(all, Money)
	}
	if r.personal {
		all = append(all, Personal)
	}
	return all
}

// Require answers nil when the right includes a role, NotFound when it is none
// at all, Forbidden when it is too low. what names the thing for the reader.
func (r Right) Require(role Role, what string) error {
	if r.Role == Nobody {
		return fault.New(fault.NotFound, "%s not found", what)
	}
	if !r.Role.AtLeast(role) {
		return fault.New(fault.Forbidden, "this needs the role %s; yours here is %s", role, r.Role)
	}
	return nil
}

// with is what two rights allow together.
func (r Right) with(o Right) Right {
	if o.Role.AtLeast(r.Role) {
		r.Role = o.Role
	}
	r.money, r.personal = r.money || o.money, r.personal || o.personal
	return r
}

// within is what both of two rights allow.
func (r Right) within(o Right) Right {
	if r.Role.AtLeast(o.Role) {
		r.Role = o.Role
	}
	r.money, r.personal = r.money && o.money, r.personal && o.personal
	return r
}

// Granted is what a grant allows on its boat.
type Granted struct {
	OrgID OrgID
	Level Level
	// Money shows amounts and papers of the class money, which the lower levels
	// do not.
	Money bool
	// Until is when it ends; nil does not.
	Until *time.Time
}

func (g Granted) right() Right {
	return Right{Role: g.Level.Role(), money: g.Money || g.Level == ManageBoat, personal: g.Level == ManageBoat}
}

// granted is what grants on a boat of an organization allow.
func (a Actor) granted(org OrgID, boat BoatID) Right {
	if g, ok := a.Grants[boat]; ok && g.OrgID == org {
		return g.right()
	}
	return Right{}
}

// On is what the actor may see of something that concerns boats of an
// organization: what their role in it allows and, as grants only add, what one
// on any of the boats does.
func (a Actor) On(org OrgID, boats ...BoatID) Right {
	r := rightOf(a.Roles[org])
	for _, b := range boats {
		r = r.with(a.granted(org, b))
	}
	return r
}

// OnAll is what the actor may change of something that concerns several boats:
// a grant counts only when all of them have one.
func (a Actor) OnAll(org OrgID, boats ...BoatID) Right {
	r := rightOf(a.Roles[org])
	for i, b := range boats {
		if i == 0 {
			r = a.On(org, b)
		}
		r = r.within(a.On(org, b))
	}
	return r
}

// GrantedBoats lists the boats on which a grant includes a role and shows a class,
// narrowed to the organization that the request names.
func (a Actor) GrantedBoats(role Role, c Class) []BoatID {
	out := make([]BoatID, 0, len(a.Grants))
	for boat, g := range a.Grants {
		if r := g.right(); r.Role.AtLeast(role) && r.Shows(c) && (a.Narrow == "" || a.Narrow == g.OrgID) {
			out = append(out, boat)
		}
	}
	slices.Sort(out)
	return out
}

// Everywhere lists the organizations of which the actor sees something, by a
// role or a grant.
func (a Actor) Everywhere() []OrgID {
	out := a.Orgs(Viewer)
	for _, boat := range a.GrantedBoats(Viewer, Open) {
		if org := a.Grants[boat].OrgID; !slices.Contains(out, org) {
			out = append(out, org)
		}
	}
	slices.Sort(out)
	return out
}

// Knows answers NotFound unless the actor sees something of an organization.
func (a Actor) Knows(org OrgID, what string) error {
	if !slices.Contains(a.Everywhere(), org) {
		return fault.New(fault.NotFound, "%s not found", what)
	}
	return nil
}

// Visible adds the condition that a row is one the actor may see: of one of
// their organizations, or of a boat with a grant. org and boat are its columns.
func (a Actor) Visible(w *db.Where, org, boat string) {
	db.InEither(w, org, a.Orgs(Viewer), boat, a.GrantedBoats(Viewer, Open))
}
