package db

import (
	"context"
	"database/sql"
	"sync"
)

// maxStatements bounds the prepared statements of a pool. Filters make some
// texts vary; beyond the bound they are prepared for each use.
const maxStatements = 400

// statements keeps statements prepared: parsing our longer SELECTs took a
// quarter of the time of a request.
type statements struct {
	mu   sync.RWMutex // guards kept
	kept map[string]*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, pool *sql.DB, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.kept[query]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.keep(query, stmt), nil
}

// keep remembers a statement, or closes it when another goroutine was first.
func (s *statements) keep(query string, stmt *sql.Stmt) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.kept[query]; first != nil {
		_ = stmt.Close() // the first one is as good
		return first
	}
	if s.kept == nil {
		s.kept = map[string]*sql.Stmt{}
	}
	if len(s.kept) >= maxStatements {
		for text, old := range s.kept { // any one: they are cheap to make again
			delete(s.kept, text)
			_ = old.Close() // waits for its users
			break
		}
	}
	s.kept[query] = stmt
	return stmt
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.kept {
		_ = stmt.Close() // the pool closes next
	}
	s.kept = nil
}
