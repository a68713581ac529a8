//go:build prove

package prove_test

import (
	"testing"
	"time"
)

// A server that is killed twenty times while it takes in fifty papers keeps
// every one that it acknowledged, once and whole.
func TestKilledServerLosesNothing(t *testing.T) {
	papers := mixed(t, seeded(50), 50, "engine-plate.jpg", "liferaft-certificate.jpg", "service-log.tif", "acte-de-francisation.pdf")
	s, c, ids := survive(t, papers, 20, 1500*time.Millisecond)
	proveSurvival(t, s, c, ids, len(papers))
}
