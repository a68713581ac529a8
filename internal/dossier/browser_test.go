package dossier

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// opened is the index as a browser shows it, from the unpacked folder, with some
// words searched for.
func opened(t *testing.T, dir, words string) string {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is missing: scripts/setup installs it")
	}
	//nolint:gosec // a test's own arguments
	out, err := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", "file://"+filepath.Join(dir, "index.html")+"#q="+words).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTheIndexSearchesInABrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, all := lay(t, boat(t))
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte(all["index.html"]), 0o600); err != nil {
		t.Fatal(err)
	}
	page := opened(t, dir, "ete%20raft")
	hits := regexp.MustCompile(`(?s)<ul id="found">(.*?)</ul>`).FindStringSubmatch(page)
	if hits == nil || strings.Count(hits[1], "<li>") != 1 || !strings.Contains(hits[1], `href="./10_Safety/Raft%20%237%20100%25.pdf#page=1"`) || !strings.Contains(hits[1], "<mark>") {
		t.Errorf("%v", hits)
	}
	if !strings.Contains(page, "1 page</p>") || strings.Contains(page, "alert(1)</script>") {
		t.Error("the page is not what it should be")
	}
	if none := opened(t, dir, "nowhere"); !strings.Contains(none, "0 pages</p>") {
		t.Error("words that are nowhere are found")
	}
}
