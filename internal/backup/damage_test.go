package backup_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/db"
)

// damage is one of the twelve of operations.md 3: what it does to the database
// of a backup, and what names it when the file's hash does not.
type damage struct {
	name  string
	do    func(t *testing.T, w *wreck)
	check string // in the report when the hash in the manifest was made right again
	text  string
}

// wreck is the database of a backup, unpacked.
type wreck struct {
	path  string
	older string // the unpacked database of an older backup
}

func (w *wreck) sql(t *testing.T, statements ...string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+w.path+"?_pragma=foreign_keys(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := pool.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

func (w *wreck) bytes(t *testing.T, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path, change(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const pageSize = 4096

// leaf finds a page of the table's rows in the middle of the file.
func leaf(text []byte) int {
	for p := len(text) / pageSize / 2; p < len(text)/pageSize; p++ {
		if text[p*pageSize] == 13 && bytes.Contains(text[p*pageSize:(p+1)*pageSize], []byte("audit trail")) {
			return p
		}
	}
	return -1
}

func damages() []damage {
	return []damage{
		{"1 byte flipped in text", func(t *testing.T, w *wreck) {
			t.Helper()
			w.bytes(t, func(b []byte) []byte {
				p := leaf(b) * pageSize
				i := p + bytes.LastIndex(b[p:p+pageSize], []byte("audit trail"))
				b[i] ^= 1
				return b
			})
		}, "content", "is another one than was copied"},
		{"a page zeroed", func(t *testing.T, w *wreck) {
			t.Helper()
			w.bytes(t, func(b []byte) []byte {
				p := leaf(b) * pageSize
				clear(b[p : p+pageSize])
				return b
			})
		}, "integrity_check", ""},
		{"last 5% cut", func(t *testing.T, w *wreck) {
			t.Helper()
			w.bytes(t, func(b []byte) []byte { return b[:len(b)*95/100] })
		}, "integrity_check", ""},
		{"last 3 pages cut", func(t *testing.T, w *wreck) {
			t.Helper()
			w.bytes(t, func(b []byte) []byte { return b[:len(b)-3*pageSize] })
		}, "integrity_check", ""},
		{"two pages swapped", func(t *testing.T, w *wreck) {
			t.Helper()
			w.bytes(t, func(b []byte) []byte {
				p := leaf(b) * pageSize
				one := bytes.Clone(b[p : p+pageSize])
				copy(b[p:], b[p+pageSize:p+2*pageSize])
				copy(b[p+pageSize:], one)
				return b
			})
		}, "", ""}, // integrity_check or content, by what the pages hold
		{"5% of a table deleted", func(t *testing.T, w *wreck) {
			t.Helper()
			w.sql(t, "DELETE FROM audit_log WHERE rowid % 20 = 0")
		}, "rows", "audit_log has 285 rows, and had 300"},
		{"small table emptied", func(t *testing.T, w *wreck) {
			t.Helper()
			w.sql(t, "DELETE FROM schema_files", "DELETE FROM blob_refs")
		}, "rows", "blob_refs has 0 rows, and had 2"},
		{"foreign key orphans", func(t *testing.T, w *wreck) {
			t.Helper()
			w.sql(t, "UPDATE boats SET org_id = 'nobody' WHERE id = 'boat-org-000007'")
		}, "foreign_key_check", "1 rows of boats refer to rows of organizations"},
		{"index misses 2 entries", missIndexEntries, "integrity_check", "audit_log_org"},
		{"index missing", func(t *testing.T, w *wreck) {
			t.Helper()
			w.sql(t, "DROP INDEX boats_hin")
		}, "schema", "boats_hin"},
		{"older backup renamed", func(t *testing.T, w *wreck) {
			t.Helper()
			w.path = w.older
		}, "rows", "organizations has 100 rows, and had 300"},
		{"empty tables only", func(t *testing.T, w *wreck) {
			t.Helper()
			if err := os.Remove(w.path); err != nil {
				t.Fatal(err)
			}
			d, err := db.Open(t.Context(), db.Options{URL: w.path})
			if err != nil {
				t.Fatal(err)
			}
			if err := migrate(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}, "rows", "organizations has 0 rows, and had 300"},
	}
}

// missIndexEntries takes two entries out of an index and leaves their rows: the
// index is told to be one of no rows while they are written again.
func missIndexEntries(t *testing.T, w *wreck) {
	t.Helper()
	w.sql(t, "PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET sql = 'CREATE INDEX audit_log_org ON audit_log (org_id, at) WHERE org_id NOT IN (''org-000003'', ''org-000004'')' WHERE name = 'audit_log_org'",
		"PRAGMA writable_schema = RESET")
	w.sql(t, "REINDEX audit_log_org", "PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET sql = 'CREATE INDEX audit_log_org ON audit_log (org_id, at)' WHERE name = 'audit_log_org'",
		"PRAGMA writable_schema = RESET")
}

// Each of the twelve damages is found, by the hash of the file alone, and named
// by the other checks where somebody made the hash right again.
func TestEachOfTwelveDamagesIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(100)
	b.paper("one")
	b.paper("two")
	older := b.create()
	b.fill(200)
	good := b.create()
	if all := damages(); len(all) != 12 {
		t.Fatal(len(all))
	}
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			w := b.unpack(t, good.ID, older.ID)
			d.do(t, w)
			stale := b.pack(t, w, good.ID, false)
			if r := stale.verify(good.ID); !hasDamage(r, "sha256", "db.zst") {
				t.Errorf("by its hash: %+v", r.Damages)
			}
			made := b.pack(t, w, good.ID, true)
			r := made.verify(good.ID)
			if len(r.Damages) == 0 || hasDamage(r, "sha256", "") || d.check != "" && !hasDamage(r, d.check, d.text) {
				t.Errorf("with its hash made right: %+v", r.Damages)
			}
			if list, err := made.service().List(t.Context()); err != nil || list[0].VerifiedAt != nil {
				t.Error("it still lists as verified", err)
			}
		})
	}
}

func hasDamage(r backup.Report, check, text string) bool {
	for _, d := range r.Damages {
		if d.Check == check && strings.Contains(d.Text, text) {
			return true
		}
	}
	return false
}

// unpack writes the databases of two backups to files.
func (b *bundle) unpack(t *testing.T, id, older string) *wreck {
	t.Helper()
	dir := t.TempDir()
	w := &wreck{path: filepath.Join(dir, "a.db"), older: filepath.Join(dir, "b.db")}
	for path, id := range map[string]string{w.path: id, w.older: older} {
		packed, err := os.ReadFile(b.file(id, "db.zst"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := z.DecodeAll(packed, nil)
		z.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, plain, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// pack makes a copy of the shelf with another database in a backup, the
// manifest's figures made right or not.
func (b *bundle) pack(t *testing.T, w *wreck, id string, right bool) *bundle {
	t.Helper()
	other := *b
	other.t = t
	other.config.Backup.Dir = filepath.Join(t.TempDir(), "backups")
	if err := os.CopyFS(other.config.Backup.Dir, os.DirFS(b.config.Backup.Dir)); err != nil {
		t.Fatal(err)
	}
	plain, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := z.EncodeAll(plain, nil)
	if err := os.WriteFile(other.file(id, "db.zst"), packed, 0o600); err != nil {
		t.Fatal(err)
	}
	if right {
		other.rewrite(id, func(m *backup.Manifest) {
			sum := sha256.Sum256(packed)
			m.Database = backup.File{Name: "db.zst", Bytes: int64(len(packed)), SHA256: hex.EncodeToString(sum[:]), Plain: int64(len(plain)), PlainSHA256: m.Database.PlainSHA256}
		})
	}
	return &other
}

// rewrite changes a manifest and seals it anew, as only somebody could who
// means harm.
func (b *bundle) rewrite(id string, change func(*backup.Manifest)) {
	b.t.Helper()
	m := b.manifest(id)
	change(&m)
	m.Seal = ""
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	m.Seal = hex.EncodeToString(sum[:])
	if text, err = json.Marshal(m); err == nil {
		err = os.WriteFile(b.file(id, "manifest.json"), text, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// The other files of a backup, and the papers, are told too.
func TestDamageBesideTheDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(3)
		digest := b.paper("a paper of some bytes")
		id := b.create().ID
		paper := b.file("blobs", string(digest[:2]), string(digest[2:4]), string(digest))
		for name, c := range map[string]struct {
			path  string
			text  []byte // nil: removed
			check string
			want  string
		}{
			"keys":            {b.file(id, "keys.age"), []byte("x"), "sha256", "keys.age has 1 bytes"},
			"schema":          {b.file(id, "schema.txt"), nil, "sha256", "schema.txt is not there"},
			"list of papers":  {b.file(id, "blobs.txt"), nil, "sha256", "blobs.txt is not there"},
			"strange list":    {b.file(id, "blobs.txt"), []byte("../../x 1\n"), "blob", "../../x 1"},
			"paper gone":      {paper, nil, "blob", string(digest) + " is not there"},
			"paper cut":       {paper, []byte("a"), "blob", string(digest) + " has 1 bytes instead of 21"},
			"paper changed":   {paper, []byte("A paper of some bytes"), "blob", string(digest) + " was changed"},
			"database gone":   {b.file(id, "db.zst"), nil, "sha256", "db.zst is not there"},
			"database broken": {b.file(id, "db.zst"), []byte("no zstd"), "decode", "db.zst"},
			"manifest":        {b.file(id, "manifest.json"), []byte("{}"), "manifest", "was changed"},
			"manifest broken": {b.file(id, "manifest.json"), []byte("{"), "manifest", "cannot be read"},
		} {
			before, err := os.ReadFile(c.path)
			if err != nil {
				t.Fatal(err)
			}
			if err = os.Remove(c.path); err == nil && c.text != nil {
				err = os.WriteFile(c.path, c.text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r := b.verify(id); !hasDamage(r, c.check, c.want) {
				t.Errorf("%s: %+v", name, r.Damages)
			}
			if err := os.WriteFile(c.path, before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if r := b.verify(id); len(r.Damages) > 0 {
			t.Error("after all was put back:", r.Damages)
		}
	})
}

// A whole backup under another's name is none.
func TestARenamedBackupIsToldByItsManifest(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	id := b.create().ID
	other := "navidocs.db.backup-20270101-000000"
	if err := os.Rename(b.file(id), b.file(other)); err != nil {
		t.Fatal(err)
	}
	if r := b.verify(other); !hasDamage(r, "manifest", id) {
		t.Error(r.Damages)
	}
	all, err := b.service().List(t.Context())
	if err != nil || len(all) != 1 || !strings.Contains(all[0].Damage, id) {
		t.Error(all, err)
	}
}

// Twenty good backups pass, also after half of everything was deleted, where
// the old rule (the size of the copy is 90 to 110 % of the file's) would have
// alarmed.
func TestTwentyGoodBackupsPass(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	falseAlarms := 0
	for i := range 20 {
		b.fill(60)
		b.paper(fmt.Sprint("paper ", i))
		if i%5 == 4 {
			b.exec("DELETE FROM audit_log WHERE id > (SELECT min(id) FROM audit_log)")
			b.exec("DELETE FROM boats WHERE id > (SELECT min(id) FROM boats)")
		}
		e := b.create()
		if r := b.verify(e.ID); len(r.Damages) > 0 {
			t.Error(e.ID, r.Damages)
		}
		copied := b.manifest(e.ID).Database.Plain
		if live := b.pages() * pageSize; copied < live*90/100 || copied > live*110/100 {
			falseAlarms++
		}
	}
	t.Logf("20 of 20 good backups pass; the old rule of sizes would have refused %d of them", falseAlarms)
	if falseAlarms == 0 {
		t.Error("the old rule raised no false alarm: the deletes were too small to show it")
	}
}

// pages is the size of the database's file, without opening it.
func (b *bundle) pages() int64 {
	b.t.Helper()
	n, err := db.One(b.t.Context(), b.db, db.Scalar[int64], "SELECT page_count FROM pragma_page_count()")
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// FuzzManifest asks that no manifest makes the reader fail otherwise than by
// saying so.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"navidocs.db.backup-20260504-120000"}`), []byte("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0\n"))
	f.Fuzz(func(t *testing.T, manifest, blobs []byte) {
		dir := t.TempDir()
		const id = "navidocs.db.backup-20260504-120000"
		if err := os.MkdirAll(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{"manifest.json": manifest, "blobs.txt": blobs} {
			if err := os.WriteFile(filepath.Join(dir, id, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := backup.New(backup.Options{From: dir, Now: nil, Store: (*blob.Disk)(nil)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.List(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
