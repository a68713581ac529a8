package apptest

import (
	"bytes"
	"fmt"
	"strings"

	"navidocs/internal/blob"
	"navidocs/internal/db"
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
	id := db.NewID()
	err = s.DB.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sale_packages (id, sale_id, kind, state, file_name, digest, bytes, files, fingerprint, manifest, created_at, ready_at)
			VALUES ($1, $2, 'package', 'ready', 'Calypso as built.zip', $3, $4, $5, '5f1d', $6, $7, $7)`, id, saleID, digest, size, files, manifest, db.Micros(tx.Now()))
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
