package archive

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

// Reader reads an archive whose signature and list are right; the bytes of its
// files are checked as they are read. It is safe for several goroutines.
type Reader struct {
	source   source
	entries  []stored // in the order of the archive
	byPath   map[string]stored
	manifest bundle.Manifest
	digests  map[string]string // by path
	signer   ed25519.PublicKey
}

// Open reads the list of an archive that may come from anybody, without believing
// a number of it before the bytes were counted. size is the one of the whole
// archive. Invalid errors say what is wrong, in words for users, and FileOf names
// the file; among them are paths that lead out of the folder or are not safe on
// every system, names that are there twice, links, entries that are encrypted or
// compressed or overlap, sizes that disagree, bytes that belong to nothing, more
// than 100,000 files, a manifest above 64 MiB, a signature that is not right, and a
// file that is missing, added or of another size than the manifest says.
//
// The bytes of the files are left to the reader's Open and Verify, and what lies
// around them to its Verify.
func Open(r io.ReaderAt, size int64) (_ *Reader, err error) {
	defer fault.Wrap(&err, "archive.Open")
	a := &Reader{source: source{r, size}, byPath: map[string]stored{}, digests: map[string]string{}}
	d, err := a.source.directory()
	if err != nil {
		return nil, err
	}
	if a.entries, err = a.source.entries(d); err != nil {
		return nil, err
	}
	for _, e := range a.entries {
		a.byPath[e.path] = e
	}
	text, err := a.own(ManifestName, maxManifest)
	if err != nil {
		return nil, err
	}
	signature, err := a.own(SignatureName, 4<<10)
	if err != nil {
		return nil, err
	}
	if a.signer, err = checkSignature(signature, text); err != nil {
		return nil, err
	}
	if a.manifest, err = decode(text); err != nil {
		return nil, err
	}
	return a, a.checkList()
}

// own reads an entry that is not in the manifest.
func (a *Reader) own(name string, limit int64) ([]byte, error) {
	e, there := a.byPath[name]
	switch {
	case !there:
		return nil, refuse(name, "%s is missing: this is no archive of NaviDocs, or it was altered", name)
	case e.size > limit:
		return nil, refuse(name, "%s has %d bytes, more than %d", name, e.size, limit)
	}
	return a.source.at(e.data, int(e.size))
}

// checkList compares the manifest's list with the entries.
func (a *Reader) checkList() error {
	paths := NewPaths()
	sizes := map[string]int64{}
	for _, f := range a.manifest.Files {
		if err := paths.Keep(f.Path); err != nil {
			return refuse(f.Path, "the list of %s: %s", ManifestName, fault.Message(err))
		}
		if digest, err := hex.DecodeString(f.SHA256); err != nil || len(digest) != sha256.Size || strings.ToLower(f.SHA256) != f.SHA256 {
			return refuse(f.Path, "%s has no SHA-256 of %q", ManifestName, f.Path)
		}
		sizes[f.Path], a.digests[f.Path] = f.Bytes, f.SHA256
	}
	for _, e := range a.entries {
		if _, listed := sizes[e.path]; !listed && e.path != ManifestName && e.path != SignatureName {
			return refuse(e.path, "%q was added: the signed list does not have it", e.path)
		}
	}
	for _, f := range a.manifest.Files {
		e, there := a.byPath[f.Path]
		switch {
		case !there:
			return refuse(f.Path, "%q is missing", f.Path)
		case e.size != f.Bytes:
			return refuse(f.Path, "%q was altered: it has %d bytes, and had %d when it was signed", f.Path, e.size, f.Bytes)
		}
	}
	return nil
}

// Manifest is what was signed; its Data is nil or a json.RawMessage.
func (a *Reader) Manifest() bundle.Manifest { return a.manifest }

// Fingerprint is the one of the key that signed.
func (a *Reader) Fingerprint() string { return Fingerprint(a.signer) }

// Open reads a file of the manifest; others are NotFound. The end of what it
// reads is an Invalid error, in place of io.EOF, when the bytes are not the ones
// that were signed.
func (a *Reader) Open(path string) (io.ReadCloser, error) {
	digest, listed := a.digests[path]
	if !listed {
		return nil, fault.New(fault.NotFound, "the archive has no file %q", path)
	}
	e := a.byPath[path]
	return &checked{Reader: a.bytes(e), want: e.entry, digest: digest, sum: sha256.New(), crc: crc32.NewIEEE()}, nil
}

func (a *Reader) bytes(e stored) io.Reader { return io.NewSectionReader(a.source, e.data, e.size) }

// checked compares what was read when it ends.
type checked struct {
	io.Reader
	want   entry
	digest string
	read   int64
	sum    hash.Hash
	crc    hash.Hash32
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += int64(n)
	c.sum.Write(p[:n])
	c.crc.Write(p[:n])
	if err == io.EOF && (c.read != c.want.size || c.crc.Sum32() != c.want.crc || hex.EncodeToString(c.sum.Sum(nil)) != c.digest) {
		return n, altered(c.want.path)
	}
	return n, err
}

func (c *checked) Close() error { return nil }

func altered(path string) error {
	return refuse(path, "%q was altered: its bytes are not the ones that were signed", path)
}
