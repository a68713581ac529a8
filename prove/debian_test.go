//go:build prove && linux

package prove_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needDebian skips a test where packages cannot be fetched by name.
func needDebian(t *testing.T) {
	t.Helper()
	for _, program := range []string{"apt-get", "dpkg-deb", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: the proof on real papers needs Debian: no %s", program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: the proof on real papers fetches Debian packages, which needs root")
	}
}

// packages fetches Debian packages and unpacks them into a new folder; nothing
// is installed.
func packages(t *testing.T, names ...string) (root string) {
	t.Helper()
	needDebian(t)
	dir, root := t.TempDir(), t.TempDir()
	must(t, dir, "apt-get", "-qq", "update")
	must(t, dir, "apt-get", append([]string{"-qq", "download"}, names...)...)
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != len(names) {
		t.Fatalf("%d packages came for %v: %v", len(debs), names, err)
	}
	for _, deb := range debs {
		must(t, dir, "dpkg-deb", "-x", deb, root)
	}
	return root
}

// sources fetches the sources of a Debian package and returns the folder of the
// files. The lists of sources are derived from the machine's own entries and
// kept in a folder of the test.
func sources(t *testing.T, name string) (dir string) {
	t.Helper()
	needDebian(t)
	dir = t.TempDir()
	for _, sub := range []string{"lists/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil { //nolint:gosec // apt reads it as another user
			t.Fatal(err)
		}
	}
	list := filepath.Join(dir, "src.list")
	if err := os.WriteFile(list, []byte(sourceEntries(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	options := []string{
		"-qq", "-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=" + filepath.Join(dir, "parts"),
		"-o", "Dir::State::lists=" + filepath.Join(dir, "lists"),
	}
	must(t, dir, "apt-get", append(options, "update")...)
	must(t, dir, "apt-get", append(options, "source", "--download-only", name)...)
	return dir
}

// sourceEntries makes deb-src lines of the entries of this release.
func sourceEntries(t *testing.T) string {
	t.Helper()
	release := codename(t)
	files, err := filepath.Glob("/etc/apt/sources.list.d/*")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, file := range append(files, "/etc/apt/sources.list") {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // there need not be any
		}
		if strings.HasSuffix(file, ".sources") {
			for stanza := range strings.SplitSeq(string(text), "\n\n") {
				out.WriteString(stanzaEntries(stanza, release))
			}
			continue
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "deb "); ok && strings.Contains(rest, " "+release) && strings.Contains(rest, " main") {
				out.WriteString("deb-src " + rest)
			}
		}
	}
	if out.Len() == 0 {
		t.Skip("SKIPPED: no entry of this Debian release to derive the sources from")
	}
	return out.String()
}

func stanzaEntries(stanza, release string) (out string) {
	field := map[string]string{}
	for line := range strings.Lines(stanza) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			field[name] = strings.TrimSpace(value)
		}
	}
	if !strings.Contains(" "+field["Components"]+" ", " main ") {
		return ""
	}
	for suite := range strings.FieldsSeq(field["Suites"]) {
		if strings.HasPrefix(suite, release) {
			out += "deb-src [signed-by=" + field["Signed-By"] + "] " + field["URIs"] + " " + suite + " main\n"
		}
	}
	return out
}

func codename(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		t.Skip("SKIPPED: the proof on real papers needs Debian:", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.TrimSpace(name)
		}
	}
	t.Skip("SKIPPED: the proof on real papers needs Debian, and this system has no code name")
	return ""
}

// program finds a program, installing its package when it is missing.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	needDebian(t)
	must(t, t.TempDir(), "apt-get", "-qq", "install", "-y", "--no-install-recommends", pkg)
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: no %s in package %s", name, pkg)
	}
	return path
}

func must(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
