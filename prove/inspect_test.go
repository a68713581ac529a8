package prove_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/blob"
	"navidocs/internal/db"
)

// inspection looks into the data of a server that has stopped.
type inspection struct {
	t     testing.TB
	db    *db.DB
	store *blob.Disk
	// What was counted on the way.
	events, blobs int
}

func inspect(t testing.TB, s *server) *inspection {
	t.Helper()
	store, err := blob.OpenDisk(filepath.Join(s.home, "data", "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &inspection{t: t, db: s.database(), store: store}
}

// all demands everything that holds when so many documents were read.
func (i *inspection) all(documents int) {
	i.t.Helper()
	i.sound()
	i.none("documents not ended", "SELECT id FROM documents WHERE status NOT IN ('ready', 'failed')")
	i.none("documents without their one event of an end", `SELECT d.id FROM documents d WHERE 1 <> (SELECT count(*) FROM events e
		WHERE e.type IN ('document.processed', 'document.failed') AND json_extract(e.data, '$.document_id') = d.id)`)
	i.none("documents without their one event of a beginning", `SELECT d.id FROM documents d WHERE 1 <> (SELECT count(*) FROM events e
		WHERE e.type = 'document.uploaded' AND json_extract(e.data, '$.document_id') = d.id)`)
	i.none("statuses of jobs not closed", "SELECT id FROM job_status WHERE finished_at IS NULL")
	i.none("jobs given up", "SELECT kind FROM river_job WHERE state = 'discarded'")
	i.none("events not handed on", "SELECT id FROM events WHERE dispatched_at IS NULL")
	if n := i.number("SELECT count(*) FROM documents"); n != documents {
		i.t.Errorf("%d documents, want %d", n, documents)
	}
}

// sound demands what holds at any time.
func (i *inspection) sound() {
	i.t.Helper()
	if got := i.texts("PRAGMA integrity_check"); !cmp.Equal(got, []string{"ok"}) {
		i.t.Errorf("integrity_check: %v", got)
	}
	i.none("broken references", "SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check")
	i.sequences()
	i.pages()
	i.references()
	i.verify()
}

// sequences demands that every stream counts its events 1, 2, 3 ...
func (i *inspection) sequences() {
	i.t.Helper()
	i.none("streams with a gap", `SELECT s.stream FROM event_streams s JOIN events e ON e.stream = s.stream
		GROUP BY s.stream, s.last_sequence HAVING min(e.sequence) <> 1 OR max(e.sequence) <> count(*) OR count(*) <> s.last_sequence`)
	i.events = i.number("SELECT count(*) FROM events")
}

// pages demands that the counts, the pages and the index agree.
func (i *inspection) pages() {
	i.t.Helper()
	i.none("documents whose counts are not those of their pages", `SELECT d.id FROM documents d WHERE d.status IN ('ready', 'processing') AND
		(d.page_count <> (SELECT count(*) FROM pages p WHERE p.document_id = d.id)
		OR d.pages_ready <> (SELECT count(*) FROM pages p WHERE p.document_id = d.id AND p.status = 'ready')
		OR d.pages_failed <> (SELECT count(*) FROM pages p WHERE p.document_id = d.id AND p.status = 'failed'))`)
	i.none("pages not in the index", `SELECT p.document_id FROM pages p WHERE p.status = 'ready' AND 1 <> (SELECT count(*)
		FROM search_entries e WHERE e.kind = 'page' AND e.subject_id = p.document_id AND e.page = p.number)`)
	i.none("entries of the index without a page", `SELECT e.subject_id FROM search_entries e WHERE e.kind = 'page' AND NOT EXISTS
		(SELECT 1 FROM pages p WHERE p.document_id = e.subject_id AND p.number = e.page AND p.status = 'ready')`)
}

// references demands that the registry of blobs says what documents and pages say.
func (i *inspection) references() {
	i.t.Helper()
	const wanted = `SELECT digest, 'document' AS owner_kind, id AS owner_id FROM documents
		UNION SELECT thumb_digest, 'page', document_id FROM pages WHERE thumb_digest <> ''
		UNION SELECT screen_digest, 'page', document_id FROM pages WHERE screen_digest <> ''`
	i.none("blobs needed and not registered", "SELECT digest || owner_kind FROM ("+wanted+" EXCEPT SELECT digest, owner_kind, owner_id FROM blob_refs)")
	i.none("blobs registered and not needed", "SELECT digest || owner_kind FROM (SELECT digest, owner_kind, owner_id FROM blob_refs EXCEPT SELECT * FROM ("+wanted+"))")
	i.none("blobs that nobody needs and that do not say so", `SELECT digest FROM blobs b WHERE unreferenced_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM blob_refs r WHERE r.digest = b.digest)`)
}

// verify reads every registered blob.
func (i *inspection) verify() {
	i.t.Helper()
	for _, digest := range i.texts("SELECT digest FROM blobs") {
		if err := blob.Verify(i.t.Context(), i.store, blob.Digest(digest)); err != nil {
			i.t.Error(err)
		}
		i.blobs++
	}
}

// none demands that a query finds nothing.
func (i *inspection) none(what, query string) {
	i.t.Helper()
	if got := i.texts(query); len(got) > 0 {
		i.t.Errorf("%d %s: %v", len(got), what, got[:min(len(got), 5)])
	}
}

func (i *inspection) texts(query string) []string {
	i.t.Helper()
	out, err := db.Collect(i.t.Context(), i.db, db.Scalar[string], query)
	if err != nil {
		i.t.Fatalf("%s: %v", query, err)
	}
	return out
}

func (i *inspection) number(query string) int {
	i.t.Helper()
	n, err := db.One(i.t.Context(), i.db, db.Scalar[int], query)
	if err != nil {
		i.t.Fatalf("%s: %v", query, err)
	}
	return n
}
