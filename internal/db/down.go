package db

import (
	"context"
	"errors"
	"maps"
	"slices"

	"navidocs/internal/fault"
)

// Loss is a table, or a column of one that stays, which goes with its data.
type Loss struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"` // empty when the whole table goes
	// Rows is how many rows the table has, or have a value in the column.
	Rows int64 `json:"rows"`
}

// DownPlan is what Down would do.
type DownPlan struct {
	Undo []Migration `json:"undo"` // newest first
	Lost []Loss      `json:"lost"`
	// Engine is the one on which it was tried out: SQLite when PostgreSQL does
	// not let us make a database.
	Engine Engine `json:"tried_on"`
}

// Down takes back the newest migrations that the last run of Up applied, all of
// them when steps is 0, and returns them, newest first. The data of the tables
// and columns that they added is lost.
//
// It is refused (fault.Conflict) when steps is more than that run's, when it is
// 0 and the run installed the schema, when a newer release's migration is
// applied, and when an applied file was changed.
func (m *Migrator) Down(ctx context.Context, steps int) (undone []Migration, err error) {
	defer fault.Wrap(&err, "migrate down")
	err = m.locked(ctx, nil, func(s *session) error {
		undo, err := lastRun(s.all, steps)
		if err != nil {
			return err
		}
		for _, mig := range undo {
			if _, err := s.goose.ApplyVersion(ctx, mig.Version, false); err != nil {
				return err
			}
			mig.State, mig.Applied = Pending, false
			undone = append(undone, mig)
		}
		return nil
	})
	return undone, err
}

// lastRun is what Down takes back, newest first.
func lastRun(all []Migration, steps int) ([]Migration, error) {
	if err := trusted(all); err != nil {
		return nil, err
	}
	applied := slices.DeleteFunc(slices.Clone(all), func(m Migration) bool { return !m.Applied })
	if len(applied) == 0 {
		return nil, nil
	}
	slices.Reverse(applied)
	newest, first := applied[0], applied[len(applied)-1]
	for _, mig := range applied {
		if mig.State == Unknown {
			return nil, fault.New(fault.Conflict, "migration %s is not in this release: take it back with the release that applied it", mig)
		}
	}
	last := slices.DeleteFunc(applied, func(m Migration) bool { return m.Run != newest.Run })
	switch {
	case steps > len(last):
		return nil, fault.New(fault.Conflict, "the last run of migrate up applied %d migrations, and no more are taken back: --steps %d at most", len(last), len(last))
	case steps == 0 && newest.Run == first.Run:
		return nil, fault.New(fault.Conflict, "the last run of migrate up installed the schema: say how many of its %d migrations to take back with --steps", len(last))
	case steps > 0:
		last = last[:steps]
	}
	return last, nil
}

// PlanDown tells what Down would take back and what would be lost. It finds out
// on a scratch database and changes nothing.
func (m *Migrator) PlanDown(ctx context.Context, steps int) (p DownPlan, err error) {
	defer fault.Wrap(&err, "plan migrate down")
	all, err := m.Status(ctx)
	if err != nil {
		return p, err
	}
	if p.Undo, err = lastRun(all, steps); err != nil || len(p.Undo) == 0 {
		return p, err
	}
	before, after, err := m.rehearseDown(ctx, &p)
	if err != nil {
		return p, err
	}
	p.Lost, err = m.losses(ctx, before, after)
	return p, err
}

// rehearseDown takes a scratch database to where this one is, and back.
func (m *Migrator) rehearseDown(ctx context.Context, p *DownPlan) (before, after schema, err error) {
	scratch, drop, err := Scratch(ctx, m.db.address())
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	p.Engine = scratch.Engine
	other, err := NewMigrator(scratch, m.sequence, "")
	if err != nil {
		return nil, nil, err
	}
	err = other.locked(ctx, nil, func(s *session) (err error) {
		if _, err := s.goose.UpTo(ctx, p.Undo[0].Version); err != nil {
			return err
		}
		if before, err = schemaOf(ctx, scratch); err != nil {
			return err
		}
		for _, mig := range p.Undo {
			if _, err := s.goose.ApplyVersion(ctx, mig.Version, false); err != nil {
				return err
			}
		}
		after, err = schemaOf(ctx, scratch)
		return err
	})
	return before, after, err
}

func (m *Migrator) losses(ctx context.Context, before, after schema) ([]Loss, error) {
	present, err := schemaOf(ctx, m.db)
	if err != nil {
		return nil, err
	}
	var lost []Loss
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name].virtual || present[name] == nil {
			continue
		}
		if after[name] == nil {
			lost = append(lost, Loss{Table: name})
			continue
		}
		for _, c := range before[name].names() {
			if !slices.Contains(after[name].names(), c) && slices.Contains(present[name].names(), c) {
				lost = append(lost, Loss{Table: name, Column: c})
			}
		}
	}
	for i, l := range lost {
		what := "*"
		if l.Column != "" {
			what = quote(l.Column)
		}
		if lost[i].Rows, err = One(ctx, m.db, Scalar[int64], "SELECT count("+what+") FROM "+quote(l.Table)); err != nil {
			return nil, err
		}
	}
	return lost, nil
}
