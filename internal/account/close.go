package account

import (
	"context"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Purge removes what a package keeps of an organization, for good, in short
// transactions; ended at any moment, it is begun anew.
type Purge func(ctx context.Context, org OrgID) error

// OnPurge names what removes an organization's rows, in this order: what refers
// to others comes before them. Call it before the service is used.
func (s *Service) OnPurge(all ...Purge) { s.purges = append(s.purges, all...) }

// CloseOrganization deletes one: from this moment it is as if it did not exist,
// and after 30 days it does not. Its admins may, by its name in full.
func (s *Service) CloseOrganization(ctx context.Context, who Actor, id OrgID, name string) (o Organization, err error) {
	defer fault.Wrap(&err, "account.CloseOrganization %s", id)
	if err := who.Require(id, Admin, "organization"); err != nil {
		return o, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := LockOrganization(ctx, tx, id); err != nil {
			return err
		}
		o, err = db.One(ctx, tx, scanOrganization, "SELECT "+orgColumns+" FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL", id)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "organization not found")
		}
		if err != nil {
			return err
		}
		if name != o.Name {
			return fault.Fields(fault.Field{Location: "body.confirm", Message: "must be the organization's name, " + o.Name, Value: fault.Echo(name)})
		}
		if err := s.closeOrganization(ctx, tx, who, id); err != nil {
			return err
		}
		now := tx.Now()
		o.Role, o.DeletedAt = Admin, &now
		return nil
	})
	return o, err
}

func (s *Service) closeOrganization(ctx context.Context, tx *db.Tx, who Actor, id OrgID) error {
	if _, err := tx.Exec(ctx, "UPDATE organizations SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL", db.Micros(tx.Now()), id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM invitations WHERE org_id = $1", id); err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{OrgID: id, Action: "organization.deleted", Kind: "organization", SubjectID: string(id)})
}

// revivable are the organizations that a user administered and that can be
// brought back; $1 is the user, $2 the beginning of the grace.
const revivable = ` FROM organizations o JOIN memberships m ON m.org_id = o.id
	WHERE m.user_id = $1 AND m.role = 'admin' AND o.deleted_at > $2`

// ClosedOrganizations lists the deleted ones that the actor administered, by
// name.
func (s *Service) ClosedOrganizations(ctx context.Context, who Actor) (_ []Organization, err error) {
	defer fault.Wrap(&err, "account.ClosedOrganizations")
	all, err := db.Collect(ctx, s.db, scanOrganization, "SELECT "+orgColumns+revivable+" ORDER BY o.name_fold, o.id",
		who.UserID, db.Micros(s.db.Now().Add(-graceFor)))
	for i := range all {
		all[i].Role = Admin
	}
	return all, err
}

// ReopenOrganization brings a deleted one back, within its 30 days; whoever was
// its admin may.
func (s *Service) ReopenOrganization(ctx context.Context, who Actor, id OrgID) (_ Organization, err error) {
	defer fault.Wrap(&err, "account.ReopenOrganization %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE organizations SET deleted_at = NULL WHERE id = $3 AND id IN (SELECT o.id"+revivable+")",
			who.UserID, db.Micros(tx.Now().Add(-graceFor)), id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "no deleted organization of yours has this id: GET /api/organizations?deleted=true lists them")
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: id, Action: "organization.restored", Kind: "organization", SubjectID: string(id)})
	})
	if err != nil {
		return Organization{}, err
	}
	return s.organization(ctx, id, Admin)
}

// HandOver makes a member admin in the actor's place, who steps down to manager
// or leaves: both or neither.
func (s *Service) HandOver(ctx context.Context, who Actor, org OrgID, to UserID, leave bool) (m Membership, err error) {
	defer fault.Wrap(&err, "account.HandOver")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return m, err
	}
	if to == who.UserID {
		return m, fault.Fields(fault.Field{Location: "body.user_id", Message: "must be another member than you"})
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := LockOrganization(ctx, tx, org); err != nil {
			return err
		}
		before, err := member(ctx, tx, org, to)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE memberships SET role = $1 WHERE org_id = $2 AND user_id = $3", Admin, org, to); err != nil {
			return err
		}
		if err := s.stepDown(ctx, tx, who, org, leave); err != nil {
			return err
		}
		m = before
		m.Role = Admin
		return s.Audit(ctx, tx, who, Entry{
			OrgID: org, Action: "organization.handed_over", Kind: "user", SubjectID: string(to), Detail: map[string]any{"from": before.Role, "left": leave},
		})
	})
	return m, err
}

func (s *Service) stepDown(ctx context.Context, tx *db.Tx, who Actor, org OrgID, leave bool) error {
	if leave {
		_, err := tx.Exec(ctx, "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2", org, who.UserID)
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE memberships SET role = $1 WHERE org_id = $2 AND user_id = $3", Manager, org, who.UserID)
	return err
}

// purgeClosed removes the organizations whose grace is over.
func (s *Service) purgeClosed(ctx context.Context) error {
	all, err := db.Collect(ctx, s.db, db.Scalar[OrgID], "SELECT id FROM organizations WHERE deleted_at <= $1 ORDER BY deleted_at, id",
		db.Micros(s.db.Now().Add(-graceFor)))
	if err != nil {
		return err
	}
	for _, org := range all {
		for _, purge := range append(s.purges, s.purgeOwn) {
			if err := purge(ctx, org); err != nil {
				return err
			}
		}
	}
	return nil
}

// purgeOwn removes an organization's rows of this package, the last of all.
func (s *Service) purgeOwn(ctx context.Context, org OrgID) error {
	if err := s.db.DeleteInBatches(ctx, org, db.Rows{Table: "audit_log", Key: "id", Condition: "org_id = $1"}); err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		for _, text := range []string{
			"DELETE FROM audit_log WHERE org_id = $1", "DELETE FROM invitations WHERE org_id = $1", "DELETE FROM memberships WHERE org_id = $1",
			"DELETE FROM organization_settings WHERE org_id = $1", "DELETE FROM organizations WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, text, org); err != nil {
				return err
			}
		}
		return s.Audit(ctx, tx, Actor{}, Entry{Action: "organization.purged", Kind: "organization", SubjectID: string(org)})
	})
}

// Existing says of an organization that it was not deleted, for packages that
// work by themselves: nothing leaves one that was. org is an expression.
func Existing(org string) string {
	return "EXISTS (SELECT 1 FROM organizations existing WHERE existing.id = " + org + " AND existing.deleted_at IS NULL)"
}

// IsOpen reports whether an organization exists and was not deleted.
func IsOpen(ctx context.Context, q db.Querier, org OrgID) (bool, error) {
	n, err := db.One(ctx, q, db.Scalar[int], "SELECT count(*) FROM organizations WHERE id = $1 AND deleted_at IS NULL", org)
	return n > 0, err
}
