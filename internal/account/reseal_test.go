package account

import (
	"bytes"
	"fmt"
	"testing"

	"navidocs/internal/db"
)

// keyed is the service with other master keys.
func (b *bench) keyed(present string, earlier ...string) *Service {
	c := Config{SealKey: []byte(present)}
	for _, key := range earlier {
		c.OldSealKeys = append(c.OldSealKeys, []byte(key))
	}
	return New(b.db, c)
}

// sealed stores n answers that are sealed by a service, of as many requests.
func (b *bench) sealed(s *Service, name string, n int) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		for i := range n {
			sealed, err := s.Seal(idempotencyPurpose, fmt.Append(nil, name, i))
			if err != nil {
				return err
			}
			_, err = tx.Exec(b.t.Context(), "INSERT INTO idempotency_keys (user_id, key_hash, request_hash, status, answer, created_at) VALUES ($1, $2, '', 1, $3, 0)",
				name, fmt.Sprintf("%04d", i), sealed)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestResealBringsEveryValueUnderThePresentKey(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		t.Helper()
		const n = 2*resealBatch + 50
		v := Vaults()[0]
		b.sealed(b.keyed("one"), "ada", n)
		b.sealed(b.keyed("zero"), "bea", 1)
		b.sealed(b.keyed("two"), "cleo", 2)
		b.sealed(b.keyed("stranger"), "dora", 3)
		if err := b.db.Transact(t.Context(), func(tx *db.Tx) error { // one that is claimed and has no answer yet
			_, err := tx.Exec(t.Context(), "INSERT INTO idempotency_keys (user_id, key_hash, request_hash, created_at) VALUES ('eve', '', '', 0)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		s := b.keyed("two", "one", "zero")
		for _, c := range []struct {
			f    func() (Resealed, error)
			want Resealed
		}{
			{func() (Resealed, error) { return s.Sealed(t.Context(), v) }, Resealed{v.Kind, 2, 0, n + 1, 3}},
			{func() (Resealed, error) { return s.Reseal(t.Context(), v) }, Resealed{v.Kind, 2, n + 1, 0, 3}},
			{func() (Resealed, error) { return s.Reseal(t.Context(), v) }, Resealed{v.Kind, n + 3, 0, 0, 3}},
		} {
			if got, err := c.f(); got != c.want || err != nil {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		}
		alone := b.keyed("two")
		for _, row := range b.answers(v) {
			plain, err := alone.Unseal(v.Purpose, row.text)
			if want := row.key[0] != "dora"; (err == nil) != want || want && !bytes.HasPrefix(plain, []byte(row.key[0])) {
				t.Fatalf("%v: %s, %v", row.key, plain, err)
			}
		}
	})
}

// answers are all values of a vault.
func (b *bench) answers(v Vault) (all []sealedRow) {
	b.t.Helper()
	for after := make([]string, len(v.Key)); ; {
		page, err := v.page(b.t.Context(), b.db, after)
		if err != nil {
			b.t.Fatal(err)
		}
		if all = append(all, page...); len(page) < resealBatch {
			return all
		}
		after = page[len(page)-1].key
	}
}

// A value that was written since it was read is newer than what we would write.
func TestResealLeavesWhatHasChangedMeanwhile(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		t.Helper()
		v, s := Vaults()[0], b.keyed("two", "one")
		b.sealed(b.keyed("one"), "ada", 2)
		page := b.answers(v)
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(t.Context(), "UPDATE idempotency_keys SET answer = 'newer' WHERE key_hash = '0000'"); err != nil {
				return err
			}
			done, err := s.resealPage(t.Context(), tx, v, page)
			if done.Resealed != 1 {
				t.Errorf("%+v", done)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := b.count("SELECT count(*) FROM idempotency_keys WHERE answer = 'newer'"); n != 1 {
			t.Error("it was written over")
		}
	})
}
