package account

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Level is what a grant allows on its boat; each includes the ones before it.
type Level string

// The levels, rising: they read like the roles viewer, member and manager.
const (
	ViewBoat   Level = "viewer"
	EditBoat   Level = "editor"
	ManageBoat Level = "manager"
)

// Role is the role that a level reads like, Nobody for none.
func (l Level) Role() Role {
	return map[Level]Role{ViewBoat: Viewer, EditBoat: Member, ManageBoat: Manager}[l]
}

func levelOf(r Role) Level {
	return map[Role]Level{Viewer: ViewBoat, Member: EditBoat, Manager: ManageBoat}[r]
}

// Preset is a usual kind of grant: its level, and how long it lasts.
type Preset string

// The presets.
const (
	Captain    Preset = "captain"    // manages it, until the grant is ended
	Crew       Preset = "crew"       // edits, for a watch of 8 hours
	Contractor Preset = "contractor" // edits, for a week
	Inspector  Preset = "inspector"  // views, for a day
)

type usual struct {
	level Level
	lasts time.Duration // 0: until it is ended
}

var presets = map[Preset]usual{
	Captain: {ManageBoat, 0}, Crew: {EditBoat, 8 * time.Hour}, Contractor: {EditBoat, 168 * time.Hour}, Inspector: {ViewBoat, 24 * time.Hour},
}

// NewGrant is what a grant is made with.
type NewGrant struct {
	Email     string     `json:"user_email" format:"email" maxLength:"254" doc:"whom it is for; without an account, they are mailed an invitation"`
	Preset    Preset     `json:"preset,omitempty" enum:"captain,crew,contractor,inspector" doc:"gives level and end: captain manages it for good, crew edits for 8 hours, contractor edits for 168, inspector views for 24"`
	Level     Level      `json:"level,omitempty" enum:"viewer,editor,manager" doc:"absent: the preset's"`
	Money     bool       `json:"money,omitempty" doc:"show amounts and papers of the class money too"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"absent: as the preset says, without one never"`
}

// Grant is a right of one person on one boat.
type Grant struct {
	BoatID    BoatID     `json:"boat_id"`
	UserID    UserID     `json:"user_id,omitempty" doc:"absent while an invitation waits to be accepted"`
	Email     string     `json:"user_email"`
	Name      string     `json:"name"`
	Level     Level      `json:"level" enum:"viewer,editor,manager"`
	Money     bool       `json:"money"`
	Pending   bool       `json:"pending" doc:"an invitation waits to be accepted; a preset's hours count from then"`
	GrantedBy UserID     `json:"granted_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: not by itself"`
}

// Place is a boat as the package that keeps it names it.
type Place struct {
	OrgID OrgID
	Boat  BoatID
	Name  string
}

// offer is a grant that waits in an invitation.
type offer struct {
	BoatID    BoatID        `json:"boat_id"`
	Level     Level         `json:"level"`
	Money     bool          `json:"money,omitempty"`
	Lasts     time.Duration `json:"lasts,omitempty"` // from when it is accepted; 0: see ExpiresAt
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	By        UserID        `json:"by"`
}

// ends is when the grant of an offer that is taken now ends; nil is never.
func (o offer) ends(now time.Time) *time.Time {
	if o.ExpiresAt != nil || o.Lasts == 0 {
		return o.ExpiresAt
	}
	end := now.Add(o.Lasts)
	return &end
}

func (n NewGrant) offer(now time.Time) (o offer, err error) {
	preset, known := presets[n.Preset]
	o = offer{Level: cmp.Or(n.Level, preset.level), Money: n.Money, Lasts: preset.lasts, ExpiresAt: n.ExpiresAt}
	switch {
	case n.Preset != "" && !known:
		return o, fault.Fields(fault.Field{Location: "body.preset", Message: "must be captain, crew, contractor or inspector", Value: fault.Echo(string(n.Preset))})
	case o.Level == "":
		return o, fault.Fields(fault.Field{Location: "body.level", Message: "name a level (viewer, editor, manager) or a preset (captain, crew, contractor, inspector)"})
	case o.Level.Role() == Nobody:
		return o, fault.Fields(fault.Field{Location: "body.level", Message: "must be viewer, editor or manager", Value: fault.Echo(string(o.Level))})
	case n.ExpiresAt != nil && !n.ExpiresAt.After(now):
		return o, fault.Fields(fault.Field{Location: "body.expires_at", Message: "must lie in the future", Value: n.ExpiresAt.Format(time.RFC3339)})
	}
	return o, nil
}

// bounded shortens nothing: it refuses an offer that would outlast the grant by
// which the actor themself manages the boat. Who manages the whole organization
// may offer anything.
func (o offer) bounded(who Actor, at Place, now time.Time) error {
	until := who.Grants[at.Boat].Until
	if who.Roles[at.OrgID].AtLeast(Manager) || until == nil {
		return nil
	}
	if end := o.ends(now); end != nil && !end.After(*until) {
		return nil
	}
	return fault.New(fault.Forbidden, "your own grant on this boat ends at %s: what you give may not last longer, name expires_at", until.Format(time.RFC3339))
}

// Grant gives a person a right on a boat, in place of an earlier one of theirs;
// who manages the boat may, with a confirmed address. Somebody without an
// account is mailed an invitation that holds it.
func (s *Service) Grant(ctx context.Context, tx *db.Tx, who Actor, at Place, n NewGrant) (g Grant, err error) {
	defer fault.Wrap(&err, "account.Grant")
	if err := who.On(at.OrgID, at.Boat).Require(Manager, "boat"); err != nil {
		return g, err
	}
	if err := who.RequireVerified(); err != nil {
		return g, err
	}
	email, ok := NormalEmail(n.Email)
	if !ok {
		return g, fault.Fields(fault.Field{Location: "body.user_email", Message: "must be an e-mail address", Value: fault.Echo(n.Email)})
	}
	o, err := n.offer(tx.Now())
	if err != nil {
		return g, err
	}
	if err := o.bounded(who, at, tx.Now()); err != nil {
		return g, err
	}
	o.BoatID, o.By = at.Boat, who.UserID
	user, err := db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE email = $1 AND deleted_at IS NULL", email)
	if fault.Is(err, fault.NotFound) {
		return s.offerGrant(ctx, tx, who, at, email, o)
	}
	if err != nil {
		return g, err
	}
	if err := s.take(ctx, tx, who, at.OrgID, user.ID, o); err != nil {
		return g, err
	}
	if g, err = grantOf(ctx, tx, at.Boat, user.ID); err != nil {
		return g, err
	}
	return g, s.mailGrant(ctx, tx, who, at, user, g)
}

// mailGrant tells somebody with an account what they were given, once an hour for
// each boat at most.
func (s *Service) mailGrant(ctx context.Context, tx *db.Tx, who Actor, at Place, to User, g Grant) error {
	due, err := countMail(ctx, tx, mailGranted+":"+string(at.Boat), to.Email)
	if err != nil || !due || to.ID == who.UserID {
		return err
	}
	org, err := db.One(ctx, tx, db.Scalar[string], "SELECT name FROM organizations WHERE id = $1", at.OrgID)
	if err != nil {
		return err
	}
	ends := "–"
	if g.ExpiresAt != nil {
		ends = g.ExpiresAt.Format("2006-01-02 15:04 UTC")
	}
	return s.send(ctx, tx, mailGranted, to, map[string]string{
		"link": s.config.BaseURL + "/boats/" + string(at.Boat), "inviter_name": who.Name, "organization_name": org, "boat_name": at.Name, "ends": ends,
	})
}

// take gives a user what an offer says, from now on.
func (s *Service) take(ctx context.Context, tx *db.Tx, who Actor, org OrgID, user UserID, o offer) error {
	_, err := tx.Exec(ctx, `INSERT INTO boat_grants (boat_id, user_id, org_id, level, money, granted_by, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (boat_id, user_id) DO UPDATE SET level = excluded.level, money = excluded.money,
		granted_by = excluded.granted_by, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		o.BoatID, user, org, o.Level, o.Money, o.By, db.Micros(tx.Now()), db.MicrosPtr(o.ends(tx.Now())))
	if err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "grant.created", Kind: "user", SubjectID: string(user), BoatID: o.BoatID, Detail: map[string]any{
		"level": o.Level, "money": o.Money, "expires_at": o.ends(tx.Now()),
	}})
}

// offerGrant adds an offer to the open invitation of an address, or mails one
// that holds it.
func (s *Service) offerGrant(ctx context.Context, tx *db.Tx, who Actor, at Place, email string, o offer) (Grant, error) {
	if err := LockOrganization(ctx, tx, at.OrgID); err != nil {
		return Grant{}, err
	}
	i, err := openInvitation(ctx, tx, at.OrgID, email)
	switch {
	case fault.Is(err, fault.NotFound):
		i = Invitation{OrgID: at.OrgID, Email: email, offers: []offer{o}}
		if err := s.invite(ctx, tx, who, &i); err != nil {
			return Grant{}, err
		}
	case err != nil:
		return Grant{}, err
	default:
		i.offers = append(slices.DeleteFunc(i.offers, func(x offer) bool { return x.BoatID == o.BoatID }), o)
		if err := writeOffers(ctx, tx, i.ID, i.offers); err != nil {
			return Grant{}, err
		}
		if err := s.auditInvitation(ctx, tx, who, i); err != nil {
			return Grant{}, err
		}
	}
	return i.pending(o), nil
}

// pending shows an offer as the grant that it becomes.
func (i Invitation) pending(o offer) Grant {
	return Grant{
		BoatID: o.BoatID, Email: i.Email, Level: o.Level, Money: o.Money, Pending: true, GrantedBy: o.By, CreatedAt: i.CreatedAt, ExpiresAt: o.ExpiresAt,
	}
}

func offersText(all []offer) string {
	if len(all) == 0 {
		return "[]"
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // of plain values it cannot fail
	}
	return string(text)
}

const selectGrant = `SELECT g.boat_id, g.user_id, u.email, u.name, g.level, g.money, g.granted_by, g.created_at, g.expires_at
	FROM boat_grants g JOIN users u ON u.id = g.user_id WHERE u.deleted_at IS NULL AND g.boat_id = $1`

func scanGrant(r db.Row) (g Grant, err error) {
	var created int64
	var expires *int64
	err = r.Scan(&g.BoatID, &g.UserID, &g.Email, &g.Name, &g.Level, &g.Money, &g.GrantedBy, &created, &expires)
	g.CreatedAt, g.ExpiresAt = db.Time(created), db.TimePtr(expires)
	return g, err
}

func grantOf(ctx context.Context, q db.Querier, boat BoatID, user UserID) (Grant, error) {
	return db.One(ctx, q, scanGrant, selectGrant+" AND g.user_id = $2", boat, user)
}

// Grants lists the rights on a boat that have not ended, and those that wait in
// an invitation; who manages the boat may.
func (s *Service) Grants(ctx context.Context, who Actor, at Place) (_ []Grant, err error) {
	defer fault.Wrap(&err, "account.Grants %s", at.Boat)
	if err := who.On(at.OrgID, at.Boat).Require(Manager, "boat"); err != nil {
		return nil, err
	}
	all, err := db.Collect(ctx, s.db, scanGrant, selectGrant+" AND (g.expires_at IS NULL OR g.expires_at > $2) ORDER BY u.name, u.id", at.Boat, db.Micros(s.db.Now()))
	if err != nil {
		return nil, err
	}
	open, err := s.openInvitations(ctx, s.db, at.OrgID)
	for _, i := range open {
		for _, o := range i.offers {
			if o.BoatID == at.Boat {
				all = append(all, i.pending(o))
			}
		}
	}
	return all, err
}

// EndGrant ends a right on a boat at once, of a user or of an address that an
// invitation waits for; who manages the boat may, and everybody their own.
func (s *Service) EndGrant(ctx context.Context, tx *db.Tx, who Actor, at Place, user string) (err error) {
	defer fault.Wrap(&err, "account.EndGrant %s", at.Boat)
	needs := Manager
	if UserID(user) == who.UserID {
		needs = Viewer // whoever leaves
	}
	if err := who.On(at.OrgID, at.Boat).Require(needs, "boat"); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, "DELETE FROM boat_grants WHERE boat_id = $1 AND user_id = $2", at.Boat, user)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.withdraw(ctx, tx, who, at, user)
	}
	return s.Audit(ctx, tx, who, Entry{OrgID: at.OrgID, Action: "grant.ended", Kind: "user", SubjectID: user, BoatID: at.Boat})
}

// withdraw takes an offer out of an invitation, and the invitation with its last.
func (s *Service) withdraw(ctx context.Context, tx *db.Tx, who Actor, at Place, email string) error {
	email, _ = NormalEmail(email)
	if err := LockOrganization(ctx, tx, at.OrgID); err != nil {
		return err
	}
	gone := fault.New(fault.NotFound, "grant not found: it may have ended")
	i, err := openInvitation(ctx, tx, at.OrgID, email)
	if err != nil {
		return orNoLink(err, gone)
	}
	left := slices.DeleteFunc(slices.Clone(i.offers), func(o offer) bool { return o.BoatID == at.Boat })
	if len(left) == len(i.offers) {
		return gone
	}
	if len(left) == 0 && i.Role == Nobody {
		_, err = tx.Exec(ctx, "DELETE FROM invitations WHERE id = $1", i.ID)
	} else {
		err = writeOffers(ctx, tx, i.ID, left)
	}
	if err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{OrgID: at.OrgID, Action: "grant.ended", Kind: "invitation", SubjectID: i.ID, BoatID: at.Boat})
}

func writeOffers(ctx context.Context, tx *db.Tx, invitation string, all []offer) error {
	_, err := tx.Exec(ctx, "UPDATE invitations SET grants = $1 WHERE id = $2", offersText(all), invitation)
	return err
}

// Within is a query for the ids of those who have at least a role in an
// organization, or on a boat of it by a grant that shows a class; with its
// arguments, in the order of its question marks.
func Within(org OrgID, boat BoatID, role Role, class Class, now time.Time) (query string, args []any) {
	roles := slices.DeleteFunc(slices.Clone(ranks), func(r Role) bool { return r == Nobody || !r.AtLeast(role) || !rightOf(r).Shows(class) })
	query = "SELECT user_id FROM memberships WHERE org_id = ? AND " + Existing("org_id") + " AND role IN (" + quoted(roles) + ")"
	levels := slices.DeleteFunc([]Level{ViewBoat, EditBoat, ManageBoat}, func(l Level) bool { return !l.Role().AtLeast(role) })
	if boat == "" || len(levels) == 0 {
		return query, []any{org}
	}
	shows := map[Class]string{Money: " AND (money = TRUE OR level = 'manager')", Personal: " AND level = 'manager'"}[class]
	query += " UNION SELECT user_id FROM boat_grants WHERE org_id = ? AND boat_id = ? AND (expires_at IS NULL OR expires_at > ?) AND " +
		Existing("org_id") + " AND level IN (" + quoted(levels) + ")" + shows
	return query, []any{org, org, boat, db.Micros(now)}
}

// quoted lists words of ours for SQL.
func quoted[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + string(w) + "'"
	}
	return strings.Join(out, ", ")
}
