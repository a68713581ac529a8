package apptest

import (
	"bytes"
	"fmt"
	"strings"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/sale"
)

// Packaged gives a sale a package of these bytes that is ready, with so many
// files in its list.
func (s *Server) Packaged(saleID string, content []byte, files int) {
	s.t.Helper()
	ctx := s.t.Context()
	digest, size, err := s.Store.Put(ctx, bytes.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	entries := []string{`{"path":"README.txt","bytes":100}`}
	for i := range files - 1 {
		entries = append(entries, fmt.Sprintf(`{"path":"%02d_Chapter/Paper <%d> & more.pdf","bytes":%d}`, i%12+1, i, 1000*i))
	}
	manifest := `{"schema":"navidocs.package/1","files":[` + strings.Join(entries, ",") + `],"missing":[],"withheld":[]}`
	id, list := db.NewID(), s.listHash(sale.ID(saleID))
	err = s.DB.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sale_packages (id, sale_id, kind, state, file_name, digest, bytes, files, fingerprint, manifest, list_hash, created_at, ready_at)
			VALUES ($1, $2, 'package', 'ready', 'Calypso as built.zip', $3, $4, $5, '5f1d', $6, $8, $7, $7)`, id, saleID, digest, size, files, manifest, db.Micros(tx.Now()), list)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, "UPDATE sale_workflows SET status = 'package_generated' WHERE id = $1", saleID); err != nil {
			return err
		}
		return blob.Adopt(ctx, tx, digest, size, "sale_package", id)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// listHash names what would go to the buyer now.
func (s *Server) listHash(id sale.ID) string {
	s.t.Helper()
	ctx := s.t.Context()
	email, err := db.One(ctx, s.DB, db.Scalar[string], `SELECT u.email FROM users u JOIN memberships m ON m.user_id = u.id JOIN sale_workflows w ON w.org_id = m.org_id
		WHERE w.id = $1 AND m.role = 'admin' ORDER BY u.id LIMIT 1`, id)
	if err != nil {
		s.t.Fatal(err)
	}
	admin, err := s.Accounts.ActorFor(ctx, email)
	if err != nil {
		s.t.Fatal(err)
	}
	now, err := s.Sales.Selection(ctx, admin, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return now.ListHash
}
