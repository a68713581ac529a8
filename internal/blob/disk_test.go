package blob_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/blob"
	"navidocs/internal/blob/blobtest"
	"navidocs/internal/fault"
)

func openDisk(t *testing.T) (*blob.Disk, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data", "blobs")
	d, err := blob.OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, dir
}

func place(dir string, d blob.Digest) string {
	return filepath.Join(dir, string(d[:2]), string(d[2:4]), string(d))
}

func TestDisk(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Opened {
		d, dir := openDisk(t)
		return blobtest.Opened{Store: d, Damage: func(t *testing.T, digest blob.Digest, content []byte) {
			if err := os.WriteFile(place(dir, digest), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

// full is a writer on a disk with room for left bytes.
type full struct {
	w    io.Writer
	left int
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) <= f.left {
		f.left -= len(p)
		return f.w.Write(p)
	}
	n, err := f.w.Write(p[:f.left])
	if err == nil {
		err = &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	return n, err
}

func TestFullDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	d, dir := openDisk(t)
	d.Through(func(w io.Writer) io.Writer { return &full{w, 100_000} })
	_, _, err := d.Put(t.Context(), bytes.NewReader(blobtest.Content(1, 200_000)))
	if !fault.Is(err, fault.Full) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "tmp"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, _, err := d.Put(t.Context(), bytes.NewReader(blobtest.Content(1, 90_000))); err != nil {
		t.Errorf("what has room: %v", err)
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	d, dir := openDisk(t)
	digest, _, err := d.Put(t.Context(), bytes.NewReader([]byte("secret")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, filepath.Join(dir, "tmp"), filepath.Join(dir, string(digest[:2])), place(dir, digest)} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestSweepTakesWhatKilledPutsLeft(t *testing.T) {
	t.Parallel()
	d, dir := openDisk(t)
	old, young := filepath.Join(dir, "tmp", "old"), filepath.Join(dir, "tmp", "young")
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for name, at := range map[string]time.Time{old: now.Add(-25 * time.Hour), young: now} {
		if err := errors.Join(os.WriteFile(name, []byte("x"), 0o600), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	n, err := d.Sweep(now.Add(-24 * time.Hour))
	if _, gone := os.Stat(old); n != 1 || err != nil || !errors.Is(gone, fs.ErrNotExist) {
		t.Errorf("%d, %v, %v", n, err, gone)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a put in hand was taken away: %v", err)
	}
}

func TestStrangeFilesArePassedOver(t *testing.T) {
	t.Parallel()
	d, dir := openDisk(t)
	digest, _, err := d.Put(t.Context(), bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".DS_Store", string(digest), filepath.Join(string(digest[:2]), "thumbs.db")} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for info, err := range d.Walk(t.Context()) {
		if n++; err != nil || info.Digest != digest {
			t.Errorf("%+v, %v", info, err)
		}
	}
	if n != 1 {
		t.Errorf("%d blobs", n)
	}
}

func TestALinkLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	d, dir := openDisk(t)
	digest, _, err := d.Put(t.Context(), bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	err = errors.Join(os.WriteFile(outside, []byte("secret"), 0o600), os.Remove(place(dir, digest)), os.Symlink(outside, place(dir, digest)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), digest); err == nil {
		t.Error("a link led out of the store")
	}
}

// An empty file can be made on a full disk, so Ping writes some bytes.
func TestPingOfAFullDisk(t *testing.T) {
	t.Parallel()
	d, dir := openDisk(t)
	d.Through(func(w io.Writer) io.Writer { return &full{w, 4096} })
	if err := d.Ping(t.Context()); !fault.Is(err, fault.Full) {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 || err != nil {
		t.Error("it left", left, err)
	}
}

func TestDiskErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.OpenDisk(file); err == nil {
		t.Error("a file was opened as a folder")
	}
	d, dir := openDisk(t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Put(t.Context(), bytes.NewReader(nil)); err == nil {
		t.Error("put into a folder that is gone")
	}
	if err := d.Ping(t.Context()); err == nil {
		t.Error("ping of a folder that is gone")
	}
	if _, err := d.Sweep(time.Time{}); err == nil {
		t.Error("sweep of a folder that is gone")
	}
	for cause, want := range map[error]fault.Kind{
		syscall.ENOSPC: fault.Full, syscall.EDQUOT: fault.Full, syscall.EACCES: fault.Unavailable, syscall.EIO: fault.Internal,
	} {
		if err := blob.DiskError(fmt.Errorf("x: %w", cause)); fault.KindOf(err) != want || !errors.Is(err, cause) {
			t.Errorf("%v is %v", cause, err)
		}
	}
}

func TestParseDigest(t *testing.T) {
	t.Parallel()
	const good = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if d, err := blob.ParseDigest(good); err != nil || d != good {
		t.Errorf("%s, %v", d, err)
	}
	if _, err := blob.ParseDigest(good[1:]); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

// FuzzParseDigest asks that what is accepted is a name without a way out.
func FuzzParseDigest(f *testing.F) {
	f.Add("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Add("../../../../../../../../../../../../../../../../../../etc/passwd/")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := blob.ParseDigest(s)
		if err == nil && (len(d) != 64 || !filepath.IsLocal(s) || filepath.Base(s) != s) {
			t.Errorf("%q", s)
		}
	})
}

func BenchmarkDiskPut(b *testing.B) {
	d, err := blob.OpenDisk(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	content := blobtest.Content(1, 8<<20)
	b.SetBytes(int64(len(content)))
	for i := 0; b.Loop(); i++ {
		content[0], content[1], content[2] = byte(i), byte(i>>8), byte(i>>16)
		if _, _, err := d.Put(b.Context(), bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
}
