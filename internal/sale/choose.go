package sale

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
)

// Decision is what somebody decides of one paper or piece of equipment.
type Decision struct {
	ID     string       `json:"id" maxLength:"64"`
	Choice *Going       `json:"choice" required:"true" nullable:"true" enum:"in,out,hidden,use" doc:"null: the default again"`
	UseID  *document.ID `json:"use_id,omitempty" doc:"with use: the paper whose file goes in instead"`
	Note   string       `json:"note,omitempty" maxLength:"2000"`
}

// Decisions change a selection.
type Decisions struct {
	Documents []Decision `json:"documents,omitempty" maxItems:"10000"`
	Equipment []Decision `json:"equipment,omitempty" maxItems:"10000"`
}

// Choose stores what goes to the buyer and what does not; whoever manages the
// boat may. A package that is made already stays as it is. When the sale is
// completed, papers that the buyer does not have are chosen for a supplement.
func (s *Service) Choose(ctx context.Context, who account.Actor, id ID, in Decisions) (out Selection, err error) {
	defer fault.Wrap(&err, "sale.Choose %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x, err := s.load(ctx, tx, who, id, account.Manager)
		if err != nil {
			return err
		}
		if out, err = s.selection(ctx, tx, who, x); err != nil {
			return err
		}
		if err := choosable(ctx, tx, x, in); err != nil {
			return err
		}
		if err := s.checkDecisions(ctx, tx, who, x, out, in); err != nil {
			return err
		}
		for kind, all := range map[string][]Decision{"document": in.Documents, "equipment": in.Equipment} {
			for _, d := range all {
				if err := d.write(ctx, tx, who, id, kind); err != nil {
					return err
				}
			}
		}
		if err := s.audit(ctx, tx, who, "sale.selection_changed", x, in); err != nil {
			return err
		}
		out, err = s.selection(ctx, tx, who, x)
		return err
	})
	return out, err
}

// choosable refuses decisions that no package can follow any more.
func choosable(ctx context.Context, q db.Querier, x Sale, in Decisions) error {
	if x.Status.open() {
		return nil
	}
	if x.Status == Cancelled || len(in.Equipment) > 0 {
		return fault.New(fault.Conflict, "the sale is %s: nothing of it changes any more", x.Status)
	}
	has, _, err := sentOf(ctx, q, x)
	for _, d := range in.Documents {
		if err == nil && has[d.ID] {
			err = fault.New(fault.Conflict, "the buyer has %s already: what was handed over stays as it is", d.ID)
		}
	}
	return err
}

func (s *Service) checkDecisions(ctx context.Context, q db.Querier, who account.Actor, x Sale, now Selection, in Decisions) error {
	for _, d := range in.Documents {
		if !slices.ContainsFunc(now.Documents, func(p Candidate) bool { return string(p.DocumentID) == d.ID }) {
			return decisionFault("documents", d, "is no paper of this boat")
		}
		if err := s.checkUse(ctx, q, who, x, d); err != nil {
			return err
		}
	}
	for _, d := range in.Equipment {
		if !slices.ContainsFunc(now.Equipment, func(e Piece) bool { return string(e.EquipmentID) == d.ID }) {
			return decisionFault("equipment", d, "is no equipment of this boat")
		}
		if d.Choice != nil && *d.Choice != In && *d.Choice != Out {
			return decisionFault("equipment", d, "goes in or out")
		}
	}
	return nil
}

// checkUse wants another paper of the organization with a choice of use, and none
// with all others.
func (s *Service) checkUse(ctx context.Context, q db.Querier, who account.Actor, x Sale, d Decision) error {
	if d.Choice != nil && !slices.Contains([]Going{In, Out, Hidden, Use}, *d.Choice) {
		return decisionFault("documents", d, "must be in, out, hidden or use")
	}
	if use := d.Choice != nil && *d.Choice == Use; use != (d.UseID != nil) {
		return decisionFault("documents", d, "use_id names the paper that goes in instead, with the choice use alone")
	}
	if utf8.RuneCountInString(d.Note) > 2000 {
		return decisionFault("documents", d, "its note must have at most 2000 characters")
	}
	if d.UseID == nil {
		return nil
	}
	// The actor reads it: else a package would show what they may not see.
	other, err := s.documents.DocumentIn(ctx, q, who, *d.UseID, account.Viewer)
	if fault.Is(err, fault.NotFound) || err == nil && (other.OrgID != x.OrgID || string(*d.UseID) == d.ID) {
		return decisionFault("documents", d, "use_id must be another paper of the organization")
	}
	return err
}

func decisionFault(list string, d Decision, message string) error {
	return fault.Fields(fault.Field{Location: "body." + list, Message: message, Value: fault.Echo(d.ID)})
}

func (d Decision) write(ctx context.Context, tx *db.Tx, who account.Actor, id ID, kind string) error {
	if d.Choice == nil {
		_, err := tx.Exec(ctx, "DELETE FROM sale_choices WHERE sale_id = $1 AND kind = $2 AND subject_id = $3", id, kind, d.ID)
		return err
	}
	use := ""
	if d.UseID != nil {
		use = string(*d.UseID)
	}
	_, err := tx.Exec(ctx, `INSERT INTO sale_choices (sale_id, kind, subject_id, choice, use_id, note, user_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (sale_id, kind, subject_id) DO UPDATE SET choice = excluded.choice, use_id = excluded.use_id, note = excluded.note,
		user_id = excluded.user_id, at = excluded.at`, id, kind, d.ID, *d.Choice, use, strings.TrimSpace(db.Text(d.Note)), db.OrNull(who.UserID), db.Micros(tx.Now()))
	return err
}
