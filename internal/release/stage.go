package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"navidocs/internal/fault"
)

// Inspection is what is to be said of a release before it is staged. What is an
// error there keeps it from being staged.
type Inspection struct {
	Manifest Manifest
	// Described: it has a manifest. A binary alone has none.
	Described bool
	// Signature: nobody who is trusted signed the manifest.
	Signature error
	// Binary: it is not the one of the manifest, or does not run here.
	Binary error
	// Ran: the binary was run and told its version; what nobody trusts is not.
	Ran bool
	// Sbom: the bill of materials is not the one of the manifest.
	Sbom error

	manifest, signature, sbom []byte
}

// Inspect looks at a folder, a .tar.gz of one, or a binary alone. Home is where
// the trusted keys are kept. The error is that it cannot be looked at.
func Inspect(ctx context.Context, home, from string, trust Trust) (in Inspection, err error) {
	defer fault.Wrap(&err, "release.Inspect %s", from)
	src, err := openSource(from)
	if err != nil {
		return in, err
	}
	if err := in.describe(home, src, trust); err != nil {
		return in, err
	}
	binary := src.binary
	if binary == "" {
		dir, err := os.MkdirTemp("", "navidocs-release-")
		if err != nil {
			return in, diskError(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a passing folder
		binary = filepath.Join(dir, Binary)
		if _, _, err := bring(ctx, src, binary); err != nil {
			return in, err
		}
	}
	sum, size, err := hash(ctx, binary)
	if err != nil {
		return in, err
	}
	return in, in.try(ctx, binary, sum, size, trust)
}

// describe reads what says what the release is, and by whom.
func (in *Inspection) describe(home string, src source, trust Trust) (err error) {
	for name, text := range map[string]*[]byte{ManifestFile: &in.manifest, SignatureFile: &in.signature, SbomFile: &in.sbom} {
		if *text, err = src.small(name); err != nil {
			return err
		}
	}
	in.Described = len(in.manifest) > 0
	if !in.Described {
		in.signature = nil
	}
	in.Signature = trust.verify(home, in.manifest, in.signature)
	if !in.Described || in.Signature != nil && !trust.Unsigned {
		// What nobody vouches for is read no further than to say what it claims.
		if in.Described {
			in.Manifest, _ = parseManifest(in.manifest)
		}
		return nil
	}
	in.Manifest, err = parseManifest(in.manifest)
	return err
}

// try holds the binary against the manifest and runs it, unless nobody vouches
// for it.
func (in *Inspection) try(ctx context.Context, binary, sum string, size int64, trust Trust) error {
	m := in.Manifest
	if in.Described && (m.SHA256 != sum || m.Size != size) {
		in.Binary = fault.New(fault.Conflict, "the binary is not the one that the manifest names: it was damaged on the way, or altered; fetch it again")
		return nil
	}
	if in.Described && sumOrNone(in.sbom) != m.Sbom {
		in.Sbom = fault.New(fault.Conflict, "%s is not the one that the manifest names: fetch the release again", SbomFile)
	}
	if in.Signature != nil && !trust.Unsigned {
		return nil
	}
	if in.Described {
		if in.Binary = m.fits(); in.Binary != nil {
			return nil //nolint:nilerr // that is what was found out
		}
	}
	info, err := Ask(ctx, binary)
	if in.Ran = err == nil; err != nil {
		in.Binary = err
		return ctx.Err()
	}
	if !in.Described {
		return in.adopt(info, binary, sum, size)
	}
	if info != m.Info {
		in.Binary = fault.New(fault.Conflict, "the binary says that it is %s, and the manifest says %s: make the manifest anew with navidocs releases make", nameIt(info), nameIt(m.Info))
	}
	return nil
}

// adopt makes the manifest of a binary that came without one.
func (in *Inspection) adopt(info Info, binary, sum string, size int64) error {
	stat, err := os.Stat(binary)
	if err != nil {
		return diskError(err)
	}
	in.Manifest = Manifest{Info: info, SHA256: sum, Size: size, BuiltAt: stat.ModTime().UTC().Truncate(time.Second)}
	in.sbom = nil
	in.manifest, err = in.Manifest.write()
	return err
}

func nameIt(i Info) string {
	text, err := json.Marshal(i)
	if err != nil {
		return i.Version
	}
	return string(text)
}

func sumOrNone(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	return sumOf(text)
}

// refusal is the first thing that keeps it from being staged.
func (in *Inspection) refusal(trust Trust) error {
	if in.Signature != nil && !trust.Unsigned {
		return in.Signature
	}
	return errors.Join(in.Binary, in.Sbom)
}

// Stage takes a release in: a folder, a .tar.gz of one, or a binary alone. It
// is copied, held against its manifest where it will be run from, and appears
// in one step. A release that is there already stays as it is; one that was
// damaged meanwhile is mended.
func Stage(ctx context.Context, home, from string, trust Trust) (r Release, err error) {
	defer fault.Wrap(&err, "release.Stage %s", from)
	src, err := openSource(from)
	if err != nil {
		return r, err
	}
	var in Inspection
	if err := in.describe(home, src, trust); err != nil {
		return r, err
	}
	if err := in.refusal(trust); err != nil {
		return r, err
	}
	unlock, err := lock(ctx, home)
	if err != nil {
		return r, err
	}
	defer unlock()
	dir, err := os.MkdirTemp(filepath.Join(home, folder), stagingPrefix+"*")
	if err != nil {
		return r, diskError(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // renamed or useless by then
	sum, size, err := bring(ctx, src, filepath.Join(dir, Binary))
	if err != nil {
		return r, err
	}
	if err := in.try(ctx, filepath.Join(dir, Binary), sum, size, trust); err != nil {
		return r, err
	}
	if err := in.refusal(trust); err != nil {
		return r, err
	}
	if err := in.write(ctx, dir); err != nil {
		return r, err
	}
	name := nameOf(in.Manifest)
	if err := place(ctx, home, dir, name, in.manifest); err != nil {
		return r, err
	}
	return read(home, name)
}

// bring copies the binary.
func bring(ctx context.Context, src source, to string) (sum string, size int64, err error) {
	f, err := src.open(Binary)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, fault.Because(err, fault.NotFound, "there is no file %s in it: give the folder, the .tar.gz or the binary of a release", Binary)
	}
	if err != nil {
		return "", 0, err
	}
	defer f.Close() //nolint:errcheck // only read from
	return copyNew(ctx, to, f, 0o755)
}

// write puts beside the binary what describes it. A signature that nobody
// trusts is left out: what has one is signed.
func (in *Inspection) write(ctx context.Context, dir string) error {
	files := map[string][]byte{ManifestFile: in.manifest, SbomFile: in.sbom}
	if in.Signature == nil {
		files[SignatureFile] = in.signature
	}
	for name, text := range files {
		if len(text) == 0 {
			continue
		}
		if err := writeNew(ctx, filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the service may have another user
		return diskError(err)
	}
	return syncDir(dir)
}

// place gives a staged folder its name. Where there is one of that name, its
// files are replaced one by one, each in one step, unless they are as good:
// what runs from there goes on.
func place(ctx context.Context, home, dir, name string, manifest []byte) error {
	to := filepath.Join(home, folder, name)
	err := os.Rename(dir, to)
	if err == nil {
		return syncDir(filepath.Dir(to))
	}
	if !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return diskError(err)
	}
	_, unsigned := os.Stat(filepath.Join(dir, SignatureFile))
	if sound(ctx, home, name, manifest, unsigned != nil) {
		return nil
	}
	for _, file := range []string{Binary, SbomFile, SignatureFile, ManifestFile} {
		from := filepath.Join(dir, file)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			if err := os.Remove(filepath.Join(to, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return diskError(err)
			}
			continue
		}
		if err := os.Rename(from, filepath.Join(to, file)); err != nil {
			return diskError(err)
		}
	}
	return syncDir(to)
}

// sound tells whether a release on the disk is whole and need not give way: it
// has the same manifest, or the new one has no signature.
func sound(ctx context.Context, home, name string, manifest []byte, unsigned bool) bool {
	r, err := read(home, name)
	if err != nil {
		return false
	}
	text, err := readSmall(filepath.Join(r.Dir, ManifestFile))
	if err != nil || !bytes.Equal(text, manifest) && !unsigned || !r.Signed && !unsigned {
		return false
	}
	if sbom, err := readSmall(filepath.Join(r.Dir, SbomFile)); r.Manifest.Sbom != "" && (err != nil || sumOf(sbom) != r.Manifest.Sbom) {
		return false
	}
	sum, _, err := hash(ctx, r.Binary())
	info, serr := os.Stat(r.Binary())
	return err == nil && serr == nil && sum == r.Manifest.SHA256 && info.Mode().Perm()&0o111 != 0
}

// askLimit bounds how long a binary may think about its version.
const askLimit = 10 * time.Second

// Ask runs a binary to learn what it is.
func Ask(ctx context.Context, binary string) (i Info, err error) {
	defer fault.Wrap(&err, "release.Ask")
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	text, err := run(ctx, binary)
	for errors.Is(err, syscall.ETXTBSY) {
		// A child that is being started by another goroutine still holds the file
		// open for writing, until it has become another program.
		select {
		case <-ctx.Done():
			return i, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		text, err = run(ctx, binary)
	}
	if err == nil {
		err = json.Unmarshal(text, &i)
	}
	if err == nil && (!versionForm.MatchString(i.Version) || i.SchemaMax == 0) {
		err = errors.New("it does not say which version it is")
	}
	if err != nil {
		return i, fault.Because(err, fault.Invalid, "the binary does not answer `version --json` as a NaviDocs does: it is another program, for another machine, or damaged")
	}
	return i, nil
}

// run has no environment: what a release says of itself depends on nothing.
func run(ctx context.Context, binary string) ([]byte, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "version", "--json")
	cmd.Env = []string{"LANG=C"}
	cmd.Dir = filepath.Dir(binary)
	cmd.WaitDelay = time.Second
	return cmd.Output()
}
