package prove_test

import (
	"testing"
	"time"
)

// The same with 20 kills and 50 papers is TestKilledServerLosesNothing.
func TestServerKilledThriceLosesNothing(t *testing.T) {
	t.Parallel()
	papers := mixed(t, seeded(8), 8, "engine-plate.jpg")
	s, c, ids := survive(t, papers, 3, 700*time.Millisecond)
	proveSurvival(t, s, c, ids, len(papers))
}
