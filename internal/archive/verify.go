package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// Report is what a verification found out about an archive.
type Report struct {
	Schema      string    `json:"schema"`
	Title       string    `json:"title"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
	Files       int       `json:"files" doc:"in the manifest"`
	Bytes       int64     `json:"bytes" doc:"of the archive"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256 of the public key that signed it"`
}

// Verify reads an archive to its last byte. An Invalid error names the first file
// that was altered, is missing or was added (see FileOf): by the signature, then
// by the list, then by the sums, and last by where the archive differs from the
// one that Write makes of the same files. The report holds what could be read.
func Verify(ctx context.Context, r io.ReaderAt, size int64) (report Report, err error) {
	defer fault.Wrap(&err, "archive.Verify")
	a, err := Open(r, size)
	if err != nil {
		return Report{Bytes: size}, err
	}
	return a.Verify(ctx)
}

// Verify reads every file, two at once, and then compares each byte around them.
// Errors are those of the function Verify.
func (a *Reader) Verify(ctx context.Context) (report Report, err error) {
	defer fault.Wrap(&err, "archive.Reader.Verify")
	m := a.manifest
	report = Report{m.Schema, m.Title, m.CreatedAt, len(m.Files), a.source.size, a.Fingerprint()}
	files := make([]File, 0, len(m.Files)+maxOwn)
	for _, f := range m.Files {
		files = append(files, a.file(f.Path))
	}
	files = append(files, a.file(ManifestName), a.file(SignatureName))
	entries, err := check(ctx, files, &meter{}, func(f File, _ string) error { return altered(f.Path) })
	if err != nil {
		return report, err
	}
	return report, a.rebuild(entries)
}

func (a *Reader) file(path string) File {
	return File{Path: path, SHA256: a.digests[path], Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(a.bytes(a.byPath[path])), nil
	}}
}

// rebuild writes the archive once more, of what its files turned out to be, and
// compares. The bytes of the files themselves need no second look when they stand
// where they belong.
func (a *Reader) rebuild(entries []entry) error {
	at, err := stampOf(a.manifest.CreatedAt.UTC())
	if err != nil {
		return refuse(ManifestName, "%s: %s", ManifestName, fault.Message(err))
	}
	place := int64(0)
	for i := range entries {
		e := &entries[i]
		e.offset = place
		head := at.local(*e)
		if err := a.compare(place, head, "the header of", e.path); err != nil {
			return err
		}
		place += int64(len(head))
		if have := a.byPath[e.path]; have.data != place || have.size != e.size {
			return refuse(e.path, "%q does not stand where it belongs", e.path)
		}
		place += e.size
	}
	start := place
	for _, e := range entries {
		head := at.directory(e)
		if err := a.compare(place, head, "the directory's entry of", e.path); err != nil {
			return err
		}
		place += int64(len(head))
	}
	tail := end(len(entries), start, place-start)
	if err := a.compare(place, tail, "the end of the archive", ""); err != nil {
		return err
	}
	if place += int64(len(tail)); place != a.source.size {
		return refuse("", "the archive has %d bytes more than belong to it", a.source.size-place)
	}
	return nil
}

func (a *Reader) compare(offset int64, want []byte, what, path string) error {
	have, err := a.source.at(offset, len(want))
	if err != nil {
		return err
	}
	at := difference(want, have)
	switch {
	case at < 0:
		return nil
	case path == "":
		return refuse(path, "byte %d was altered: it lies in %s", offset+int64(at), what)
	}
	return refuse(path, "byte %d was altered: it lies in %s %q", offset+int64(at), what, path)
}

// Signer says what is known of who signed an archive.
type Signer string

// What is known: nothing, or how the fingerprint compares with the one that was
// given.
const (
	NotChecked Signer = "not checked"
	Matches    Signer = "matches"
	Differs    Signer = "differs"
)

// Verification is a verification as people are told of it.
type Verification struct {
	Valid   bool   `json:"valid" doc:"nothing was altered, and the signer is the one that was named, if one was"`
	Problem string `json:"problem" doc:"why it is not valid"`
	File    string `json:"file" doc:"the first file that was altered, is missing or was added, where it is about one"`
	Signer  Signer `json:"signer" enum:"not checked,matches,differs"`
	Report
}

// Check verifies an archive, and that the key of a fingerprint signed it unless
// that is empty. Its errors are a fingerprint that is none, which is Invalid, and
// those of reading; what is wrong with the archive is in what it returns.
func Check(ctx context.Context, r io.ReaderAt, size int64, fingerprint string) (v Verification, err error) {
	v.Signer = NotChecked
	if fingerprint != "" {
		if fingerprint, err = ParseFingerprint(fingerprint); err != nil {
			return v, err
		}
	}
	v.Report, err = Verify(ctx, r, size)
	if fingerprint != "" && v.Fingerprint != "" {
		v.Signer = Differs
		if fingerprint == v.Fingerprint {
			v.Signer = Matches
		}
	}
	switch {
	case fault.Is(err, fault.Invalid):
		v.Problem, v.File = fault.Message(err), FileOf(err)
	case err != nil:
		return v, err
	case v.Signer == Differs:
		v.Problem, v.File = "another key than the one of this fingerprint signed it: "+v.Fingerprint, SignatureName
	default:
		v.Valid = true
	}
	return v, nil
}

// ParseFingerprint takes a fingerprint as people copy it, with spaces, colons and
// capitals; what is none is Invalid.
func ParseFingerprint(text string) (string, error) {
	plain := strings.ToLower(strings.NewReplacer(" ", "", ":", "", "\u00a0", "").Replace(strings.TrimSpace(text)))
	if b, err := hex.DecodeString(plain); err != nil || len(b) != sha256.Size {
		return "", fault.New(fault.Invalid, "a fingerprint has 64 hexadecimal digits, as the sender's mail and page show them")
	}
	return plain, nil
}
