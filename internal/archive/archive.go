// Package archive writes signed archives, verifies them, and reads those of
// strangers.
//
// An archive is a ZIP that holds its files as they are, uncompressed, in the
// order they were given, then manifest.json, which lists them with size and
// SHA-256, then manifest.sig, its signature (Ed25519, RFC 8032). Everything else
// in it follows from these: the same files, manifest and key give the same bytes,
// with any release of Go and of NaviDocs, and Verify finds a change of any one of
// them. Above 4 GiB and 65,534 entries the archive is Zip64.
//
// Memory does not grow with the sizes of files, only with their number, of which
// there are at most 100,000.
//
// An archive proves that whoever holds the key made it, and no more: the caller
// compares the fingerprint with one that came by another way.
package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

// The entries that stand behind all files.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.sig"
)

const (
	maxFiles    = 100_000
	maxManifest = 64 << 20
	chunk       = 128 << 10 // is read and written at once
)

// File is to be written to an archive.
type File struct {
	Path       string // as NewPaths gives it
	MediaType  string
	DocumentID string
	SHA256     string // expected, in hexadecimal; "" when unknown
	// Open is called twice, once to check and once to write, and gives the same
	// bytes each time.
	Open func(context.Context) (io.ReadCloser, error)
}

// Content is a file whose bytes are at hand.
func Content(path, mediaType string, content []byte) File {
	return File{Path: path, MediaType: mediaType, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// NewPaths gives out paths that Write takes.
func NewPaths() *bundle.Paths { return bundle.NewPaths(ManifestName, SignatureName) }

// The phases of Write.
const (
	Checking = "checking"
	Writing  = "writing"
)

// Progress is how far Write is in one of its phases.
type Progress struct {
	Phase             string
	Files, TotalFiles int
	Bytes, TotalBytes int64 // the total is 0 while checking, which finds it out
}

// Written is what an archive came to.
type Written struct {
	Files       int    // in its manifest
	Bytes       int64  // of the archive
	Manifest    []byte // the bytes that are signed
	Fingerprint string // of the signer's public key
}

// Fingerprint names a public key: the SHA-256 of its 32 bytes, in hexadecimal.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}

// Write writes the files in their order, the manifest m with their list for
// m.Files, and the signature. It does not close w.
//
// It reads every file first, two at once, and again while it writes. A file that
// cannot be read or is not what its SHA256 says ends it before a byte is written,
// one that changes in between later; the message names the first by its path, and
// the kind is the one of File.Open's error. bundle.ErrDamaged is in the chain when
// bytes are not what they should be. Paths that are not safe and unique, a
// created_at that ZIP cannot say (1980 to 2107) and too many files are Invalid. After any error
// the archive is not to be used.
//
// progress, unless nil, is called often, by one goroutine at a time.
func Write(ctx context.Context, w io.Writer, m bundle.Manifest, files []File, key ed25519.PrivateKey, progress func(Progress)) (out Written, err error) {
	defer fault.Wrap(&err, "archive.Write %q", m.Title)
	m.CreatedAt = m.CreatedAt.UTC()
	at, err := stampOf(m.CreatedAt)
	if err != nil {
		return out, err
	}
	if err := checkPaths(files); err != nil {
		return out, err
	}
	tell := &meter{tell: progress, p: Progress{TotalFiles: len(files)}}
	tell.begin(Checking)
	entries, err := check(ctx, files, tell, func(f File, have string) error {
		return fault.Because(bundle.ErrDamaged, fault.Internal, "the file %q is damaged: its SHA-256 is %s, not %s; restore it from a backup", f.Path, have, f.SHA256)
	})
	if err != nil {
		return out, err
	}
	m.Files = listed(files, entries)
	text, err := encode(m)
	if err != nil {
		return out, err
	}
	signature, public, err := sign(text, key)
	if err != nil {
		return out, err
	}
	for _, e := range entries {
		tell.p.TotalBytes += e.size
	}
	tell.begin(Writing)
	z := &writer{w: bufio.NewWriterSize(w, chunk/2), at: at, tell: tell, buffer: make([]byte, chunk)}
	for i, f := range files {
		if err := z.file(ctx, entries[i], f); err != nil {
			return out, err
		}
		tell.add(1, 0)
	}
	for _, f := range []File{Content(ManifestName, "", text), Content(SignatureName, "", signature)} {
		if err := z.own(ctx, f); err != nil {
			return out, err
		}
	}
	if err := z.close(); err != nil {
		return out, err
	}
	return Written{Files: len(files), Bytes: z.offset, Manifest: text, Fingerprint: Fingerprint(public)}, nil
}

func checkPaths(files []File) error {
	if len(files) > maxFiles {
		return fault.New(fault.Invalid, "an archive holds at most %d files, not %d: make several", maxFiles, len(files))
	}
	paths := NewPaths()
	for _, f := range files {
		if err := paths.Keep(f.Path); err != nil {
			return err
		}
	}
	return nil
}

// listed is the manifest's list.
func listed(files []File, entries []entry) []bundle.Entry {
	list := make([]bundle.Entry, len(files))
	for i, f := range files {
		e := entries[i]
		list[i] = bundle.Entry{Path: f.Path, SHA256: hex.EncodeToString(e.digest[:]), Bytes: e.size, MediaType: f.MediaType, DocumentID: f.DocumentID}
	}
	return list
}

// meter counts for two goroutines.
type meter struct {
	tell func(Progress)

	mu sync.Mutex // guards p, and makes one call of tell at a time
	p  Progress
}

func (m *meter) begin(phase string) {
	m.p.Phase, m.p.Files, m.p.Bytes = phase, 0, 0
	m.add(0, 0)
}

func (m *meter) add(files int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Files += files
	m.p.Bytes += bytes
	if m.tell != nil {
		m.tell(m.p)
	}
}
