package features

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cucumber/godog"

	"navidocs/internal/db"
)

// migrating is what a scenario about the schema knows.
type migrating struct {
	*world

	scratch  *db.DB
	migrator *db.Migrator
	first    string
}

func (w *world) migrateSteps(sc *godog.ScenarioContext) {
	m := &migrating{world: w}
	sc.Step(`^an empty database$`, m.emptyDatabase)
	sc.Step(`^every migration is applied( again)?$`, m.applied)
	sc.Step(`^they are all taken back$`, m.takenBack)
	sc.Step(`^the database has no table$`, m.hasNoTable)
	sc.Step(`^the schema is what it was the first time$`, m.isTheSame)
	sc.Step(`^each of them goes up, down and up again without a row lost$`, m.goesRoundTrip)
}

func (m *migrating) emptyDatabase() error {
	d, drop, err := db.Scratch(m.t.Context(), m.database)
	if err != nil {
		return err
	}
	m.t.Cleanup(func() {
		if err := drop(); err != nil {
			m.t.Log(err)
		}
	})
	m.scratch = d
	m.migrator, err = db.NewMigrator(d, db.Migrations(), "")
	return err
}

func (m *migrating) applied(again string) error {
	if _, err := m.migrator.Up(m.t.Context(), db.UpOptions{}); err != nil || again != "" {
		return err
	}
	var err error
	m.first, err = db.SchemaPrint(m.t.Context(), m.scratch)
	return err
}

func (m *migrating) takenBack() error {
	all, err := m.migrator.Status(m.t.Context())
	if err != nil {
		return err
	}
	_, err = m.migrator.Down(m.t.Context(), len(all))
	return err
}

func (m *migrating) hasNoTable() error {
	if text, err := db.SchemaPrint(m.t.Context(), m.scratch); err != nil || text != "" {
		return errors.Join(err, fmt.Errorf("it has %s", text))
	}
	return nil
}

func (m *migrating) isTheSame() error {
	text, err := db.SchemaPrint(m.t.Context(), m.scratch)
	if err == nil && (text != m.first || !strings.Contains(text, "warranty_tracking: ")) {
		err = fmt.Errorf("it was\n%s\nand is\n%s", m.first, text)
	}
	return err
}

func (m *migrating) goesRoundTrip() error {
	if err := m.emptyDatabase(); err != nil {
		return err
	}
	problems, err := db.RoundTrip(m.t.Context(), m.scratch, db.Migrations())
	if err == nil && len(problems) > 0 {
		err = errors.New(strings.Join(problems, "\n"))
	}
	return err
}
