package packaging

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// run runs a program in a folder and returns what it printed.
func run(t *testing.T, dir string, environ []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// made builds the package as make package does, of this very source.
func made(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: builds the program (-short)")
	}
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("SKIPPED: no dpkg-deb")
	}
	top, err := filepath.Abs("..")
	must(t, err)
	nfpm := []string{"tool", "-modfile=tools/nfpm.mod", "nfpm"}
	there := exec.CommandContext(t.Context(), "go", append(nfpm, "--version")...)
	there.Dir = top
	if out, err := there.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no nfpm: %v\n%.300s", err, out)
	}
	tool := strings.TrimSpace(run(t, top, nil, "go", "tool", "-modfile=tools/nfpm.mod", "-n", "nfpm"))
	stage := t.TempDir()
	must(t, os.Mkdir(filepath.Join(stage, "bin"), 0o700))
	must(t, os.Symlink(filepath.Join(top, "packaging"), filepath.Join(stage, "packaging")))
	for _, name := range []string{"LICENSE", "THIRD_PARTY.md"} { // a link would be packed as one
		must(t, os.WriteFile(filepath.Join(stage, name), []byte(read(t, filepath.Join(top, name))), 0o600))
	}
	run(t, top, []string{"CGO_ENABLED=0"}, "go", "build", "-pgo=off", "-ldflags=-s -w", "-o", filepath.Join(stage, "bin", "navidocs"), "./cmd/navidocs")
	run(t, stage, []string{"VERSION=1.4.0", "GOARCH=" + runtime.GOARCH}, tool, "package", "--config", "packaging/nfpm.yaml", "--packager", "deb", "--target", "navidocs.deb")
	return filepath.Join(stage, "navidocs.deb")
}

// The package holds the program, the units as they are here, and settings that
// the server alone may read; it is installed, used, removed and purged, and what
// people have put in stays until they take it away.
func TestDebianPackage(t *testing.T) {
	t.Parallel()
	deb := made(t)
	t.Run("fields", func(t *testing.T) { t.Parallel(); fields(t, deb) })
	t.Run("modes", func(t *testing.T) { t.Parallel(); modes(t, deb) })
	t.Run("scripts", func(t *testing.T) { t.Parallel(); scripts(t, deb) })
	t.Run("unpacked", func(t *testing.T) { t.Parallel(); unpacked(t, deb) })
	t.Run("installed", func(t *testing.T) { t.Parallel(); installed(t, deb) })
}

func fields(t *testing.T, deb string) {
	t.Helper()
	said := run(t, ".", nil, "dpkg-deb", "-f", deb)
	for _, line := range []string{"Package: navidocs", "Version: 1.4.0", "Architecture: " + runtime.GOARCH, "Depends: ca-certificates, tzdata", "Description: a boat's papers, complete and ready"} {
		if !strings.Contains("\n"+said, "\n"+line+"\n") {
			t.Errorf("%s is missing in\n%s", line, said)
		}
	}
}

func modes(t *testing.T, deb string) {
	t.Helper()
	have := map[string]string{}
	for line := range strings.Lines(run(t, ".", nil, "dpkg-deb", "-c", deb)) {
		words := strings.Fields(line)
		have[strings.TrimPrefix(words[5], ".")] = words[0] + " " + words[1]
	}
	for path, want := range map[string]string{
		"/usr/bin/navidocs":                               "-rwxr-xr-x root/root",
		"/usr/lib/systemd/system/navidocs.service":        "-rw-r--r-- root/root",
		"/usr/lib/systemd/system/navidocs.socket":         "-rw-r--r-- root/root",
		"/usr/lib/systemd/system/navidocs-api.service":    "-rw-r--r-- root/root",
		"/usr/lib/systemd/system/navidocs-worker.service": "-rw-r--r-- root/root",
		"/usr/lib/sysusers.d/navidocs.conf":               "-rw-r--r-- root/root",
		"/etc/navidocs/env":                               "-rw-r----- root/root",
		"/etc/navidocs/":                                  "drwxr-xr-x root/root",
		"/usr/share/doc/navidocs/copyright":               "-rw-r--r-- root/root",
	} {
		if have[path] != want {
			t.Errorf("%s is %q, want %q", path, have[path], want)
		}
	}
	for path := range have {
		if strings.HasPrefix(path, "/var/lib") {
			t.Errorf("%s is in the package, and would go with it", path)
		}
	}
}

func scripts(t *testing.T, deb string) {
	t.Helper()
	control := filepath.Join(t.TempDir(), "control")
	run(t, ".", nil, "dpkg-deb", "-e", deb, control)
	if got := strings.TrimSpace(read(t, filepath.Join(control, "conffiles"))); got != "/etc/navidocs/env" {
		t.Errorf("conffiles: %q", got)
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		script := filepath.Join(control, name)
		run(t, ".", nil, "sh", "-n", script)
		text := read(t, script)
		if strings.Contains(text, "rm -r /var/lib") && name != "postrm" || strings.Contains(text, "systemctl start") || strings.Contains(text, "enable ") && name == "prerm" {
			t.Errorf("%s does more than it may:\n%s", name, text)
		}
	}
}

func unpacked(t *testing.T, deb string) {
	t.Helper()
	root := t.TempDir()
	run(t, ".", nil, "dpkg-deb", "-x", deb, root)
	for _, unit := range []string{"navidocs.service", "navidocs.socket", "navidocs-api.service", "navidocs-worker.service"} {
		if read(t, filepath.Join(root, "usr/lib/systemd/system", unit)) != read(t, unit) {
			t.Errorf("%s differs", unit)
		}
	}
	if said := run(t, t.TempDir(), nil, filepath.Join(root, "usr/bin/navidocs"), "version"); strings.TrimSpace(said) == "" {
		t.Error("it says no version")
	}
}

// scratch is a machine of its own for dpkg.
func scratch(t *testing.T) (root string, dpkg func(args ...string) string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: dpkg installs as root only")
	}
	root = t.TempDir()
	for _, dir := range []string{"info", "updates", "triggers"} {
		must(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755)) //nolint:gosec // dpkg's
	}
	must(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o600))
	return root, func(args ...string) string {
		t.Helper()
		return run(t, root, nil, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends", "--force-not-root", "--log=/dev/null"}, args...)...)
	}
}

func installed(t *testing.T, deb string) {
	t.Helper()
	root, dpkg := scratch(t)
	if said := dpkg("-i", deb); !strings.Contains(said, "systemctl enable --now navidocs") {
		t.Error("it does not say what comes next:", said)
	}
	env, paper := filepath.Join(root, "etc/navidocs/env"), filepath.Join(root, "var/lib/navidocs/data/navidocs.db")
	info, err := os.Stat(env)
	must(t, err)
	if info.Mode().Perm() != 0o640 {
		t.Error(info.Mode())
	}
	run(t, root, nil, filepath.Join(root, "usr/bin/navidocs"), "version")
	const ours = "LISTEN=127.0.0.1\n"
	must(t, os.WriteFile(env, []byte(ours), 0o600), os.MkdirAll(filepath.Dir(paper), 0o700), os.WriteFile(paper, []byte("papers"), 0o600))
	there := func(when string, settings bool) {
		t.Helper()
		text, err := os.ReadFile(env)
		if settings != (err == nil) || settings && string(text) != ours {
			t.Errorf("%s: the settings are %q, %v", when, text, err)
		}
		if read(t, paper) != "papers" {
			t.Error("the papers are gone:", when)
		}
	}
	if said := dpkg("-i", deb); !strings.Contains(said, "what runs goes on as it was") {
		t.Error("an upgrade does not say what comes next:", said)
	}
	there("after an upgrade", true)
	dpkg("-r", "navidocs")
	there("after a removal", true)
	if _, err := os.Stat(filepath.Join(root, "usr/bin/navidocs")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the program is still there", err)
	}
	if said := dpkg("-P", "navidocs"); !strings.Contains(said, "rm -r /var/lib/navidocs") {
		t.Error("a purge does not say what stays:", said)
	}
	there("after a purge", false)
	if !t.Failed() {
		t.Log("PROVED: installed, upgraded, removed and purged by dpkg; settings and papers stayed as long as they should")
	}
}
