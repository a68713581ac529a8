// Package bundle writes a ZIP of papers that opens everywhere and lists what it
// holds.
//
// Names are safe on Windows, macOS and Linux and stay what people gave as far
// as that goes (see SafeName); two files never share a path, whatever the file
// system makes equal. Bytes stream: memory does not grow with a paper's size,
// and archives above 4 GiB or 65,535 files become Zip64 by themselves.
// manifest.json, at the root, lists every other file with its digest, and what
// is missing or withheld. The same calls give the same bytes.
//
// A paper that turns out damaged does not end the archive: it is listed with
// what was really written, and its caller says so in the manifest. A Bundle is
// for one goroutine.
package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// ErrDamaged is in the chain of Add's error when a paper is not what it should
// be. The archive is as good as before.
var ErrDamaged = errors.New("the paper is damaged")

const manifestName = "manifest.json"

// File is a paper to be added.
type File struct {
	Folder     string // such as "04_Proof_of_Purchase"; "" is the root
	Name       string // any text: made safe, and unique in its folder
	MediaType  string
	DocumentID string
	SHA256     string // expected, in hexadecimal; "" when unknown
	Pages      int
	Modified   time.Time // zero: the bundle's own time
}

// Entry is a file as it stands in the archive.
type Entry struct {
	Path       string `json:"path"`
	SHA256     string `json:"sha256"`
	Bytes      int64  `json:"bytes"`
	MediaType  string `json:"media_type"`
	DocumentID string `json:"document_id,omitempty"`
	Pages      int    `json:"-"`
}

// Gap is something that the archive does not hold.
type Gap struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Manifest is manifest.json. Files are filled in by Close, and CreatedAt when
// it is zero.
type Manifest struct {
	Schema    string    `json:"schema"`
	Title     string    `json:"title"`
	CreatedAt time.Time `json:"created_at"`
	Data      any       `json:"data,omitempty"` // what the package is about
	Files     []Entry   `json:"files"`
	Missing   []Gap     `json:"missing"`
	Withheld  []Gap     `json:"withheld"`
}

// Bundle is an archive in the making.
type Bundle struct {
	zip     *zip.Writer
	at      time.Time
	paths   *Paths
	entries []Entry
	buffer  []byte
	err     error // of the writer below: nothing can follow it

	level   int // for the next file
	packers map[int]*flate.Writer
}

// New begins an archive that is written to w as it grows. at is the time of
// files that have none, and of the manifest.
func New(w io.Writer, at time.Time) *Bundle {
	b := &Bundle{zip: zip.NewWriter(w), at: at.UTC(), paths: NewPaths(manifestName), buffer: make([]byte, 64<<10), packers: map[int]*flate.Writer{}}
	b.zip.RegisterCompressor(zip.Deflate, b.pack)
	return b
}

// Entries are the files so far, in the order they were added.
func (b *Bundle) Entries() []Entry { return slices.Clone(b.entries) }

// Add writes one file. With ErrDamaged in the chain, r could not be read to its
// end or is not what SHA256 says: the entry tells what was written, is listed,
// and more files may follow. Any other error, the context's among them, is
// final: the archive is not to be used.
func (b *Bundle) Add(ctx context.Context, f File, r io.Reader) (e Entry, err error) {
	defer fault.Wrap(&err, "bundle.Add %q", f.Name)
	if b.err != nil {
		return Entry{}, b.err
	}
	e = Entry{Path: b.paths.Take(f.Folder, f.Name, f.MediaType), MediaType: f.MediaType, DocumentID: f.DocumentID, Pages: f.Pages}
	w, err := b.create(e.Path, f.MediaType, f.Modified)
	if err != nil {
		return Entry{}, b.end(err)
	}
	sum := sha256.New()
	n, damage, err := b.copy(ctx, io.MultiWriter(w, sum), r)
	if err != nil {
		return Entry{}, b.end(err)
	}
	e.Bytes, e.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
	b.entries = append(b.entries, e)
	switch {
	case damage != nil:
		return e, fmt.Errorf("%w after %d bytes: %w", ErrDamaged, n, damage)
	case f.SHA256 != "" && !strings.EqualFold(f.SHA256, e.SHA256):
		return e, fmt.Errorf("%w: its SHA-256 is %s, not %s", ErrDamaged, e.SHA256, f.SHA256)
	}
	return e, nil
}

// copy tells the reader's error, which is damage, from all others.
func (b *Bundle) copy(ctx context.Context, w io.Writer, r io.Reader) (n int64, damage, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return n, nil, err
		}
		read, problem := r.Read(b.buffer)
		if _, err := w.Write(b.buffer[:read]); err != nil {
			return n, nil, err
		}
		n += int64(read)
		switch {
		case errors.Is(problem, io.EOF):
			return n, nil, nil
		case problem != nil && ctx.Err() != nil:
			return n, nil, ctx.Err()
		case problem != nil:
			return n, problem, nil
		}
	}
}

// Close writes the manifest and the directory of the archive. It does not close
// the writer below. An error means that the archive is not to be used.
func (b *Bundle) Close(m Manifest) (err error) {
	defer fault.Wrap(&err, "bundle.Close")
	if b.err != nil {
		return b.err
	}
	text, err := b.manifest(m)
	if err != nil {
		return b.end(err)
	}
	w, err := b.create(manifestName, "application/json", b.at)
	if err != nil {
		return b.end(err)
	}
	if _, err = w.Write(text); err != nil {
		return b.end(err)
	}
	if err = b.zip.Close(); err != nil {
		return b.end(err)
	}
	b.err = errors.New("the archive is closed already")
	return nil
}

func (b *Bundle) manifest(m Manifest) ([]byte, error) {
	m.Files = b.entries
	if m.CreatedAt.IsZero() {
		m.CreatedAt = b.at
	}
	return m.Encode()
}

// Encode is the text of manifest.json: fields in their order, two spaces for each
// level, lists that are empty rather than null, a line break at the end. Data that
// was read as json.RawMessage is written as it was read, but for its white space.
func (m Manifest) Encode() ([]byte, error) {
	m.Files = append([]Entry{}, m.Files...)
	m.Missing = append([]Gap{}, m.Missing...)
	m.Withheld = append([]Gap{}, m.Withheld...)
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(m)
	return text.Bytes(), err
}

// create begins a file. Its sizes are not known yet and follow it. Readers that
// do not seek (Java's ZipInputStream, gateways that look through mail) take that
// only of Deflate, so what is compressed already goes into Deflate's stored
// blocks: 5 bytes in 64 KiB, and as fast as a copy.
func (b *Bundle) create(path, mediaType string, modified time.Time) (io.Writer, error) {
	b.level = flate.DefaultCompression
	if known(mediaType).packed {
		b.level = flate.NoCompression
	}
	if modified.Year() < 1980 || modified.Year() > 2107 { // all that ZIP can say
		modified = b.at
	}
	const utf8 = 0x800 // APPNOTE 4.4.4, bit 11: the name is UTF-8
	h := &zip.FileHeader{Name: path, Method: zip.Deflate, Modified: modified.UTC(), Flags: utf8}
	h.SetMode(0o644)
	return b.zip.CreateHeader(h)
}

// pack gives the one compressor of the level, used again for each file: it takes
// more than half a megabyte.
func (b *Bundle) pack(w io.Writer) (io.WriteCloser, error) {
	if p := b.packers[b.level]; p != nil {
		p.Reset(w)
		return p, nil
	}
	p, err := flate.NewWriter(w, b.level)
	b.packers[b.level] = p
	return p, err
}

func (b *Bundle) end(err error) error {
	b.err = err
	return err
}
