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

// The kinds of erasures.
const (
	ErasedUser   = "user"
	ErasedPerson = "person"
)

// Erasure is something that was erased, kept without a name, so that it is
// erased again in a database that an older backup brought back.
type Erasure struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"user,person"`
	// UserID is the account's, "" for a person.
	UserID UserID `json:"user_id,omitempty"`
	// Address is the person's as a keyed hash, "" for an account.
	Address string `json:"address,omitempty"`
	// OrgID is the organization that erased it, "" for all.
	OrgID OrgID     `json:"organization_id,omitempty"`
	At    time.Time `json:"at"`
	// AppliedAt is when it was done in this database, nil when the key of its
	// hash is not there.
	AppliedAt *time.Time `json:"-"`
}

// Journal is where erasures are kept beside the database: a list that only
// grows, an erasure a line, and survives when the database is exchanged.
type Journal interface {
	// Lines are those that were appended, in any order; a line may come twice.
	Lines() ([][]byte, error)
	// Append adds lines, which are on the platter when it returns.
	Append(lines [][]byte) error
}

// erasurePurpose is what the key is derived for that hashes addresses.
const erasurePurpose = "erasures"

// mark is an address as only the installation can recognize it.
func (s *Service) mark(address string) string { return s.config.Keys.Mark(erasurePurpose, address) }

// recordErasure lists what this transaction erases.
func (s *Service) recordErasure(ctx context.Context, tx *db.Tx, x Erasure) (id string, err error) {
	now := tx.Now()
	x.ID, x.At, x.AppliedAt = db.NewID(), now, &now
	return x.ID, putErasure(ctx, tx, x)
}

func putErasure(ctx context.Context, tx *db.Tx, x Erasure) error {
	_, err := tx.Exec(ctx, `INSERT INTO erasures (id, kind, user_id, address_hash, org_id, at, applied_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET applied_at = excluded.applied_at`,
		x.ID, x.Kind, db.OrNull(x.UserID), x.Address, db.OrNull(x.OrgID), db.Micros(x.At), db.MicrosPtr(x.AppliedAt))
	return err
}

// Erasures lists what was erased, the oldest first.
func (s *Service) Erasures(ctx context.Context) (_ []Erasure, err error) {
	defer fault.Wrap(&err, "account.Erasures")
	return db.Collect(ctx, s.db, func(r db.Row) (x Erasure, err error) {
		var user *UserID
		var org *OrgID
		var at int64
		var applied *int64
		err = r.Scan(&x.ID, &x.Kind, &user, &x.Address, &org, &at, &applied)
		if user != nil {
			x.UserID = *user
		}
		if org != nil {
			x.OrgID = *org
		}
		x.At, x.AppliedAt = db.Time(at), db.TimePtr(applied)
		return x, err
	}, "SELECT id, kind, user_id, address_hash, org_id, at, applied_at FROM erasures ORDER BY at, id")
}

// SyncErasures makes the list in the database and the journal hold the same,
// and does what the journal knows to have been done and the database does not:
// it is one that an older backup brought back.
func (s *Service) SyncErasures(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.SyncErasures")
	if s.config.Journal == nil {
		return nil
	}
	listed, err := s.Erasures(ctx)
	if err != nil {
		return err
	}
	kept, err := s.journalled()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	var lines [][]byte
	for _, x := range listed {
		known[x.ID] = x.AppliedAt != nil
		if _, there := kept[x.ID]; there {
			continue
		}
		line, err := json.Marshal(x)
		if err != nil {
			return err
		}
		kept[x.ID], lines = x, append(lines, line)
	}
	if len(lines) > 0 {
		if err := s.config.Journal.Append(lines); err != nil {
			return err
		}
	}
	var missed []Erasure
	for id, x := range kept {
		if !known[id] {
			missed = append(missed, x)
		}
	}
	return s.reapply(ctx, missed)
}

// journalled reads the journal. A line that is none was cut off by a loss of
// power: its erasure is in the database, and comes anew.
func (s *Service) journalled() (map[string]Erasure, error) {
	lines, err := s.config.Journal.Lines()
	if err != nil {
		return nil, err
	}
	all := map[string]Erasure{}
	for _, line := range lines {
		var x Erasure
		if json.Unmarshal(line, &x) == nil && x.ID != "" {
			all[x.ID] = x
		}
	}
	return all, nil
}

// reapply erases anew, in the order in which it was done.
func (s *Service) reapply(ctx context.Context, missed []Erasure) error {
	if len(missed) == 0 {
		return nil
	}
	slices.SortFunc(missed, func(a, b Erasure) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) })
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		addresses, err := s.addresses(ctx, tx, missed)
		if err != nil {
			return err
		}
		for _, x := range missed {
			if err := s.again(ctx, tx, x, addresses); err != nil {
				return err
			}
		}
		return nil
	})
}

// addresses are all that stand in the database, where an erasure needs them.
func (s *Service) addresses(ctx context.Context, tx *db.Tx, missed []Erasure) (all []string, err error) {
	if !slices.ContainsFunc(missed, func(x Erasure) bool { return x.Kind == ErasedPerson }) {
		return nil, nil
	}
	for _, h := range s.holders() {
		some, err := h.Addresses(ctx, tx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// again does one erasure that was done before; without the key of its mark it
// waits for it.
func (s *Service) again(ctx context.Context, tx *db.Tx, x Erasure, addresses []string) error {
	now := tx.Now()
	if x.Kind == ErasedUser {
		u, err := db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1 AND erased_at IS NULL", x.UserID)
		if err == nil {
			_, err = s.applyUser(ctx, tx, Person{User: u.ID, Address: u.Email}, x.At)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		x.AppliedAt = &now
		return s.reapplied(ctx, tx, x)
	}
	if !s.config.Keys.Knows(x.Address) {
		return putErasure(ctx, tx, x)
	}
	for _, address := range addresses {
		if !s.config.Keys.Marks(erasurePurpose, address, x.Address) {
			continue
		}
		if _, err := s.eraseNamed(ctx, tx, Person{Address: address, Org: x.OrgID}); err != nil {
			return err
		}
	}
	x.AppliedAt = &now
	return s.reapplied(ctx, tx, x)
}

func (s *Service) reapplied(ctx context.Context, tx *db.Tx, x Erasure) error {
	if err := putErasure(ctx, tx, x); err != nil {
		return err
	}
	return s.Audit(ctx, tx, Actor{}, Entry{Action: "erasure.applied_again", Kind: x.Kind, SubjectID: x.ID})
}
