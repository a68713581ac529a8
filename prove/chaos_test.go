//go:build prove && unix

package prove_test

import (
	"testing"

	"navidocs/internal/chaos"
	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// Servers are killed a hundred times on each database: what was acknowledged is
// there, what was taken back is not, nothing is done twice but deliveries, which
// come again as they were, and all goes on in time.
func TestAHundredKills(t *testing.T) {
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		program, err := build()
		if err != nil {
			t.Fatal(err)
		}
		o := chaos.Options{Program: program, Kills: 100, Seed: 1}
		if d.Engine == db.Postgres {
			o.Database = testkit.URL(d)
		}
		r, err := chaos.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("PROVED: %s: %d kills with %d jobs in hand, %d changes and %d taken back: lost %d, ghosts %d, done twice %d, gaps %d, dead %d, deliveries repeated %d (with another body %d, unsigned %d), damage %v; recovery at most %s, median %s (<= %s)",
			r.Engine, r.Kills, r.InHand, r.Changes, r.TakenBack, r.Lost, r.Ghosts, r.Twice, r.Gaps, r.Dead, r.Repeated, r.Varied, r.Foreign, r.Damage, r.Slowest(), r.Median(), r.Bound)
		if !r.Kept() {
			t.Error("MISSED: see the figures above")
		}
	})
}
