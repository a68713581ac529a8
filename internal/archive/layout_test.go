package archive

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

// sparse is a file of zeros but for some parts.
type sparse struct {
	parts map[int64][]byte
	size  int64
}

func (s *sparse) Write(p []byte) (int, error) {
	s.parts[s.size] = bytes.Clone(p)
	s.size += int64(len(p))
	return len(p), nil
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-off))
	clear(p[:n])
	for at, part := range s.parts {
		if from, to := max(at, off), min(at+int64(len(part)), off+int64(n)); from < to {
			copy(p[from-off:to-off], part[from-at:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// large is an archive with an entry of more than 4 GiB, one that ends there, and
// one behind it, none of whose bytes were written: their sums are made up.
func large(t *testing.T) (*sparse, []entry) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	m := bundle.Manifest{Schema: "s", Title: "t", CreatedAt: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)}
	entries := []entry{{path: "small", size: 10}, {path: "large", size: 5 << 30}, {path: "edge", size: 1<<32 - 1}, {path: "last", size: 1<<32 - 2}}
	for _, e := range entries {
		m.Files = append(m.Files, bundle.Entry{Path: e.path, SHA256: strings.Repeat("ab", 32), Bytes: e.size})
	}
	text, err := encode(m)
	if err != nil {
		t.Fatal(err)
	}
	signature, _, err := sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	at, err := stampOf(m.CreatedAt)
	if err != nil {
		t.Fatal(err)
	}
	out := &sparse{parts: map[int64][]byte{}}
	z := &writer{w: bufio.NewWriter(out), at: at}
	for i, e := range entries {
		e.offset = out.size
		entries[i], z.entries = e, append(z.entries, e)
		if _, err := z.Write(at.local(e)); err != nil || z.w.Flush() != nil {
			t.Fatal(err)
		}
		out.size += e.size
		z.offset = out.size
	}
	z.buffer = make([]byte, chunk)
	for _, f := range []File{Content(ManifestName, "", text), Content(SignatureName, "", signature)} {
		if err := z.own(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.close(); err != nil {
		t.Fatal(err)
	}
	return out, z.entries
}

func checkLarge(s *sparse, entries []entry) error {
	a, err := Open(s, s.size)
	if err != nil {
		return err
	}
	return a.rebuild(entries)
}

// TestEveryByteAroundLargeFilesIsFound flips each byte of headers, directory and
// end, whose numbers are those of Zip64.
func TestEveryByteAroundLargeFilesIsFound(t *testing.T) {
	t.Parallel()
	s, entries := large(t)
	if err := checkLarge(s, entries); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, part := range s.parts {
		all.Write(part)
		for i := range part {
			for _, mask := range []byte{1, 0x80} {
				part[i] ^= mask
				if err := checkLarge(s, entries); !fault.Is(err, fault.Invalid) {
					t.Errorf("%x in %q: %v", mask, part[:i+1], err)
				}
				part[i] ^= mask
			}
		}
	}
	for name, magic := range map[string]string{"Zip64 end": "PK\x06\x06", "Zip64 locator": "PK\x06\x07"} {
		if !bytes.Contains(all.Bytes(), []byte(magic)) {
			t.Error("there is no", name)
		}
	}
}

// TestZip64IsWrittenWhereItIsNeeded looks at the numbers on both sides of each
// limit.
func TestZip64IsWrittenWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	const limit = 1<<32 - 1
	for _, c := range []struct {
		size, offset     int64
		local, directory int // bytes of extra fields
	}{{limit - 1, limit - 1, 0, 0}, {limit, 0, 20, 20}, {0, limit, 0, 12}, {limit, limit, 20, 28}} {
		e := entry{path: "x", size: c.size, offset: c.offset}
		if got := len(stamp{}.local(e)) - localLength - 1; got != c.local {
			t.Errorf("%+v: %d", c, got)
		}
		if got := len(stamp{}.directory(e)) - directoryLength - 1; got != c.directory {
			t.Errorf("%+v: %d", c, got)
		}
	}
	for _, c := range []struct {
		entries     int
		start, size int64
		zip64       bool
	}{{65534, limit - 1, limit - 1, false}, {65535, 0, 0, true}, {1, limit, 0, true}, {1, 0, limit, true}} {
		if got := len(end(c.entries, c.start, c.size)) > endLength; got != c.zip64 {
			t.Error(fmt.Sprintf("%+v", c), got)
		}
	}
}

func TestTimesAreThoseOfMSDOS(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]stamp{
		"1980-01-01T00:00:00Z": {0x21, 0},
		"2107-12-31T23:59:59Z": {0xff9f, 0xbf7d},
		"2026-06-01T09:00:01Z": {0x5cc1, 0x4800},
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := stampOf(at); err != nil || got != want {
			t.Errorf("%s: %x %v", text, got, err)
		}
	}
}

// TestALargeManifestIsNotRead: its size is looked at first.
func TestALargeManifestIsNotRead(t *testing.T) {
	t.Parallel()
	s := &sparse{parts: map[int64][]byte{}}
	z := &writer{w: bufio.NewWriter(s)}
	e := entry{path: ManifestName, size: maxManifest + 1}
	if _, err := z.Write(z.at.local(e)); err != nil || z.w.Flush() != nil {
		t.Fatal(err)
	}
	s.size += e.size
	z.offset, z.entries = s.size, []entry{e}
	if err := z.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s, s.size); FileOf(err) != ManifestName || !strings.Contains(fault.Message(err), "more than 67108864") {
		t.Error(err)
	}
}
