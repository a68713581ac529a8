package release_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
	"navidocs/internal/release"
)

func TestAReleaseIsTakenIn(t *testing.T) {
	t.Parallel()
	y := setup(t)
	dist := y.build(version(t, "v1.4.0"))
	r := y.stage(dist)
	if !strings.HasPrefix(r.Name, "1.4.0-"+r.Manifest.SHA256[:8]) || !r.Signed || r.Current || r.Previous || r.Manifest.SchemaMax != 2025112401 || r.Manifest.Commit != "c0ffee" {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{release.Binary, release.ManifestFile, release.SignatureFile, release.SbomFile} {
		if y.read(filepath.Join(dist, name)) != y.read(filepath.Join(r.Dir, name)) {
			t.Error(name, "differs")
		}
	}
	info, err := release.Ask(t.Context(), r.Binary())
	if err != nil || info != r.Manifest.Info {
		t.Error(info, err)
	}
	if again := y.stage(dist); !cmp.Equal(again, r) {
		t.Error(cmp.Diff(r, again))
	}
	if got := y.names(); len(got) != 1 {
		t.Error(got)
	}
	for _, name := range []string{"1.4.0", "v1.4.0", r.Name} {
		if found, err := release.Find(y.home, name); err != nil || found.Name != r.Name {
			t.Error(name, found, err)
		}
	}
	if _, err := release.Find(y.home, "1.4"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// The archive is the folder in a file; where its names lead is of no matter.
func TestAPackedReleaseIsTakenIn(t *testing.T) {
	t.Parallel()
	y := setup(t)
	dist := y.build(version(t, "1.4.0"))
	for _, prefix := range []string{"", "navidocs-1.4.0/", "../../../"} {
		packed := filepath.Join(t.TempDir(), "release.tar.gz")
		pack(t, dist, packed, prefix)
		if r := y.stage(packed); !r.Signed {
			t.Error(prefix, r)
		}
	}
	if got := y.names(); len(got) != 1 {
		t.Error(got)
	}
	cut := filepath.Join(t.TempDir(), "cut.tar.gz")
	whole := filepath.Join(t.TempDir(), "whole.tar.gz")
	pack(t, dist, whole, "")
	text := y.read(whole)
	y.write(cut, text[:len(text)/2])
	if _, err := release.Stage(t.Context(), y.home, cut, release.Trust{}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// pack writes the binary first, as tar does.
func pack(t *testing.T, dir, to, prefix string) {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for _, name := range []string{release.Binary, release.ManifestFile, release.SignatureFile, release.SbomFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&tar.Header{Name: prefix + name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with a release, it is not taken in, nothing of it stays,
// and what nobody vouches for is not run.
func TestABadReleaseIsRefused(t *testing.T) {
	t.Parallel()
	change := func(file, old, replacement string) func(y *yard, dist string) {
		return func(y *yard, dist string) {
			name := filepath.Join(dist, file)
			text := y.read(name)
			if !strings.Contains(text, old) {
				y.t.Fatalf("%s has no %q", file, old)
			}
			y.must(os.WriteFile(name, []byte(strings.Replace(text, old, replacement, 1)), 0o755))
		}
	}
	remove := func(file string) func(y *yard, dist string) {
		return func(y *yard, dist string) { y.must(os.Remove(filepath.Join(dist, file))) }
	}
	resign := func(f func(m map[string]any)) func(y *yard, dist string) {
		return func(y *yard, dist string) { y.resign(dist, f) }
	}
	for name, c := range map[string]struct {
		spoil func(y *yard, dist string)
		kind  fault.Kind
		says  string
	}{
		"no signature":         {remove(release.SignatureFile), fault.Forbidden, "--unsigned"},
		"no manifest":          {remove(release.ManifestFile), fault.Forbidden, "not signed"},
		"no trusted key":       {func(y *yard, _ string) { y.must(os.Remove(filepath.Join(y.home, release.KeyFile))) }, fault.Forbidden, release.KeyFile},
		"another's key":        {func(y *yard, _ string) { y.write(filepath.Join(y.home, release.KeyFile), y.another()) }, fault.Forbidden, "none of a trusted key"},
		"a key that is none":   {func(y *yard, _ string) { y.write(filepath.Join(y.home, release.KeyFile), "RWxyz\n") }, fault.Invalid, "RW"},
		"altered manifest":     {change(release.ManifestFile, "1.4.0", "1.4.1"), fault.Forbidden, "none of a trusted key"},
		"altered signature":    {change(release.SignatureFile, "navidocs 1.4.0", "navidocs 1.4.1"), fault.Forbidden, "none of a trusted key"},
		"altered binary":       {change(release.Binary, "c0ffee", "c0ffea"), fault.Conflict, "altered"},
		"binary cut":           {func(y *yard, d string) { y.must(os.Truncate(filepath.Join(d, release.Binary), 10)) }, fault.Conflict, "altered"},
		"no binary":            {remove(release.Binary), fault.NotFound, "no file navidocs"},
		"altered sbom":         {change(release.SbomFile, "CycloneDX", "CycloneDY"), fault.Conflict, "sbom.json"},
		"no sbom":              {remove(release.SbomFile), fault.Conflict, "sbom.json"},
		"another machine":      {resign(func(m map[string]any) { m["arch"] = "vax" }), fault.Invalid, "vax"},
		"another version":      {resign(func(m map[string]any) { m["version"] = "9.9.9" }), fault.Conflict, "9.9.9"},
		"version is a path":    {resign(func(m map[string]any) { m["version"] = "../../x" }), fault.Invalid, "version"},
		"version leaves":       {resign(func(m map[string]any) { m["version"] = ".." }), fault.Invalid, "version"},
		"hash is none":         {resign(func(m map[string]any) { m["sha256"] = "12" }), fault.Invalid, "sha256"},
		"schemas upside down":  {resign(func(m map[string]any) { m["schema_max"] = 1 }), fault.Invalid, "schema_min"},
		"a manifest of no use": {resign(func(m map[string]any) { m["version"] = 7 }), fault.Invalid, "releases make"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := setup(t)
			dist := y.build(version(t, "1.4.0"))
			c.spoil(y, dist)
			_, err := release.Stage(t.Context(), y.home, dist, release.Trust{})
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v (kind %d), want kind %d with %q", err, fault.KindOf(err), c.kind, c.says)
			}
			if got := y.names(); len(got) > 0 {
				t.Errorf("%v stays", got)
			}
		})
	}
}

func (y *yard) another() string {
	y.t.Helper()
	name := filepath.Join(y.t.TempDir(), "key")
	public, err := release.KeyPair(y.t.Context(), name)
	y.must(err)
	return public + "\n"
}

// resign alters a manifest and signs it again.
func (y *yard) resign(dist string, f func(m map[string]any)) {
	y.t.Helper()
	m := map[string]any{}
	y.must(json.Unmarshal([]byte(y.read(filepath.Join(dist, release.ManifestFile))), &m))
	f(m)
	text, err := json.Marshal(m)
	y.must(err)
	signature, err := release.Sign(text, y.key)
	y.must(err)
	y.write(filepath.Join(dist, release.ManifestFile), string(text))
	y.write(filepath.Join(dist, release.SignatureFile), string(signature))
}

func TestWhatNobodyVouchesForIsNotRun(t *testing.T) {
	t.Parallel()
	y := setup(t)
	ran := filepath.Join(t.TempDir(), "ran")
	dist := y.build(version(t, "1.4.0") + "'; true > '" + ran)
	y.must(os.Remove(ran)) // where it is made, it is trusted
	in, err := release.Inspect(t.Context(), y.home, dist, release.Trust{Keys: y.another()})
	if err != nil || in.Signature == nil || in.Ran || in.Binary != nil || in.Manifest.Version != "1.4.0" {
		t.Errorf("%+v %v", in, err)
	}
	if _, err := release.Stage(t.Context(), y.home, dist, release.Trust{Keys: y.another()}); err == nil {
		t.Error("it is staged")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it was run")
	}
	in, err = release.Inspect(t.Context(), y.home, dist, release.Trust{})
	if err != nil || in.Signature != nil || !in.Ran || in.Binary != nil || in.Sbom != nil {
		t.Errorf("%+v %v", in, err)
	}
	if _, err := os.Stat(ran); err != nil {
		t.Error("what the trusted one does is not seen:", err)
	}
}

// A binary alone is taken in when that is said, its signed release then takes
// its place, and the binary alone does not come back.
func TestABinaryAlone(t *testing.T) {
	t.Parallel()
	y := setup(t)
	binary := program(t, version(t, "1.4.0"))
	if _, err := release.Stage(t.Context(), y.home, binary, release.Trust{}); !fault.Is(err, fault.Forbidden) {
		t.Error(err)
	}
	alone := func(signed bool) {
		t.Helper()
		r, err := release.Stage(t.Context(), y.home, binary, release.Trust{Unsigned: true})
		if err != nil || r.Signed != signed || r.Manifest.Version != "1.4.0" {
			t.Fatalf("%+v %v", r, err)
		}
		if got := y.names(); len(got) != 1 {
			t.Error(got)
		}
	}
	alone(false)
	dist := filepath.Join(t.TempDir(), "dist")
	_, err := release.Make(t.Context(), y.options(binary, dist))
	y.must(err)
	if r := y.stage(dist); !r.Signed || r.Manifest.Sbom == "" {
		t.Errorf("%+v", r)
	}
	alone(true)
	for name, text := range map[string]string{"text": "no program", "script": "#!/bin/sh\necho '{}'\n", "stranger": "#!/bin/sh\necho '{\"version\":\"1\",\"schema_max\":0}'\n"} {
		other := filepath.Join(t.TempDir(), name)
		y.must(os.WriteFile(other, []byte(text), 0o755))
		if _, err := release.Stage(t.Context(), y.home, other, release.Trust{Unsigned: true}); !fault.Is(err, fault.Invalid) {
			t.Error(name, err)
		}
	}
	if got := y.names(); len(got) != 1 {
		t.Error(got)
	}
}

// What was damaged on the disk is mended by staging it again, without a moment
// in which the file is not there.
func TestADamagedReleaseIsMended(t *testing.T) {
	t.Parallel()
	y := setup(t)
	dist := y.build(version(t, "1.4.0"))
	r := y.stage(dist)
	for _, name := range []string{release.Binary, release.SbomFile, release.ManifestFile} {
		y.must(os.WriteFile(filepath.Join(r.Dir, name), []byte("damaged"), 0o755))
		y.stage(dist)
		if y.read(filepath.Join(r.Dir, name)) != y.read(filepath.Join(dist, name)) {
			t.Error(name, "is still damaged")
		}
	}
	y.must(os.Chmod(r.Binary(), 0o644))
	y.stage(dist)
	if _, err := release.Ask(t.Context(), r.Binary()); err != nil {
		t.Error(err)
	}
	if got := y.names(); len(got) != 1 {
		t.Error(got)
	}
}

func TestManyStageTheSameAtOnce(t *testing.T) {
	t.Parallel()
	y := setup(t)
	dists := []string{y.build(version(t, "1.4.0")), y.build(version(t, "1.5.0"))}
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if _, err := release.Stage(t.Context(), y.home, dists[i%2], release.Trust{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := y.names(); len(got) != 2 {
		t.Error(got)
	}
}
