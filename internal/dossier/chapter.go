package dossier

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"sync"
)

// chapter is a folder of the package.
type chapter struct {
	number, title string
	content       string // what belongs in it
	types         []string
}

// The trade's table with a column of ours: types, the papers that lie in it; a *
// stands for all that begin so.
//
//go:embed seed/dossier_chapters.csv
var chaptersCSV string

var chapters = sync.OnceValue(func() []chapter {
	rows, err := csv.NewReader(strings.NewReader(chaptersCSV)).ReadAll()
	if err != nil {
		panic("dossier: embedded table: " + err.Error()) // tested
	}
	out := make([]chapter, 0, len(rows))
	for _, r := range rows[1:] {
		out = append(out, chapter{number: r[0], title: r[1], content: r[2], types: strings.Fields(r[4])})
	}
	return out
})

// unsorted is where papers lie whose type no chapter names.
const unsorted = "12"

// folder is the chapter's name in the archive.
func (c chapter) folder() string { return c.number + "_" + strings.ReplaceAll(c.title, " ", "_") }

// holds says whether papers of a type lie in the chapter.
func (c chapter) holds(docType string) bool {
	for _, pattern := range c.types {
		prefix, open := strings.CutSuffix(pattern, "*")
		if docType == pattern || open && strings.HasPrefix(docType, prefix) {
			return true
		}
	}
	return false
}

func chapterOf(docType string) chapter {
	var rest chapter
	for _, c := range chapters() {
		if c.holds(docType) {
			return c
		}
		if c.number == unsorted {
			rest = c
		}
	}
	return rest
}

func numbered(number string) chapter {
	for _, c := range chapters() {
		if c.number == number {
			return c
		}
	}
	return chapter{}
}
