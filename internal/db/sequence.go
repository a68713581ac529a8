package db

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations is the committed sequence.
func Migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded: only a programmer can break this
	}
	return sub
}

// LatestVersion is that of a sequence's last migration: the schema that this
// release brings.
func LatestVersion(sequence fs.FS) (int64, error) {
	all, err := listFiles(sequence)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[len(all)-1].Version, nil
}

// NeededVersion is the schema that a release cannot run without: the version of
// a sequence's last migration that does not wait to be told, as those of the
// class contract do.
func NeededVersion(sequence fs.FS) (needed int64, err error) {
	all, err := listFiles(sequence)
	for _, f := range all {
		if f.Class != Contract {
			needed = f.Version
		}
	}
	return needed, err
}

// file is a migration as it is written.
type file struct {
	Migration

	path     string
	up, down []string // of a data migration
}

var (
	fileName  = regexp.MustCompile(`^(\d{10})_([a-z0-9_]+)(\.sqlite|\.postgres)?\.sql$`)
	classLine = regexp.MustCompile(`^-- class: (expand|contract|data)\n`)
)

// listFiles reads a sequence, oldest first.
func listFiles(files fs.FS) ([]file, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	out := make([]file, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		f, err := readFile(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b file) int { return cmp.Compare(a.Version, b.Version) })
	return out, nil
}

func readFile(name, text string) (f file, err error) {
	parts, class := fileName.FindStringSubmatch(name), classLine.FindStringSubmatch(text)
	if parts == nil || class == nil {
		return f, fmt.Errorf("want YYYYMMDDNN_name.sql with a first line `-- class: expand|contract|data`")
	}
	f.path, f.Name, f.Class = name, parts[2], Class(class[1])
	if f.Version, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return f, err
	}
	sum := sha256.Sum256([]byte(text))
	f.SHA256 = hex.EncodeToString(sum[:])
	if f.Class == Data {
		f.up, f.down, err = batchStatements(text)
	}
	return f, err
}

// batchStatements are those of a data migration, each of which ends with a
// semicolon at the end of a line and holds $batch.
func batchStatements(text string) (up, down []string, err error) {
	into := &up
	var statement []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "-- +goose Down":
			into = &down
		case line == "" || strings.HasPrefix(strings.TrimSpace(line), "--"):
		default:
			statement = append(statement, line)
			if whole, ended := strings.CutSuffix(strings.Join(statement, "\n"), ";"); ended {
				*into, statement = append(*into, whole), nil
			}
		}
	}
	if len(statement) > 0 {
		return nil, nil, fmt.Errorf("want a semicolon after: %s", strings.Join(statement, "\n"))
	}
	for _, s := range slices.Concat(up, down) {
		if !strings.Contains(s, batchMark) {
			return nil, nil, fmt.Errorf("a data migration works in batches: want `LIMIT %s` in: %s", batchMark, s)
		}
	}
	return up, down, nil
}

// engineFiles shows only the file that an engine runs where the two differ.
func engineFiles(sequence fs.FS, engine Engine) (fs.FS, error) {
	names, err := fs.Glob(sequence, "*.sql")
	if err != nil {
		return nil, err
	}
	other := ".postgres.sql"
	if engine == Postgres {
		other = ".sqlite.sql"
	}
	keep := map[string]bool{}
	for _, name := range names {
		if !strings.HasSuffix(name, other) {
			keep[name] = true
		}
	}
	return onlyFS{sequence, keep}, nil
}

// onlyFS is a flat folder with some of its files hidden.
type onlyFS struct {
	fs.FS
	keep map[string]bool
}

func (o onlyFS) Open(name string) (fs.File, error) {
	if name != "." && !o.keep[path.Base(name)] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

func (o onlyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(o.FS, name)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !o.keep[e.Name()] }), nil
}

// Glob keeps fs.Glob on our ReadDir instead of the wrapped file system's.
func (o onlyFS) Glob(pattern string) ([]string, error) {
	entries, err := o.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if ok, err := path.Match(pattern, e.Name()); err != nil {
			return nil, err
		} else if ok {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
