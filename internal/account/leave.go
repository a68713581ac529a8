package account

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// graceFor is how long what was deleted can be brought back: an account by
// signing in, an organization by its admins.
const graceFor = 30 * 24 * time.Hour

// Mine is everything that concerns a person, on its way to them.
type Mine struct {
	s   *Service
	who Actor
	at  time.Time
	// Name is what the file is called.
	Name string
}

// ExportMe begins an export of what concerns the actor.
func (s *Service) ExportMe(ctx context.Context, who Actor) (m *Mine, err error) {
	defer fault.Wrap(&err, "account.ExportMe")
	m = &Mine{s: s, who: who}
	m.who.Narrow = ""
	return m, s.db.Transact(ctx, func(tx *db.Tx) error {
		m.at, m.Name = tx.Now(), "navidocs-personal-data-"+tx.Now().Format(time.DateOnly)+".json"
		return s.Audit(ctx, tx, who, Entry{Action: "user.exported", Kind: "user", SubjectID: string(who.UserID)})
	})
}

// Write writes the file, a JSON array of holdings, while it is read.
func (m *Mine) Write(ctx context.Context, w io.Writer) (err error) {
	defer fault.Wrap(&err, "account.Mine.Write")
	return writeArray(w, func(put func(any) error) error {
		each := func(h Holding) error { return put(h) }
		for _, p := range []Person{
			{User: m.who.UserID, Address: m.who.Email, Self: &m.who},
			{Address: m.who.Email, Self: &m.who}, // what others wrote about them
		} {
			for _, h := range m.s.personal {
				if err := h.Holdings(ctx, m.s.db, p, each); err != nil {
					return err
				}
			}
		}
		return own{m.s}.Holdings(ctx, m.s.db, Person{User: m.who.UserID, Address: m.who.Email, Self: &m.who}, each)
	})
}

// Leaving says when an account ends, and how it does not.
type Leaving struct {
	Message string `json:"message"`
	// Until is when the account is erased.
	Until time.Time `json:"erased_at"`
	// Organizations are those that go with the account: nobody else is in them.
	Organizations []OrgID `json:"organizations" doc:"deleted with the account, for nobody else is in them"`
}

// DeleteMe ends the actor's account: their sessions and tokens at once, and
// after 30 days what names them. Signing in before brings it back. It answers
// Conflict when an organization with other members would be without an admin.
func (s *Service) DeleteMe(ctx context.Context, who Actor, password string) (out Leaving, err error) {
	defer fault.Wrap(&err, "account.DeleteMe")
	if _, err := s.confirmPassword(ctx, who, password, "body.password"); err != nil {
		return out, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := LockUser(ctx, tx, who.UserID); err != nil {
			return err
		}
		orphans, err := s.leaderless(ctx, tx, who.UserID)
		if err != nil {
			return err
		}
		if len(orphans) > 0 {
			return fault.New(fault.Conflict, "you are the only admin of %s, which has other members: make one of them admin first, or delete it", names(orphans)).
				With("organizations", ids(orphans))
		}
		alone, err := aloneIn(ctx, tx, who.UserID)
		if err != nil {
			return err
		}
		out = Leaving{Until: tx.Now().Add(graceFor), Organizations: ids(alone)}
		out.Message = "your account is closed and will be erased on " + out.Until.Format(time.DateOnly) + "; to keep it, sign in before that day"
		return s.leave(ctx, tx, who, alone)
	})
	return out, err
}

// leave closes an account, with the organizations that nobody else is in. They
// have the same time of deletion, by which they come back together.
func (s *Service) leave(ctx context.Context, tx *db.Tx, who Actor, alone []Organization) error {
	now := db.Micros(tx.Now())
	if _, err := tx.Exec(ctx, "UPDATE users SET deleted_at = $1, updated_at = $1 WHERE id = $2", now, who.UserID); err != nil {
		return err
	}
	for _, o := range alone {
		if err := s.closeOrganization(ctx, tx, who, o.ID); err != nil {
			return err
		}
	}
	if err := endAccess(ctx, tx, who.UserID, "the account was deleted"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM personal_tokens WHERE user_id = $1", who.UserID); err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{Action: "user.deletion_requested", Kind: "user", SubjectID: string(who.UserID)})
}

// revive brings an account back whose person signs in within its grace.
func (s *Service) revive(ctx context.Context, tx *db.Tx, who Actor) error {
	at, err := db.One(ctx, tx, db.Scalar[*int64], "SELECT deleted_at FROM users WHERE id = $1", who.UserID)
	if err != nil || at == nil {
		return err
	}
	n, err := tx.Exec(ctx, "UPDATE users SET deleted_at = NULL, updated_at = $1 WHERE id = $2 AND deleted_at > $3 AND erased_at IS NULL",
		db.Micros(tx.Now()), who.UserID, db.Micros(tx.Now().Add(-graceFor)))
	if err != nil {
		return err
	}
	if n == 0 {
		return errSignIn
	}
	orgs, err := db.Collect(ctx, tx, db.Scalar[OrgID], `UPDATE organizations SET deleted_at = NULL WHERE deleted_at = $1
		AND id IN (SELECT org_id FROM memberships WHERE user_id = $2) RETURNING id`, *at, who.UserID)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if err := s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "organization.restored", Kind: "organization", SubjectID: string(org)}); err != nil {
			return err
		}
	}
	return s.Audit(ctx, tx, who, Entry{Action: "user.deletion_cancelled", Kind: "user", SubjectID: string(who.UserID)})
}

// others counts the members of an organization o beside a user: all, or with a
// role.
const others = `(SELECT count(*) FROM memberships p JOIN users u ON u.id = p.user_id
	WHERE p.org_id = o.id AND p.user_id <> $1 AND u.deleted_at IS NULL`

// leaderless are the organizations that would have members and no admin without
// a user. They are held until the transaction ends, as by keepsAdmin.
func (s *Service) leaderless(ctx context.Context, tx *db.Tx, user UserID) ([]Organization, error) {
	theirs, err := db.Collect(ctx, tx, db.Scalar[OrgID], "SELECT org_id FROM memberships WHERE user_id = $1 ORDER BY org_id", user)
	if err != nil {
		return nil, err
	}
	for _, org := range theirs {
		if err := LockOrganization(ctx, tx, org); err != nil {
			return nil, err
		}
	}
	return db.Collect(ctx, tx, scanOrganization, "SELECT "+orgColumns+` FROM organizations o JOIN memberships m ON m.org_id = o.id
		WHERE m.user_id = $1 AND m.role = 'admin' AND o.deleted_at IS NULL AND `+others+") > 0 AND "+others+" AND p.role = 'admin') = 0 ORDER BY o.name_fold, o.id", user)
}

// aloneIn are the organizations that have no member but a user.
func aloneIn(ctx context.Context, tx *db.Tx, user UserID) ([]Organization, error) {
	return db.Collect(ctx, tx, scanOrganization, "SELECT "+orgColumns+` FROM organizations o JOIN memberships m ON m.org_id = o.id
		WHERE m.user_id = $1 AND o.deleted_at IS NULL AND `+others+") = 0 ORDER BY o.id", user)
}

func names(all []Organization) string {
	out := make([]string, len(all))
	for i, o := range all {
		out[i] = o.Name
	}
	return strings.Join(out, ", ")
}

func ids(all []Organization) []OrgID {
	out := make([]OrgID, len(all))
	for i, o := range all {
		out[i] = o.ID
	}
	return out
}

// eraseLeft erases the accounts whose grace is over, one a transaction.
func (s *Service) eraseLeft(ctx context.Context) error {
	left, err := db.Collect(ctx, s.db, scanUser, "SELECT "+userColumns+" FROM users WHERE deleted_at <= $1 AND erased_at IS NULL ORDER BY deleted_at, id",
		db.Micros(s.db.Now().Add(-graceFor)))
	if err != nil {
		return err
	}
	for _, u := range left {
		err := s.db.Transact(ctx, func(tx *db.Tx) error {
			_, err := s.eraseUser(ctx, tx, Person{User: u.ID, Address: u.Email}, tx.Now())
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.SyncErasures(ctx)
}

// eraseUser takes everything that names a person from their account, for good,
// and lists it among the erasures. An organization that nobody else is in goes
// too, with no further grace.
func (s *Service) eraseUser(ctx context.Context, tx *db.Tx, p Person, at time.Time) ([]Outcome, error) {
	out, err := s.applyUser(ctx, tx, p, at)
	if err != nil || !slices.ContainsFunc(out, func(o Outcome) bool { return o.Kind == "user" && o.Erased }) {
		return out, err
	}
	if _, err = s.recordErasure(ctx, tx, Erasure{Kind: ErasedUser, UserID: p.User}); err != nil {
		return nil, err
	}
	return out, s.Audit(ctx, tx, Actor{}, Entry{Action: "user.erased", Kind: "user", SubjectID: string(p.User)})
}

// applyUser is eraseUser that lists nothing; at is when it was first done.
func (s *Service) applyUser(ctx context.Context, tx *db.Tx, p Person, at time.Time) ([]Outcome, error) {
	alone, err := aloneIn(ctx, tx, p.User)
	if err != nil {
		return nil, err
	}
	out, err := s.eraseNamed(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	for _, o := range alone {
		if _, err := tx.Exec(ctx, "UPDATE organizations SET deleted_at = $1 WHERE id = $2", db.Micros(at.Add(-graceFor)), o.ID); err != nil {
			return nil, err
		}
		out = append(out, Outcome{Kind: "organization", ID: string(o.ID), OrgID: &o.ID, Erased: true})
	}
	return out, nil
}
