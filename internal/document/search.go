package document

import (
	"context"
	"math"
	"slices"
	"sort"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Query is a search.
type Query struct {
	Text   string
	BoatID fleet.BoatID
	Type   string
	// From and To bound the date of the paper: its date of issue, else the day
	// it was uploaded.
	From, To fleet.Date
	fleet.Page
}

// Hit is one page, title, piece of equipment or warranty that a search found.
type Hit struct {
	Kind        string            `json:"kind" enum:"page,document,equipment,warranty"`
	OrgID       account.OrgID     `json:"organization_id"`
	DocumentID  ID                `json:"document_id,omitempty"`
	EquipmentID fleet.EquipmentID `json:"equipment_id,omitempty"`
	SubjectID   string            `json:"subject_id,omitempty" doc:"of equipment or a warranty"`
	BoatIDs     []fleet.BoatID    `json:"boat_ids"`
	Title       string            `json:"title"`
	Page        int               `json:"page" doc:"page number from 1; 0 where it is no page"`
	// Snippet is HTML: escaped text with the found words in <mark>.
	Snippet string  `json:"snippet"`
	Score   float64 `json:"score"`
}

// Facet counts hits by a property of their document.
type Facet struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Results is the answer to a search.
type Results struct {
	Hits []Hit `json:"hits"`
	// Total counts the hits, at most 500.
	Total  int                `json:"total"`
	TookMS float64            `json:"took_ms"`
	Facets map[string][]Facet `json:"facets"`
	// Corrected is the query that was searched instead, when a word of the
	// given one is nowhere and a similar one is.
	Corrected string `json:"corrected"`
}

// maxCandidates bounds how many entries are scored: ranking a common word over
// everything would take seconds, and nobody reads page 26 of the hits.
const maxCandidates = 500

// candidate is an entry that matches, before it is scored.
type candidate struct {
	id         int64
	kind       string
	subjectID  string
	page       int
	org        account.OrgID
	body       string
	score      float64
	firstMatch int
}

// scope is what a reader may find: entries with all words of any of these
// sets (their organizations and classes, and a boat for which they have a grant),
// and with all of those (filters).
type scope struct {
	any [][]string
	all []string
}

func readerScope(who account.Actor, q Query) scope {
	var s scope
	for _, org := range who.Orgs(account.Viewer) {
		for _, class := range who.On(org).Classes() {
			s.any = append(s.any, []string{classWord(org, class)})
		}
	}
	for _, class := range []account.Class{account.Open, account.Money, account.Personal} {
		for _, boat := range who.GrantedBoats(account.Viewer, class) {
			s.any = append(s.any, []string{boatWord(boat), classWord(who.Grants[boat].OrgID, class)})
		}
	}
	if q.BoatID != "" {
		s.all = append(s.all, boatWord(q.BoatID))
	}
	if q.Type != "" {
		s.all = append(s.all, typeWord(q.Type))
	}
	return s
}

// Search finds pages, titles and equipment that hold every word of the query.
// A query that finds nothing is tried with its last word as a prefix, then
// with its mistyped words corrected to ones that the reader may find.
func (s *Service) Search(ctx context.Context, who account.Actor, q Query) (r Results, err error) {
	defer fault.Wrap(&err, "document.Search")
	start := s.db.Now()
	r = Results{Hits: []Hit{}, Facets: map[string][]Facet{}}
	if err := s.checkQuery(ctx, who, q); err != nil {
		return r, err
	}
	in := readerScope(who, q)
	terms := parseQuery(q.Text)
	if len(terms) == 0 || len(in.any) == 0 {
		return r, nil
	}
	found, used, err := s.find(ctx, in, terms, q)
	if err != nil {
		return r, err
	}
	if len(found) > 0 && termsString(used) != termsString(terms) && !used[len(used)-1].prefix {
		r.Corrected = termsString(used)
	}
	score(found, used)
	r.Total = len(found)
	if r.Facets, err = s.facets(ctx, who, found); err != nil {
		return r, err
	}
	if q.Offset < len(found) {
		if r.Hits, err = s.hits(ctx, who, found[q.Offset:min(q.Offset+q.Limit, len(found))], used); err != nil {
			return r, err
		}
	}
	r.TookMS = math.Round(float64(s.db.Now().Sub(start).Microseconds())) / 1000
	return r, nil
}

func (s *Service) checkQuery(ctx context.Context, who account.Actor, q Query) error {
	for i, d := range []fleet.Date{q.From, q.To} {
		if d != "" {
			if _, f := fleet.ParseDate(string(d), []string{"query.from", "query.to"}[i]); f != nil {
				return fault.Fields(*f)
			}
		}
	}
	if q.BoatID == "" {
		return nil
	}
	_, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{q.BoatID}, account.Viewer)
	return err
}

// find returns the candidates and the terms that found them.
func (s *Service) find(ctx context.Context, in scope, terms []term, q Query) ([]candidate, []term, error) {
	found, err := s.candidates(ctx, in, terms, q)
	if err != nil || len(found) > 0 {
		return found, terms, err
	}
	last := len(terms) - 1
	if w := terms[last].words; !terms[last].prefix && len(w[len(w)-1]) >= 3 {
		wider := slices.Clone(terms)
		wider[last].prefix = true
		if found, err = s.candidates(ctx, in, wider, q); err != nil || len(found) > 0 {
			return found, wider, err
		}
	}
	corrected, changed, err := s.correct(ctx, in, terms)
	if err != nil || !changed {
		return nil, terms, err
	}
	found, err = s.candidates(ctx, in, corrected, q)
	return found, corrected, err
}

// candidates reads what matches, in no order.
func (s *Service) candidates(ctx context.Context, in scope, terms []term, q Query) ([]candidate, error) {
	var w db.Where
	s.match(&w, in, terms)
	if q.From != "" || q.To != "" {
		dateFilter(&w, q)
	}
	query := "SELECT e.id, e.kind, e.subject_id, e.page, e.org_id, e.body FROM " + s.matchFrom() + " WHERE " + w.SQL()
	query += " LIMIT " + w.Arg(maxCandidates)
	return db.Collect(ctx, s.db, func(r db.Row) (c candidate, err error) {
		err = r.Scan(&c.id, &c.kind, &c.subjectID, &c.page, &c.org, &c.body)
		return c, err
	}, query, w.Args()...)
}

func dateFilter(w *db.Where, q Query) {
	from, to := q.From, q.To
	if from == "" {
		from = "0000-01-01"
	}
	if to == "" {
		to = "9999-12-31"
	}
	uploadedFrom, uploadedTo := dayStart(from), dayStart(to)+24*3600*1_000_000
	w.Add(`EXISTS (SELECT 1 FROM documents d WHERE d.id = e.subject_id AND
		((d.issued_on >= ? AND d.issued_on <= ?) OR (d.issued_on IS NULL AND d.created_at >= ? AND d.created_at < ?)))`,
		from, to, uploadedFrom, uploadedTo)
}

// score ranks candidates in place, best first, by the words' frequency in the
// entry (BM25's saturation and length terms), their rarity among the
// candidates, and how near to each other they stand.
func score(found []candidate, terms []term) {
	const k1, b = 1.2, 0.75
	total := 0
	counts := make([][]int, len(found))
	holders := make([]int, len(terms))
	for i := range found {
		total += len(found[i].body)
		counts[i] = make([]int, len(terms))
		low, high := math.MaxInt, -1
		for t, term := range terms {
			n, first := term.count(found[i].body)
			if counts[i][t] = n; n > 0 {
				holders[t]++
				low, high = min(low, first), max(high, first)
			}
		}
		if found[i].firstMatch = low; len(terms) > 1 && high >= low {
			found[i].score = 1 / (1 + float64(high-low)/100)
		}
	}
	average := float64(total)/float64(max(len(found), 1)) + 1
	for i := range found {
		norm := k1 * (1 - b + b*float64(len(found[i].body))/average)
		for t := range terms {
			n := float64(counts[i][t])
			rarity := math.Log(1 + (float64(len(found))-float64(holders[t])+0.5)/(float64(holders[t])+0.5))
			found[i].score += (rarity + 0.1) * n * (k1 + 1) / (n + norm)
		}
		if found[i].kind != kindPage {
			found[i].score *= 1.5
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		if found[i].score != found[j].score {
			return found[i].score > found[j].score
		}
		return found[i].id < found[j].id
	})
}

// facets counts the found documents' types and boats.
func (s *Service) facets(ctx context.Context, who account.Actor, found []candidate) (map[string][]Facet, error) {
	ids := subjects(found, kindPage, kindDocument)
	out := map[string][]Facet{"type": {}, "boat": {}}
	if len(ids) == 0 {
		return out, nil
	}
	perDocument := map[string]int{}
	for _, c := range found {
		perDocument[c.subjectID]++
	}
	for facet, text := range map[string]string{
		"type": "SELECT id, type FROM documents WHERE type <> '' AND ",
		"boat": "SELECT l.document_id, l.boat_id FROM document_boats l JOIN boats b ON b.id = l.boat_id WHERE ",
	} {
		var w db.Where
		db.In(&w, map[string]string{"type": "id", "boat": "l.document_id"}[facet], ids)
		if facet == "boat" {
			who.Visible(&w, "b.org_id", "b.id")
		}
		sums := map[string]int{}
		_, err := db.Collect(ctx, s.db, func(r db.Row) (_ struct{}, err error) {
			var id, value string
			err = r.Scan(&id, &value)
			sums[value] += perDocument[id]
			return struct{}{}, err
		}, text+w.SQL(), w.Args()...)
		if err != nil {
			return nil, err
		}
		for value, n := range sums {
			out[facet] = append(out[facet], Facet{value, n})
		}
		slices.SortFunc(out[facet], func(a, b Facet) int {
			if a.Count != b.Count {
				return b.Count - a.Count
			}
			return strings.Compare(a.Value, b.Value)
		})
	}
	return out, nil
}

func subjects(found []candidate, kinds ...string) []string {
	var ids []string
	seen := map[string]bool{}
	for _, c := range found {
		if slices.Contains(kinds, c.kind) && !seen[c.subjectID] {
			seen[c.subjectID] = true
			ids = append(ids, c.subjectID)
		}
	}
	return ids
}

// hits reads what is shown of some candidates. It checks once more, by the
// rows themselves, that the reader may see them.
func (s *Service) hits(ctx context.Context, who account.Actor, found []candidate, terms []term) ([]Hit, error) {
	docs, err := s.hitDocuments(ctx, who, subjects(found, kindPage, kindDocument))
	if err != nil {
		return nil, err
	}
	texts, err := s.hitTexts(ctx, found)
	if err != nil {
		return nil, err
	}
	out := []Hit{}
	for _, c := range found {
		h := Hit{Kind: c.kind, OrgID: c.org, Page: c.page, Score: math.Round(c.score*1000) / 1000}
		if c.kind != kindPage && c.kind != kindDocument {
			x, ok, err := s.subject(ctx, who, c.kind, c.subjectID)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, h.of(x, terms))
			}
			continue
		}
		d, ok := docs[c.subjectID]
		if !ok {
			continue
		}
		h.DocumentID, h.BoatIDs, h.Title = d.ID, d.BoatIDs, d.Title
		text := d.Title + " · " + d.FileName
		if c.kind == kindPage {
			text = texts[c.id]
		}
		h.Snippet = snippet(text, terms)
		out = append(out, h)
	}
	return out, nil
}

// of is the hit of something that is no paper.
func (h Hit) of(x Subject, terms []term) Hit {
	h.SubjectID, h.BoatIDs, h.Title, h.Snippet = x.ID, []fleet.BoatID{x.BoatID}, x.Title, snippet(x.Text, terms)
	if h.Kind == kindEquipment {
		h.EquipmentID = fleet.EquipmentID(x.ID)
	}
	return h
}

func (s *Service) hitDocuments(ctx context.Context, who account.Actor, ids []string) (map[string]Document, error) {
	out := map[string]Document{}
	if len(ids) == 0 {
		return out, nil
	}
	var w db.Where
	visible(&w, who)
	w.Add("d.deleted_at IS NULL")
	db.In(&w, "d.id", ids)
	docs, err := db.Collect(ctx, s.db, scanDocument, "SELECT "+documentColumns+" FROM documents d WHERE "+w.SQL(), w.Args()...)
	if err != nil {
		return nil, err
	}
	if err := attachSeen(ctx, s.db, who, docs); err != nil {
		return nil, err
	}
	for _, d := range docs {
		out[string(d.ID)] = d
	}
	return out, nil
}

func (s *Service) hitTexts(ctx context.Context, found []candidate) (map[int64]string, error) {
	out := map[int64]string{}
	var w db.Where
	var ids []int64
	for _, c := range found {
		if c.kind == kindPage {
			ids = append(ids, c.id)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	db.In(&w, "e.id", ids)
	_, err := db.Collect(ctx, s.db, func(r db.Row) (_ struct{}, err error) {
		var id int64
		var text string
		err = r.Scan(&id, &text)
		out[id] = text
		return struct{}{}, err
	}, "SELECT e.id, p.text FROM search_entries e JOIN pages p ON p.document_id = e.subject_id AND p.number = e.page WHERE "+w.SQL(), w.Args()...)
	return out, err
}
