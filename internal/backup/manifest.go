package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// The files of a backup.
const (
	manifestFile = "manifest.json" // written last: without it there is no backup
	schemaFile   = "schema.txt"
	blobsFile    = "blobs.txt"
	keysFile     = "keys.age"
	erasuresFile = "erasures.jsonl" // where anything was erased
	checksFile   = "checks.json"    // what was found out about it later
	blobDir      = "blobs"          // shared by all
	ageSuffix    = ".age"
)

// manifestFormat rises when an older binary could not read a backup.
const manifestFormat = 1

// Manifest says what a backup holds. It does not change after the backup was
// made.
type Manifest struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"`
	Created time.Time `json:"created_at"`
	Reason  string    `json:"reason"`
	Release string    `json:"release"`
	Engine  db.Engine `json:"engine"`
	// Schema is the version of the newest migration.
	Schema    int64  `json:"schema"`
	Encrypted bool   `json:"encrypted"`
	Database  File   `json:"database"`
	Files     []File `json:"files"`
	// Tables are those of the copy itself, counted in it, and hashed as well
	// where the database is stored as a dump: what comes back from one has the
	// rows, not the bytes.
	Tables    []db.TableDigest `json:"tables"`
	Blobs     int              `json:"blobs"`
	BlobBytes int64            `json:"blob_bytes"`
	// Missing are papers whose bytes were not in the store, or damaged there.
	Missing []blob.Digest `json:"missing"`
	// Seal is the SHA-256 of all of the above.
	Seal string `json:"seal"`
}

// File is one file of a backup as it is stored.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Plain is the size of the database before compression.
	Plain int64 `json:"plain_bytes,omitempty"`
	// PlainSHA256 is that of the database before compression.
	PlainSHA256 string `json:"plain_sha256,omitempty"`
}

// Rows counts the rows of all tables.
func (m Manifest) Rows() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

func (m Manifest) sealed() (string, error) {
	m.Seal = ""
	text, err := json.Marshal(m)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

func (m Manifest) encode() ([]byte, error) {
	seal, err := m.sealed()
	if err != nil {
		return nil, err
	}
	m.Seal = seal
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// decodeManifest reads what encode wrote; the error says what is wrong with it.
func decodeManifest(text []byte, id string) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fault.Because(err, fault.Invalid, "%s cannot be read", manifestFile)
	}
	if m.Format > manifestFormat {
		return m, fault.New(fault.Conflict, "the backup %s was made by a newer release (format %d): use that release", id, m.Format)
	}
	if seal, err := m.sealed(); err != nil || seal != m.Seal {
		return m, fault.New(fault.Invalid, "%s was changed after the backup was made", manifestFile)
	}
	if m.ID != id {
		return m, fault.New(fault.Invalid, "%s is that of %s: the folder was renamed", manifestFile, m.ID)
	}
	return m, nil
}

// Checks are what was found out about a backup after it was made.
type Checks struct {
	VerifiedAt *time.Time `json:"verified_at"`
	DrilledAt  *time.Time `json:"drilled_at"`
	// DrillMillis is how long the last drill took.
	DrillMillis int64 `json:"drill_ms"`
	// OffSite is when the copy elsewhere was complete.
	OffSite *time.Time `json:"off_site_at"`
}

// Entry is a backup as lists show it.
type Entry struct {
	ID         string     `json:"id"`
	Created    time.Time  `json:"created_at"`
	Bytes      int64      `json:"bytes"`
	Schema     int64      `json:"schema"`
	Release    string     `json:"release"`
	Engine     db.Engine  `json:"engine"`
	Rows       int64      `json:"rows"`
	Blobs      int        `json:"blobs"`
	Missing    int        `json:"missing_files"`
	Encrypted  bool       `json:"encrypted"`
	Reason     string     `json:"reason"`
	VerifiedAt *time.Time `json:"verified_at"`
	DrilledAt  *time.Time `json:"drilled_at"`
	OffSite    bool       `json:"off_site"`
	// Damage says why the backup cannot be used at all; empty when its manifest
	// can be read.
	Damage string `json:"damage"`
}

func entryOf(m Manifest, c Checks) Entry {
	e := Entry{
		ID: m.ID, Created: m.Created, Bytes: m.Database.Bytes + m.BlobBytes, Schema: m.Schema, Release: m.Release, Engine: m.Engine, Rows: m.Rows(),
		Blobs: m.Blobs, Missing: len(m.Missing), Encrypted: m.Encrypted, Reason: m.Reason,
		VerifiedAt: c.VerifiedAt, DrilledAt: c.DrilledAt, OffSite: c.OffSite != nil,
	}
	for _, f := range m.Files {
		e.Bytes += f.Bytes
	}
	return e
}

// idForm keeps the name that the operators know; the number follows when two
// are made in one second.
var idForm = regexp.MustCompile(`^navidocs\.db\.backup-(\d{8}-\d{6})(-\d+)?$`)

const idTime = "20060102-150405"

// idCreated is the time in an id, for a backup whose manifest is unreadable.
func idCreated(id string) time.Time {
	parts := idForm.FindStringSubmatch(id)
	if parts == nil {
		return time.Time{}
	}
	at, err := time.Parse(idTime, parts[1])
	if err != nil {
		return time.Time{}
	}
	return at
}

// readFile reads a small file of a shelf.
func readFile(ctx context.Context, s shelf, name string) (_ []byte, err error) {
	r, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read from
	return io.ReadAll(io.LimitReader(r, 256<<20))
}

func readManifest(ctx context.Context, s shelf, id string) (Manifest, error) {
	text, err := readFile(ctx, s, path.Join(id, manifestFile))
	if err != nil {
		return Manifest{}, err
	}
	return decodeManifest(text, id)
}

// readChecks is forgiving: what it holds can be found out again.
func readChecks(ctx context.Context, s shelf, id string) (c Checks) {
	if text, err := readFile(ctx, s, path.Join(id, checksFile)); err == nil {
		_ = json.Unmarshal(text, &c) // nothing is known then
	}
	return c
}

func writeChecks(ctx context.Context, s shelf, id string, change func(*Checks)) error {
	c := readChecks(ctx, s, id)
	change(&c)
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return s.put(ctx, path.Join(id, checksFile), bytes.NewReader(text), int64(len(text)))
}

// blobLine is a blob that a backup names.
type blobLine struct {
	digest blob.Digest
	size   int64
}

// key is the blob's place among the blobs of a shelf, as their list has it.
func (b blobLine) key(encrypted bool) string {
	d := string(b.digest)
	place := path.Join(d[:2], d[2:4], d)
	if encrypted {
		place += ageSuffix
	}
	return place
}

// name is the blob's place on a shelf.
func (b blobLine) name(encrypted bool) string { return path.Join(blobDir, b.key(encrypted)) }

func encodeBlobs(lines []blobLine) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		fmt.Fprintln(&b, l.digest, l.size)
	}
	return b.Bytes()
}

func decodeBlobs(text []byte) (lines []blobLine, err error) {
	for scan := bufio.NewScanner(bytes.NewReader(text)); scan.Scan(); {
		digest, size, _ := strings.Cut(scan.Text(), " ")
		l := blobLine{}
		if l.digest, err = blob.ParseDigest(digest); err == nil {
			l.size, err = strconv.ParseInt(size, 10, 64)
		}
		if err != nil {
			return nil, fault.Because(err, fault.Invalid, "%s has the line %q", blobsFile, scan.Text())
		}
		lines = append(lines, l)
	}
	return lines, nil
}
