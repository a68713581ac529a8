//go:build prove

package prove_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
)

const (
	manyPages = 100_000
	manyBoats = 100
	perPaper  = 100 // pages
	common    = "engine"
	onCommon  = 0.94 // of the pages
	rareWord  = "zephyrine"
	phrase    = "raw water strainer"
)

// library writes pages of some 2 kB in words of which few are frequent, as in
// any language.
type library struct {
	dice  *rand.Rand
	zipf  *rand.Zipf
	words []string
}

func newLibrary(seed uint64) *library {
	l := &library{dice: seeded(seed)}
	l.zipf = rand.NewZipf(l.dice, 1.15, 4, 29_999)
	l.words = append(l.words, vocabulary...)
	for len(l.words) < 30_000 {
		l.words = append(l.words, l.coin())
	}
	return l
}

// coin makes a word up.
func (l *library) coin() string {
	const consonants, vowels = "bcdfghklmnprstvw", "aeiou"
	var b strings.Builder
	for range 2 + l.dice.IntN(3) {
		b.WriteByte(consonants[l.dice.IntN(len(consonants))])
		b.WriteByte(vowels[l.dice.IntN(len(vowels))])
		if l.dice.IntN(3) == 0 {
			b.WriteByte(consonants[l.dice.IntN(len(consonants))])
		}
	}
	return b.String()
}

func (l *library) word() string {
	for {
		if w := l.words[l.zipf.Uint64()]; w != common {
			return w
		}
	}
}

// page writes page n of all.
func (l *library) page(n int) string {
	var b strings.Builder
	if l.dice.Float64() < onCommon {
		b.WriteString(common + " ")
	}
	if n%20_011 == 7 {
		b.WriteString(rareWord + " ")
	}
	if n%500 == 3 {
		b.WriteString(phrase + " ")
	}
	for b.Len() < 2000 {
		b.WriteString(l.word())
		b.WriteByte(" \n"[l.dice.IntN(12)/11])
	}
	return b.String()
}

// stock fills an organization with boats and papers, straight into the tables,
// and has the service index them.
func stock(t *testing.T, a *app.App, who account.Actor, l *library) (boats []fleet.BoatID) {
	t.Helper()
	org := who.Orgs(account.Admin)[0]
	for i := range manyBoats {
		name := fmt.Sprintf("Boat %d", i)
		b, err := a.Boats.CreateBoat(t.Context(), who, org, fleet.BoatInput{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		boats = append(boats, b.ID)
	}
	started := time.Now()
	for i := range manyPages / perPaper {
		err := a.DB.Transact(t.Context(), func(tx *db.Tx) error { return shelve(t.Context(), tx, org, boats[i%manyBoats], l, i) })
		if err != nil {
			t.Fatal(err)
		}
	}
	written := time.Since(started)
	n, err := a.Documents.Reindex(t.Context(), func(int, int) {})
	if err != nil || n != manyPages/perPaper {
		t.Fatalf("%d documents indexed: %v", n, err)
	}
	indexed := time.Since(started) - written
	t.Logf("PROVED: %d pages of 2 kB written in %s and indexed in %s (%.0f pages/s)", manyPages, written.Round(time.Second),
		indexed.Round(time.Second), manyPages/indexed.Seconds())
	return boats
}

// shelve writes one paper as reading it would.
func shelve(ctx context.Context, tx *db.Tx, org account.OrgID, boat fleet.BoatID, l *library, i int) error {
	id, now := db.NewID(), db.Micros(tx.Now())
	_, err := tx.Exec(ctx, `INSERT INTO documents (id, org_id, title, title_fold, class, status, file_name, media_type, bytes, digest, page_count, pages_ready, created_at, updated_at)
		VALUES ($1, $2, $3, $3, 'open', 'ready', $3, 'application/pdf', 1, $1, $4, $4, $5, $5)`, id, org, fmt.Sprintf("paper %d", i), perPaper, now)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO document_boats (document_id, boat_id) VALUES ($1, $2)", id, boat); err != nil {
		return err
	}
	for n := range perPaper {
		_, err := tx.Exec(ctx, "INSERT INTO pages (document_id, number, status, source, language, text, updated_at) VALUES ($1, $2, 'ready', 'native', 'en', $3, $4)",
			id, n+1, l.page(i*perPaper+n), now)
		if err != nil {
			return err
		}
	}
	return nil
}

// A hundred thousand pages are searched within moments, and nobody finds those
// of another organization.
func TestHundredThousandPages(t *testing.T) {
	a := apptest.Build(t, apptest.Options{})
	ada, eve := actor(t, a, "ada@example.org"), actor(t, a, "eve@example.org")
	l := newLibrary(100_000)
	boats := stock(t, a, ada, l)
	for _, k := range []struct {
		name  string
		query func() document.Query
		least int // hits
	}{
		{"common word", func() document.Query { return document.Query{Text: common} }, 500},
		{"two words", func() document.Query {
			return document.Query{Text: l.words[l.dice.IntN(80)] + " " + l.words[200+l.dice.IntN(2000)]}
		}, 0},
		{"rare word", func() document.Query { return document.Query{Text: rareWord} }, 5},
		{"typo", func() document.Query { return document.Query{Text: "zephyrnie"} }, 5},
		{"phrase", func() document.Query { return document.Query{Text: `"` + phrase + `"`} }, 200},
		{"one boat", func() document.Query {
			return document.Query{Text: common, BoatID: boats[l.dice.IntN(len(boats))]}
		}, 500},
	} {
		times, hits := measure(t, a, ada, k.query)
		t.Logf("PROVED: %-11s p50 %6.1f ms, p95 %6.1f ms, at least %d hits", k.name, times[len(times)/2], times[len(times)*95/100], hits)
		if hits < k.least {
			t.Errorf("%s: %d hits, want %d", k.name, hits, k.least)
		}
	}
	isolated(t, a, eve, l)
}

func actor(t *testing.T, a *app.App, email string) account.Actor {
	t.Helper()
	_, err := a.Accounts.CreateUser(t.Context(), account.NewUser{
		Registering: account.Registering{Email: email, Password: apptest.Password, Name: email, Organization: "Of " + email},
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := a.Accounts.ActorFor(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// measure searches a hundred times and gives the milliseconds in order, and the
// fewest hits.
func measure(t *testing.T, a *app.App, who account.Actor, query func() document.Query) (times []float64, fewest int) {
	t.Helper()
	fewest = 1 << 30
	for range 100 {
		q := query()
		q.Limit = 20
		started := time.Now()
		r, err := a.Documents.Search(t.Context(), who, q)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, float64(time.Since(started).Microseconds())/1000)
		fewest = min(fewest, r.Total)
	}
	slices.Sort(times)
	return times, fewest
}

// isolated searches in the name of another organization.
func isolated(t *testing.T, a *app.App, who account.Actor, l *library) {
	t.Helper()
	const queries = 1000
	for i := range queries {
		text := l.word()
		switch i % 4 {
		case 1:
			text += " " + l.word()
		case 2:
			text = text[:min(len(text), 3)] + "*"
		case 3:
			text = `"` + phrase + `"`
		}
		r, err := a.Documents.Search(t.Context(), who, document.Query{Text: text, Page: fleet.Page{Limit: 20}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Total != 0 || len(r.Hits) != 0 || len(r.Facets["type"]) != 0 {
			t.Fatalf("%q finds %d pages of another organization", text, r.Total)
		}
	}
	t.Logf("PROVED: %d searches of another organization found 0 of %d pages", queries, manyPages)
}
