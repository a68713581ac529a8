package release

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"navidocs/internal/fault"
)

// MakeOptions say what a release is made from.
type MakeOptions struct {
	// Binary is the program; Dir the folder that becomes the release.
	Binary, Dir string
	BuiltAt     time.Time
	Reports     Reports
	// Sbom is the bill of materials (CycloneDX); empty for one that is made from
	// what the binary says it was linked from.
	Sbom []byte
	// Key is a secret key of minisign's, empty for a release that is not signed;
	// Password opens it when it is encrypted.
	Key, Password string
}

// Make writes a release: the binary, what it is linked from, the manifest, and
// its signature. What was there of another release is replaced.
func Make(ctx context.Context, o MakeOptions) (m Manifest, err error) {
	defer fault.Wrap(&err, "release.Make")
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return m, diskError(err)
	}
	info, err := Ask(ctx, o.Binary)
	if err != nil {
		return m, err
	}
	if o.Reports.Commit != "" && o.Reports.Commit != info.Commit {
		return m, fault.New(fault.Conflict, "the reports are about commit %s, and the binary was built from %s: check what is shipped", o.Reports.Commit, info.Commit)
	}
	to := filepath.Join(o.Dir, Binary)
	if err := copyOver(ctx, o.Binary, to); err != nil {
		return m, err
	}
	m = Manifest{Info: info, BuiltAt: o.BuiltAt.UTC().Truncate(time.Second), Reports: o.Reports}
	if m.SHA256, m.Size, err = hash(ctx, to); err != nil {
		return m, err
	}
	if len(o.Sbom) == 0 {
		if o.Sbom, err = bill(to, m); err != nil {
			return m, err
		}
	}
	m.Sbom = sumOf(o.Sbom)
	text, err := m.write()
	if err != nil {
		return m, err
	}
	var signature []byte
	if o.Key != "" {
		if signature, err = sign(text, m, o.Key, o.Password); err != nil {
			return m, err
		}
	}
	// The manifest last: with an old one of it the new files do not agree.
	err = errors.Join(replace(ctx, o.Dir, SbomFile, o.Sbom), replace(ctx, o.Dir, SignatureFile, signature), replace(ctx, o.Dir, ManifestFile, text))
	return m, err
}

// copyOver puts the binary into the folder, unless it lies there already.
func copyOver(ctx context.Context, from, to string) error {
	a, err := os.Stat(from)
	if err != nil {
		return diskError(err)
	}
	if b, err := os.Stat(to); err == nil && os.SameFile(a, b) {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return diskError(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	fresh := to + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	if _, _, err := copyNew(ctx, fresh, f, 0o755); err != nil {
		return err
	}
	return diskError(os.Rename(fresh, to))
}

// replace writes a file in one step; without a text it is removed.
func replace(ctx context.Context, dir, name string, text []byte) error {
	to := filepath.Join(dir, name)
	for _, old := range []string{to, to + ".new"} {
		if len(text) > 0 && old == to {
			continue
		}
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return diskError(err)
		}
	}
	if len(text) == 0 {
		return nil
	}
	if err := writeNew(ctx, to+".new", text, 0o644); err != nil {
		return err
	}
	return diskError(os.Rename(to+".new", to))
}

// component is a module that was linked, as CycloneDX names it.
type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Purl    string `json:"purl,omitempty"`
}

// bill is the bill of materials (CycloneDX 1.6, cyclonedx.org/docs/1.6) of a
// binary, from what the linker wrote into it.
func bill(binary string, m Manifest) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "the binary does not say what it was linked from: give a bill of materials with --sbom")
	}
	made := []component{{"library", "stdlib", "stdlib", info.GoVersion, "pkg:golang/std@" + info.GoVersion}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		purl := "pkg:golang/" + d.Path + "@" + d.Version
		made = append(made, component{"library", purl, d.Path, d.Version, purl})
	}
	text, err := json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{
			"timestamp": m.BuiltAt, "component": map[string]any{
				"type": "application", "bom-ref": "navidocs", "name": "navidocs", "version": m.Version,
				"hashes": []map[string]string{{"alg": "SHA-256", "content": m.SHA256}},
			},
		},
		"components": made,
	}, "", "  ")
	return append(text, '\n'), err
}
