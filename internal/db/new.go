package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// sequenceDir is where the migrations lie in the sources.
const sequenceDir = "internal/db/migrations"

var migrationName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// NewFile says which migration is to be begun.
type NewFile struct {
	Name  string // words joined by _
	Class Class
	// Pair makes a file for each engine, where the text must differ.
	Pair bool
	Now  time.Time
}

// Create writes the files of a migration, to be filled in, into the sources that
// dir is in, and returns their paths. Its version is the day's next one, and above
// all that there are. Outside the sources of NaviDocs it is a Conflict.
func (n NewFile) Create(dir string) (paths []string, err error) {
	defer fault.Wrap(&err, "db.NewFile %s", n.Name)
	if !migrationName.MatchString(n.Name) {
		return nil, fault.New(fault.Invalid, "%q is no name of a migration: use small letters, digits and _, as in add_moorings", n.Name)
	}
	if !slices.Contains([]Class{Expand, Contract, Data}, n.Class) {
		return nil, fault.New(fault.Invalid, "the class %q is none of expand, contract and data", n.Class)
	}
	into, err := sources(dir)
	if err != nil {
		return nil, err
	}
	version, err := n.version(os.DirFS(into))
	if err != nil {
		return nil, err
	}
	engines := []string{""}
	if n.Pair {
		engines = []string{".sqlite", ".postgres"}
	}
	for _, engine := range engines {
		path := filepath.Join(into, fmt.Sprintf("%d_%s%s.sql", version, n.Name, engine))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:forbidigo,gosec // a source file
		if err != nil {
			return paths, err
		}
		paths = append(paths, path)
		_, err = f.WriteString(n.text())
		if err = errors.Join(err, f.Close()); err != nil {
			return paths, err
		}
	}
	return paths, nil
}

// sources finds the folder of the migrations above or below a folder.
func sources(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod")) //nolint:forbidigo // of the sources
		if err == nil && strings.HasPrefix(string(text), "module navidocs\n") {
			return filepath.Join(at, filepath.FromSlash(sequenceDir)), nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if filepath.Dir(at) == at {
			return "", fault.New(fault.Conflict, "%s lies in no sources of NaviDocs: a migration is a part of a release; run this in a checkout, then build", dir)
		}
	}
}

func (n NewFile) version(sequence fs.FS) (int64, error) {
	latest, err := LatestVersion(sequence)
	if err != nil {
		return 0, err
	}
	today, err := strconv.ParseInt(n.Now.UTC().Format("20060102")+"01", 10, 64)
	version := max(today, latest+1)
	if err == nil && version%100 == 0 {
		err = fault.New(fault.Conflict, "this day has 99 migrations already")
	}
	return version, err
}

// text is what is filled in.
func (n NewFile) text() string {
	var up, down string
	switch n.Class {
	case Expand:
		up, down = "-- What it adds, so that the release before goes on running.", "-- Takes back what was added, and nothing else."
	case Contract:
		up, down = "-- What it takes away: nothing that a release in use needs.", "-- Brings back the shape; what was in it is lost."
	case Data:
		up = "-- Each statement changes at most " + batchMark + " of the rows that still need it, as in\n" +
			"-- UPDATE t SET b = a WHERE id IN (SELECT id FROM t WHERE b IS NULL LIMIT " + batchMark + ");"
		down = "-- The same the other way round."
	}
	return "-- class: " + string(n.Class) + "\n-- +goose Up\n" + up + "\n\n-- +goose Down\n" + down + "\n"
}
