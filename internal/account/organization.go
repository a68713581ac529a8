package account

import (
	"context"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Organization owns boats and their papers.
type Organization struct {
	ID        OrgID     `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role" doc:"your role in it" enum:"viewer,member,manager,admin"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// DeletedAt is set while a deleted one can be brought back.
	DeletedAt *time.Time `json:"deleted_at" doc:"null, or when it was deleted: 30 days later it is gone for good"`
}

// Settings are what an organization decides for all its boats.
type Settings struct {
	TimeZone string `json:"time_zone" doc:"IANA name; decides which calendar day it is" example:"Europe/Madrid"`
	// Languages are the ones that OCR reads, as Tesseract names them.
	Languages  []string `json:"languages" doc:"OCR languages, ISO 639-2" example:"[\"eng\",\"deu\"]"`
	AuditYears int      `json:"audit_years" minimum:"1" maximum:"30"`
}

func insertOrganization(ctx context.Context, tx *db.Tx, name string) (OrgID, error) {
	name = db.Text(strings.TrimSpace(name))
	if f := checkName(name, "body.name"); f != nil {
		return "", fault.Fields(*f)
	}
	id, now := OrgID(db.NewID()), db.Micros(tx.Now())
	_, err := tx.Exec(ctx, "INSERT INTO organizations (id, name, name_fold, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)",
		id, name, db.Fold(name), now, now)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, "INSERT INTO organization_settings (org_id, updated_at) VALUES ($1, $2)", id, now)
	return id, err
}

// LockOrganization makes transactions that hold it follow one another, for
// limits on what an organization may have: what one counts, no other adds to
// meanwhile.
func LockOrganization(ctx context.Context, tx *db.Tx, org OrgID) (err error) {
	defer fault.Wrap(&err, "account.LockOrganization %s", org)
	_, err = tx.Exec(ctx, "UPDATE organizations SET name = name WHERE id = $1", org)
	return err
}

// LockUser does the same for what a user may have.
func LockUser(ctx context.Context, tx *db.Tx, user UserID) (err error) {
	defer fault.Wrap(&err, "account.LockUser %s", user)
	_, err = tx.Exec(ctx, "UPDATE users SET name = name WHERE id = $1", user)
	return err
}

// CreateOrganization makes one with the actor as admin.
func (s *Service) CreateOrganization(ctx context.Context, who Actor, name string) (o Organization, err error) {
	defer fault.Wrap(&err, "account.CreateOrganization")
	var id OrgID
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if id, err = insertOrganization(ctx, tx, name); err != nil {
			return err
		}
		if err := insertMembership(ctx, tx, id, who.UserID, Admin); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: id, Action: "organization.created", Kind: "organization", SubjectID: string(id)})
	})
	if err != nil {
		return o, err
	}
	return s.organization(ctx, id, Admin)
}

const orgColumns = "o.id, o.name, o.created_at, o.updated_at, o.deleted_at"

func scanOrganization(r db.Row) (o Organization, err error) {
	var created, updated int64
	var deleted *int64
	err = r.Scan(&o.ID, &o.Name, &created, &updated, &deleted)
	o.CreatedAt, o.UpdatedAt, o.DeletedAt = db.Time(created), db.Time(updated), db.TimePtr(deleted)
	return o, err
}

func (s *Service) organization(ctx context.Context, id OrgID, role Role) (Organization, error) {
	o, err := db.One(ctx, s.db, scanOrganization, "SELECT "+orgColumns+" FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL", id)
	o.Role = role
	return o, err
}

// Organizations lists the actor's, by name.
func (s *Service) Organizations(ctx context.Context, who Actor) (_ []Organization, err error) {
	defer fault.Wrap(&err, "account.Organizations")
	var w db.Where
	db.In(&w, "o.id", who.Orgs(Viewer))
	all, err := db.Collect(ctx, s.db, scanOrganization, "SELECT "+orgColumns+
		" FROM organizations o WHERE o.deleted_at IS NULL AND "+w.SQL()+" ORDER BY o.name_fold, o.id", w.Args()...)
	for i := range all {
		all[i].Role = who.Roles[all[i].ID]
	}
	return all, err
}

// Organization reads one of the actor's.
func (s *Service) Organization(ctx context.Context, who Actor, id OrgID) (_ Organization, err error) {
	defer fault.Wrap(&err, "account.Organization %s", id)
	if err := who.Require(id, Viewer, "organization"); err != nil {
		return Organization{}, err
	}
	return s.organization(ctx, id, who.Roles[id])
}

// RenameOrganization gives it another name; admins only.
func (s *Service) RenameOrganization(ctx context.Context, who Actor, id OrgID, name string) (_ Organization, err error) {
	defer fault.Wrap(&err, "account.RenameOrganization %s", id)
	if err := who.Require(id, Admin, "organization"); err != nil {
		return Organization{}, err
	}
	name = db.Text(strings.TrimSpace(name))
	if f := checkName(name, "body.name"); f != nil {
		return Organization{}, fault.Fields(*f)
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE organizations SET name = $1, name_fold = $2, updated_at = $3 WHERE id = $4",
			name, db.Fold(name), db.Micros(tx.Now()), id)
		if err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: id, Action: "organization.updated", Kind: "organization", SubjectID: string(id)})
	})
	if err != nil {
		return Organization{}, err
	}
	return s.organization(ctx, id, Admin)
}

// Settings reads an organization's settings.
func (s *Service) Settings(ctx context.Context, who Actor, id OrgID) (_ Settings, err error) {
	defer fault.Wrap(&err, "account.Settings %s", id)
	if err := who.Require(id, Viewer, "organization"); err != nil {
		return Settings{}, err
	}
	return ReadSettings(ctx, s.db, id)
}

// ReadSettings reads settings for the packages above, which checked the actor.
func ReadSettings(ctx context.Context, q db.Querier, id OrgID) (Settings, error) {
	return db.One(ctx, q, func(r db.Row) (x Settings, err error) {
		var languages string
		err = r.Scan(&x.TimeZone, &languages, &x.AuditYears)
		x.Languages = strings.Split(languages, ",")
		return x, err
	}, "SELECT time_zone, languages, audit_years FROM organization_settings WHERE org_id = $1", id)
}

// PutSettings replaces an organization's settings; admins only.
func (s *Service) PutSettings(ctx context.Context, who Actor, id OrgID, x Settings) (_ Settings, err error) {
	defer fault.Wrap(&err, "account.PutSettings %s", id)
	if err := who.Require(id, Admin, "organization"); err != nil {
		return x, err
	}
	var faults []fault.Field
	if _, err := time.LoadLocation(x.TimeZone); err != nil || x.TimeZone == "" || x.TimeZone == "Local" {
		faults = append(faults, fault.Field{Location: "body.time_zone", Message: "must be an IANA time zone such as Europe/Madrid", Value: fault.Echo(x.TimeZone)})
	}
	for _, l := range x.Languages {
		if len(l) < 3 || len(l) > 8 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz_") != "" {
			faults = append(faults, fault.Field{Location: "body.languages", Message: "must be Tesseract language names such as eng or chi_sim", Value: fault.Echo(l)})
		}
	}
	if len(x.Languages) == 0 {
		faults = append(faults, fault.Field{Location: "body.languages", Message: "name at least one language"})
	}
	if len(faults) > 0 {
		return x, fault.Fields(faults...)
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE organization_settings SET time_zone = $1, languages = $2, audit_years = $3, updated_at = $4 WHERE org_id = $5",
			x.TimeZone, strings.Join(x.Languages, ","), x.AuditYears, db.Micros(tx.Now()), id)
		if err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: id, Action: "organization.settings_changed", Kind: "organization", SubjectID: string(id), Detail: x})
	})
	return x, err
}

// OperatorIn is the actor of a command that an operator runs on the machine
// itself in an organization, named by its id or its name: nobody in particular,
// who may all there. NotFound when there is none, Conflict when several have the
// name.
func (s *Service) OperatorIn(ctx context.Context, named string) (who Actor, org OrgID, err error) {
	defer fault.Wrap(&err, "account.OperatorIn")
	all, err := db.Collect(ctx, s.db, db.Scalar[OrgID],
		"SELECT id FROM organizations WHERE deleted_at IS NULL AND (id = $1 OR name_fold = $2) ORDER BY id <> $1, id", named, db.Fold(named))
	switch {
	case err != nil:
		return who, "", err
	case len(all) == 0:
		return who, "", fault.New(fault.NotFound, "no organization has the id or the name %q", named)
	case len(all) > 1 && string(all[0]) != named:
		return who, "", fault.New(fault.Conflict, "%d organizations are named %q: name one by its id, %s or %s", len(all), named, all[0], all[1])
	}
	return Actor{Address: "console", Roles: map[OrgID]Role{all[0]: Admin}, Grants: map[BoatID]Granted{}}, all[0], nil
}
