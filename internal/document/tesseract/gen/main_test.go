package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUntarFindsTheWantedFiles(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "package/LICENSE", Size: 4, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "free"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := untar(b.Bytes(), "LICENSE")
	if diff := cmp.Diff(map[string][]byte{"LICENSE": []byte("free")}, files); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for name, archive := range map[string][]byte{"other files": b.Bytes(), "no archive": []byte("x"), "cut short": b.Bytes()[:20]} {
		if _, err := untar(archive, "module.wasm"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWriteGzipIsReproducible(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var sums []string
	for _, name := range []string{"a.gz", "b.gz"} {
		path := filepath.Join(dir, name)
		if err := writeGzip(path, []byte("the same data")); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	if sums[0] != sums[1] {
		t.Error("two files of the same data differ")
	}
	if err := writeGzip(filepath.Join(dir, "none", "c.gz"), nil); err == nil {
		t.Error("a file in no folder was written")
	}
}

func TestCheckedRefusesOtherArchives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := checked(dir, "tesseract.js-core-*.tgz"); err == nil {
		t.Error("no archive was accepted")
	}
	if err := os.WriteFile(filepath.Join(dir, "tesseract.js-core-7.0.0.tgz"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := checked(dir, "tesseract.js-core-*.tgz"); err == nil {
		t.Error("another archive was accepted")
	}
	if err := command(t.Context(), dir, "false"); err == nil {
		t.Error("a failed command was accepted")
	}
	if err := command(t.Context(), dir, "true"); err != nil {
		t.Error(err)
	}
	if _, err := readOne("["); err == nil {
		t.Error("a bad pattern was accepted")
	}
}
