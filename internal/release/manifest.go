package release

import (
	"encoding/json"
	"regexp"
	"runtime"
	"time"

	"navidocs/internal/fault"
)

// Info is what a binary says of itself: `navidocs version --json`.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	// Modified: the sources differed from the commit.
	Modified bool   `json:"modified,omitempty"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	// SchemaMin is the first schema that it runs on: that of its last migration
	// that is not of the class contract, for those wait until they are told.
	SchemaMin int64 `json:"schema_min"`
	// SchemaMax is that of its last migration. It runs on later ones too, until
	// one of the class contract is applied.
	SchemaMax int64 `json:"schema_max"`
}

// Manifest says what a release is, and what was found out about it before it
// was signed.
type Manifest struct {
	Info

	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	BuiltAt time.Time `json:"built_at"`
	// Sbom is the SHA-256 of sbom.json, empty when there is none.
	Sbom    string  `json:"sbom,omitempty"`
	Reports Reports `json:"reports"`
}

// Reports are the results of the checks of a build. What was not done is nil,
// which is not the same as done and found good.
type Reports struct {
	// Commit is what was checked.
	Commit   string    `json:"commit,omitempty"`
	Tests    *Tests    `json:"tests,omitempty"`
	Race     *Findings `json:"race,omitempty"`
	Lint     *Findings `json:"lint,omitempty"`
	Vuln     *Vuln     `json:"vuln,omitempty"`
	Reviews  []Review  `json:"reviews,omitempty"`
	Coverage *float64  `json:"coverage,omitempty"` // percent of statements
}

// Tests are the suites by name: unit, integration, e2e.
type Tests struct {
	At     time.Time        `json:"at"`
	Suites map[string]Suite `json:"suites"`
}

// Suite is what became of the tests of one suite.
type Suite struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped,omitempty"`
}

// Findings are those of the linters, or of the race detector.
type Findings struct {
	At    time.Time `json:"at"`
	Found int       `json:"found"`
}

// Vuln are the known vulnerabilities that the binary can reach.
type Vuln struct {
	At       time.Time `json:"at"`
	Critical int       `json:"critical"`
	High     int       `json:"high"`
	Other    int       `json:"other,omitempty"`
}

// Review is somebody's approval of the commit.
type Review struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Runs refuses a schema that the release cannot work on: one before its own
// expansion, or one from which a later release has taken away what it needs.
// contract is the last migration of that class that was applied, 0 for none.
func (m Manifest) Runs(schema, contract int64) error {
	switch {
	case schema < m.SchemaMin:
		return fault.New(fault.Conflict, "release %s needs schema %d, and the database has %d: navidocs migrate up", m.Version, m.SchemaMin, schema)
	case contract > m.SchemaMax:
		return fault.New(fault.Conflict, "release %s knows nothing of migration %d, which took away what it needs: the last way back is navidocs backup restore", m.Version, contract)
	}
	return nil
}

// fits refuses a binary for another kind of machine.
func (i Info) fits() error {
	if i.OS != runtime.GOOS || i.Arch != runtime.GOARCH {
		return fault.New(fault.Invalid, "the release is for %s on %s, and this machine is %s on %s: take the one that was built for it", i.OS, i.Arch, runtime.GOOS, runtime.GOARCH)
	}
	return nil
}

// A version and a hash become the name of a folder, so that they may not be
// anything else than names.
var (
	versionForm = regexp.MustCompile(`^v?[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}$`)
	hashForm    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func parseManifest(text []byte) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fault.Because(err, fault.Invalid, "%s cannot be read: write it with navidocs releases make", ManifestFile)
	}
	return m, m.check()
}

func (m Manifest) check() error {
	bad := ""
	switch {
	case !versionForm.MatchString(m.Version):
		bad = "version"
	case !hashForm.MatchString(m.SHA256):
		bad = "sha256"
	case m.Sbom != "" && !hashForm.MatchString(m.Sbom):
		bad = "sbom"
	case m.Size <= 0:
		bad = "size"
	case m.SchemaMin <= 0 || m.SchemaMax < m.SchemaMin:
		bad = "schema_min or schema_max"
	default:
		return nil
	}
	return fault.New(fault.Invalid, "%s has no proper %s: write it with navidocs releases make", ManifestFile, bad)
}

// write makes the text that is signed.
func (m Manifest) write() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// ParseReports reads the reports of a build; a name that it does not know is a
// mistake, for a check under another name would count as not done.
func ParseReports(text []byte) (r Reports, err error) {
	defer fault.Wrap(&err, "release.ParseReports")
	return r, strict(text, &r)
}
