package document

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// The kinds of search entries.
const (
	kindPage      = "page"
	kindDocument  = "document"
	kindEquipment = "equipment"
)

// entry is one searchable thing: a page, a document's title, a piece of
// equipment. Its scope says who may find it and by which filters, as words of
// the same index: a search always names the scopes of its reader, so that what
// they may not see cannot match.
type entry struct {
	kind      string
	subjectID string
	page      int
	org       account.OrgID
	scope     string
	text      string
}

// scopeWord names an organization and class, a boat or a type as one word of
// the index.
func scopeWord(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + hex.EncodeToString(sum[:10])
}

func classWord(org account.OrgID, class account.Class) string {
	return scopeWord("c", string(org), string(class))
}

func boatWord(id fleet.BoatID) string { return scopeWord("b", string(id)) }
func typeWord(code string) string     { return scopeWord("t", code) }

func documentScope(d Document) string {
	words := []string{classWord(d.OrgID, d.Class)}
	for _, b := range d.BoatIDs {
		words = append(words, boatWord(b))
	}
	if d.Type != "" {
		words = append(words, typeWord(d.Type))
	}
	return strings.Join(words, " ")
}

// put stores an entry, replacing the one before.
func (s *Service) put(ctx context.Context, tx *db.Tx, e entry) error {
	body := foldedText(e.text)
	_, err := tx.Exec(ctx, `INSERT INTO search_entries (kind, subject_id, page, org_id, scope, body) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (kind, subject_id, page) DO UPDATE SET org_id = excluded.org_id, scope = excluded.scope, body = excluded.body`,
		e.kind, e.subjectID, e.page, e.org, e.scope, body)
	if err != nil {
		return err
	}
	if e.org == account.ProbeOrg { // words stay, and this one's rows do not
		return nil
	}
	return s.words.learn(ctx, tx, body)
}

func (s *Service) indexTitle(ctx context.Context, tx *db.Tx, d Document) error {
	text := d.Title + "\n" + strings.Join(d.Tags, "\n") + "\n" + d.FileName
	return s.put(ctx, tx, entry{kindDocument, string(d.ID), 0, d.OrgID, documentScope(d), text})
}

func (s *Service) indexPage(ctx context.Context, tx *db.Tx, d Document, scope string, number int, text string) error {
	return s.put(ctx, tx, entry{kindPage, string(d.ID), number, d.OrgID, scope, text})
}

// unindex makes a document unfindable.
func (s *Service) unindex(ctx context.Context, tx *db.Tx, id ID) error {
	_, err := tx.Exec(ctx, "DELETE FROM search_entries WHERE kind IN ($1, $2) AND subject_id = $3", kindPage, kindDocument, id)
	return err
}

// rescope brings the index in step with a document's title, class, type and boats.
func (s *Service) rescope(ctx context.Context, tx *db.Tx, d Document) error {
	if err := s.indexTitle(ctx, tx, d); err != nil {
		return err
	}
	scope := documentScope(d)
	_, err := tx.Exec(ctx, "UPDATE search_entries SET scope = $1 WHERE kind = $2 AND subject_id = $3 AND scope <> $1", scope, kindPage, d.ID)
	return err
}

// reindexDocument writes all entries of a document anew.
func (s *Service) reindexDocument(ctx context.Context, tx *db.Tx, d Document) error {
	if err := s.unindex(ctx, tx, d.ID); err != nil || d.DeletedAt != nil {
		return err
	}
	if err := s.indexTitle(ctx, tx, d); err != nil {
		return err
	}
	type page struct {
		number int
		text   string
	}
	pages, err := db.Collect(ctx, tx, func(r db.Row) (p page, err error) {
		err = r.Scan(&p.number, &p.text)
		return p, err
	}, "SELECT number, text FROM pages WHERE document_id = $1 AND status = 'ready' ORDER BY number", d.ID)
	if err != nil {
		return err
	}
	scope := documentScope(d)
	for _, p := range pages {
		if err := s.indexPage(ctx, tx, d, scope, p.number, p.text); err != nil {
			return err
		}
	}
	return nil
}

// Reindex rebuilds the whole search index from documents and subjects, a
// document a transaction, and returns how many documents it wrote.
func (s *Service) Reindex(ctx context.Context, progress func(done, all int)) (n int, err error) {
	defer fault.Wrap(&err, "document.Reindex")
	ids, err := db.Collect(ctx, s.db, db.Scalar[ID], "SELECT id FROM documents ORDER BY id")
	if err != nil {
		return 0, err
	}
	if err := s.reindexSubjects(ctx); err != nil {
		return 0, err
	}
	for _, id := range ids {
		err := s.db.Transact(ctx, func(tx *db.Tx) error {
			d, err := s.raw(ctx, tx, id)
			if err != nil {
				return err
			}
			return s.reindexDocument(ctx, tx, d)
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return n, err
		}
		n++
		progress(n, len(ids))
	}
	return n, nil
}

// raw reads a document for the machinery, whoever may see it.
func (s *Service) raw(ctx context.Context, q db.Querier, id ID) (Document, error) {
	d, err := db.One(ctx, q, scanDocument, "SELECT "+documentColumns+" FROM documents d WHERE d.id = $1", id)
	if err != nil {
		return d, err
	}
	one := []Document{d}
	err = attachLinks(ctx, q, one)
	return one[0], err
}

// wordCache remembers which words the vocabulary holds already: words are
// never taken out of it, so a remembered one needs no write.
type wordCache struct {
	mu    sync.Mutex
	known map[string]struct{}
}

// maxKnownWords bounds the cache, about 20 MB.
const maxKnownWords = 200_000

func newWordCache() *wordCache { return &wordCache{known: map[string]struct{}{}} }

// learn adds the words of a folded text to the vocabulary.
func (c *wordCache) learn(ctx context.Context, tx *db.Tx, body string) error {
	fresh := c.unknown(body)
	for start := 0; start < len(fresh); start += 200 {
		batch := fresh[start:min(start+200, len(fresh))]
		var w db.Where
		marks := make([]string, len(batch))
		for i, word := range batch {
			marks[i] = "(" + w.Arg(word) + ")"
		}
		_, err := tx.Exec(ctx, "INSERT INTO search_words (word) VALUES "+strings.Join(marks, ", ")+" ON CONFLICT (word) DO NOTHING", w.Args()...)
		if err != nil {
			return fmt.Errorf("vocabulary: %w", err)
		}
	}
	if len(fresh) > 0 {
		tx.OnCommit(func() { c.remember(fresh) })
	}
	return nil
}

// unknown lists the distinct words worth correcting to that are not remembered.
func (c *wordCache) unknown(body string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	seen := map[string]bool{}
	for word := range strings.SplitSeq(body, " ") {
		if len(word) < 4 || len(word) > 30 || word[0] >= '0' && word[0] <= '9' || seen[word] {
			continue
		}
		seen[word] = true
		if _, ok := c.known[word]; !ok {
			out = append(out, word)
		}
	}
	return out
}

func (c *wordCache) remember(words []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known)+len(words) > maxKnownWords {
		clear(c.known)
	}
	for _, w := range words {
		c.known[w] = struct{}{}
	}
}
