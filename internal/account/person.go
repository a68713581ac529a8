package account

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Person is whom rows are about.
type Person struct {
	// User is the account that is meant, "" for somebody known by the address
	// alone: an owner, a buyer, one of the crew.
	User UserID
	// Address is their e-mail address, in lower case.
	Address string
	// Org narrows to what one organization holds; "" is everything.
	Org OrgID
	// Self is set when the person asks on their own behalf, and is told only
	// what they may see.
	Self *Actor
}

// Narrow adds that a row is of the organization that a person, or whoever asks on
// their own behalf with a role, means; org is its column.
func (p Person) Narrow(w *db.Where, org string, role Role) {
	if p.Org != "" {
		w.Add(org+" = ?", p.Org)
	}
	if p.Self != nil {
		db.In(w, org, p.Self.Orgs(role))
	}
}

// Holding is something that is kept about a person.
type Holding struct {
	Kind  string `json:"kind" example:"boat_owner"`
	ID    string `json:"id"`
	OrgID *OrgID `json:"organization_id"`
	Data  any    `json:"data" doc:"the fields that are about the person"`
}

// Outcome is what became of something that was kept about a person.
type Outcome struct {
	Kind   string `json:"kind" example:"boat_owner"`
	ID     string `json:"id"`
	OrgID  *OrgID `json:"organization_id"`
	Erased bool   `json:"erased"`
	Why    string `json:"why" doc:"why it was kept; empty for what was erased"`
}

// PersonalData is what a package keeps about people. With a User it is about
// what belongs to the account; without one about rows that name the address.
type PersonalData interface {
	// Holdings puts each thing that is kept about a person.
	Holdings(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error
	// Addresses are those of all people who may have no account, as they stand in
	// the rows: of an erasure that is applied anew only a keyed hash is known.
	Addresses(ctx context.Context, q db.Querier) ([]string, error)
	// Erase makes rows nameless, or removes those that are nothing without the
	// name, and tells what it did and what it kept. Again it finds nothing.
	Erase(ctx context.Context, tx *db.Tx, p Person) ([]Outcome, error)
}

// Erased is what stands where a name stood.
const Erased = "erased"

// HoldPersonal names what keeps personal data; before the service is used.
func (s *Service) HoldPersonal(all ...PersonalData) { s.personal = append(s.personal, all...) }

// holders are all that keep personal data, the accounts last: others look for
// what belongs to them.
func (s *Service) holders() []PersonalData { return append(slices.Clip(s.personal), own{s}) }

// Erasing says what came, or would come, of an erasure.
type Erasing struct {
	// ID is that of the erasure; empty for a trial.
	ID       string    `json:"id"`
	Outcomes []Outcome `json:"outcomes"`
}

// People is what an organization, or an operator, holds about an address.
type People struct {
	Address  string    `json:"address"`
	Holdings []Holding `json:"holdings"`
}

// ExportPerson tells what an organization holds about an address; admins may.
func (s *Service) ExportPerson(ctx context.Context, who Actor, org OrgID, address string) (out People, err error) {
	defer fault.Wrap(&err, "account.ExportPerson")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return out, err
	}
	return s.exportPerson(ctx, who, org, address)
}

// ExportAnybody tells what the installation holds about an address, for an
// operator.
func (s *Service) ExportAnybody(ctx context.Context, address string) (out People, err error) {
	defer fault.Wrap(&err, "account.ExportAnybody")
	return s.exportPerson(ctx, Actor{Address: console}, "", address)
}

// console is from where an operator acts on the machine itself.
const console = "console"

func (s *Service) exportPerson(ctx context.Context, who Actor, org OrgID, address string) (out People, err error) {
	p, err := s.personOf(ctx, s.db, org, address)
	if err != nil {
		return out, err
	}
	out = People{Address: p.Address, Holdings: []Holding{}}
	put := func(h Holding) error {
		out.Holdings = append(out.Holdings, h)
		return nil
	}
	passes := []Person{{Address: p.Address, Org: org}}
	if p.User != "" && org == "" {
		passes = append(passes, Person{User: p.User, Address: p.Address})
	}
	for _, pass := range passes {
		for _, h := range s.holders() {
			if err := h.Holdings(ctx, s.db, pass, put); err != nil {
				return out, err
			}
		}
	}
	return out, s.db.Transact(ctx, func(tx *db.Tx) error {
		return s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "person.exported", Kind: "person", SubjectID: s.mark(p.Address)})
	})
}

// personOf is whoever has an address, with their account if they have one.
func (s *Service) personOf(ctx context.Context, q db.Querier, org OrgID, address string) (Person, error) {
	email, ok := NormalEmail(address)
	if !ok {
		return Person{}, fault.Fields(fault.Field{Location: "body.address", Message: "must be an e-mail address", Value: fault.Echo(email)})
	}
	p := Person{Address: email, Org: org}
	user, err := db.One(ctx, q, db.Scalar[UserID], "SELECT id FROM users WHERE email = $1", email)
	if fault.Is(err, fault.NotFound) {
		return p, nil
	}
	p.User = user
	return p, err
}

// ErasePerson makes nameless what an organization holds about an address, where
// nothing needs the name; admins may. A trial changes nothing.
func (s *Service) ErasePerson(ctx context.Context, who Actor, org OrgID, address string, trial bool) (out Erasing, err error) {
	defer fault.Wrap(&err, "account.ErasePerson")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return out, err
	}
	return s.erasePerson(ctx, who, org, address, trial)
}

// EraseAnybody makes nameless what the installation holds about an address, an
// account included, for an operator. A trial changes nothing.
func (s *Service) EraseAnybody(ctx context.Context, address string, trial bool) (out Erasing, err error) {
	defer fault.Wrap(&err, "account.EraseAnybody")
	return s.erasePerson(ctx, Actor{Address: console}, "", address, trial)
}

// errTrial takes a transaction back that was only a trial.
var errTrial = errors.New("a trial")

func (s *Service) erasePerson(ctx context.Context, who Actor, org OrgID, address string, trial bool) (out Erasing, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		out = Erasing{Outcomes: []Outcome{}}
		p, err := s.personOf(ctx, tx, org, address)
		if err != nil {
			return err
		}
		if p.User != "" {
			if out.Outcomes, err = s.eraseAccount(ctx, tx, p); err != nil {
				return err
			}
		}
		named, err := s.eraseNamed(ctx, tx, Person{Address: p.Address, Org: org})
		if out.Outcomes = append(out.Outcomes, named...); err != nil {
			return err
		}
		if trial {
			return errTrial
		}
		x := Erasure{Kind: ErasedPerson, Address: s.mark(p.Address), OrgID: org}
		if out.ID, err = s.recordErasure(ctx, tx, x); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "person.erased", Kind: "person", SubjectID: out.ID})
	})
	if errors.Is(err, errTrial) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	return out, s.SyncErasures(ctx)
}

// eraseNamed makes nameless all rows that name an address.
func (s *Service) eraseNamed(ctx context.Context, tx *db.Tx, p Person) (all []Outcome, err error) {
	for _, h := range s.holders() {
		some, err := h.Erase(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// eraseAccount erases the account behind an address on an operator's word, and
// keeps it on an organization's.
func (s *Service) eraseAccount(ctx context.Context, tx *db.Tx, p Person) ([]Outcome, error) {
	out := Outcome{Kind: "user", ID: string(p.User)}
	if p.Org != "" {
		out.Why = "it is the account of a person, who ends it with DELETE /api/auth/me"
		return []Outcome{out}, nil
	}
	orphans, err := s.leaderless(ctx, tx, p.User)
	if err != nil {
		return nil, err
	}
	if len(orphans) > 0 {
		out.Why = "it is the only admin of " + names(orphans) + ": make somebody else one first"
		return []Outcome{out}, nil
	}
	return s.eraseUser(ctx, tx, p, tx.Now())
}

// ForgetDetail leaves of the audit trail's lines about a thing that is nameless
// now who did what to it and when.
func ForgetDetail(ctx context.Context, tx *db.Tx, kind, id string) error {
	_, err := tx.Exec(ctx, "UPDATE audit_log SET detail = '{}' WHERE subject_kind = $1 AND subject_id = $2", kind, id)
	return err
}

// addressForm finds e-mail addresses in a text, with what may stand around them.
var addressForm = regexp.MustCompile(`[^\s<>()\[\]{},;:"\\@]+@[^\s<>()\[\]{},;:"\\@]+`)

// AddressesIn finds the e-mail addresses in a text, in lower case.
func AddressesIn(text string) (all []string) {
	for _, found := range addressForm.FindAllString(text, -1) {
		if email, ok := NormalEmail(strings.Trim(found, ".!?'")); ok {
			all = append(all, email)
		}
	}
	return all
}

// Unnamed is a text without an e-mail address that stood in it.
func Unnamed(text, address string) string {
	return addressForm.ReplaceAllStringFunc(text, func(found string) string {
		bare := strings.Trim(found, ".!?'")
		if email, _ := NormalEmail(bare); email == address {
			return strings.Replace(found, bare, Erased, 1)
		}
		return found
	})
}

// Naming is the pattern of LIKE, with ESCAPE '\', for lower-cased texts that may
// hold an address.
func Naming(address string) string { return "%" + db.LikeEscape(address) + "%" }

// FreeText is a column in which people write what they like, addresses too.
type FreeText struct {
	Kind, Table, Column string
	// Key tells rows apart, as a text; Org gives the organization of a row x.
	Key, Org string
}

// rows are those that may name an address; with no address, those that may name
// any.
func (f FreeText) rows(ctx context.Context, q db.Querier, p Person) ([]freeRow, error) {
	var w db.Where
	if p.Address == "" {
		w.Add("x." + f.Column + " LIKE '%@%'")
	} else {
		w.Add("lower(x."+f.Column+`) LIKE ? ESCAPE '\'`, Naming(p.Address))
	}
	p.Narrow(&w, f.Org, Viewer)
	return db.Collect(ctx, q, func(r db.Row) (x freeRow, err error) {
		err = r.Scan(&x.id, &x.org, &x.text)
		return x, err
	}, "SELECT "+f.Key+", "+f.Org+", x."+f.Column+" FROM "+f.Table+" x WHERE "+w.SQL(), w.Args()...)
}

type freeRow struct {
	id   string
	org  *OrgID
	text string
}

// HoldingsIn puts the texts that name an address.
func HoldingsIn(ctx context.Context, q db.Querier, p Person, columns []FreeText, put func(Holding) error) error {
	for _, f := range columns {
		rows, err := f.rows(ctx, q, p)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !slices.Contains(AddressesIn(row.text), p.Address) {
				continue
			}
			if err := put(Holding{Kind: f.Kind, ID: row.id, OrgID: row.org, Data: map[string]string{f.Column: row.text}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// AddressesOf are the addresses that stand in such columns.
func AddressesOf(ctx context.Context, q db.Querier, columns []FreeText) (all []string, err error) {
	for _, f := range columns {
		rows, err := f.rows(ctx, q, Person{})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			all = append(all, AddressesIn(row.text)...)
		}
	}
	return all, nil
}

// EraseIn takes an address out of such columns.
func EraseIn(ctx context.Context, tx *db.Tx, p Person, columns []FreeText) (out []Outcome, err error) {
	for _, f := range columns {
		rows, err := f.rows(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if !slices.Contains(AddressesIn(row.text), p.Address) {
				continue
			}
			_, err := tx.Exec(ctx, "UPDATE "+f.Table+" SET "+f.Column+" = $1 WHERE "+f.Key+" = $2", Unnamed(row.text, p.Address), row.id)
			if err != nil {
				return nil, err
			}
			out = append(out, Outcome{Kind: f.Kind, ID: row.id, OrgID: row.org, Erased: true})
		}
	}
	return out, nil
}
