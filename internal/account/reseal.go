package account

import (
	"context"
	"strconv"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Vault is a column in which sealed values lie. Whoever seals values names its
// vaults, so that they are found when the master key changes.
type Vault struct {
	Kind    string // what people call its values
	Table   string
	Key     []string // the columns of the primary key, each of them text
	Column  string   // "" in it is no value
	Purpose string   // what they were sealed for
}

// Vaults are those of this package.
func Vaults() []Vault {
	return []Vault{
		{"answers to repeated requests", "idempotency_keys", []string{"user_id", "key_hash"}, "answer", idempotencyPurpose},
		{"second factors", "totp_secrets", []string{"user_id"}, "secret_sealed", totpPurpose},
	}
}

// Resealed counts the values of a vault, by the master key that seals them.
type Resealed struct {
	Kind     string `json:"kind"`
	Present  int    `json:"present"`  // were under the present key before
	Resealed int    `json:"resealed"` // are now
	Earlier  int    `json:"earlier"`  // are under an earlier one
	Lost     int    `json:"lost"`     // are under none that is known, or damaged
}

func (r *Resealed) add(o Resealed) {
	r.Present += o.Present
	r.Resealed += o.Resealed
	r.Earlier += o.Earlier
	r.Lost += o.Lost
}

// resealBatch bounds a transaction.
const resealBatch = 200

// Reseal brings the values of a vault under the present master key, in short
// transactions, so that others may work meanwhile if they know both keys; ended
// at any moment, it is begun anew. A value that another transaction changes is
// left to that one.
func (s *Service) Reseal(ctx context.Context, v Vault) (out Resealed, err error) {
	defer fault.Wrap(&err, "account.Reseal %s.%s", v.Table, v.Column)
	return s.through(v, func(after []string) (page []sealedRow, done Resealed, err error) {
		err = s.db.Transact(ctx, func(tx *db.Tx) error {
			if page, err = v.page(ctx, tx, after); err != nil {
				return err
			}
			done, err = s.resealPage(ctx, tx, v, page)
			return err
		})
		return page, done, err
	})
}

// Sealed counts the values of a vault and changes nothing.
func (s *Service) Sealed(ctx context.Context, v Vault) (out Resealed, err error) {
	defer fault.Wrap(&err, "account.Sealed %s.%s", v.Table, v.Column)
	return s.through(v, func(after []string) (page []sealedRow, done Resealed, err error) {
		page, err = v.page(ctx, s.db, after)
		for _, row := range page {
			_, one := s.judge(v, row)
			done.add(one)
		}
		return page, done, err
	})
}

// through goes through a vault page by page.
func (s *Service) through(v Vault, f func(after []string) ([]sealedRow, Resealed, error)) (Resealed, error) {
	out, after := Resealed{Kind: v.Kind}, make([]string, len(v.Key))
	for {
		page, done, err := f(after)
		if err != nil {
			return out, err
		}
		out.add(done)
		if len(page) < resealBatch {
			return out, nil
		}
		after = page[len(page)-1].key
	}
}

// judge opens a value and says which key seals it.
func (s *Service) judge(v Vault, row sealedRow) (plain []byte, one Resealed) {
	plain, err := s.Unseal(v.Purpose, row.text)
	switch {
	case err != nil:
		one.Lost = 1
	case strings.HasPrefix(row.text, keyID(s.config.SealKey)+"."):
		one.Present = 1
	default:
		one.Earlier = 1
	}
	return plain, one
}

func (s *Service) resealPage(ctx context.Context, tx *db.Tx, v Vault, page []sealedRow) (done Resealed, err error) {
	for _, row := range page {
		plain, one := s.judge(v, row)
		if one.Earlier == 1 {
			fresh, err := s.Seal(v.Purpose, plain)
			if err != nil {
				return done, err
			}
			n, err := tx.Exec(ctx, v.update(), append(anys(row.key), row.text, fresh)...)
			if err != nil {
				return done, err
			}
			one = Resealed{Resealed: int(n)}
		}
		done.add(one)
	}
	return done, nil
}

// sealedRow is a value and the row that it lies in.
type sealedRow struct {
	key  []string
	text string
}

// page reads the values that follow a row.
func (v Vault) page(ctx context.Context, q db.Querier, after []string) ([]sealedRow, error) {
	columns := strings.Join(v.Key, ", ")
	query := "SELECT " + columns + ", " + v.Column + " FROM " + v.Table + " WHERE (" + columns + ") > (" + marks(len(v.Key)) + ") AND " +
		v.Column + " <> '' ORDER BY " + columns + " LIMIT " + strconv.Itoa(resealBatch)
	return db.Collect(ctx, q, func(r db.Row) (row sealedRow, err error) {
		row.key = make([]string, len(v.Key))
		targets := make([]any, 0, len(v.Key)+1)
		for i := range row.key {
			targets = append(targets, &row.key[i])
		}
		err = r.Scan(append(targets, &row.text)...)
		return row, err
	}, query, anys(after)...)
}

// update changes a value that is still the one that was read.
func (v Vault) update() string {
	n := len(v.Key)
	return "UPDATE " + v.Table + " SET " + v.Column + " = $" + strconv.Itoa(n+2) + " WHERE (" + strings.Join(v.Key, ", ") + ") = (" + marks(n) + ") AND " +
		v.Column + " = $" + strconv.Itoa(n+1)
}

func marks(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}

func anys(texts []string) []any {
	out := make([]any, 0, len(texts)+2)
	for _, text := range texts {
		out = append(out, text)
	}
	return out
}
