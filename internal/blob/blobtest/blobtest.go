// Package blobtest says what every blob.Store must do.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/blob"
	"navidocs/internal/fault"
)

// Opened is an empty store, and a way to change the bytes that it keeps behind
// its back.
type Opened struct {
	Store  blob.Store
	Damage func(t *testing.T, d blob.Digest, content []byte)
}

// Run tests the stores that open makes.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for name, test := range map[string]func(*testing.T, Opened){
		"what is put comes back":           testRoundTrip,
		"the same bytes are kept once":     testTwice,
		"the same bytes at once":           testConcurrent,
		"a cut stream leaves nothing":      testCut,
		"a cancelled put leaves nothing":   testCancelled,
		"any range can be read":            testRanges,
		"ranges over HTTP":                 testHTTP,
		"what is not there":                testMissing,
		"names that are no digests":        testBadDigest,
		"delete":                           testDelete,
		"walk":                             testWalk,
		"walk ends with its context":       testWalkCancelled,
		"damage is found, and a put heals": testDamage,
		"ping":                             testPing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Content makes n bytes that depend on the seed.
func Content(seed uint64, n int) []byte {
	content := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = random.Read(content) // never fails
	return content
}

func digestOf(content []byte) blob.Digest {
	sum := sha256.Sum256(content)
	return blob.Digest(hex.EncodeToString(sum[:]))
}

func put(t *testing.T, s blob.Store, content []byte) blob.Digest {
	t.Helper()
	digest, size, err := s.Put(t.Context(), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if digest != digestOf(content) || size != int64(len(content)) {
		t.Fatalf("put %d bytes, got %s of %d", len(content), digest, size)
	}
	return digest
}

func open(t *testing.T, s blob.Store, d blob.Digest) *blob.Reader {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func list(t *testing.T, s blob.Store) []blob.Digest {
	t.Helper()
	var digests []blob.Digest
	for info, err := range s.Walk(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, info.Digest)
	}
	return digests
}

func testRoundTrip(t *testing.T, o Opened) {
	for i, size := range []int{0, 1, 4096, 1<<20 + 7, 17<<20 + 1} {
		content := Content(uint64(i), size)
		digest, n, err := o.Store.Put(t.Context(), iotest.OneByteReader(bytes.NewReader(content[:min(size, 5000)])))
		if err != nil || int(n) != min(size, 5000) {
			t.Fatalf("byte by byte: %s %d %v", digest, n, err)
		}
		digest = put(t, o.Store, content)
		r := open(t, o.Store, digest)
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		info, err := o.Store.Stat(t.Context(), digest)
		if err != nil || info.Size != int64(size) || info.Digest != digest || info.Modified.IsZero() || r.Size != info.Size {
			t.Errorf("%d bytes are described as %+v and %+v, %v", size, info, r.Info, err)
		}
		if err := blob.Verify(t.Context(), o.Store, digest); err != nil {
			t.Error(err)
		}
	}
}

func testTwice(t *testing.T, o Opened) {
	content := Content(1, 100_000)
	first := put(t, o.Store, content)
	if second := put(t, o.Store, content); second != first {
		t.Errorf("%s, then %s", first, second)
	}
	if all := list(t, o.Store); len(all) != 1 {
		t.Errorf("the store has %v", all)
	}
}

func testConcurrent(t *testing.T, o Opened) {
	content := Content(2, 300_000)
	var writers sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		writers.Go(func() { _, _, errs[i] = o.Store.Put(t.Context(), bytes.NewReader(content)) })
	}
	writers.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]blob.Digest{digestOf(content)}, list(t, o.Store)); diff != "" {
		t.Error(diff)
	}
	if err := blob.Verify(t.Context(), o.Store, digestOf(content)); err != nil {
		t.Error(err)
	}
}

func testCut(t *testing.T, o Opened) {
	cut := fault.New(fault.TooLarge, "cut")
	for _, after := range []int{0, 1, 100_000, 10 << 20} {
		r := io.MultiReader(bytes.NewReader(Content(3, after)), iotest.ErrReader(cut))
		if _, _, err := o.Store.Put(t.Context(), r); !errors.Is(err, cut) || !fault.Is(err, fault.TooLarge) {
			t.Errorf("cut after %d bytes: %v", after, err)
		}
	}
	if all := list(t, o.Store); len(all) != 0 {
		t.Errorf("the store has %v", all)
	}
}

func testCancelled(t *testing.T, o Opened) {
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(bytes.NewReader(Content(4, 50_000)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}), bytes.NewReader(Content(5, 50_000)))
	if _, _, err := o.Store.Put(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if all := list(t, o.Store); len(all) != 0 {
		t.Errorf("the store has %v", all)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testRanges(t *testing.T, o Opened) {
	content := Content(6, 3<<20)
	r := open(t, o.Store, put(t, o.Store, content))
	random := rand.New(rand.NewPCG(3, 4))
	for range 12 {
		at, n := random.IntN(len(content)), 1+random.IntN(100_000)
		n = min(n, len(content)-at)
		if _, err := r.Seek(int64(at), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, content[at:at+n]) {
			t.Errorf("%d bytes from %d differ, %v", n, at, err)
		}
		if m, err := r.ReadAt(got, int64(at)); m != n || (err != nil && !errors.Is(err, io.EOF)) || !bytes.Equal(got, content[at:at+n]) {
			t.Errorf("%d bytes at %d differ, %v", n, at, err)
		}
	}
	if end, err := r.Seek(0, io.SeekEnd); err != nil || end != int64(len(content)) {
		t.Errorf("the end is at %d, %v", end, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

func testHTTP(t *testing.T, o Opened) {
	content := Content(7, 200_000)
	r := open(t, o.Store, put(t, o.Store, content))
	for header, want := range map[string][]byte{
		"":                   content,
		"bytes=0-99":         content[:100],
		"bytes=199990-":      content[199_990:],
		"bytes=-5":           content[199_995:],
		"bytes=1000-1000":    content[1000:1001],
		"bytes=50000-149999": content[50_000:150_000],
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if header != "" {
			req.Header.Set("Range", header)
		}
		w := httptest.NewRecorder()
		http.ServeContent(w, req, "", r.Modified, r)
		if !bytes.Equal(w.Body.Bytes(), want) {
			t.Errorf("%q: %d with %d bytes", header, w.Code, w.Body.Len())
		}
	}
}

func testMissing(t *testing.T, o Opened) {
	d := digestOf([]byte("never put"))
	if _, err := o.Store.Open(t.Context(), d); !fault.Is(err, fault.NotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := o.Store.Stat(t.Context(), d); !fault.Is(err, fault.NotFound) {
		t.Errorf("stat: %v", err)
	}
	if err := blob.Verify(t.Context(), o.Store, d); !fault.Is(err, fault.NotFound) {
		t.Errorf("verify: %v", err)
	}
	if err := o.Store.Delete(t.Context(), d); err != nil {
		t.Errorf("delete: %v", err)
	}
	if all := list(t, o.Store); len(all) != 0 {
		t.Errorf("the store has %v", all)
	}
}

func testBadDigest(t *testing.T, o Opened) {
	for _, d := range []blob.Digest{"", "abc", "../../../../etc/passwd", blob.Digest(strings.Repeat("A", 64)), blob.Digest(strings.Repeat("a", 63) + "/")} {
		if _, err := o.Store.Open(t.Context(), d); !fault.Is(err, fault.Invalid) {
			t.Errorf("open %q: %v", d, err)
		}
		if _, err := o.Store.Stat(t.Context(), d); !fault.Is(err, fault.Invalid) {
			t.Errorf("stat %q: %v", d, err)
		}
		if err := o.Store.Delete(t.Context(), d); !fault.Is(err, fault.Invalid) {
			t.Errorf("delete %q: %v", d, err)
		}
	}
}

func testDelete(t *testing.T, o Opened) {
	keep, drop := put(t, o.Store, Content(8, 10)), put(t, o.Store, Content(9, 10))
	for range 2 { // that it is gone already is no error
		if err := o.Store.Delete(t.Context(), drop); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]blob.Digest{keep}, list(t, o.Store)); diff != "" {
		t.Error(diff)
	}
	if put(t, o.Store, Content(9, 10)) != drop {
		t.Error("deleted bytes cannot be put again")
	}
}

func testWalk(t *testing.T, o Opened) {
	var want []blob.Digest
	for i := range 30 {
		want = append(want, put(t, o.Store, Content(uint64(100+i), i)))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, list(t, o.Store)); diff != "" {
		t.Error(diff)
	}
	seen := 0
	for info, err := range o.Store.Walk(t.Context()) {
		if err != nil || info.Modified.IsZero() {
			t.Fatalf("%+v, %v", info, err)
		}
		if seen++; seen == 7 {
			break
		}
	}
	if seen != 7 {
		t.Errorf("stopped after %d", seen)
	}
}

func testWalkCancelled(t *testing.T, o Opened) {
	put(t, o.Store, Content(10, 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range o.Store.Walk(ctx) {
		if err != nil {
			return
		}
	}
	t.Error("a walk went on after its context had ended")
}

func testDamage(t *testing.T, o Opened) {
	content := Content(11, 5000)
	digest := put(t, o.Store, content)
	flipped := slices.Clone(content)
	flipped[2500] ^= 1
	damages := []struct {
		name    string
		content []byte
	}{{"a flipped bit", flipped}, {"cut", content[:4000]}, {"longer", append(slices.Clone(content), 'x')}, {"emptied", nil}}
	for _, d := range damages {
		o.Damage(t, digest, d.content)
		if err := blob.Verify(t.Context(), o.Store, digest); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("%s: %v", d.name, err)
		}
	}
	put(t, o.Store, content) // the last damage changed the size, so this heals it
	if err := blob.Verify(t.Context(), o.Store, digest); err != nil {
		t.Error(err)
	}
}

func testPing(t *testing.T, o Opened) {
	if err := o.Store.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Store.Ping(ctx); err == nil {
		t.Error("answered after the context had ended")
	}
	if all := list(t, o.Store); len(all) != 0 {
		t.Errorf("ping left %v", all)
	}
}
