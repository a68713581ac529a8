package archive_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"navidocs/internal/archive"
	"navidocs/internal/fault"
)

func TestAnArchiveThatComesAsAStreamIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, err := archive.NewIntake(dir, 1<<20).Receive(iotest.OneByteReader(bytes.NewReader(small(t))))
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v lie there: %v", left, err)
	}
	v, err := archive.Check(t.Context(), got, got.Size(), "")
	if err != nil || !v.Valid || v.Signer != archive.NotChecked {
		t.Errorf("%+v %v", v, err)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatComesTogetherHasOneLimit(t *testing.T) {
	t.Parallel()
	in := archive.NewIntake(t.TempDir(), 1<<20)
	receive := func(n int) (*archive.Received, error) { return in.Receive(io.LimitReader(zero{}, int64(n))) }
	if _, err := receive(1<<20 + 1); !fault.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), "1 MB, the limit set by MAX_PACKAGE_MB") {
		t.Error(err)
	}
	first, err := receive(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receive(1); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Receive(iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil {
		t.Error("what was cut off was taken")
	}
	second, err := receive(1 << 20) // all that was refused gave its room back
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := archive.NewIntake(t.TempDir()+"/none", 1).Receive(zero{}); err == nil {
		t.Error("received into no folder")
	}
}

func TestCheckTellsWhoSigned(t *testing.T) {
	t.Parallel()
	whole, ours := small(t), archive.Fingerprint(public())
	other := strings.Repeat("ab", 32)
	for _, c := range []struct {
		fingerprint string
		flip        int
		valid       bool
		signer      archive.Signer
		file        string
	}{
		{"", -1, true, archive.NotChecked, ""},
		{strings.ToUpper(ours), -1, true, archive.Matches, ""},
		{other, -1, false, archive.Differs, "manifest.sig"},
		{ours, bytes.Index(whole, []byte("first")), false, archive.Matches, "a/ä.pdf"},
		{ours, bytes.Index(whole, []byte("schema")), false, archive.NotChecked, "manifest.json"},
	} {
		b := bytes.Clone(whole)
		if c.flip >= 0 {
			b[c.flip] ^= 1
		}
		v, err := archive.Check(t.Context(), bytes.NewReader(b), int64(len(b)), c.fingerprint)
		if err != nil || v.Valid != c.valid || v.Signer != c.signer || v.File != c.file || (v.Problem == "") != c.valid || v.Bytes != int64(len(b)) {
			t.Errorf("%+v: %+v %v", c, v, err)
		}
	}
	if _, err := archive.Check(t.Context(), bytes.NewReader(whole), int64(len(whole)), "ab"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if _, err := archive.Check(t.Context(), lost{bytes.NewReader(whole), 5}, int64(len(whole)), ""); err == nil || fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
