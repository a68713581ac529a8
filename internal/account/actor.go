// Package account knows who may do what: users, organizations, memberships,
// sessions, and the audit trail of every change.
//
// It guarantees: an Actor is read from the database on every request, so that
// an ended session or a lowered role bites at once; what another organization
// owns looks as if it did not exist; passwords and tokens are stored only as
// hashes. It also defines the ids that cross packages.
package account

import (
	"slices"

	"navidocs/internal/fault"
)

// The ids that cross packages.
type (
	// OrgID names an organization.
	OrgID string
	// UserID names a user.
	UserID string
	// BoatID names a boat: a UUID, or a word where a person chose one.
	BoatID string
	// SessionID names what a sign-in began.
	SessionID string
)

// Role is a right in an organization; each includes the ones before it.
type Role string

// The roles, rising.
const (
	Nobody  Role = ""
	Viewer  Role = "viewer"
	Member  Role = "member"
	Manager Role = "manager"
	Admin   Role = "admin"
)

var ranks = []Role{Nobody, Viewer, Member, Manager, Admin}

// AtLeast reports whether r includes the rights of other.
func (r Role) AtLeast(other Role) bool {
	return slices.Index(ranks, r) >= slices.Index(ranks, other)
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); r != Nobody && slices.Contains(ranks, r) {
		return r, nil
	}
	return Nobody, fault.Fields(fault.Field{Location: "role", Message: "must be viewer, member, manager or admin", Value: s})
}

// Class says who may see a document: everyone in the organization (open), from
// member on (money), or from manager on (personal). A grant on a boat shows open
// ones, one that says so money, and one of a manager all.
type Class string

// The classes.
const (
	Open     Class = "open"
	Money    Class = "money"
	Personal Class = "personal"
)

// Actor is whoever asks, as the database knew them when the request began.
type Actor struct {
	UserID    UserID
	SessionID SessionID
	// TokenID and Scope are those of a personal token that asks in the user's
	// name; both are empty in a session, which may all that the user may.
	TokenID  TokenID
	Scope    Scope
	Name     string
	Email    string
	Verified bool
	Operator bool
	// Roles are the memberships; an organization without an entry is not theirs.
	Roles map[OrgID]Role
	// Grants are what they may on single boats besides, until it ends.
	Grants map[BoatID]Granted
	// Narrow is the organization named by X-Organization-Id, "" for all.
	Narrow OrgID
	// Address and RequestID go to the audit trail.
	Address   string
	RequestID string
}

// Require answers nil when the actor has the role in the organization,
// NotFound when the organization is not theirs, Forbidden when the role is
// too low. what names the thing for the reader.
func (a Actor) Require(org OrgID, role Role, what string) error {
	return rightOf(a.Roles[org]).Require(role, what)
}

// RequireVerified answers Forbidden until the actor has confirmed their
// address: nobody causes mail to others from one that may not be theirs.
func (a Actor) RequireVerified() error {
	if a.Verified {
		return nil
	}
	return fault.New(fault.Forbidden, "confirm your e-mail address first, by the link that was mailed to %s; POST /api/auth/email/resend mails it again", a.Email)
}

// Orgs lists the organizations where the actor has at least a role, narrowed
// to the one that the request names.
func (a Actor) Orgs(role Role) []OrgID {
	out := make([]OrgID, 0, len(a.Roles))
	for org, have := range a.Roles {
		if have.AtLeast(role) && (a.Narrow == "" || a.Narrow == org) {
			out = append(out, org)
		}
	}
	slices.Sort(out)
	return out
}

// Creating is the organization in which something without a boat is created:
// the one that the request names, else the actor's only one.
func (a Actor) Creating() (OrgID, error) {
	if a.Narrow != "" {
		return a.Narrow, nil
	}
	all := a.Orgs(Viewer)
	if len(all) == 1 {
		return all[0], nil
	}
	return "", fault.Fields(fault.Field{Location: "X-Organization-Id", Message: "name the organization: you belong to none, or to several"})
}
