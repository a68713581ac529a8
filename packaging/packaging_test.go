// Package packaging holds what puts the binary under a supervisor: a unit for
// systemd, an image and a compose file.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// systemd itself finds nothing wrong in the units.
func TestSystemdTakesTheUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: no systemd-analyze")
	}
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"navidocs.service", "navidocs.socket", "navidocs-api.service", "navidocs-worker.service"} {
		unit := filepath.Join(dir, name)
		text := strings.ReplaceAll(read(t, name), "/usr/bin/navidocs", "/bin/true") // a program that is there
		if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	said, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(said), "navidocs") {
		t.Errorf("%v: %s", err, said)
	}
}

// The units of the parts are the whole one's but for what they serve: what is
// hardened there is hardened here.
func TestTheUnitsOfThePartsFollowTheWhole(t *testing.T) {
	t.Parallel()
	whole := strings.Split(read(t, "navidocs.service"), "\n")
	for _, part := range []string{"api", "worker"} {
		unit := read(t, "navidocs-"+part+".service")
		for _, line := range whole[slices.Index(whole, "[Service]"):] {
			switch name, _, _ := strings.Cut(line, "="); name {
			case "Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "TimeoutStartSec", "AmbientCapabilities", "CapabilityBoundingSet":
			default:
				if !strings.HasPrefix(line, "#") && !strings.Contains(unit, "\n"+line+"\n") {
					t.Errorf("navidocs-%s.service lacks %s", part, line)
				}
			}
		}
		if !strings.Contains(unit, "/etc/navidocs/env "+part+"\n") || !strings.Contains(unit, "\nConflicts=navidocs.service\n") {
			t.Error(unit)
		}
	}
}

// The keeper tells systemd when it is ready and that it lives, and has the time
// that a drain needs.
func TestTheUnitFitsTheKeeper(t *testing.T) {
	t.Parallel()
	unit := read(t, "navidocs.service")
	for _, line := range []string{
		"Type=notify", "NotifyAccess=main", "KillMode=mixed", "TimeoutStopSec=45", "WatchdogSec=30", "NoNewPrivileges=yes", "ProtectSystem=strict",
		"StateDirectory=navidocs", "WorkingDirectory=/var/lib/navidocs",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	if strings.Contains(unit, "MemoryDenyWriteExecute") {
		t.Error("what reads papers is compiled when it starts, and would not run")
	}
}

// The image holds the program alone and runs as nobody in particular.
func TestTheImageIsSmallAndUnprivileged(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	last := text[strings.LastIndex(text, "\nFROM "):]
	for _, want := range []string{`(?m)^FROM scratch$`, `(?m)^USER [1-9]\d*:[1-9]\d*$`, `(?m)^HEALTHCHECK .*"status"\]$`, `(?m)^VOLUME /data$`, `(?m)^ENTRYPOINT \["/navidocs"`} {
		if !regexp.MustCompile(want).MatchString(last) {
			t.Errorf("the image lacks %s", want)
		}
	}
}

func TestComposeNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Build struct{ Context, Dockerfile string }
			Grace string `yaml:"stop_grace_period"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	s, ok := file.Services["navidocs"]
	if _, data := file.Volumes["data"]; !ok || !data || s.Grace != "45s" {
		t.Errorf("%+v", file)
	}
	if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
}
