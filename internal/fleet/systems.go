package fleet

import (
	_ "embed"
	"encoding/csv"
	"strings"
)

// System is one part of a boat in the numbering that every list, folder and
// dossier of NaviDocs follows.
type System struct {
	Code string
	Name string
}

//go:embed seed/systems.csv
var systemsCSV string

// Systems lists the systems of a boat in their order.
func Systems() []System {
	rows := csvRows(systemsCSV)
	systems := make([]System, len(rows))
	for i, row := range rows {
		systems[i] = System{Code: row[0], Name: row[1]}
	}
	return systems
}

// csvRows reads an embedded table without its heading. Tables are checked by
// tests, so a row that cannot be read is a programmer's mistake.
func csvRows(table string) [][]string {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		panic("fleet: embedded table: " + err.Error())
	}
	return rows[1:]
}
