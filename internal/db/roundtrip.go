package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"navidocs/internal/fault"
)

// RoundTrip proves on an empty database that every migration goes up, down and
// up again to the same schema and the same rows, with rows in every table; it
// returns what does not hold. A data migration may change rows, and a contract
// one may lose columns; an expand one may do neither.
func RoundTrip(ctx context.Context, d *DB, sequence fs.FS) (problems []string, err error) {
	defer fault.Wrap(&err, "round trip of the migrations")
	s, err := schemaOf(ctx, d)
	if err != nil {
		return nil, err
	}
	if len(s) > 0 {
		return nil, fault.New(fault.Conflict, "the database has tables already: a round trip needs an empty one")
	}
	m, err := NewMigrator(d, sequence, "")
	if err != nil {
		return nil, err
	}
	err = m.locked(ctx, nil, func(s *session) error {
		for _, mig := range s.all {
			r := &roundTrip{db: d, mig: mig, p: s.goose}
			err := r.run(ctx)
			problems = append(problems, r.problems...)
			if errors.Is(err, errStuck) {
				return nil // what follows would only repeat it
			}
			if err != nil {
				return fmt.Errorf("%s: %w", r.mig.String(), err)
			}
		}
		return nil
	})
	return problems, err
}

// errStuck ends the trip after a step that failed, which is a problem already.
var errStuck = errors.New("a step failed")

// seedRows is how many rows each table has before each step.
const seedRows = 3

// roundTrip takes one migration up, down and up again.
type roundTrip struct {
	db       *DB
	mig      Migration
	p        *goose.Provider
	problems []string
}

func (r *roundTrip) report(format string, args ...any) {
	r.problems = append(r.problems, r.mig.String()+": "+fmt.Sprintf(format, args...))
}

func (r *roundTrip) run(ctx context.Context) error {
	before, err := r.seeded(ctx)
	if err != nil {
		return err
	}
	up, err := r.step(ctx, "up", r.p.UpByOne)
	if err != nil {
		return err
	}
	r.keeps(before, up)
	r.sameRows("up", before, up, up)
	if _, err := r.seeded(ctx); err != nil { // the new tables too
		return err
	}
	down, err := r.step(ctx, "down", r.p.Down)
	if err != nil {
		return err
	}
	r.sameSchema("down", before, down)
	r.sameRows("down", before, down, up)
	again, err := r.step(ctx, "up again", r.p.UpByOne)
	if err != nil {
		return err
	}
	r.sameSchema("up again", up, again)
	r.sameRows("up again", before, again, up)
	return nil
}

func (r *roundTrip) step(ctx context.Context, name string, do func(context.Context) (*goose.MigrationResult, error)) (picture, error) {
	if _, err := do(ctx); err != nil {
		r.report("%s: %v", name, err)
		return picture{}, errStuck
	}
	if r.db.Engine == SQLite {
		broken, err := Collect(ctx, r.db, Scalar[string],
			`SELECT DISTINCT "table" || ' refers to a row of ' || parent || ' that is gone' FROM pragma_foreign_key_check`)
		if err != nil {
			return picture{}, err
		}
		for _, text := range broken {
			r.report("%s: %s", name, text)
		}
	}
	return takePicture(ctx, r.db)
}

func (r *roundTrip) seeded(ctx context.Context) (picture, error) {
	s, err := schemaOf(ctx, r.db)
	if err == nil {
		err = s.seed(ctx, r.db, seedRows)
	}
	if err != nil {
		return picture{}, err
	}
	return takePicture(ctx, r.db)
}

// keeps reports what an expand migration takes from the release that runs.
func (r *roundTrip) keeps(before, up picture) {
	if r.mig.Class != Expand {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(before.rows)) {
		for _, column := range before.schema[name].names() {
			if !slices.Contains(up.schema[name].names(), column) {
				r.report("up: takes away column %s of %s, but its class is expand", column, name)
			}
		}
	}
}

func (r *roundTrip) sameSchema(step string, want, got picture) {
	had, has := want.schema.lines(), got.schema.lines()
	for _, line := range had {
		if !slices.Contains(has, line) {
			r.report("%s: is gone or changed: %s", step, line)
		}
	}
	for _, line := range has {
		if !slices.Contains(had, line) {
			r.report("%s: is new: %s", step, line)
		}
	}
}

// sameRows compares the rows of tables, in the columns that the migration keeps.
func (r *roundTrip) sameRows(step string, want, got, kept picture) {
	if r.mig.Class == Data {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want.rows)) {
		columns := slices.DeleteFunc(want.schema[name].names(), func(c string) bool {
			return !slices.Contains(kept.schema[name].names(), c) || !slices.Contains(got.schema[name].names(), c)
		})
		if len(columns) == 0 {
			continue
		}
		had, has := project(want.rows[name], columns), project(got.rows[name], columns)
		if len(had) != len(has) {
			r.report("%s: %s had %d rows and has %d", step, name, len(had), len(has))
			continue
		}
		for i, c := range columns {
			if !slices.EqualFunc(had, has, func(a, b []string) bool { return a[i] == b[i] }) {
				r.report("%s: rows of %s changed in column %s", step, name, c)
			}
		}
	}
}

// picture is a schema and the rows of its tables, by column.
type picture struct {
	schema schema
	rows   map[string][]map[string]string
}

func takePicture(ctx context.Context, d *DB) (p picture, err error) {
	if p.schema, err = schemaOf(ctx, d); err != nil {
		return p, err
	}
	p.rows = map[string][]map[string]string{}
	for name, t := range p.schema {
		if t.virtual || len(t.columns) == 0 {
			continue
		}
		if p.rows[name], err = t.rows(ctx, d); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (t *table) rows(ctx context.Context, d *DB) ([]map[string]string, error) {
	names := t.names()
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	scan := scanValues(len(names))
	return Collect(ctx, d, func(r Row) (map[string]string, error) {
		values, err := scan(r)
		row := map[string]string{}
		for i, v := range values {
			row[names[i]] = fmt.Sprintf("%T %[1]v", v)
		}
		return row, err
	}, "SELECT "+strings.Join(quoted, ", ")+" FROM "+quote(t.name))
}

// names are those of the columns; a table that is gone has none.
func (t *table) names() []string {
	if t == nil {
		return nil
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// project takes some columns of rows, sorted.
func project(rows []map[string]string, columns []string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, c := range columns {
			out[i] = append(out[i], row[c])
		}
	}
	slices.SortFunc(out, slices.Compare)
	return out
}
