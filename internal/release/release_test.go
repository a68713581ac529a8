package release_test

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"

	"navidocs/internal/fault"
	"navidocs/internal/release"
)

// state is what current and previous name.
func (y *yard) state() [2]string {
	y.t.Helper()
	var versions [2]string
	for i, f := range []func(string) (release.Release, error){release.Current, release.Previous} {
		r, err := f(y.home)
		if err != nil && !fault.Is(err, fault.NotFound) {
			y.t.Fatal(err)
		}
		versions[i] = r.Manifest.Version
	}
	return versions
}

func TestCurrentAndPrevious(t *testing.T) {
	t.Parallel()
	y := setup(t)
	if _, err := release.Current(y.home); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	var all []release.Release
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		all = append(all, y.stage(y.build(version(t, v))))
	}
	for _, c := range []struct {
		to   int
		want [2]string
	}{
		{0, [2]string{"1.0.0", ""}},
		{0, [2]string{"1.0.0", ""}},
		{1, [2]string{"1.1.0", "1.0.0"}},
		{2, [2]string{"1.2.0", "1.1.0"}},
		{1, [2]string{"1.1.0", "1.2.0"}}, // a rollback
	} {
		y.must(release.Commit(t.Context(), y.home, all[c.to]))
		if got := y.state(); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
	// The links hold wherever the home is moved to.
	moved := filepath.Join(t.TempDir(), "moved")
	y.must(os.Rename(y.home, moved))
	y.home = moved
	if got := y.state(); got != [2]string{"1.1.0", "1.2.0"} {
		t.Error(got)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(y.home, "current", release.Binary), "version", "--json").Output(); err != nil || !strings.Contains(string(out), "1.1.0") {
		t.Errorf("%s %v", out, err)
	}
	gone := all[0]
	gone.Name = "0.0.0-00000000"
	if err := release.Commit(t.Context(), y.home, gone); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// A killed Commit may leave the new link behind, or have set one of the two.
func TestCommitAfterAKilledOne(t *testing.T) {
	t.Parallel()
	y := setup(t)
	a, b := y.stage(y.build(version(t, "1.0.0"))), y.stage(y.build(version(t, "1.1.0")))
	y.must(release.Commit(t.Context(), y.home, a))
	y.must(os.Symlink("releases/nowhere", filepath.Join(y.home, ".current.new")))
	y.must(os.Symlink(filepath.Join("releases", a.Name), filepath.Join(y.home, "previous")))
	y.must(release.Commit(t.Context(), y.home, b))
	if got := y.state(); got != [2]string{"1.1.0", "1.0.0"} {
		t.Error(got)
	}
}

func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	y := setup(t)
	var all []release.Release
	for i, v := range []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"} {
		r := y.stage(y.build(version(t, v)))
		at := day(1 + i)
		y.must(os.Chtimes(filepath.Join(r.Dir, release.ManifestFile), at, at))
		all = append(all, r)
	}
	y.must(release.Commit(t.Context(), y.home, all[0]))
	y.must(release.Commit(t.Context(), y.home, all[2]))
	y.must(os.Mkdir(filepath.Join(y.home, "releases", ".staging-1"), 0o755)) // of a killed command
	plan, err := release.PrunePlan(y.home, 1)
	if err != nil || !cmp.Equal(versions(plan), []string{"1.3.0", "1.1.0"}) {
		t.Error(versions(plan), err)
	}
	gone, err := release.Prune(t.Context(), y.home, 1)
	if err != nil || !cmp.Equal(versions(gone), []string{"1.3.0", "1.1.0"}) {
		t.Error(versions(gone), err)
	}
	left, err := release.List(y.home)
	if err != nil || !cmp.Equal(versions(left), []string{"1.4.0", "1.2.0", "1.0.0"}) {
		t.Error(versions(left), err)
	}
	if got := y.names(); len(got) != 3 {
		t.Error("more is left:", got)
	}
	if _, err := release.Prune(t.Context(), y.home, 0); err != nil {
		t.Error(err)
	}
	if got := y.state(); got != [2]string{"1.2.0", "1.0.0"} || len(y.names()) != 2 {
		t.Error(got, y.names())
	}
	if _, err := release.Prune(t.Context(), y.home, -1); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func versions(all []release.Release) (v []string) {
	for _, r := range all {
		v = append(v, r.Manifest.Version)
	}
	return v
}

// A schema that is too old has to be migrated; one from which something was
// taken that the release needs cannot be used.
func TestWhichSchemasAReleaseRunsOn(t *testing.T) {
	t.Parallel()
	m := release.Manifest{Info: release.Info{Version: "1.4.0", SchemaMin: 20, SchemaMax: 25}}
	for name, c := range map[string]struct {
		schema, contract int64
		says             string
	}{
		"its own":                     {25, 0, ""},
		"its contract waits":          {20, 0, ""},
		"a later one, expanded alone": {40, 25, ""},
		"too old":                     {19, 0, "migrate up"},
		"contracted later":            {40, 30, "backup restore"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := m.Runs(c.schema, c.contract)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
}

func TestMakeHoldsTheReportsAgainstTheBinary(t *testing.T) {
	t.Parallel()
	y := setup(t)
	reports, err := release.ParseReports([]byte(`{"commit": "c0ffee", "coverage": 81.5, "tests": {"at": "2026-06-01T09:00:00Z", "suites": {"unit": {"passed": 3, "failed": 0}}}}`))
	y.must(err)
	o := y.options(program(t, version(t, "1.4.0")), t.TempDir())
	o.Reports = reports
	m, err := release.Make(t.Context(), o)
	if err != nil || m.Reports.Tests.Suites["unit"].Passed != 3 || *m.Reports.Coverage != 81.5 || m.Size == 0 || !m.BuiltAt.Equal(day(1)) {
		t.Errorf("%+v %v", m, err)
	}
	if r := y.stage(o.Dir); !cmp.Equal(r.Manifest, m) {
		t.Error(cmp.Diff(m, r.Manifest))
	}
	// Made again of another binary, nothing of the first one stays.
	o.Binary, o.BuiltAt = program(t, version(t, "1.5.0")), day(2)
	if _, err := release.Make(t.Context(), o); err != nil {
		t.Error(err)
	}
	if r := y.stage(o.Dir); r.Manifest.Version != "1.5.0" {
		t.Errorf("%+v", r)
	}
	o.Reports.Commit = "beef"
	if _, err := release.Make(t.Context(), o); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	if _, err := release.ParseReports([]byte(`{"test": {}}`)); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// What we sign Debian's minisign verifies, and what it signs with its keys we
// do, whether the key has a password or not.
func TestMinisignAgrees(t *testing.T) {
	t.Parallel()
	minisign, err := exec.LookPath("minisign")
	if err != nil {
		t.Skip("minisign is not installed: scripts/setup")
	}
	y := setup(t)
	run := func(stdin string, args ...string) error {
		cmd := exec.CommandContext(t.Context(), minisign, args...)
		cmd.Stdin, cmd.WaitDelay = strings.NewReader(stdin), time.Second
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("minisign %v: %s", args, out)
		}
		return err
	}
	dist := y.build(version(t, "1.4.0"))
	manifest, public := filepath.Join(dist, release.ManifestFile), filepath.Join(y.dir, "release.key.pub")
	if err := run("", "-V", "-m", manifest, "-p", public); err != nil {
		t.Error("ours is not verified:", err)
	}
	if err := run("", "-V", "-m", filepath.Join(dist, release.SbomFile), "-x", filepath.Join(dist, release.SignatureFile), "-p", public); err == nil {
		t.Error("another text is verified")
	}
	for name, password := range map[string]string{"plain": "", "locked": "a password"} {
		key := filepath.Join(t.TempDir(), name)
		y.must(run("", "-G", "-W", "-f", "-s", key, "-p", key+".pub"))
		if password != "" {
			y.write(key, locked(t, y.read(key), password))
		}
		y.must(os.Remove(filepath.Join(dist, release.SignatureFile)))
		y.must(run(password+"\n", "-S", "-s", key, "-m", manifest))
		trust := release.Trust{Keys: y.read(key + ".pub")}
		if in, err := release.Inspect(t.Context(), y.home, dist, trust); err != nil || in.Signature != nil {
			t.Errorf("%s: %v %v", name, in.Signature, err)
		}
		o := y.options(filepath.Join(dist, release.Binary), dist)
		o.Key, o.Password = y.read(key), password
		if _, err := release.Make(t.Context(), o); err != nil {
			t.Fatal(name, err)
		}
		if err := run("", "-V", "-m", manifest, "-p", key+".pub"); err != nil {
			t.Error(name, err)
		}
		if o.Password != "" {
			for _, o.Password = range []string{"", "another"} {
				if _, err := release.Make(t.Context(), o); !fault.Is(err, fault.Invalid) {
					t.Error(name, err)
				}
			}
		}
	}
}

// locked encrypts a secret key as minisign does (jedisct1.github.io/minisign,
// "Secret key format"), but at a cost of no account.
func locked(t *testing.T, text, password string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	b, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil || len(b) != 158 {
		t.Fatal(len(b), err)
	}
	copy(b[2:4], "Sc")
	copy(b[6:38], "a salt that is not one of chance")
	binary.LittleEndian.PutUint64(b[38:], 1<<15)
	binary.LittleEndian.PutUint64(b[46:], 1<<24)
	sum := blake2b.Sum256(append([]byte("Ed"), b[54:126]...))
	copy(b[126:], sum[:])
	stream, err := scrypt.Key([]byte(password), b[6:38], 1<<10, 8, 1, 104)
	if err != nil {
		t.Fatal(err)
	}
	subtle.XORBytes(b[54:], b[54:], stream)
	return "untrusted comment: minisign encrypted secret key\n" + base64.StdEncoding.EncodeToString(b) + "\n"
}

func TestNoKeyIsReplaced(t *testing.T) {
	t.Parallel()
	y := setup(t)
	name := filepath.Join(y.dir, "release.key")
	if _, err := release.KeyPair(t.Context(), name); !fault.Is(err, fault.Conflict) || y.read(name) != y.key {
		t.Error(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}
