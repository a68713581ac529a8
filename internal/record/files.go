package record

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Files are the data files of a scope, ordered by path.
type Files struct {
	List []archive.File
	// Counts are how many rows each file holds, by its plain name.
	Counts map[string]int
	// Documents are the papers that go, by id: an archive holds their files.
	Documents []Document
	dir       string
}

// Document is a paper that goes, with its file in the store.
type Document struct {
	ID, FileName, MediaType string
	Digest                  blob.Digest
}

// Close removes the files.
func (f *Files) Close() error { return os.RemoveAll(f.dir) }

// Files writes the rows of a scope to files, JSON and CSV for each table that
// has any place in it. Memory does not grow with the rows, but for their ids.
// The caller closes them.
func (s *Service) Files(ctx context.Context, q db.Querier, sc Scope) (_ *Files, err error) {
	defer fault.Wrap(&err, "record.Files %s", sc.Org)
	dir, err := os.MkdirTemp(s.o.TempDir, "record-*")
	if err != nil {
		return nil, err
	}
	out := &Files{Counts: map[string]int{}, dir: dir, List: []archive.File{archive.Content(schemaFile, "application/json", schemaText())}}
	g := gathering{Scope: sc, ids: map[string]map[string]bool{}}
	for i := range s.o.Tables {
		t := &s.o.Tables[i]
		if sc.Boats != nil && t.OfBoats == "" {
			continue
		}
		if out.Counts[t.File], err = g.spool(ctx, q, t, out); err != nil {
			return nil, errors.Join(err, out.Close())
		}
	}
	out.Documents = g.documents
	slices.SortFunc(out.List, func(a, b archive.File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// schemaFile says of which form the other data files are.
const schemaFile = "data/schema.json"

func schemaText() []byte { return []byte(`{"schema":"` + Schema + `"}` + "\n") }

// gathering collects a scope, and remembers what goes.
type gathering struct {
	Scope
	ids       map[string]map[string]bool // by table
	documents []Document
}

// spool writes one table.
func (g *gathering) spool(ctx context.Context, q db.Querier, t *Table, out *Files) (n int, err error) {
	asJSON, err := out.create(t.File+".json", "application/json")
	if err != nil {
		return 0, err
	}
	asCSV, err := out.create(t.File+".csv", "text/csv")
	if err != nil {
		return 0, errors.Join(err, asJSON.close())
	}
	defer func() { err = errors.Join(err, asJSON.close(), asCSV.close()) }()
	columns := g.columns(t)
	sheet := csv.NewWriter(asCSV)
	if err := sheet.Write(names(columns)); err != nil {
		return 0, err
	}
	between := "[\n"
	err = g.each(ctx, q, t, func(r *Row) error {
		n++
		if _, err := asJSON.WriteString(between); err != nil {
			return err
		}
		between = ",\n"
		return errors.Join(writeObject(asJSON, columns, r), sheet.Write(cells(columns, r)))
	})
	if err != nil {
		return n, err
	}
	end := map[bool]string{true: "[]\n", false: "\n]\n"}[n == 0]
	_, err = asJSON.WriteString(end)
	sheet.Flush()
	return n, errors.Join(err, sheet.Error())
}

// columns are those that go.
func (g *gathering) columns(t *Table) []Column {
	if !g.Redact {
		return t.Columns
	}
	return slices.DeleteFunc(slices.Clone(t.Columns), func(c Column) bool { return c.Private })
}

func names(columns []Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

func cells(columns []Column, r *Row) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Kind.cell(r.values[c.Name])
	}
	return out
}

// writeObject writes a row on one line, its members in the order of the columns.
func writeObject(w io.Writer, columns []Column, r *Row) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	for i, c := range columns {
		line.WriteString(map[bool]string{true: `{"`, false: `,"`}[i == 0] + c.Name + `":`)
		if err := enc.Encode(c.Kind.plain(r.values[c.Name])); err != nil {
			return err
		}
		line.Truncate(line.Len() - 1) // the line's end
	}
	line.WriteByte('}')
	_, err := w.Write(line.Bytes())
	return err
}

// each reads the rows of a table that go, in the order of their keys.
func (g *gathering) each(ctx context.Context, q db.Querier, t *Table, f func(*Row) error) error {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = c.selected()
	}
	for w := range g.conditions(t) {
		_, err := db.Collect(ctx, q, func(row db.Row) (_ struct{}, err error) {
			r, err := t.scan(row)
			if err != nil || !g.goes(t, r) {
				return struct{}{}, err
			}
			return struct{}{}, f(r)
		}, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.Name+" x WHERE "+w.SQL()+" ORDER BY x."+strings.Join(t.key(), ", x."), w.Args()...)
		if err != nil {
			return err
		}
	}
	return nil
}

// conditions narrow a table to the scope, one after another: an engine bounds
// how much a statement names. Those who come first have the lesser keys.
func (g *gathering) conditions(t *Table) iter.Seq[*db.Where] {
	return func(yield func(*db.Where) bool) {
		w := &db.Where{}
		within := make([]any, strings.Count(t.Within, "{org}"))
		for i := range within {
			within[i] = g.Org
		}
		w.Add("("+strings.ReplaceAll(t.Within, "{org}", "?")+")", within...)
		if g.Boats != nil && slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name == "deleted_at" }) {
			w.Add("x.deleted_at IS NULL")
		}
		if t.OfDocuments == "" || g.Documents == nil {
			if g.Boats != nil {
				narrowToBoats(w, t, g.Boats)
			}
			yield(w)
			return
		}
		for part := range slices.Chunk(slices.Sorted(maps.Keys(g.Documents)), 1000) {
			narrow := *w
			db.In(&narrow, "x."+t.OfDocuments, part)
			if !yield(&narrow) {
				return
			}
		}
	}
}

// narrowToBoats leaves what is of the boats.
func narrowToBoats(w *db.Where, t *Table, boats []account.BoatID) {
	if len(boats) == 0 {
		w.Add("1 = 0")
		return
	}
	var args []any
	for range strings.Count(t.OfBoats, "{boats}") {
		for _, b := range boats {
			args = append(args, b)
		}
	}
	marks := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(boats)), ", ") + ")"
	w.Add("("+strings.ReplaceAll(t.OfBoats, "{boats}", marks)+")", args...)
}

// goes says whether a row goes, and takes out of it references to what stays;
// where it cannot be without one, it stays too.
func (g *gathering) goes(t *Table, r *Row) bool {
	for _, c := range t.Columns {
		to := c.Kind.to(r)
		if to == "" || r.values[c.Name] == nil || g.ids[to][r.Text(c.Name)] {
			continue
		}
		if !c.Null {
			return false
		}
		r.values[c.Name] = nil
	}
	id := r.id()
	if id == "" {
		return true
	}
	if t.Name == "documents" && g.Documents != nil && !g.Documents[id] || t.Name == "equipment" && g.Equipment != nil && !g.Equipment[id] {
		return false
	}
	if t.Name == "documents" {
		g.documents = append(g.documents, Document{id, r.Text("file_name"), r.Text("media_type"), blob.Digest(r.Text("sha256"))})
	}
	if g.ids[t.Name] == nil {
		g.ids[t.Name] = map[string]bool{}
	}
	g.ids[t.Name][id] = true
	return true
}

// spooled is a data file while it is written.
type spooled struct {
	*bufio.Writer

	f *os.File
}

func (f *Files) create(name, mediaType string) (*spooled, error) {
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600) //nolint:forbidigo // of a folder of ours
	if err != nil {
		return nil, err
	}
	f.List = append(f.List, archive.File{Path: "data/" + name, MediaType: mediaType, Open: func(context.Context) (io.ReadCloser, error) {
		return os.Open(filepath.Join(f.dir, name)) //nolint:forbidigo // of a folder of ours
	}})
	return &spooled{bufio.NewWriter(file), file}, nil
}

func (s *spooled) close() error { return errors.Join(s.Flush(), s.f.Close()) }
