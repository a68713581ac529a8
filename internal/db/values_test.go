package db_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "Plain": "plain", "Éclair": "eclair", "STRAẞE": "strasse", "Straße": "strasse",
		"Ærø": "aero", "Œuvre": "oeuvre", "Łódź": "lodz", "Đorđe": "dorde", "Iğdır": "igdir",
		"İstanbul": "istanbul", "ﬁn": "fin", "Ⅳ": "iv", "Ðór": "dor", "Ω": "ω", "日本": "日本",
		"e\u0301": "e", "a\xffb": "a\uFFFDb",
	} {
		if got := db.Fold(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestFoldingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		once := db.Fold(rapid.String().Draw(t, "s"))
		if twice := db.Fold(once); twice != once {
			t.Errorf("%q became %q", once, twice)
		}
	})
}

func TestTextIsStoredUnchanged(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		for in, want := range map[string]string{
			"plain": "plain", "nul\x00inside": "nulinside", "bad\xff": "bad\uFFFD", "\xed\xa0\x80": "\uFFFD", "🚤\n": "🚤\n",
		} {
			text := db.Text(in)
			if text != want || !utf8.ValidString(text) {
				t.Errorf("%q: %q", in, text)
			}
			if got, err := db.One(t.Context(), d, db.Scalar[string], "SELECT CAST($1 AS TEXT)", text); got != want || err != nil {
				t.Errorf("%q came back as %q: %v", in, got, err)
			}
		}
	})
}

func TestInstantsAreWholeMicroseconds(t *testing.T) {
	t.Parallel()
	at := start.Truncate(time.Microsecond)
	if got := db.Time(db.Micros(start.In(time.FixedZone("", 3600)))); got != at {
		t.Error(got)
	}
	if db.MicrosPtr(nil) != nil || db.TimePtr(nil) != nil {
		t.Error("nil is not nil")
	}
	if diff := cmp.Diff(&at, db.TimePtr(db.MicrosPtr(&start))); diff != "" {
		t.Error(diff)
	}
}

func TestIDsRise(t *testing.T) {
	t.Parallel()
	last := ""
	for range 1000 {
		id := db.NewID()
		if len(id) != 36 || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
}

func TestWhere(t *testing.T) {
	t.Parallel()
	type result struct {
		SQL  string
		Args []any
	}
	for name, test := range map[string]struct {
		build func(w *db.Where)
		want  result
	}{
		"nothing":     {func(*db.Where) {}, result{"1 = 1", nil}},
		"no value":    {func(w *db.Where) { w.Add("a IS NULL") }, result{"a IS NULL", nil}},
		"several":     {func(w *db.Where) { w.Add("a = ?", 1); w.Add("(b, c) > (?, ?)", 2, 3) }, result{"a = $1 AND (b, c) > ($2, $3)", []any{1, 2, 3}}},
		"in":          {func(w *db.Where) { w.Add("x = ?", 0); db.In(w, "a", []string{"p", "q"}) }, result{"x = $1 AND a IN ($2,$3)", []any{0, "p", "q"}}},
		"in nothing":  {func(w *db.Where) { db.In(w, "a", []int{}) }, result{"1 = 0", nil}},
		"a limit too": {func(w *db.Where) { w.Add("a = ?", 1); w.Add("b = " + w.Arg(2)) }, result{"a = $1 AND b = $2", []any{1, 2}}},
	} {
		var w db.Where
		test.build(&w)
		if diff := cmp.Diff(test.want, result{w.SQL(), w.Args()}); diff != "" {
			t.Error(name, diff)
		}
	}
}

func TestWhereSelects(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			for _, name := range []string{"a", "b", "c"} {
				if err := addStream(t.Context(), tx, name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var w db.Where
		db.In(&w, "stream", []string{"a", "c", "x"})
		w.Add("last_sequence >= ?", 1)
		got, err := db.Collect(t.Context(), d, db.Scalar[string],
			"SELECT stream FROM event_streams WHERE "+w.SQL()+" ORDER BY stream DESC LIMIT "+w.Arg(1), w.Args()...)
		if diff := cmp.Diff([]string{"c"}, got); err == nil && diff != "" {
			t.Error(diff)
		}
	})
}
