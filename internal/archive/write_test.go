package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

func at() time.Time { return time.Date(2026, 6, 1, 9, 0, 1, 500, time.FixedZone("", 7200)) }

func key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func digest(b string) string {
	sum := sha256.Sum256([]byte(b))
	return hex.EncodeToString(sum[:])
}

func manifest() bundle.Manifest {
	return bundle.Manifest{
		Schema: "navidocs.package.v1", Title: "Ægir <1> & more", CreatedAt: at(),
		Data:     map[string]any{"hours": 12.50, "boat": "Ægir"},
		Withheld: []bundle.Gap{{What: "Invoice", Why: "private"}},
	}
}

// sample has a name in each of six scripts.
func sample() []archive.File {
	files := []archive.File{}
	for _, name := range []string{
		"README.txt", "01_Identity/Registration Ægir.pdf", "01_Identity/保証書.pdf", "01_Identity/한글.pdf",
		"02_Engine/Εγχειρίδιο.pdf", "02_Engine/Руководство.pdf", "02_Engine/دليل.pdf", "empty.txt",
	} {
		content := name
		if name == "empty.txt" {
			content = ""
		}
		f := archive.Content(name, "application/pdf", []byte(content))
		f.DocumentID, f.SHA256 = "d-"+digest(name)[:4], digest(content)
		files = append(files, f)
	}
	return files
}

func write(t testing.TB, w io.Writer, m bundle.Manifest, files []archive.File) archive.Written {
	t.Helper()
	out, err := archive.Write(t.Context(), w, m, files, key(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWriteListsAndSignsEveryFile(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	out := write(t, &b, manifest(), sample())
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if contents[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(f.Name, err)
		}
		if want := time.Date(2026, 6, 1, 7, 0, 0, 0, time.UTC); f.Method != zip.Store || f.Mode() != 0o644 || !f.Modified.Equal(want) || f.Flags != 0x800 {
			t.Errorf("%+v", f.FileHeader)
		}
	}
	var m bundle.Manifest
	if err := json.Unmarshal(contents["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != len(sample()) || len(z.File) != len(m.Files)+2 || z.File[len(m.Files)].Name != "manifest.json" || z.File[len(m.Files)+1].Name != "manifest.sig" {
		t.Errorf("%+v", m)
	}
	for i, e := range m.Files {
		if e.Path != z.File[i].Name || e.SHA256 != digest(string(contents[e.Path])) || e.Bytes != int64(len(contents[e.Path])) || e.DocumentID != sample()[i].DocumentID {
			t.Errorf("%+v", e)
		}
	}
	if out.Files != len(m.Files) || out.Bytes != int64(b.Len()) || !bytes.Equal(out.Manifest, contents["manifest.json"]) {
		t.Errorf("%+v", out)
	}
}

// TestTheBytesNeverChange: what was signed with an earlier release, of NaviDocs
// or of Go, is what this one writes.
func TestTheBytesNeverChange(t *testing.T) {
	t.Parallel()
	for range 2 {
		var b bytes.Buffer
		out := write(t, &b, manifest(), sample())
		const want, by = "f5cf38c70496f282d75b85d10bbe92c4efa7f8e298ef9ac7b372dee285f45b59", "fe812c12f3ab4ce6ac5db69ac352f906cb1b11ef43fb33e252ef7ff552263889"
		if got := digest(b.String()); got != want || out.Fingerprint != by {
			t.Errorf("%s, signed by %s", got, out.Fingerprint)
		}
	}
}

func TestAFileThatIsDamagedOrMissingEndsItBeforeAByteIsWritten(t *testing.T) {
	t.Parallel()
	gone := fault.New(fault.NotFound, "the store has no such file")
	opens := func(r io.Reader, err error) func(context.Context) (io.ReadCloser, error) {
		return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(r), err }
	}
	for name, c := range map[string]struct {
		open    func(context.Context) (io.ReadCloser, error)
		kind    fault.Kind
		message string
		cause   error
	}{
		"missing":    {opens(nil, gone), fault.NotFound, `the file "b.pdf" cannot be read: the store has no such file`, gone},
		"unreadable": {opens(iotest.ErrReader(io.ErrUnexpectedEOF), nil), fault.Internal, `the file "b.pdf" cannot be read`, io.ErrUnexpectedEOF},
		"damaged":    {opens(strings.NewReader("no"), nil), fault.Internal, `the file "b.pdf" is damaged: its SHA-256 is ` + digest("no"), bundle.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			last := archive.File{Path: "c.pdf", Open: opens(nil, io.ErrClosedPipe)}
			files := []archive.File{archive.Content("a.pdf", "", []byte("a")), {Path: "b.pdf", SHA256: digest("yes"), Open: c.open}, last}
			_, err := archive.Write(t.Context(), &out, manifest(), files, key(), nil)
			if fault.KindOf(err) != c.kind || !errors.Is(err, c.cause) || !strings.HasPrefix(fault.Message(err), c.message) {
				t.Errorf("%v: %s", err, fault.Message(err))
			}
			if out.Len() != 0 {
				t.Errorf("%d bytes were written", out.Len())
			}
		})
	}
}

func TestAFileThatChangesMeanwhileEndsIt(t *testing.T) {
	t.Parallel()
	for _, second := range []string{"othex", "oth", "other and more", strings.Repeat("other", 1<<20)} {
		var opened atomic.Int64
		f := archive.File{Path: "a.pdf", Open: func(context.Context) (io.ReadCloser, error) {
			if opened.Add(1) == 1 {
				return io.NopCloser(strings.NewReader("other")), nil
			}
			return io.NopCloser(strings.NewReader(second)), nil
		}}
		var out bytes.Buffer
		_, err := archive.Write(t.Context(), &out, manifest(), []archive.File{f}, key(), nil)
		if !errors.Is(err, bundle.ErrDamaged) || !strings.Contains(err.Error(), `"a.pdf" changed`) || out.Len() > 1000 {
			t.Errorf("%v after %d bytes", err, out.Len())
		}
	}
}

// full is a disk with room for so many bytes.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

func TestAWriterThatFailsIsTold(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	out := write(t, &b, manifest(), sample())
	for room := 0; room < int(out.Bytes); room += 29 {
		if _, err := archive.Write(t.Context(), &full{room}, manifest(), sample(), key(), nil); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{archive.Checking, archive.Writing} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := archive.Write(ctx, io.Discard, manifest(), sample(), key(), func(p archive.Progress) {
			if p.Phase == phase && p.Files == 3 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(phase, err)
		}
	}
}

func TestProgressReachesItsTotals(t *testing.T) {
	t.Parallel()
	files := append(sample(), archive.Content("large.bin", "", make([]byte, 1<<20)))
	last := map[string]archive.Progress{}
	if _, err := archive.Write(t.Context(), io.Discard, manifest(), files, key(), func(p archive.Progress) {
		if was := last[p.Phase]; p.Files < was.Files || p.Bytes < was.Bytes || p.Files > p.TotalFiles {
			t.Errorf("%+v after %+v", p, was)
		}
		last[p.Phase] = p
	}); err != nil {
		t.Fatal(err)
	}
	checked, written := last[archive.Checking], last[archive.Writing]
	if checked.Files != 9 || checked.Bytes != written.TotalBytes || written.Files != 9 || written.Bytes != written.TotalBytes || written.Bytes < 1<<20 {
		t.Errorf("%+v %+v", checked, written)
	}
}

func TestWhatNoArchiveCanHoldIsRefused(t *testing.T) {
	t.Parallel()
	ok, one := manifest(), []archive.File{archive.Content("a.pdf", "", nil)}
	early, late := ok, ok
	early.CreatedAt, late.CreatedAt = time.Time{}, time.Date(2108, 1, 1, 0, 0, 0, 0, time.UTC)
	twice := append(one, archive.Content("A.PDF", "", nil))
	for name, c := range map[string]struct {
		m     bundle.Manifest
		files []archive.File
		want  string
	}{
		"no time":       {early, one, "created_at"},
		"a late time":   {late, one, "1980 and 2107"},
		"a slip":        {ok, []archive.File{archive.Content("../a", "", nil)}, "leads out"},
		"its manifest":  {ok, []archive.File{archive.Content("Manifest.json", "", nil)}, "there twice"},
		"its signature": {ok, []archive.File{archive.Content("manifest.sig", "", nil)}, "there twice"},
		"a path twice":  {ok, twice, "there twice"},
		"many files":    {ok, make([]archive.File, 100_001), "at most 100000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := archive.Write(t.Context(), io.Discard, c.m, c.files, key(), nil)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
		})
	}
	if _, err := archive.Write(t.Context(), io.Discard, ok, one, nil, nil); err == nil {
		t.Error("signed without a key")
	}
}

// TestTextsThatAreNoUTF8 are written in the one spelling that is read.
func TestTextsThatAreNoUTF8(t *testing.T) {
	t.Parallel()
	m := manifest()
	m.Title, m.Data = "\xff\u2028</script>", map[string]string{"\xfe": "\xfd"}
	var b bytes.Buffer
	write(t, &b, m, sample())
	r, err := archive.Verify(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || r.Title != "\ufffd\u2028</script>" {
		t.Errorf("%v %q", err, r.Title)
	}
}

// TestOthersReadIt: names in six scripts, names that Windows reserves, and more
// files than a ZIP without Zip64 can list.
func TestOthersReadIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, paths := sample(), archive.NewPaths()
	for _, name := range []string{"CON", "nul.pdf", "COM1.txt", "a:b?.pdf", "ends in a dot.", "manifest.json"} {
		files = append(files, archive.Content(paths.Take("03_Names", name, ""), "", []byte(name)))
	}
	var many []archive.File
	for i := range 66_000 {
		many = append(many, archive.Content(fmt.Sprintf("%02d/%d", i%100, i), "", []byte("x")))
	}
	for name, files := range map[string][]archive.File{"small.zip": files, "many.zip": many} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out := write(t, f, manifest(), files)
		if r, err := archive.Verify(t.Context(), f, out.Bytes); err != nil || r.Files != len(files) {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		f.Close()
	}
	const python = "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(len(z.namelist())); print(*z.namelist()[:9], sep='\\n')"
	for _, command := range [][]string{{"unzip", "-tq"}, {"7z", "t", "-bd"}, {"python3", "-c", python}} {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Logf("SKIPPED: %s is not there", command[0])
			continue
		}
		for name, want := range map[string]string{"small.zip": "16", "many.zip": "66002"} {
			cmd := exec.CommandContext(t.Context(), command[0], append(slices.Clone(command[1:]), filepath.Join(dir, name))...)
			cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s %s: %v\n%s", command[0], name, err, out)
			}
			if command[0] == "python3" && !strings.HasPrefix(string(out), want+"\n") || command[0] == "7z" && !strings.Contains(string(out), "Everything is Ok") {
				t.Errorf("%s %s: %s", command[0], name, out)
			}
		}
	}
}

func TestMemoryDoesNotGrowWithAFile(t *testing.T) {
	zeros := func(n int64) archive.File {
		return archive.File{Path: "zeros", Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(zero{}, n)), nil
		}}
	}
	took := func(n int64) float64 {
		return testing.AllocsPerRun(1, func() {
			if _, err := archive.Write(t.Context(), io.Discard, manifest(), []archive.File{zeros(n)}, key(), nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := took(1), took(64<<20); large > small+20 {
		t.Errorf("64 MiB take %.0f allocations, one byte takes %.0f", large, small)
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }
