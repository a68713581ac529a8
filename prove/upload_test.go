//go:build prove

package prove_test

import (
	"net/http"
	"strings"
	"testing"

	"navidocs/internal/document"
)

// The largest upload that is allowed costs no memory, and a larger one is
// refused by name of its limit.
func TestHugeUploadIsStreamed(t *testing.T) {
	s := serve(t)
	c := register(t, s.url)
	if d := takes(t, s, c, "heavy.pdf", heavyPDF(500<<20, "halyard"), 500); d.Status != document.Ready {
		t.Errorf("a whole PDF is %s: %s", d.Status, d.Error)
	}
	findsOne(t, c, "halyard")
	if d := takes(t, s, c, "broken.pdf", brokenPDF(500<<20), 500); d.Status != document.Failed || d.Error == "" {
		t.Errorf("noise is %s: %s", d.Status, d.Error)
	}
	before := s.peak()
	a, err := c.upload(t.Context(), "larger.pdf", brokenPDF(513<<20))
	if err != nil {
		t.Fatal("a refused upload got no answer:", err)
	}
	p, ok := a.problem()
	if a.status != http.StatusRequestEntityTooLarge || !ok || !strings.Contains(p.Detail, "512 MB") || !strings.Contains(p.Detail, "MAX_UPLOAD_MB") {
		t.Errorf("513 MB were answered with %s", a)
	}
	if left := s.halfWritten(); len(left) > 0 {
		t.Errorf("left half-written: %v", left)
	}
	t.Logf("PROVED: 513 MB refused with %d %q; the server's memory grew by %d MB", a.status, p.Detail, (s.peak()-before)>>10)
}
