package account

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Entry is one line of the audit trail: what was done to what. Who, when and
// from where come from the actor and the transaction.
type Entry struct {
	OrgID     OrgID
	Action    string // subject.verb, past tense
	Kind      string
	SubjectID string
	BoatID    BoatID
	Detail    any
}

// Record is a stored line of the audit trail.
type Record struct {
	ID        string          `json:"id"`
	OrgID     *OrgID          `json:"organization_id"`
	UserID    *UserID         `json:"user_id"`
	Action    string          `json:"action"`
	Kind      string          `json:"subject_kind"`
	SubjectID string          `json:"subject_id"`
	BoatID    *BoatID         `json:"boat_id"`
	Detail    json.RawMessage `json:"detail"`
	Address   string          `json:"address"`
	RequestID string          `json:"request_id"`
	At        time.Time       `json:"at"`
}

// Audit writes a line in the transaction of the change.
func (s *Service) Audit(ctx context.Context, tx *db.Tx, who Actor, e Entry) (err error) {
	defer fault.Wrap(&err, "audit %s", e.Action)
	detail := []byte("{}")
	if e.Detail != nil {
		if detail, err = json.Marshal(e.Detail); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO audit_log (id, org_id, user_id, action, subject_kind, subject_id, boat_id, detail, address, request_id, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, db.NewID(), db.OrNull(e.OrgID), db.OrNull(who.UserID), e.Action, e.Kind,
		e.SubjectID, db.OrNull(e.BoatID), string(detail), who.Address, who.RequestID, db.Micros(tx.Now()))
	return err
}

// AuditFilter narrows the trail; what is empty narrows nothing.
type AuditFilter struct {
	BoatID BoatID
	// Action is one, or with a dot at its end all of a subject: document.
	Action          string
	UserID          UserID
	Kind, SubjectID string
	// Since is the first instant that is told, Until the first that is not.
	Since, Until  time.Time
	Limit, Offset int
}

func (f AuditFilter) where(orgs []OrgID) *db.Where {
	w := &db.Where{}
	db.In(w, "org_id", orgs)
	if subject, all := strings.CutSuffix(f.Action, "."); all {
		w.Add("action >= ? AND action < ?", subject+".", subject+"/") // the character after the dot
	} else if f.Action != "" {
		w.Add("action = ?", f.Action)
	}
	for _, x := range []struct{ column, value string }{
		{"boat_id", string(f.BoatID)},
		{"user_id", string(f.UserID)},
		{"subject_kind", f.Kind},
		{"subject_id", f.SubjectID},
	} {
		if x.value != "" {
			w.Add(x.column+" = ?", x.value)
		}
	}
	if !f.Since.IsZero() {
		w.Add("at >= ?", db.Micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.Add("at < ?", db.Micros(f.Until))
	}
	return w
}

// AuditTrail lists what happened in the organizations that the actor
// administers, newest first, and the total.
func (s *Service) AuditTrail(ctx context.Context, who Actor, f AuditFilter) (_ []Record, total int, err error) {
	defer fault.Wrap(&err, "account.AuditTrail")
	orgs, err := audited(who)
	if err != nil {
		return nil, 0, err
	}
	w := f.where(orgs)
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM audit_log WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := "SELECT " + recordColumns + " FROM audit_log WHERE " + w.SQL() + " ORDER BY at DESC, id DESC"
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanRecord, query, w.Args()...)
	return all, total, err
}

// audited are the organizations whose trail the actor may read.
func audited(who Actor) ([]OrgID, error) {
	orgs := who.Orgs(Admin)
	if len(orgs) == 0 {
		return nil, fault.New(fault.Forbidden, "this needs the role admin")
	}
	return orgs, nil
}

// AuditOfBoat lists the trail of a boat, newest first; the caller has checked
// that the actor may see the boat.
func AuditOfBoat(ctx context.Context, q db.Querier, boat BoatID, limit, offset int) ([]Record, error) {
	return db.Collect(ctx, q, scanRecord, "SELECT "+recordColumns+
		" FROM audit_log WHERE boat_id = $1 ORDER BY at DESC, id DESC LIMIT $2 OFFSET $3", boat, limit, offset)
}

const recordColumns = "id, org_id, user_id, action, subject_kind, subject_id, boat_id, detail, address, request_id, at"

func scanRecord(r db.Row) (x Record, err error) {
	var detail string
	var at int64
	err = r.Scan(&x.ID, &x.OrgID, &x.UserID, &x.Action, &x.Kind, &x.SubjectID, &x.BoatID, &detail, &x.Address, &x.RequestID, &at)
	x.Detail, x.At = json.RawMessage(detail), db.Time(at)
	return x, err
}
