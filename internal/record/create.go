package record

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// arrival is the part of an import that is one transaction.
type arrival struct {
	tx  *db.Tx
	to  *Target
	ids map[string]map[string]string // by table: the old id's new one
	// old are the new ids of rows that were there before.
	old     map[string]map[string]bool
	seen    map[string]bool // keys of rows that have no id
	arrived map[string]*Arrived
	counts  map[string]int
}

// create makes the rows of an archive those of an organization.
func (s *Service) create(ctx context.Context, tx *db.Tx, x Import, a *opened, papers map[string]Paper) error {
	who, err := actor(ctx, tx, x)
	if err != nil {
		return err
	}
	in := &arrival{
		tx: tx, to: &Target{Org: x.OrgID, Who: who, Papers: papers}, ids: map[string]map[string]string{}, old: map[string]map[string]bool{},
		seen: map[string]bool{}, arrived: map[string]*Arrived{}, counts: map[string]int{},
	}
	for i := range s.o.Tables {
		if err := in.table(ctx, &s.o.Tables[i], a); err != nil {
			return err
		}
	}
	for i := range s.o.Tables {
		t := &s.o.Tables[i]
		if rows := in.arrived[t.Name]; rows != nil && t.After != nil {
			if err := t.After(ctx, tx, in.to, *rows); err != nil {
				return err
			}
		}
	}
	if err := in.remember(ctx, x); err != nil {
		return err
	}
	return s.finish(ctx, tx, who, x, in)
}

// table creates the rows of one table.
func (in *arrival) table(ctx context.Context, t *Table, a *opened) (err error) {
	if t.ReadOnly != "" {
		return nil
	}
	r, err := a.Open(t.path())
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	in.ids[t.Name], in.old[t.Name], in.arrived[t.Name] = map[string]string{}, map[string]bool{}, &Arrived{}
	return t.read(r, func(n int, row *Row) error { return in.row(ctx, t, n, row) })
}

// row creates one, or finds the one that is there already.
func (in *arrival) row(ctx context.Context, t *Table, n int, r *Row) error {
	if err := in.resolve(t, n, r); err != nil {
		return err
	}
	if whole, isPart := t.column(t.PartOf); isPart && in.old[whole.Kind.table][r.Text(whole.Name)] {
		return nil
	}
	before := r.id()
	if r.before = before; before != "" {
		if _, twice := in.ids[t.Name][before]; twice {
			return t.refuse(n, t.Columns[0].Name, "is there twice", []byte(before))
		}
		r.values[t.Columns[0].Name] = db.NewID()
	} else if key := t.keyOf(r); in.seen[key] {
		return t.refuse(n, strings.Join(t.key(), ", "), "is there twice", nil)
	} else {
		in.seen[key] = true
	}
	if t.Check != nil {
		if err := t.Check(r); err != nil {
			return t.faulted(n, r, err)
		}
	}
	if t.Place != nil {
		existing, err := t.Place(ctx, in.tx, in.to, r)
		if err != nil {
			return t.faulted(n, r, err)
		}
		if existing != "" {
			in.ids[t.Name][before], in.old[t.Name][existing] = existing, true
			in.arrived[t.Name].Known = append(in.arrived[t.Name].Known, existing)
			return nil
		}
	}
	if err := in.insert(ctx, t, r); err != nil {
		return t.faulted(n, r, err)
	}
	if before != "" {
		in.ids[t.Name][before] = r.id()
		in.arrived[t.Name].New = append(in.arrived[t.Name].New, r.id())
	}
	in.counts[t.File]++
	return nil
}

// resolve puts the new ids in the place of the old ones. A reference to what is
// not in the archive is refused, be it somebody else's.
func (in *arrival) resolve(t *Table, n int, r *Row) error {
	for _, c := range t.Columns {
		to := c.Kind.to(r)
		if to == "" || r.values[c.Name] == nil {
			continue
		}
		id, known := in.ids[to][r.Text(c.Name)]
		if !known {
			return t.refuse(n, c.Name, "names no row of "+to+" in this archive", []byte(r.Text(c.Name)))
		}
		r.values[c.Name] = id
	}
	return nil
}

func (t *Table) keyOf(r *Row) string {
	parts := []string{t.Name}
	for _, column := range t.key() {
		text, _ := json.Marshal(r.values[column]) // of plain values: it cannot fail
		parts = append(parts, string(text))
	}
	return strings.Join(parts, " ")
}

// insert stores a row. A link that is there already stays as it is: one of a
// document that the organization had.
func (in *arrival) insert(ctx context.Context, t *Table, r *Row) error {
	if t.Omitted["org_id"] != "" {
		r.values["org_id"] = in.to.Org
	}
	again := ""
	if r.before == "" {
		again = " ON CONFLICT DO NOTHING"
	}
	var w db.Where
	var columns, marks []string
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		stored := name
		if c, travels := t.column(name); travels {
			stored = c.stored()
		}
		columns, marks = append(columns, stored), append(marks, w.Arg(r.values[name]))
	}
	_, err := in.tx.Exec(ctx, "INSERT INTO "+t.Name+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")"+again, w.Args()...)
	return err
}

// remember keeps which row became which.
func (in *arrival) remember(ctx context.Context, x Import) error {
	for table, ids := range in.ids {
		for before, now := range ids {
			_, err := in.tx.Exec(ctx, "INSERT INTO imported_ids (import_id, kind, old_id, new_id) VALUES ($1, $2, $3, $4)", x.ID, table, before, now)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// finish records what came of an import, for each boat in the audit trail.
func (s *Service) finish(ctx context.Context, tx *db.Tx, who account.Actor, x Import, in *arrival) error {
	boats := []string{}
	if rows := in.arrived["boats"]; rows != nil {
		boats = append(boats, rows.New...)
	}
	detail := map[string]any{"import_id": x.ID, "title": x.Title, "fingerprint": x.Fingerprint}
	for _, id := range boats {
		err := s.accounts.Audit(ctx, tx, who, account.Entry{
			OrgID: x.OrgID, Action: "package.imported", Kind: "boat", SubjectID: id, BoatID: account.BoatID(id), Detail: detail,
		})
		if err != nil {
			return err
		}
	}
	if x.Schema == ExportSchema || len(boats) == 0 {
		err := s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: x.OrgID, Action: "organization.imported", Kind: "import", SubjectID: string(x.ID), Detail: detail})
		if err != nil {
			return err
		}
	}
	boatsText, err := json.Marshal(boats)
	if err != nil {
		return err
	}
	counts, err := json.Marshal(in.counts)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE imports SET state = $1, boats = $2, counts = $3, finished_at = $4, archive = '' WHERE id = $5",
		Completed, string(boatsText), string(counts), db.Micros(tx.Now()), x.ID)
	return errors.Join(err, blob.Release(ctx, tx, "import", string(x.ID)), job.Close(ctx, tx, x.JobID, ""))
}
