package account

import (
	"context"
	"encoding/json"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// Invitation asks somebody into an organization, or onto some of its boats, by a
// link that is mailed to their address and good once, for a week.
type Invitation struct {
	ID        string    `json:"id"`
	OrgID     OrgID     `json:"organization_id"`
	Email     string    `json:"email"`
	Role      Role      `json:"role" enum:",viewer,member,manager,admin" doc:"in the organization; empty when it is for boats alone"`
	BoatIDs   []BoatID  `json:"boat_ids" doc:"on which it grants a right"`
	InvitedBy UserID    `json:"invited_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`

	offers []offer
}

// Inviting is what somebody is invited with: as what, into the organization, or
// with boats only on those.
type Inviting struct {
	Email   string
	Role    Role
	BoatIDs []BoatID
}

// Accepting is what an invited person without an account gives to get one.
type Accepting struct {
	Name     string `json:"name,omitempty" maxLength:"200" doc:"only when the invited address has no account yet"`
	Password string `json:"password,omitempty" maxLength:"1000" doc:"only when the invited address has no account yet"`
}

// Accepted says where an invitation led.
type Accepted struct {
	OrgID      OrgID    `json:"organization_id"`
	Name       string   `json:"organization_name"`
	Email      string   `json:"email" doc:"sign in with it"`
	Role       Role     `json:"role" enum:",viewer,member,manager,admin" doc:"in the organization; empty: on boats alone"`
	BoatIDs    []BoatID `json:"boat_ids" doc:"on which you have a right now"`
	Registered bool     `json:"registered" doc:"an account was made"`
}

const (
	mailInvitation   = "account.invitation"
	mailGranted      = "account.granted"
	invitationPrefix = "ndi_"
	invitationTTL    = 7 * 24 * time.Hour
	// maxInvitations is how many may be open in an organization: it is mail to
	// strangers.
	maxInvitations = 100
)

var errInvitation = fault.New(fault.NotFound, "this invitation was accepted, taken back or replaced, or its week is over: ask whoever invited you for another")

// Invite mails somebody an invitation, which replaces an earlier one to the same
// address. Admins with a confirmed address may; the caller has checked that the
// boats are the organization's. Conflict for a member.
func (s *Service) Invite(ctx context.Context, who Actor, org OrgID, in Inviting) (i Invitation, err error) {
	defer fault.Wrap(&err, "account.Invite")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return i, err
	}
	if err := who.RequireVerified(); err != nil {
		return i, err
	}
	email, ok := NormalEmail(in.Email)
	if !ok {
		return i, fault.Fields(fault.Field{Location: "body.email", Message: "must be an e-mail address", Value: fault.Echo(email)})
	}
	if len(in.BoatIDs) > 0 && levelOf(in.Role) == "" {
		return i, fault.Fields(fault.Field{Location: "body.role", Message: "on boats alone it must be viewer, member or manager", Value: fault.Echo(string(in.Role))})
	}
	i = Invitation{OrgID: org, Email: email, Role: in.Role}
	for _, b := range in.BoatIDs {
		i.Role, i.offers = Nobody, append(i.offers, offer{BoatID: b, Level: levelOf(in.Role), By: who.UserID})
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error { return s.invite(ctx, tx, who, &i) })
	return i, err
}

// invite mails an invitation and fills in what makes it one.
func (s *Service) invite(ctx context.Context, tx *db.Tx, who Actor, i *Invitation) error {
	secret, hash := vault.Token(invitationPrefix)
	i.ID, i.InvitedBy, i.CreatedAt, i.ExpiresAt = db.NewID(), who.UserID, tx.Now(), tx.Now().Add(invitationTTL)
	i.BoatIDs = boatsOf(i.offers)
	if err := s.mayInvite(ctx, tx, *i); err != nil {
		return err
	}
	if err := replaceInvitation(ctx, tx, *i, hash); err != nil {
		return err
	}
	if err := s.mailInvitation(ctx, tx, who, *i, secret); err != nil {
		return err
	}
	return s.auditInvitation(ctx, tx, who, *i)
}

func (s *Service) auditInvitation(ctx context.Context, tx *db.Tx, who Actor, i Invitation) error {
	detail := map[string]any{"email": i.Email, "role": i.Role}
	if len(i.offers) > 0 {
		detail["grants"] = i.offers
	}
	return s.Audit(ctx, tx, who, Entry{OrgID: i.OrgID, Action: "invitation.created", Kind: "invitation", SubjectID: i.ID, Detail: detail})
}

func boatsOf(all []offer) []BoatID {
	out := make([]BoatID, len(all))
	for n, o := range all {
		out[n] = o.BoatID
	}
	return out
}

// mayInvite refuses an invitation to a member, one too many, and mail to an
// address that had one within the hour.
func (s *Service) mayInvite(ctx context.Context, tx *db.Tx, i Invitation) error {
	if err := LockOrganization(ctx, tx, i.OrgID); err != nil {
		return err
	}
	members, err := db.One(ctx, tx, db.Scalar[int], `SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = $1 AND u.email = $2 AND u.deleted_at IS NULL`, i.OrgID, i.Email)
	if err != nil {
		return err
	}
	if members > 0 {
		return fault.New(fault.Conflict, "%s is a member already: change their role instead", i.Email)
	}
	open, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM invitations WHERE org_id = $1 AND email <> $2 AND expires_at > $3",
		i.OrgID, i.Email, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	if open >= maxInvitations {
		return fault.New(fault.Conflict, "%d invitations are open, which is the most: take one back first", maxInvitations)
	}
	kind := mailInvitation + ":" + string(i.OrgID) // an organization's mails hold up no other's
	if due, err := countMail(ctx, tx, kind, i.Email); err != nil || due {
		return err
	}
	return tooSoon(ctx, tx, kind, i.Email)
}

func replaceInvitation(ctx context.Context, tx *db.Tx, i Invitation, hash string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM invitations WHERE org_id = $1 AND email = $2", i.OrgID, i.Email); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO invitations (id, hash, org_id, email, role, grants, invited_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		i.ID, hash, i.OrgID, i.Email, i.Role, offersText(i.offers), i.InvitedBy, db.Micros(i.CreatedAt), db.Micros(i.ExpiresAt))
	return err
}

// mailInvitation writes in the language of the invited person, else of whoever
// invites.
func (s *Service) mailInvitation(ctx context.Context, tx *db.Tx, who Actor, i Invitation, secret string) error {
	org, err := db.One(ctx, tx, db.Scalar[string], "SELECT name FROM organizations WHERE id = $1", i.OrgID)
	if err != nil {
		return err
	}
	language, err := db.One(ctx, tx, db.Scalar[string], `SELECT language FROM users WHERE email = $1 OR id = $2
		ORDER BY CASE WHEN email = $1 THEN 0 ELSE 1 END LIMIT 1`, i.Email, who.UserID)
	if err != nil {
		return err
	}
	return s.send(ctx, tx, mailInvitation, User{Email: i.Email, Language: language}, map[string]string{
		"link": s.config.BaseURL + "/invitation?token=" + secret, "inviter_name": who.Name, "organization_name": org, "expires_on": i.ExpiresAt.Format(time.DateOnly),
	})
}

const invitationColumns = "id, org_id, email, role, grants, invited_by, created_at, expires_at"

func scanInvitation(r db.Row) (i Invitation, err error) {
	var created, expires int64
	var grants string
	if err = r.Scan(&i.ID, &i.OrgID, &i.Email, &i.Role, &grants, &i.InvitedBy, &created, &expires); err != nil {
		return i, err
	}
	err = json.Unmarshal([]byte(grants), &i.offers)
	i.BoatIDs, i.CreatedAt, i.ExpiresAt = boatsOf(i.offers), db.Time(created), db.Time(expires)
	return i, err
}

// Invitations lists the open ones of an organization, the newest first; admins
// may.
func (s *Service) Invitations(ctx context.Context, who Actor, org OrgID) (_ []Invitation, err error) {
	defer fault.Wrap(&err, "account.Invitations")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return nil, err
	}
	return s.openInvitations(ctx, s.db, org)
}

func (s *Service) openInvitations(ctx context.Context, q db.Querier, org OrgID) ([]Invitation, error) {
	return db.Collect(ctx, q, scanInvitation, "SELECT "+invitationColumns+
		" FROM invitations WHERE org_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id", org, db.Micros(s.db.Now()))
}

// openInvitation is the one to an address, NotFound when there is none.
func openInvitation(ctx context.Context, tx *db.Tx, org OrgID, email string) (Invitation, error) {
	return db.One(ctx, tx, scanInvitation, "SELECT "+invitationColumns+" FROM invitations WHERE org_id = $1 AND email = $2 AND expires_at > $3",
		org, email, db.Micros(tx.Now()))
}

// DeleteInvitation takes one back; admins may.
func (s *Service) DeleteInvitation(ctx context.Context, who Actor, org OrgID, id string) (err error) {
	defer fault.Wrap(&err, "account.DeleteInvitation %s", id)
	if err := who.Require(org, Admin, "organization"); err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM invitations WHERE id = $1 AND org_id = $2", id, org)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "invitation not found: it may have been accepted")
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "invitation.deleted", Kind: "invitation", SubjectID: id})
	})
}

// Accept gives the invited person what the invitation says. Whoever has the token has the
// mailbox that it was sent to: an account with that address joins, and where
// there is none one is made, confirmed, unless registration is closed.
func (s *Service) Accept(ctx context.Context, who Actor, token string, a Accepting) (out Accepted, err error) {
	defer fault.Wrap(&err, "account.Accept")
	i, known, err := s.invited(ctx, token)
	if err != nil {
		return out, err
	}
	var hash string
	if !known {
		if s.config.Registration == Closed {
			return out, fault.New(fault.Forbidden, "no accounts are made on this server by invitation: its operator makes one for %s with navidocs user create, then open the link again", i.Email)
		}
		if _, faults := checkUser(Registering{Email: i.Email, Name: a.Name, Password: a.Password}); len(faults) > 0 {
			return out, fault.Fields(faults...)
		}
		if hash, err = s.hasher.hash(ctx, a.Password); err != nil {
			return out, err
		}
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		// Of several that accept it at once, one succeeds.
		if i, err = db.One(ctx, tx, scanInvitation, "DELETE FROM invitations WHERE id = $1 RETURNING "+invitationColumns, i.ID); err != nil {
			return orNoLink(err, errInvitation)
		}
		user, err := s.invitedUser(ctx, tx, i, hash, a.Name)
		if err != nil {
			return err
		}
		out, err = s.join(ctx, tx, Actor{UserID: user, Address: who.Address, RequestID: who.RequestID}, i)
		return err
	})
	out.Registered = err == nil && !known
	return out, err
}

// invited is the invitation behind a token, and whether its address has an
// account.
func (s *Service) invited(ctx context.Context, token string) (i Invitation, known bool, err error) {
	i, err = db.One(ctx, s.db, scanInvitation, "SELECT "+invitationColumns+" FROM invitations WHERE hash = $1 AND expires_at > $2",
		vault.Hash(token), db.Micros(s.db.Now()))
	if err != nil {
		return i, false, orNoLink(err, errInvitation)
	}
	known, err = userExists(ctx, s.db, i.Email)
	return i, known, err
}

// invitedUser is the account of an invited address, made when there is none.
func (s *Service) invitedUser(ctx context.Context, tx *db.Tx, i Invitation, hash, name string) (UserID, error) {
	user, err := db.One(ctx, tx, db.Scalar[UserID], "UPDATE users SET email_verified = TRUE WHERE email = $1 AND deleted_at IS NULL RETURNING id", i.Email)
	if !fault.Is(err, fault.NotFound) {
		return user, err
	}
	if hash == "" {
		return "", fault.New(fault.Conflict, "the account of %s was deleted: signing in within 30 days keeps it, or ask for an invitation to another address", i.Email)
	}
	return insertUser(ctx, tx, User{Email: i.Email, Name: orDefault(name, i.Email), EmailVerified: true}, hash, false)
}

func (s *Service) join(ctx context.Context, tx *db.Tx, who Actor, i Invitation) (Accepted, error) {
	out := Accepted{OrgID: i.OrgID, Email: i.Email, Role: i.Role, BoatIDs: i.BoatIDs}
	var err error
	if out.Name, err = db.One(ctx, tx, db.Scalar[string], "SELECT name FROM organizations WHERE id = $1 AND deleted_at IS NULL", i.OrgID); err != nil {
		return out, orNoLink(err, errInvitation)
	}
	if i.Role != Nobody {
		// Who became a member meanwhile keeps the role that they have.
		_, err = tx.Exec(ctx, "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
			i.OrgID, who.UserID, i.Role, db.Micros(tx.Now()))
		if err != nil {
			return out, err
		}
	}
	for _, o := range i.offers {
		if err := s.take(ctx, tx, who, i.OrgID, who.UserID, o); err != nil {
			return out, err
		}
	}
	return out, s.Audit(ctx, tx, who, Entry{OrgID: i.OrgID, Action: "invitation.accepted", Kind: "invitation", SubjectID: i.ID, Detail: map[string]any{"role": i.Role}})
}
