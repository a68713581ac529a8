package account

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Membership is a user in an organization.
type Membership struct {
	UserID UserID    `json:"user_id"`
	Name   string    `json:"name"`
	Email  string    `json:"email"`
	Role   Role      `json:"role" enum:"viewer,member,manager,admin"`
	Since  time.Time `json:"since"`
}

func insertMembership(ctx context.Context, tx *db.Tx, org OrgID, user UserID, role Role) error {
	_, err := tx.Exec(ctx, "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
		org, user, role, db.Micros(tx.Now()))
	return err
}

const selectMember = `SELECT u.id, u.name, u.email, m.role, m.created_at FROM memberships m JOIN users u ON u.id = m.user_id
	WHERE m.org_id = $1 AND u.deleted_at IS NULL`

func scanMember(r db.Row) (m Membership, err error) {
	var since int64
	err = r.Scan(&m.UserID, &m.Name, &m.Email, &m.Role, &since)
	m.Since = db.Time(since)
	return m, err
}

// Members lists who belongs to an organization, by name.
func (s *Service) Members(ctx context.Context, who Actor, id OrgID) (_ []Membership, err error) {
	defer fault.Wrap(&err, "account.Members %s", id)
	if err := who.Require(id, Member, "organization"); err != nil {
		return nil, err
	}
	return db.Collect(ctx, s.db, scanMember, selectMember+" ORDER BY u.name, u.id", id)
}

// ChangeRole gives a member another role, which bites at their next request;
// admins may. An organization keeps an admin: the last one names a successor
// first.
func (s *Service) ChangeRole(ctx context.Context, who Actor, org OrgID, user UserID, role Role) (m Membership, err error) {
	defer fault.Wrap(&err, "account.ChangeRole")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return m, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if m, err = member(ctx, tx, org, user); err != nil {
			return err
		}
		before := m.Role
		if m.Role = role; role != Admin {
			if err := keepsAdmin(ctx, tx, org, user); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE memberships SET role = $1 WHERE org_id = $2 AND user_id = $3", role, org, user); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{
			OrgID: org, Action: "member.role_changed", Kind: "user", SubjectID: string(user), Detail: map[string]any{"from": before, "to": role},
		})
	})
	return m, err
}

// RemoveMember ends a membership, at once: admins may, and everybody their own.
func (s *Service) RemoveMember(ctx context.Context, who Actor, org OrgID, user UserID) (err error) {
	defer fault.Wrap(&err, "account.RemoveMember")
	needs := Admin
	if user == who.UserID {
		needs = Viewer // whoever leaves
	}
	if err := who.Require(org, needs, "organization"); err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := member(ctx, tx, org, user); err != nil {
			return err
		}
		if err := keepsAdmin(ctx, tx, org, user); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2", org, user); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "member.removed", Kind: "user", SubjectID: string(user)})
	})
}

func member(ctx context.Context, tx *db.Tx, org OrgID, user UserID) (Membership, error) {
	m, err := db.One(ctx, tx, scanMember, selectMember+" AND u.id = $2", org, user)
	if fault.Is(err, fault.NotFound) {
		return m, fault.New(fault.NotFound, "member not found")
	}
	return m, err
}

// keepsAdmin refuses what would leave an organization without an admin, also
// when two go at once.
func keepsAdmin(ctx context.Context, tx *db.Tx, org OrgID, without UserID) error {
	if err := LockOrganization(ctx, tx, org); err != nil {
		return err
	}
	n, err := db.One(ctx, tx, db.Scalar[int], `SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = $1 AND m.role = $2 AND m.user_id <> $3 AND u.deleted_at IS NULL`, org, Admin, without)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "this is the organization's only admin: make somebody else one first")
	}
	return err
}
