package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/bundle"
)

func at() time.Time { return time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC) }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sample is a small package with a name in each script and a gap.
func sample(t *testing.T, w io.Writer) []bundle.Entry {
	t.Helper()
	b := bundle.New(w, at())
	for _, f := range []bundle.File{
		{Folder: "01_Letter", Name: "Claim <Ægir>.pdf", MediaType: pdf, DocumentID: "d1", SHA256: digest("Claim <Ægir>.pdf"), Pages: 2},
		{Folder: "04_Proof_of_Purchase", Name: "保証書 한글 Łódź.pdf", MediaType: pdf, Modified: at().Add(-time.Hour)},
		{Folder: "04_Proof_of_Purchase", Name: "old.txt", MediaType: "text/plain", Modified: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Name: "empty", MediaType: "application/octet-stream"},
	} {
		if _, err := b.Add(t.Context(), f, strings.NewReader(f.Name)); err != nil {
			t.Fatal(err)
		}
	}
	m := bundle.Manifest{Schema: "navidocs.claim.v1", Title: "Claim <1> & more", Withheld: []bundle.Gap{{What: "Invoice", Why: "private"}}, Data: map[string]any{"boat": "Ægir", "a": 1}}
	if err := b.Close(m); err != nil {
		t.Fatal(err)
	}
	return b.Entries()
}

func unzipped(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r) // checks the CRC
		if err != nil {
			t.Fatal(f.Name, err)
		}
		if f.Flags&0x800 == 0 || f.Modified.Year() < 2026 {
			t.Errorf("%s: flags %x, of %s", f.Name, f.Flags, f.Modified)
		}
		all[f.Name] = string(text)
	}
	return all
}

func TestTheManifestListsEveryFile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	entries := sample(t, &out)
	files := unzipped(t, out.Bytes())
	var m bundle.Manifest
	if err := json.Unmarshal([]byte(files["manifest.json"]), &m); err != nil {
		t.Fatal(err)
	}
	entries[0].Pages = 0 // for the caller alone
	if diff := cmp.Diff(entries, m.Files); diff != "" {
		t.Error(diff)
	}
	if len(m.Files) != len(files)-1 || m.Title != "Claim <1> & more" || !m.CreatedAt.Equal(at()) || len(m.Withheld) != 1 {
		t.Errorf("%+v", m)
	}
	if !strings.Contains(files["manifest.json"], `"missing": []`) || !strings.Contains(files["manifest.json"], "Claim <1> & more") {
		t.Error(files["manifest.json"])
	}
	for _, e := range m.Files {
		if text := files[e.Path]; digest(text) != e.SHA256 || int64(len(text)) != e.Bytes {
			t.Errorf("%+v holds %q", e, text)
		}
	}
}

func TestTheSameFilesGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	sample(t, &a)
	sample(t, &b)
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two archives of the same files differ")
	}
}

func TestPapersThatAreCompressedAreNotCompressedAgain(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("the same again ", 100_000)
	for mediaType, small := range map[string]bool{pdf: false, "image/jpeg": false, "image/webp": false, "application/zip": false, "text/plain": true, "": true} {
		var out bytes.Buffer
		b := bundle.New(&out, at())
		if _, err := b.Add(t.Context(), bundle.File{Name: "a", MediaType: mediaType}, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(bundle.Manifest{}); err != nil {
			t.Fatal(err)
		}
		if got := out.Len() < len(text)/2; got != small || out.Len() > len(text)+len(text)/1000+2000 {
			t.Errorf("%q: %d bytes become %d", mediaType, len(text), out.Len())
		}
	}
}

func TestDamagedPapersAreListedAsWritten(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk says no")
	for name, c := range map[string]struct {
		r     io.Reader
		sum   string
		holds string
		cause error
	}{
		"short":      {strings.NewReader("half"), digest("half and half"), "half", nil},
		"unreadable": {iotest.ErrReader(broken), "", "", broken},
		"cut off":    {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), "", "half", io.ErrUnexpectedEOF},
		"exchanged":  {strings.NewReader("other"), digest("this"), "other", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			b := bundle.New(&out, at())
			e, err := b.Add(t.Context(), bundle.File{Name: "a.pdf", MediaType: pdf, SHA256: c.sum}, c.r)
			if !errors.Is(err, bundle.ErrDamaged) || c.cause != nil && !errors.Is(err, c.cause) {
				t.Fatal(err)
			}
			if e.SHA256 != digest(c.holds) || e.Bytes != int64(len(c.holds)) {
				t.Errorf("%+v", e)
			}
			good, err := b.Add(t.Context(), bundle.File{Name: "b.pdf", SHA256: strings.ToUpper(digest("good"))}, iotest.OneByteReader(strings.NewReader("good")))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Close(bundle.Manifest{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]bundle.Entry{e, good}, b.Entries()); diff != "" {
				t.Error(diff)
			}
			if files := unzipped(t, out.Bytes()); files["a.pdf"] != c.holds || files["b.pdf"] != "good" {
				t.Errorf("%q", files)
			}
		})
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

func TestAWriterThatFailsIsFinal(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 100, 70_000} {
		b := bundle.New(&full{room}, at())
		_, err := b.Add(t.Context(), bundle.File{Name: "a.pdf", MediaType: pdf}, strings.NewReader(strings.Repeat("x", 200_000)))
		if !errors.Is(err, errFull) || errors.Is(err, bundle.ErrDamaged) {
			t.Error(err)
		}
		if _, err := b.Add(t.Context(), bundle.File{Name: "b.pdf"}, strings.NewReader("")); !errors.Is(err, errFull) {
			t.Error(err)
		}
		if err := b.Close(bundle.Manifest{}); !errors.Is(err, errFull) {
			t.Error(err)
		}
	}
	b := bundle.New(&full{}, at())
	if err := b.Close(bundle.Manifest{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

func TestACancelledContextEndsTheArchive(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := bundle.New(io.Discard, at())
	endless := readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	if _, err := b.Add(ctx, bundle.File{Name: "a"}, endless); !errors.Is(err, context.Canceled) || errors.Is(err, bundle.ErrDamaged) {
		t.Error(err)
	}
	if err := b.Close(bundle.Manifest{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAClosedArchiveTakesNothing(t *testing.T) {
	t.Parallel()
	b := bundle.New(io.Discard, at())
	if err := b.Close(bundle.Manifest{Data: make(chan int)}); err == nil {
		t.Error("a channel is no JSON")
	}
	b = bundle.New(io.Discard, at())
	if err := b.Close(bundle.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(t.Context(), bundle.File{Name: "a"}, strings.NewReader("")); err == nil {
		t.Error("added to a closed archive")
	}
	if err := b.Close(bundle.Manifest{}); err == nil {
		t.Error("closed twice")
	}
}

// TestMemoryDoesNotGrowWithAPaper counts what the whole process allocates, so
// nothing may run beside it.
func TestMemoryDoesNotGrowWithAPaper(t *testing.T) {
	b := bundle.New(io.Discard, at())
	zeros := readerFunc(func(p []byte) (int, error) { return len(p), nil })
	add := func() {
		if _, err := b.Add(t.Context(), bundle.File{Name: "a.pdf", MediaType: pdf}, io.LimitReader(zeros, 64<<20)); err != nil {
			t.Fatal(err)
		}
	}
	add() // the compressor
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	add()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("64 MiB take %d bytes of memory", took)
	}
}

// TestOthersOpenIt has more files than a ZIP without Zip64 can list.
func TestOthersOpenIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "small.zip"), func(w io.Writer) { sample(t, w) })
	write(t, filepath.Join(dir, "many.zip"), func(w io.Writer) {
		b := bundle.New(w, at())
		for i := range 66_000 {
			if _, err := b.Add(t.Context(), bundle.File{Name: strconv.Itoa(i), MediaType: pdf}, strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(bundle.Manifest{}); err != nil {
			t.Fatal(err)
		}
	})
	const python = "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(*z.namelist()[:9], sep='\\n')"
	for _, command := range [][]string{{"unzip", "-tq"}, {"python3", "-c", python}} {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Logf("%s is not there", command[0])
			continue
		}
		for _, name := range []string{"small.zip", "many.zip"} {
			cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], filepath.Join(dir, name))...)
			cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s %s: %v\n%s", command[0], name, err, out)
			}
			if command[0] == "python3" && name == "small.zip" && !strings.Contains(string(out), "保証書 한글 Łódź.pdf") {
				t.Errorf("%s", out)
			}
		}
	}
}

func write(t *testing.T, name string, fill func(io.Writer)) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fill(f)
}
