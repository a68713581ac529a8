package vault

import (
	"bytes"
	"fmt"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// answers is a column with a key of two.
var answers = Column{Kind: "answers", Table: "idempotency_keys", Key: []string{"user_id", "key_hash"}, Column: "answer", Purpose: "idempotency"}

// fill stores n answers of a name.
func fill(t *testing.T, d *db.DB, k Keys, name string, n int) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		for i := range n {
			sealed, err := k.Seal(answers.Purpose, fmt.Append(nil, name, i))
			if err != nil {
				return err
			}
			_, err = tx.Exec(t.Context(), "INSERT INTO idempotency_keys (user_id, key_hash, request_hash, status, answer, created_at) VALUES ($1, $2, '', 1, $3, 0)",
				name, fmt.Sprintf("%04d", i), sealed)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestResealBringsEveryValueUnderThePresentKey(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		const n = 2*resealBatch + 50
		fill(t, d, keys("one"), "ada", n)
		fill(t, d, keys("zero"), "bea", 1)
		fill(t, d, keys("two"), "cleo", 2)
		fill(t, d, keys("stranger"), "dora", 3)
		if err := d.Transact(t.Context(), func(tx *db.Tx) error { // one that is claimed and has no answer yet
			_, err := tx.Exec(t.Context(), "INSERT INTO idempotency_keys (user_id, key_hash, request_hash, created_at) VALUES ('eve', '', '', 0)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		k := keys("two", "one", "zero")
		for _, c := range []struct {
			f    func() (Tally, error)
			want Tally
		}{
			{func() (Tally, error) { return k.Count(t.Context(), d, answers) }, Tally{answers.Kind, 2, 0, n + 1, 3}},
			{func() (Tally, error) { return k.Reseal(t.Context(), d, answers) }, Tally{answers.Kind, 2, n + 1, 0, 3}},
			{func() (Tally, error) { return k.Reseal(t.Context(), d, answers) }, Tally{answers.Kind, n + 3, 0, 0, 3}},
		} {
			if got, err := c.f(); got != c.want || err != nil {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		}
		for _, row := range stored(t, d) {
			plain, err := keys("two").Unseal(answers.Purpose, row.text)
			if want := row.key[0] != "dora"; (err == nil) != want || want && !bytes.HasPrefix(plain, []byte(row.key[0])) {
				t.Fatalf("%v: %s, %v", row.key, plain, err)
			}
		}
	})
}

// stored are all values of the column.
func stored(t *testing.T, d *db.DB) (all []sealedRow) {
	t.Helper()
	for after := make([]string, len(answers.Key)); ; {
		page, err := answers.page(t.Context(), d, after)
		if err != nil {
			t.Fatal(err)
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
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		fill(t, d, keys("one"), "ada", 2)
		page := stored(t, d)
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(t.Context(), "UPDATE idempotency_keys SET answer = 'newer' WHERE key_hash = '0000'"); err != nil {
				return err
			}
			done, err := keys("two", "one").resealPage(t.Context(), tx, answers, page)
			if done.Resealed != 1 {
				t.Errorf("%+v", done)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		newer, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM idempotency_keys WHERE answer = 'newer'")
		if newer != 1 || err != nil {
			t.Error("it was written over", err)
		}
	})
}
