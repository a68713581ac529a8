package archive_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"testing"
	"time"

	"navidocs/internal/archive"
	"navidocs/internal/bundle"
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
