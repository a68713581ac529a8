package fleet

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// ContactID identifies a contact.
type ContactID string

// ContactKind is what a contact does for the boats.
type ContactKind string

// The kinds of contacts.
const (
	Maker        ContactKind = "maker"
	Dealer       ContactKind = "dealer"
	Yard         ContactKind = "yard"
	Insurer      ContactKind = "insurer"
	Surveyor     ContactKind = "surveyor"
	OtherContact ContactKind = "other"
)

// Contact is somebody whom an organization deals with. Everybody in the
// organization sees it, a viewer too: it is a business's address, while the
// papers and amounts that pass between them have classes of their own.
type Contact struct {
	ID            ContactID     `json:"id"`
	OrgID         account.OrgID `json:"organization_id"`
	Kind          ContactKind   `json:"kind" enum:"maker,dealer,yard,insurer,surveyor,other"`
	Name          string        `json:"name"`
	Person        string        `json:"person" doc:"whom to ask for"`
	Email         string        `json:"email"`
	Phone         string        `json:"phone"`
	Address       string        `json:"address" doc:"as on an envelope, in lines"`
	Country       string        `json:"country" doc:"ISO 3166 alpha-2, or empty"`
	Website       string        `json:"website"`
	AccountNumber string        `json:"account_number" doc:"our customer number there"`
	Notes         string        `json:"notes"`
	Deleted       bool          `json:"deleted" doc:"no longer listed; what names it still shows it"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`
}

// ContactInput is what may be given; absent fields stay as they are.
type ContactInput struct {
	Kind          *ContactKind `json:"kind,omitempty" enum:"maker,dealer,yard,insurer,surveyor,other" doc:"other unless given"`
	Name          *string      `json:"name,omitempty" minLength:"1"`
	Person        *string      `json:"person,omitempty"`
	Email         *string      `json:"email,omitempty"`
	Phone         *string      `json:"phone,omitempty" doc:"digits, spaces and + ( ) - . /"`
	Address       *string      `json:"address,omitempty" doc:"as on an envelope, in lines"`
	Country       *string      `json:"country,omitempty" doc:"ISO 3166 alpha-2"`
	Website       *string      `json:"website,omitempty" doc:"http or https; https unless it says"`
	AccountNumber *string      `json:"account_number,omitempty" doc:"our customer number there"`
	Notes         *string      `json:"notes,omitempty"`
}

func (in *ContactInput) check() error {
	var c Checker
	for _, f := range []struct {
		text     *string
		location string
		limit    int
	}{
		{in.Name, "name", 200},
		{in.Person, "person", 200},
		{in.Phone, "phone", 50},
		{in.Address, "address", 1000},
		{in.Website, "website", 500},
		{in.AccountNumber, "account_number", 100},
		{in.Notes, "notes", 5000},
	} {
		c.Text(f.text, f.location, f.limit)
	}
	if in.Name != nil && *in.Name == "" {
		c.Add("name", "must not be empty", nil)
	}
	kinds := []ContactKind{Maker, Dealer, Yard, Insurer, Surveyor, OtherContact}
	if in.Kind != nil && !slices.Contains(kinds, *in.Kind) {
		c.Add("kind", "must be maker, dealer, yard, insurer, surveyor or other", fault.Echo(string(*in.Kind)))
	}
	c.Country(in.Country, "country")
	c.reach(in)
	return c.Err()
}

// reach checks how a contact is reached, and writes each way alike.
func (c *Checker) reach(in *ContactInput) {
	if in.Email != nil {
		email, ok := account.NormalEmail(*in.Email)
		if *in.Email = email; !ok && email != "" {
			c.Add("email", "must be a bare e-mail address, such as service@example.org", fault.Echo(email))
		}
	}
	if in.Phone != nil && strings.Trim(*in.Phone, "+0123456789 ()-./") != "" {
		c.Add("phone", "must have only digits, spaces and + ( ) - . /", fault.Echo(*in.Phone))
	}
	if in.Address != nil {
		*in.Address = strings.ReplaceAll(*in.Address, "\r\n", "\n")
	}
	if in.Website != nil && *in.Website != "" {
		if !strings.Contains(*in.Website, "://") {
			*in.Website = "https://" + *in.Website
		}
		if !isWebsite(*in.Website) {
			c.Add("website", "must be the address of a website, such as https://example.org", fault.Echo(*in.Website))
		}
	}
}

// isWebsite keeps out whatever else a browser would do with a link.
func isWebsite(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

func (c *Contact) apply(in ContactInput) {
	set(&c.Kind, in.Kind)
	set(&c.Name, in.Name)
	set(&c.Person, in.Person)
	set(&c.Email, in.Email)
	set(&c.Phone, in.Phone)
	set(&c.Address, in.Address)
	set(&c.Country, in.Country)
	set(&c.Website, in.Website)
	set(&c.AccountNumber, in.AccountNumber)
	set(&c.Notes, in.Notes)
}

const selectContact = `SELECT id, org_id, kind, name, person, email, phone, address, country, website, account_number, notes,
	created_at, updated_at, deleted_at IS NOT NULL FROM contacts`

func scanContact(r db.Row) (c Contact, err error) {
	var created, updated int64
	err = r.Scan(&c.ID, &c.OrgID, &c.Kind, &c.Name, &c.Person, &c.Email, &c.Phone, &c.Address, &c.Country, &c.Website,
		&c.AccountNumber, &c.Notes, &created, &updated, &c.Deleted)
	c.CreatedAt, c.UpdatedAt = db.Time(created), db.Time(updated)
	return c, err
}

// ContactFilter narrows a list of contacts.
type ContactFilter struct {
	Query string
	Kind  ContactKind
	Page
}

// Contacts lists what the actor may see, by name, and the total.
func (s *Service) Contacts(ctx context.Context, who account.Actor, f ContactFilter) (_ []Contact, total int, err error) {
	defer fault.Wrap(&err, "fleet.Contacts")
	var w db.Where
	w.Add("deleted_at IS NULL")
	db.In(&w, "org_id", who.Orgs(account.Viewer))
	if f.Kind != "" {
		w.Add("kind = ?", f.Kind)
	}
	if f.Query != "" {
		w.Add(`name_fold LIKE ? ESCAPE '\'`, "%"+db.LikeEscape(db.Fold(f.Query))+"%")
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM contacts WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := selectContact + " WHERE " + w.SQL() + " ORDER BY name_fold, id"
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanContact, query, w.Args()...)
	return all, total, err
}

// Contact reads one; NotFound when it was deleted.
func (s *Service) Contact(ctx context.Context, who account.Actor, id ContactID) (_ Contact, err error) {
	defer fault.Wrap(&err, "fleet.Contact %s", id)
	return s.ContactIn(ctx, s.db, who, id, account.Viewer)
}

// ContactIn reads one that is not deleted, asking for a role in its
// organization; for naming it anew.
func (s *Service) ContactIn(ctx context.Context, q db.Querier, who account.Actor, id ContactID, role account.Role) (Contact, error) {
	c, err := s.NamedContact(ctx, q, who, id, role)
	if err == nil && c.Deleted {
		return Contact{}, fault.New(fault.NotFound, "contact not found")
	}
	return c, err
}

// NamedContact reads one even if it was deleted, which Deleted tells; for what
// named it before.
func (s *Service) NamedContact(ctx context.Context, q db.Querier, who account.Actor, id ContactID, role account.Role) (Contact, error) {
	c, err := db.One(ctx, q, scanContact, selectContact+" WHERE id = $1", id)
	if fault.Is(err, fault.NotFound) {
		return c, fault.New(fault.NotFound, "contact not found")
	}
	if err != nil {
		return c, err
	}
	if err := who.Require(c.OrgID, role, "contact"); err != nil {
		return Contact{}, err
	}
	return c, nil
}

// CreateContact adds a contact to an organization; members may.
func (s *Service) CreateContact(ctx context.Context, who account.Actor, org account.OrgID, in ContactInput) (c Contact, err error) {
	defer fault.Wrap(&err, "fleet.CreateContact")
	if err := who.Require(org, account.Member, "organization"); err != nil {
		return c, err
	}
	if err := in.check(); err != nil {
		return c, err
	}
	if in.Name == nil {
		return c, fault.Fields(fault.Field{Location: "body.name", Message: "a contact needs a name"})
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		c = Contact{ID: ContactID(db.NewID()), OrgID: org, Kind: OtherContact, CreatedAt: tx.Now(), UpdatedAt: tx.Now()}
		c.apply(in)
		_, err := tx.Exec(ctx, `INSERT INTO contacts (id, org_id, kind, name, name_fold, person, email, phone, address, country, website,
			account_number, notes, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			c.ID, c.OrgID, c.Kind, c.Name, db.Fold(c.Name), c.Person, c.Email, c.Phone, c.Address, c.Country, c.Website,
			c.AccountNumber, c.Notes, db.Micros(c.CreatedAt), db.Micros(c.UpdatedAt))
		if err != nil {
			return err
		}
		return s.auditContact(ctx, tx, who, "created", c)
	})
	return c, err
}

func (s *Service) auditContact(ctx context.Context, tx *db.Tx, who account.Actor, verb string, c Contact) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: c.OrgID, Action: "contact." + verb, Kind: "contact", SubjectID: string(c.ID), Detail: map[string]string{"name": c.Name},
	})
}

// UpdateContact changes what is given; members may.
func (s *Service) UpdateContact(ctx context.Context, who account.Actor, id ContactID, in ContactInput, at Version) (c Contact, err error) {
	defer fault.Wrap(&err, "fleet.UpdateContact %s", id)
	if err := in.check(); err != nil {
		return c, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = s.ContactIn(ctx, tx, who, id, account.Member); err != nil {
			return err
		}
		if err := at.Check(c.UpdatedAt); err != nil {
			return err
		}
		c.apply(in)
		c.UpdatedAt = Touched(tx, c.UpdatedAt)
		_, err := tx.Exec(ctx, `UPDATE contacts SET kind = $1, name = $2, name_fold = $3, person = $4, email = $5, phone = $6, address = $7,
			country = $8, website = $9, account_number = $10, notes = $11, updated_at = $12 WHERE id = $13`, c.Kind, c.Name, db.Fold(c.Name),
			c.Person, c.Email, c.Phone, c.Address, c.Country, c.Website, c.AccountNumber, c.Notes, db.Micros(c.UpdatedAt), c.ID)
		if err != nil {
			return err
		}
		return s.auditContact(ctx, tx, who, "updated", c)
	})
	return c, err
}

// DeleteContact takes a contact out of the lists; managers may. What names it
// still shows it.
func (s *Service) DeleteContact(ctx context.Context, who account.Actor, id ContactID, at Version) (c Contact, err error) {
	defer fault.Wrap(&err, "fleet.DeleteContact %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = s.ContactIn(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(c.UpdatedAt); err != nil {
			return err
		}
		c.Deleted, c.UpdatedAt = true, Touched(tx, c.UpdatedAt)
		if _, err := tx.Exec(ctx, "UPDATE contacts SET deleted_at = $1, updated_at = $1 WHERE id = $2", db.Micros(c.UpdatedAt), id); err != nil {
			return err
		}
		return s.auditContact(ctx, tx, who, "deleted", c)
	})
	return c, err
}
