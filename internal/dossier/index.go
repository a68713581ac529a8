package dossier

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"navidocs/internal/archive"
	"navidocs/internal/bundle"
)

// page begins and ends index.html; between the two stands the text of all pages,
// one after the other, so that memory does not grow with it.
//
//go:embed index.html.tmpl
var indexText string

// spool is a file that grows on disk and is read more than once.
type spool struct{ f *os.File }

func (s *spool) file(path, mediaType string) archive.File {
	return archive.File{Path: path, MediaType: mediaType, Open: func(context.Context) (io.ReadCloser, error) {
		return os.Open(s.f.Name()) //nolint:forbidigo // the index, never the database
	}}
}

// Close removes the file.
func (s *spool) Close() error {
	_ = s.f.Close() // written already
	return os.Remove(s.f.Name())
}

// entry is a file as the index shows it.
type entry struct {
	Name  string
	Link  string
	Kind  string
	Pages int
}

type section struct {
	Number, Title string
	Entries       []entry
}

type front struct {
	Title, Issued, Fingerprint string
	Sections                   []section
	Withheld, Missing          []bundle.Gap
	Pages                      template.JS // where the texts go
}

// href is a relative address of a file: each part escaped, so that a # or a % in a
// name is no part of the address.
func href(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return "./" + strings.Join(parts, "/")
}

func (p *Package) sections() []section {
	papers := map[string]Paper{}
	for _, x := range p.in.Papers {
		papers[x.Path] = x
	}
	all := []section{{Title: "Summary"}}
	at := map[string]int{"": 0}
	for _, c := range chapters() {
		at[c.folder()] = len(all)
		all = append(all, section{Number: c.number, Title: c.title})
	}
	at["data"] = len(all)
	all = append(all, section{Title: "Data for programs"})
	for _, f := range p.Files {
		folder, name, inside := strings.Cut(f.Path, "/")
		if !inside {
			folder, name = "", f.Path
		}
		i, known := at[folder]
		if !known {
			i = 0
		}
		x := papers[f.Path]
		all[i].Entries = append(all[i].Entries, entry{Name: name, Link: href(f.Path), Kind: x.TypeName, Pages: x.Pages})
	}
	return all
}

// writeIndex writes index.html into a file of its own.
func (p *Package) writeIndex(ctx context.Context) (_ *spool, err error) {
	t, err := template.New("index").Parse(indexText)
	if err != nil {
		return nil, err
	}
	const mark = "[[pages]]"
	var b strings.Builder
	err = t.Execute(&b, front{
		Title: p.Title(), Issued: p.in.At.UTC().Format(time.DateOnly), Fingerprint: p.in.Fingerprint, Sections: p.sections(),
		Withheld: p.in.Withheld, Missing: p.in.Missing, Pages: template.JS(`"` + mark + `"`), //nolint:gosec // a constant
	})
	if err != nil {
		return nil, err
	}
	before, after, _ := strings.Cut(b.String(), `"`+mark+`"`)
	f, err := os.CreateTemp(p.in.TempDir, "index-*")
	if err != nil {
		return nil, err
	}
	s := &spool{f}
	w := bufio.NewWriterSize(f, 1<<16)
	_, _ = w.WriteString(before) // Flush tells
	if err = p.writePages(ctx, w); err == nil {
		_, _ = w.WriteString(after)
		err = w.Flush()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		_ = s.Close() // the first error counts
		return nil, err
	}
	return s, nil
}

// writePages writes the text of all pages as JSON, which escapes what could end
// the script that it stands in.
func (p *Package) writePages(ctx context.Context, w *bufio.Writer) error {
	_ = w.WriteByte('[')
	first := true
	for _, x := range p.in.Papers {
		err := p.in.Pages(ctx, x.ID, func(number int, text string) error {
			line, err := json.Marshal([]any{x.Title, href(x.Path), number, text})
			if err != nil {
				return err
			}
			if !first {
				_ = w.WriteByte(',')
			}
			first = false
			_ = w.WriteByte('\n')
			_, err = w.Write(line)
			return err
		})
		if err != nil {
			return err
		}
	}
	return w.WriteByte(']')
}
