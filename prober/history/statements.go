package history

import (
	"context"
	"database/sql"
)

// statements are those that the writer executes, prepared once for all its transactions:
// to compile them is a third of what a small batch takes. Its goroutine uses them.
type statements struct {
	db    *sql.DB
	known map[string]*sql.Stmt // nil where one is yet to be prepared
}

// ready prepares what earlier transactions have wanted. It is called between them: a
// database in memory has one connection, which a transaction has for itself.
func (s *statements) ready(ctx context.Context, db *sql.DB) (err error) {
	if s.db != db { // its end has closed those of the one before
		*s = statements{db: db, known: map[string]*sql.Stmt{}}
	}
	for query, stmt := range s.known {
		if stmt != nil {
			continue
		}
		if s.known[query], err = db.PrepareContext(ctx, query); err != nil {
			delete(s.known, query)
			return err
		}
	}
	return nil
}

// in is the statement for a transaction, whose end closes it.
func (s *statements) in(ctx context.Context, tx *sql.Tx, query string) (*sql.Stmt, error) {
	if stmt := s.known[query]; stmt != nil {
		return tx.StmtContext(ctx, stmt), nil // its errors are those of its use
	}
	s.known[query] = nil
	return tx.PrepareContext(ctx, query)
}
