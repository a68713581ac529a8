package ops_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"navidocs/internal/apptest"
	"navidocs/internal/ops"
	"navidocs/internal/testkit"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// exported is what a server's /metrics holds: of each series' name the labels,
// and of each label the values.
type exported map[string]map[string][]string

// scrape asks a server that has answered, read a paper, is backed up and has tried
// itself.
func scrape(t *testing.T) exported {
	t.Helper()
	s := apptest.New(t, apptest.Options{Settings: []string{"SMOKE_INTERVAL=1h", "APP_BASE_URL=https://papers.example"}})
	c := s.User("ada@example.org", "", "")
	c.Read(c.Upload("a.txt", []byte("all is well")).ID)
	testkit.Eventually(t, func() error { // the attempt is counted after its effect is seen
		if _, ok := parse(t, c)["navidocs_job_duration_seconds_bucket"]; !ok {
			return fmt.Errorf("no job is counted yet")
		}
		if _, ok := parse(t, c)["navidocs_smoke_ok"]; !ok {
			return fmt.Errorf("it has not tried itself yet")
		}
		return nil
	})
	return parse(t, c)
}

var (
	series = regexp.MustCompile(`(?m)^([a-zA-Z_:]\w*)(?:\{(.*)\})? \S+$`)
	pair   = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

func parse(t *testing.T, c *apptest.Client) exported {
	t.Helper()
	seen := exported{}
	for _, m := range series.FindAllStringSubmatch(string(c.Want(http.StatusOK, "GET", "/metrics", nil).Body), -1) {
		if seen[m[1]] == nil {
			seen[m[1]] = map[string][]string{}
		}
		for _, p := range pair.FindAllStringSubmatch(m[2], -1) {
			seen[m[1]][p[1]] = append(seen[m[1]][p[1]], p[2])
		}
	}
	return seen
}

type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	d := yaml.NewDecoder(strings.NewReader(ops.Rules()))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

type target struct{ Expr, LegendFormat string }

func targets(t *testing.T) []target {
	t.Helper()
	text, err := ops.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Targets []target
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	var all []target
	for i, p := range board.Panels {
		if p.ID != i+1 || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d: %+v", i, p)
		}
		all = append(all, p.Targets...)
	}
	return all
}

// TestWatchedIsExported: a rule or a panel that names what no server exports
// would be silent for ever.
func TestWatchedIsExported(t *testing.T) {
	t.Parallel()
	seen := scrape(t)
	seen["up"] = map[string][]string{} // Prometheus's own
	used := map[string]bool{}
	check := func(where, expr string) query {
		q, err := analyse(expr)
		if err != nil {
			t.Errorf("%s: %v in %s", where, err, expr)
			return q
		}
		for _, fault := range q.faults(seen, used) {
			t.Errorf("%s: %s in %s", where, fault, expr)
		}
		return q
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			check(r.Record, r.Expr)
			seen[r.Record] = map[string][]string{}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" {
			check(r.Alert, r.Expr)
		}
	}
	for _, p := range targets(t) {
		q := check("dashboard", p.Expr)
		if m := regexp.MustCompile(`\{\{(\w+)\}\}`).FindStringSubmatch(p.LegendFormat); m != nil && !slices.ContainsFunc(q.metrics, func(name string) bool {
			return seen[name][m[1]] != nil
		}) {
			t.Errorf("the legend %s names no label of %s", p.LegendFormat, p.Expr)
		}
	}
	for name := range seen {
		if base := family(name); strings.HasPrefix(base, "navidocs_") && !used[base] {
			t.Errorf("nobody watches %s", base)
		}
	}
}

// family is a metric's name without the endings of a histogram's series.
func family(name string) string {
	for _, ending := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, ending)
	}
	return name
}

// TestAlertsSayWhatToDo: each has a severity, words, and a command.
func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if names[r.Alert] {
			t.Errorf("%s is there twice", r.Alert)
		}
		names[r.Alert] = true
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has severity %q", r.Alert, s)
		}
		for _, a := range []string{"summary", "description", "command"} {
			if r.Annotations[a] == "" {
				t.Errorf("%s has no %s", r.Alert, a)
			}
		}
		if !strings.HasPrefix(r.Annotations["command"], "navidocs ") {
			t.Errorf("%s names the command %q", r.Alert, r.Annotations["command"])
		}
		if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
	}
}

// TestThresholds holds those that operators were promised.
func TestThresholds(t *testing.T) {
	t.Parallel()
	all := map[string]string{}
	for _, r := range rules(t) {
		all[r.Alert] = r.Expr
	}
	for alert, want := range map[string]string{
		"NaviDocsDown": `up{job="navidocs"} == 0`, "NaviDocsErrors": "> 0.01", "NaviDocsErrorBudgetBurnsFast": "ratio_1h > 14.4 * 0.001",
		"NaviDocsErrorBudgetBurns": "ratio_6h > 6 * 0.001", "NaviDocsSlowAPI": "> 0.2", "NaviDocsSlowDatabase": "> 0.1", "NaviDocsSlowJobs": "> 5",
		"NaviDocsProcessorBusy": "> 0.80", "NaviDocsMemoryFull": "> 0.85", "NaviDocsDiskFull": "> 0.90", "NaviDocsBackupLate": "> 26 * 3600",
		"NaviDocsCertificateLate": "left_ratio < 0.25", "NaviDocsCertificateExpires": "navidocs_certificate_days < 1", "NaviDocsDrillLate": "> 8 * 86400", "NaviDocsQueueStuck": "navidocs_queue_oldest_seconds > 600",
	} {
		if !strings.Contains(all[alert], want) {
			t.Errorf("%s is %q, want %s", alert, all[alert], want)
		}
	}
	short := regexp.MustCompile(`\{route!~"[^"]*"\}`)
	want := short.FindString(ops.Rules())
	if n := slices.IndexFunc(targets(t), func(p target) bool { return short.FindString(p.Expr) == want }); want == "" || n < 0 {
		t.Errorf("the rules leave out %s, the dashboard something else", want)
	}
}

func TestPromtoolTakesTheRules(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED: no promtool")
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	writeFile(t, path, ops.Rules())
	if words, err := exec.CommandContext(t.Context(), promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, words)
	}
}

// TestAnalyseFindsFaults: the reader of queries that the tests above rest on.
func TestAnalyseFindsFaults(t *testing.T) {
	t.Parallel()
	seen := exported{"a_total": {"mode": {"x"}, "le": {"1"}}, "b": {}}
	for expr, want := range map[string]string{
		`sum by (mode) (rate(a_total{mode="x"}[5m])) / on (instance) b > 0.8`:  "",
		`histogram_quantile(0.95, sum by (le) (rate(a_total{mode=~"y"}[5m])))`: "",
		`sum(rate(a_total[5m])`:           "bracket",
		`sum(rate(a_total[5m]]))`:         "cannot read",
		`rate(c[5m])`:                     "c is not exported",
		`a_total{mode="y"}`:               `mode="y"`,
		`b{mode="x"}`:                     "label mode",
		`sum by (colour) (a_total)`:       "label colour",
		`average(a_total)`:                "function average",
		`a_total > and b`:                 "after",
		`a_total b`:                       "after",
		`rate(a_total[5parsecs])`:         "5parsecs",
		`a_total{mode="x`:                 "cannot read",
		`a_total unless on (instance) b`:  "",
		`up{job="navidocs"} == 0`:         "up is not exported",
		`1 - a_total / b / 0.001`:         "",
		`delta(a_total{mode="x"}[1h]) > `: "ends",
	} {
		q, err := analyse(expr)
		faults := q.faults(seen, map[string]bool{})
		if err != nil {
			faults = []string{err.Error()}
		}
		if got := strings.Join(faults, "; "); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}
