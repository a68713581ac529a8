package db_test

import (
	"fmt"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// More than two batches go, what refers to others first; what the condition does
// not hold for stays.
func TestDeleteInBatches(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			for _, org := range []string{"gone", "stays"} {
				_, err := tx.Exec(t.Context(), "INSERT INTO organizations (id, name, name_fold, created_at, updated_at) VALUES ($1, $1, $1, 0, 0)", org)
				if err != nil {
					return err
				}
			}
			for i := range 1203 {
				user := fmt.Sprint(i)
				_, err := tx.Exec(t.Context(), "INSERT INTO users (id, email, name, password_hash, created_at, updated_at) VALUES ($1, $1, $1, '', 0, 0)", user)
				if err != nil {
					return err
				}
				org := map[bool]string{true: "gone", false: "stays"}[i < 1200]
				if _, err := tx.Exec(t.Context(), "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, 'viewer', 0)", org, user); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = d.DeleteInBatches(t.Context(), "gone", db.Rows{Table: "memberships", Key: "org_id, user_id", Condition: "org_id = $1"}, db.Rows{Table: "organizations", Key: "id", Condition: "id = $1"})
		if err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"memberships": 3, "organizations": 1} {
			n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM "+table)
			if err != nil || n != want {
				t.Errorf("%s: %d are left, want %d; %v", table, n, want, err)
			}
		}
	})
}
