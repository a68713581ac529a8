package document

import (
	"context"
	"slices"
	"sort"
	"strings"

	"navidocs/internal/db"
)

// match adds the condition of a search in the engine's own full-text language.
func (s *Service) match(w *db.Where, in scope, terms []term) {
	if s.db.Engine == db.Postgres {
		w.Add("e.terms @@ CAST(CAST(? AS TEXT) AS TSQUERY)", postgresMatch(in, terms))
		return
	}
	w.Add("search_index MATCH ?", sqliteMatch(in, terms))
}

func (s *Service) matchFrom() string {
	if s.db.Engine == db.Postgres {
		return "search_entries e"
	}
	return "search_index JOIN search_entries e ON e.id = search_index.rowid"
}

// finds says whether a reader would find anything by one term.
func (s *Service) finds(ctx context.Context, in scope, t term) (bool, error) {
	var w db.Where
	s.match(&w, in, []term{t})
	ids, err := db.Collect(ctx, s.db, db.Scalar[int64], "SELECT e.id FROM "+s.matchFrom()+" WHERE "+w.SQL()+" LIMIT 1", w.Args()...)
	return len(ids) > 0, err
}

// correct replaces each word that the reader finds nowhere by the nearest one
// that they do find. It never offers a word that only others may read.
func (s *Service) correct(ctx context.Context, in scope, terms []term) (_ []term, changed bool, err error) {
	out := make([]term, len(terms))
	for i, t := range terms {
		out[i] = term{words: slices.Clone(t.words), prefix: t.prefix}
		for k, word := range t.words {
			if t.prefix && k == len(t.words)-1 {
				continue
			}
			better, err := s.correctWord(ctx, in, word)
			if err != nil {
				return nil, false, err
			}
			if better != word {
				out[i].words[k], changed = better, true
			}
		}
	}
	return out, changed, nil
}

// maxTried bounds how many similar words are looked up in the reader's scope.
const maxTried = 20

func (s *Service) correctWord(ctx context.Context, in scope, word string) (string, error) {
	limit := tolerance(word)
	if limit == 0 {
		return word, nil
	}
	if ok, err := s.finds(ctx, in, term{words: []string{word}}); err != nil || ok {
		return word, err
	}
	similar, err := s.similarWords(ctx, word)
	if err != nil {
		return word, err
	}
	type near struct {
		word string
		far  int
	}
	var all []near
	for _, w := range similar {
		if far := distance(word, w, limit); far <= limit {
			all = append(all, near{w, far})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if a.far != b.far {
			return a.far < b.far
		}
		if sa, sb := a.word[0] == word[0], b.word[0] == word[0]; sa != sb {
			return sa // people rarely mistype the first letter
		}
		return a.word < b.word
	})
	for _, n := range all[:min(len(all), maxTried)] {
		ok, err := s.finds(ctx, in, term{words: []string{n.word}})
		if err != nil || ok {
			return n.word, err
		}
	}
	return word, nil
}

// similarWords reads words of the vocabulary that might be near: those that
// share three letters, and for short words, where one swap leaves no such
// three, those with the same beginning.
func (s *Service) similarWords(ctx context.Context, word string) ([]string, error) {
	var all []string
	if len([]rune(word)) < 8 {
		first := string([]rune(word)[:1])
		// A range instead of LIKE: both engines walk the index in byte order.
		short, err := db.Collect(ctx, s.db, db.Scalar[string], `SELECT word FROM search_words
			WHERE word >= $1 AND word < $2 AND length(word) BETWEEN $3 AND $4 LIMIT 20000`,
			first, first+"\U0010FFFF", len([]rune(word))-2, len([]rune(word))+2)
		if err != nil {
			return nil, err
		}
		all = append(all, short...)
	}
	if len([]rune(word)) < 5 {
		return all, nil
	}
	grams, err := s.gramWords(ctx, word)
	return append(all, grams...), err
}

func (s *Service) gramWords(ctx context.Context, word string) ([]string, error) {
	if s.db.Engine == db.Postgres {
		return db.Collect(ctx, s.db, db.Scalar[string],
			"SELECT word FROM search_words WHERE word % $1 ORDER BY similarity(word, $1) DESC LIMIT 300", word)
	}
	if strings.ContainsRune(word, '"') {
		return nil, nil
	}
	return db.Collect(ctx, s.db, db.Scalar[string], `SELECT w.word FROM search_word_grams JOIN search_words w ON w.id = search_word_grams.rowid
		WHERE search_word_grams MATCH $1 ORDER BY search_word_grams.rank LIMIT 300`, sqliteGrams(word))
}
