package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// VerifyOptions say how much is read.
type VerifyOptions struct {
	// Sample is the part of the papers that is read, 0 to 1; each is looked
	// for in any case.
	Sample float64

	stored bool       // only the hash of the stored database: what is in it was checked as it was packed
	always []blobLine // papers that are read whatever the sample
}

// Damage is one thing that is wrong with a backup.
type Damage struct {
	// Check is what found it: manifest, sha256, decode, integrity_check,
	// quick_check, foreign_key_check, rows, content, schema or blob.
	Check string `json:"check"`
	Text  string `json:"text"`
}

// Report is what a verification found.
type Report struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Millis  int64     `json:"ms"`
	Damages []Damage  `json:"damages"`
	// BlobsRead counts the papers that were read again, of those that are named.
	BlobsRead int `json:"blobs_read"`
	Blobs     int `json:"blobs"`
	// Sealed: no key here opens the database, so only its stored form was checked.
	Sealed bool `json:"sealed"`
}

// Err is nil for a sound backup.
func (r Report) Err() error {
	if len(r.Damages) == 0 {
		return nil
	}
	texts := make([]string, len(r.Damages))
	for i, d := range r.Damages {
		texts[i] = d.Check + ": " + d.Text
	}
	return fault.New(fault.Internal, "the backup %s is damaged: %s", r.ID, strings.Join(texts, "; "))
}

func (r *Report) found(check, format string, args ...any) {
	r.Damages = append(r.Damages, Damage{check, fmt.Sprintf(format, args...)})
}

// Verify reads a backup and says what is wrong with it; nothing is, when the
// report names no damage, and the backup is then listed as verified. One that
// is damaged is not, or no more.
func (s *Service) Verify(ctx context.Context, id string, o VerifyOptions) (_ Report, err error) {
	defer fault.Wrap(&err, "verify %s", id)
	unlock, err := s.lock(ctx, shared)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	return s.examine(ctx, id, o)
}

// examine is Verify for those who hold the lock.
func (s *Service) examine(ctx context.Context, id string, o VerifyOptions) (r Report, err error) {
	start := s.options.Now().UTC()
	r = Report{ID: id, At: start, Damages: []Damage{}}
	m, err := s.manifest(ctx, id)
	if fault.Is(err, fault.Invalid) {
		r.found("manifest", "%s", fault.Message(err))
		return r, nil
	}
	if err != nil {
		return r, err
	}
	for _, step := range []func(context.Context, Manifest, VerifyOptions, *Report) error{s.examineFiles, s.examineDatabase, s.examineBlobs} {
		if err := step(ctx, m, o, &r); err != nil {
			return r, err
		}
	}
	now := s.options.Now().UTC()
	if r.Millis = now.Sub(start).Milliseconds(); len(r.Damages) > 0 {
		s.distrust(ctx, id)
		return r, nil
	}
	return r, writeChecks(ctx, s.place, id, func(c *Checks) { c.VerifiedAt = &now })
}

// distrust lists a backup that was found damaged as verified no more: pruning
// must not keep it in place of a good one.
func (s *Service) distrust(ctx context.Context, id string) {
	_ = writeChecks(ctx, s.place, id, func(c *Checks) { c.VerifiedAt = nil }) // the damage is told in any case, also of a place that cannot be written to
}

func (s *Service) examineFiles(ctx context.Context, m Manifest, _ VerifyOptions, r *Report) error {
	for _, f := range append([]File{m.Database}, m.Files...) {
		size, sum, err := s.hashFile(ctx, path.Join(m.ID, f.Name))
		switch {
		case fault.Is(err, fault.NotFound):
			r.found("sha256", "%s is not there", f.Name)
		case err != nil:
			return err
		case size != f.Bytes:
			r.found("sha256", "%s has %d bytes, and had %d when it was made", f.Name, size, f.Bytes)
		case sum != f.SHA256:
			r.found("sha256", "%s was changed after it was made", f.Name)
		}
	}
	return nil
}

func (s *Service) hashFile(ctx context.Context, name string) (size int64, sum string, err error) {
	f, err := s.place.open(ctx, name)
	if err != nil {
		return 0, "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	h := sha256.New()
	size, err = io.Copy(h, &contextReader{ctx, f})
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// examineDatabase opens the stored database and holds it against the manifest.
func (s *Service) examineDatabase(ctx context.Context, m Manifest, o VerifyOptions, r *Report) error {
	if o.stored {
		return nil
	}
	dir, done, err := s.work(m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	name := filepath.Join(dir, "navidocs.db")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return diskError(err)
	}
	before := len(r.Damages)
	if err := errors.Join(s.decode(ctx, m, f, r), f.Close()); err != nil || r.Sealed {
		return diskError(err)
	}
	if m.Engine == db.Postgres {
		if len(r.Damages) == before {
			if err := contents(ctx, name); err != nil {
				r.found("decode", "%s", err)
			}
		}
		return nil
	}
	return s.examineSQLite(ctx, m, name, r)
}

// decode writes the database as far as it can be read.
func (s *Service) decode(ctx context.Context, m Manifest, w io.Writer, r *Report) error {
	plain, err := s.openDatabase(ctx, m)
	switch {
	case errors.Is(err, errNoKey):
		r.Sealed = true
		return nil
	case fault.Is(err, fault.NotFound):
		return nil // told already
	case err != nil:
		r.found("decode", "%s cannot be opened: %s", m.Database.Name, err)
		return nil
	}
	defer plain.Close() //nolint:errcheck // only read from
	n, err := io.Copy(w, &contextReader{ctx, plain})
	switch {
	case err != nil && (ctx.Err() != nil || fault.Is(diskError(err), fault.Full)):
		return err
	case errors.Is(err, blob.ErrDamaged):
		r.found("content", "the database (%d bytes) is another one than was copied (%d bytes)", n, m.Database.Plain)
	case err != nil:
		r.found("decode", "%s breaks off after %d bytes: %s", m.Database.Name, n, err)
	}
	return nil
}

// openDatabase opens the stored database for reading; the end is reached only
// when it is, byte by byte, the one that was copied.
func (s *Service) openDatabase(ctx context.Context, m Manifest) (_ io.ReadCloser, err error) {
	with, err := s.identities()
	if err != nil {
		return nil, err
	}
	f, err := s.place.open(ctx, path.Join(m.ID, m.Database.Name))
	if err != nil {
		return nil, err
	}
	plain, err := unpack(f, m.Encrypted, with)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return both{both{io.NopCloser(&hashed{r: plain, want: m.Database.PlainSHA256}), plain}, f}, nil
}

// both closes the outer reader, then the inner one.
type both struct {
	io.ReadCloser
	inner io.Closer
}

func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.inner.Close()) }

func (s *Service) examineSQLite(ctx context.Context, m Manifest, name string, r *Report) error {
	d, err := db.OpenCopy(ctx, name)
	if err != nil {
		r.found("integrity_check", "the database cannot be opened: %s", err)
		return nil // that is the damage
	}
	err = s.compare(ctx, m, d, r)
	if ctx.Err() == nil && err != nil {
		r.found("integrity_check", "the database cannot be read: %s", err)
		err = nil
	}
	return errors.Join(err, d.Close())
}

// compare holds an opened copy against the manifest.
func (s *Service) compare(ctx context.Context, m Manifest, d *db.DB, r *Report) error {
	problems, err := d.Check(ctx, false)
	for _, p := range problems {
		check, text, _ := strings.Cut(p, ": ")
		r.found(check, "%s", text)
	}
	if err != nil {
		r.found("integrity_check", "it cannot be read to its end: %s", err)
	}
	if err := s.compareSchema(ctx, m, d, r); err != nil {
		return err
	}
	found, err := tables(ctx, d, d)
	if err != nil {
		return err
	}
	r.compareTables(m.Tables, found)
	return nil
}

func (s *Service) compareSchema(ctx context.Context, m Manifest, d *db.DB, r *Report) error {
	wanted, err := readFile(ctx, s.place, path.Join(m.ID, schemaFile))
	if fault.Is(err, fault.NotFound) {
		return nil // told already
	}
	if err != nil {
		return err
	}
	print, err := db.SchemaPrint(ctx, d)
	if err != nil {
		return err
	}
	want, got := strings.Split(string(wanted), "\n"), strings.Split(print, "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			r.found("schema", "is missing: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			r.found("schema", "is new: %s", line)
		}
	}
	return nil
}

func (r *Report) compareTables(want, got []db.TableDigest) {
	for _, w := range want {
		i := slices.IndexFunc(got, func(g db.TableDigest) bool { return g.Name == w.Name })
		switch {
		case i < 0:
			r.found("rows", "the table %s is missing, with %d rows", w.Name, w.Rows)
		case got[i].Rows != w.Rows:
			r.found("rows", "%s has %d rows, and had %d when it was copied", w.Name, got[i].Rows, w.Rows)
		case got[i].SHA256 != w.SHA256:
			r.found("content", "rows of %s were changed", w.Name)
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w db.TableDigest) bool { return w.Name == g.Name }) {
			r.found("rows", "the table %s was not there when it was copied", g.Name)
		}
	}
}

// examineBlobs looks for every paper that the backup names and reads a part.
func (s *Service) examineBlobs(ctx context.Context, m Manifest, o VerifyOptions, r *Report) error {
	lines, err := s.blobsOf(ctx, m)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil // told already
	case fault.Is(err, fault.Invalid):
		r.found("blob", "%s", fault.Message(err))
		return nil
	case err != nil:
		return err
	}
	have, err := s.place.list(ctx, blobDir, true)
	if err != nil {
		return err
	}
	r.Blobs = len(lines)
	for _, line := range lines {
		size, there := have[line.key(m.Encrypted)]
		switch {
		case !there:
			r.found("blob", "%s is not there", line.digest)
		case size < line.size, !m.Encrypted && size != line.size:
			r.found("blob", "%s has %d bytes instead of %d", line.digest, size, line.size)
		case o.Sample >= 1, rand.Float64() < o.Sample, slices.Contains(o.always, line): //nolint:gosec // no secret
			if err := s.readBlob(ctx, m, line, io.Discard, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) blobsOf(ctx context.Context, m Manifest) ([]blobLine, error) {
	text, err := readFile(ctx, s.place, path.Join(m.ID, blobsFile))
	if err != nil {
		return nil, err
	}
	return decodeBlobs(text)
}

func (s *Service) readBlob(ctx context.Context, m Manifest, line blobLine, w io.Writer, r *Report) error {
	f, err := s.openBlob(ctx, m, line)
	if errors.Is(err, errNoKey) {
		r.Sealed = true
		return nil
	}
	if err == nil {
		_, err = io.Copy(w, &contextReader{ctx, f})
		err = errors.Join(err, f.Close())
	}
	r.BlobsRead++
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case errors.Is(err, blob.ErrDamaged):
		r.found("blob", "%s was changed after it was copied", line.digest)
	case err != nil:
		r.found("blob", "%s cannot be read: %s", line.digest, err)
	}
	return nil
}

// openBlob opens a paper on the shelf; the end is reached only when its bytes
// have their digest.
func (s *Service) openBlob(ctx context.Context, m Manifest, line blobLine) (io.ReadCloser, error) {
	f, err := s.place.open(ctx, line.name(m.Encrypted))
	if err != nil {
		return nil, err
	}
	var r io.Reader = f
	if m.Encrypted {
		with, err := s.identities()
		if err == nil {
			r, err = decrypting(f, with)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return both{io.NopCloser(&hashed{r: r, want: string(line.digest)}), f}, nil
}
