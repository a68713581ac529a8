package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

func verify(t testing.TB, b []byte) (archive.Report, error) {
	t.Helper()
	return archive.Verify(t.Context(), bytes.NewReader(b), int64(len(b)))
}

// small is an archive whose bytes can all be changed one by one.
func small(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	m := bundle.Manifest{Schema: "s", Title: "t", CreatedAt: at(), Data: map[string]int{"a": 1}}
	write(t, &b, m, []archive.File{archive.Content("a/ä.pdf", "application/pdf", []byte("first")), archive.Content("b", "", nil)})
	return b.Bytes()
}

func TestVerifyReportsWhatWasSigned(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	out := write(t, &b, manifest(), sample())
	r, err := verify(t, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema != manifest().Schema || r.Title != manifest().Title || !r.CreatedAt.Equal(at()) || r.Files != 8 || r.Bytes != out.Bytes || r.Fingerprint != out.Fingerprint {
		t.Errorf("%+v", r)
	}
}

// TestEveryChangedByteIsFound flips bits of every byte, takes each byte away, and
// adds one at every place.
func TestEveryChangedByteIsFound(t *testing.T) {
	t.Parallel()
	whole := small(t)
	if _, err := verify(t, whole); err != nil {
		t.Fatal(err)
	}
	all, ctx := errgroup.WithContext(t.Context())
	all.SetLimit(2)
	found := func(what string, at int, b []byte) error {
		_, err := archive.Verify(ctx, bytes.NewReader(b), int64(len(b)))
		if !fault.Is(err, fault.Invalid) {
			return fmt.Errorf("%s at byte %d of %d: %w", what, at, len(whole), errors.Join(err, ctx.Err()))
		}
		return nil
	}
	for i := range len(whole) + 1 {
		all.Go(func() error {
			for _, mask := range []byte{1, 0x20, 0x80} {
				if i == len(whole) {
					break
				}
				b := slices.Clone(whole)
				b[i] ^= mask
				if err := found(fmt.Sprintf("flipped %x", mask), i, b); err != nil {
					return err
				}
			}
			if i < len(whole) {
				if err := found("taken", i, slices.Delete(slices.Clone(whole), i, i+1)); err != nil {
					return err
				}
				if err := found("cut", i, whole[:i]); err != nil {
					return err
				}
			}
			return found("added", i, slices.Insert(slices.Clone(whole), i, 0))
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// TestTheFirstChangeIsNamed flips one byte of each class of positions.
func TestTheFirstChangeIsNamed(t *testing.T) {
	t.Parallel()
	whole := small(t)
	directory := bytes.Index(whole, []byte("PK\x01\x02"))
	after := func(mark string, n int) int {
		i := bytes.Index(whole, []byte(mark))
		if i < 0 {
			t.Fatalf("no %q", mark)
		}
		return i + n
	}
	for name, c := range map[string]struct {
		at         int
		mask       byte
		file, says string
	}{
		"version":             {4, 1, "a/ä.pdf", "byte 4 was altered: it lies in the header of"},
		"encrypted":           {6, 1, "a/ä.pdf", "disagree"},
		"compressed":          {8, 8, "a/ä.pdf", "disagree"},
		"time":                {10, 1, "a/ä.pdf", "byte 10 was altered"},
		"date":                {12, 1, "a/ä.pdf", "byte 12 was altered"},
		"sum":                 {14, 1, "a/ä.pdf", "disagree"},
		"packed size":         {18, 1, "a/ä.pdf", "disagree"},
		"size":                {22, 1, "a/ä.pdf", "disagree"},
		"length of the name":  {26, 1, "a/ä.pdf", "disagree"},
		"length of the extra": {28, 1, "a/ä.pdf", "cut off"},
		"name":                {30, 1, "a/ä.pdf", "disagree"},
		"content":             {after("first", 0), 1, "a/ä.pdf", "its bytes are not the ones"},
		"schema":              {after(`"schema": "`, 0), 1, "manifest.json", "does not sign manifest.json"},
		"a digest":            {after(`"sha256": "`, 12), 1, "manifest.json", "does not sign manifest.json"},
		"the last line":       {after("}\nPK", 1), 1, "manifest.json", "does not sign manifest.json"},
		"algorithm":           {after("algorithm: ", 11), 1, "manifest.sig", "byte 11 differs"},
		"public key":          {after("public key: ", 50), 1, "manifest.sig", "differs"},
		"fingerprint":         {after("fingerprint: ", 13), 1, "manifest.sig", "differs"},
		"signature":           {after("signature: ", 20), 1, "manifest.json", "does not sign"},
		"padding":             {after("==\n", 0), 1, "manifest.sig", "differs"},
		"made by":             {directory + 4, 1, "a/ä.pdf", "the directory's entry of"},
		"made on":             {directory + 5, 1, "a/ä.pdf", "the directory's entry of"},
		"internal attributes": {directory + 36, 1, "a/ä.pdf", "the directory's entry of"},
		"mode":                {directory + 40, 0o44, "a/ä.pdf", "the directory's entry of"},
		"offset":              {directory + 42, 1, "a/ä.pdf", "belong to no entry"},
		"directory's name":    {directory + 46, 1, "`/ä.pdf", "disagree"},
		"number of entries":   {len(whole) - 12, 1, "", "disagree"},
		"end's offset":        {len(whole) - 6, 1, "", "does not lie where"},
		"comment":             {len(whole) - 2, 1, "", "comment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := slices.Clone(whole)
			b[c.at] ^= c.mask
			_, err := verify(t, b)
			if !fault.Is(err, fault.Invalid) || archive.FileOf(err) != c.file || !strings.Contains(fault.Message(err), c.says) {
				t.Errorf("%q: %s", archive.FileOf(err), fault.Message(err))
			}
		})
	}
}

// TestBase64HasOneSpelling: the last digit before the padding has bits that mean
// nothing.
func TestBase64HasOneSpelling(t *testing.T) {
	t.Parallel()
	whole := small(t)
	last := bytes.Index(whole, []byte("==\n")) - 1
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	value := strings.IndexByte(digits, whole[last])
	for other := value &^ 15; other < value|15; other++ { // the same byte, were the bits ignored
		b := slices.Clone(whole)
		b[last] = digits[other]
		if _, err := verify(t, b); other != value && archive.FileOf(err) != archive.SignatureName {
			t.Errorf("%c for %c: %v", digits[other], digits[value], err)
		}
	}
}

// item is an entry of an archive by another hand.
type item struct {
	zip.FileHeader

	content string
}

func plain(name, content string) item { return item{zip.FileHeader{Name: name}, content} }

func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, i := range items {
		h := i.FileHeader
		h.Flags |= 0x800
		h.CRC32 = crc32.ChecksumIEEE([]byte(i.content))
		h.CompressedSize64, h.UncompressedSize64 = uint64(len(i.content)), uint64(len(i.content))
		w, err := z.CreateRaw(&h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// signed are the items with a manifest's text and its right signature.
func signed(t testing.TB, text string, items ...item) []byte {
	t.Helper()
	return pack(t, append(items, plain(archive.ManifestName, text), plain(archive.SignatureName, signature(text)))...)
}

// listing is a manifest that lists the items.
func listing(t testing.TB, items ...item) string {
	t.Helper()
	m := bundle.Manifest{Schema: "s", Title: "t", CreatedAt: at().UTC()}
	for _, i := range items {
		m.Files = append(m.Files, bundle.Entry{Path: i.Name, SHA256: digest(i.content), Bytes: int64(len(i.content))})
	}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func public() ed25519.PublicKey { return ed25519.PublicKey(key()[32:]) }

func signature(text string) string {
	der, _ := x509.MarshalPKIXPublicKey(public())
	base64 := base64.StdEncoding
	return "algorithm: Ed25519\npublic key: " + base64.EncodeToString(der) + "\nfingerprint: " + archive.Fingerprint(public()) +
		"\nsignature: " + base64.EncodeToString(ed25519.Sign(key(), []byte(text))) + "\n"
}

// hostile are archives with what is wrong with them.
func hostile(t testing.TB) map[string]struct {
	archive []byte
	says    string
} {
	t.Helper()
	mode := func(name string, mode os.FileMode) item {
		i := plain(name, "x")
		i.SetMode(mode)
		return i
	}
	deflated, secret := plain("bomb", "x"), plain("secret", "x")
	deflated.Method = zip.Deflate
	secret.Flags = 1
	extra := plain("extra", "x")
	extra.Extra = make([]byte, 100)
	noted := plain("noted", "x")
	noted.Comment = "hello"
	a := plain("a", "x")
	ok := signed(t, listing(t, a), a)
	patched := func(at int, b ...byte) []byte {
		c := slices.Clone(ok)
		if at < 0 {
			at += len(c)
		}
		copy(c[at:], b)
		return c
	}
	directory := bytes.Index(ok, []byte("PK\x01\x02")) - len(ok)
	second := bytes.Index(ok[len(ok)+directory+4:], []byte("PK\x01\x02")) + directory + 4
	million := append(bytes.Repeat([]byte{0}, 76), ok[len(ok)-22:]...)
	copy(million, "PK\x06\x06\x2c\x00\x00\x00\x00\x00\x00\x00")
	binary.LittleEndian.PutUint64(million[24:], 1_000_000)
	binary.LittleEndian.PutUint64(million[32:], 1_000_000)
	copy(million[56:], "PK\x06\x07")
	million[72] = 1
	copy(million[76+8:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	text := listing(t, a)
	type hostile = struct {
		archive []byte
		says    string
	}
	return map[string]hostile{
		"slip":                      {pack(t, plain("../x", "x")), "leads out of its folder"},
		"slip inside":               {pack(t, plain("a/../../x", "x")), "leads out of its folder"},
		"absolute":                  {pack(t, plain("/etc/passwd", "x")), "begins or ends with a slash"},
		"drive":                     {pack(t, plain("C:/x", "x")), "a colon, as drives have"},
		"stream":                    {pack(t, plain("a.txt:b", "x")), "a colon"},
		"backslash":                 {pack(t, plain(`a\..\..\x`, "x")), "has a backslash"},
		"device":                    {pack(t, plain("a/nul.txt", "x")), "takes it for a device"},
		"unseen":                    {pack(t, plain("a\u202efdp.exe", "x")), "unseen"},
		"nul byte":                  {pack(t, plain("a\x00b", "x")), "unseen or not allowed"},
		"no UTF-8":                  {pack(t, plain("a\xff", "x")), "is no UTF-8"},
		"no name":                   {pack(t, plain("", "x")), "two in a row"},
		"long name":                 {pack(t, plain(strings.Repeat("a/", 150)+"a", "x")), "more than 200"},
		"very long name":            {pack(t, plain(strings.Repeat("a/", 250)+"a", "x")), "more than 400"},
		"link":                      {pack(t, mode("a", os.ModeSymlink|0o777)), "is no regular file"},
		"folder":                    {pack(t, mode("a", os.ModeDir|0o755)), "is no regular file"},
		"device file":               {pack(t, mode("a", os.ModeDevice|0o644)), "is no regular file"},
		"setuid":                    {pack(t, mode("a", os.ModeSetuid|0o755)), "is no regular file"},
		"twice":                     {pack(t, plain("a", "x"), plain("a", "y")), "is there twice"},
		"twice, folded":             {pack(t, plain("Straße", "x"), plain("STRASSE", "y")), "some systems do not see"},
		"file and folder":           {pack(t, plain("a", "x"), plain("A/b", "y")), "is a file, elsewhere"},
		"folder in two spellings":   {pack(t, plain("a/b", "x"), plain("A/c", "y")), "another spelling"},
		"manifest twice":            {signed(t, text, a, plain("manifest.json", "{}")), "is there twice"},
		"encrypted":                 {pack(t, secret), "is encrypted"},
		"compressed":                {pack(t, deflated), "none can grow when it is unpacked"},
		"extra fields":              {pack(t, extra), "extra fields of 100"},
		"comment of an entry":       {pack(t, noted), "has a comment"},
		"sizes disagree":            {patched(22, 9), "disagree on its name, sizes"},
		"directory's sizes":         {patched(directory+24, 9), "the sizes of"},
		"both sizes in directory":   {patched(directory+20, 9, 0, 0, 0, 9), "disagree on its name, sizes"},
		"overlapping":               {patched(second+42, 0, 0, 0, 0), "overlaps the entry before it"},
		"wrong offset":              {patched(directory+42, 1), "belong to no entry"},
		"offset far away":           {patched(second+42, 0xfe, 0xff, 0xff, 0xff), "belong to no entry"},
		"directory behind the end":  {patched(-6, 0xfe, 0xff, 0xff, 0x7f), "does not lie where"},
		"one entry less":            {patched(-14, 2, 0, 2, 0), "around the directory"},
		"one entry more":            {patched(-14, 4, 0, 4, 0), "cut off"},
		"numbers of entries":        {patched(-14, 9), "numbers of entries disagree"},
		"a million entries":         {million, "1000000 entries, more than 100002"},
		"Zip64 without its end":     {patched(-14, 0xff, 0xff, 0xff, 0xff), "Zip64 end of the archive is damaged"},
		"prepended":                 {append([]byte("#!/bin/sh\n"), ok...), "bytes were added or taken"},
		"appended":                  {append(slices.Clone(ok), "more"...), "cut off or added at its end"},
		"not a ZIP":                 {[]byte(strings.Repeat("hello ", 10)), "is no archive of NaviDocs"},
		"nothing":                   {nil, "is cut off"},
		"no manifest":               {pack(t, a), "manifest.json is missing"},
		"no signature":              {pack(t, a, plain("manifest.json", text)), "manifest.sig is missing"},
		"signature by nobody":       {pack(t, a, plain("manifest.json", text), plain("manifest.sig", "hello")), "no public key"},
		"signature of another list": {pack(t, a, plain("manifest.json", text), plain("manifest.sig", signature(text+" "))), "does not sign"},
		"long signature":            {pack(t, plain("manifest.json", text), plain("manifest.sig", strings.Repeat("x", 5000))), "more than 4096"},
		"added":                     {signed(t, text, a, plain("b", "y")), `"b" was added`},
		"missing":                   {signed(t, listing(t, a, plain("b", "y")), a), `"b" is missing`},
		"another size":              {signed(t, text, plain("a", "xx")), `"a" was altered: it has 2 bytes, and had 1`},
		"list with a slip":          {signed(t, listing(t, plain("../x", "x"))), "leads out"},
		"list with a path twice":    {signed(t, listing(t, a, a), a), "is there twice"},
		"list with itself":          {signed(t, listing(t, plain("manifest.sig", ""))), "is there twice"},
		"digest cut":                {signed(t, strings.Replace(text, digest("x"), digest("x")[2:], 1), a), "no SHA-256"},
		"digest in capitals":        {signed(t, strings.Replace(text, digest("x"), strings.ToUpper(digest("x")), 1), a), "no SHA-256"},
		"no JSON":                   {signed(t, "{", a), "is no manifest"},
		"null":                      {signed(t, "null\n", a), "is not written as"},
		"unknown field":             {signed(t, strings.Replace(text, `"title"`, `"more": 1, "title"`, 1), a), "unknown, there twice"},
		"field twice":               {signed(t, strings.Replace(text, `"title": "t"`, `"title": "s", "title": "t"`, 1), a), "unknown, there twice"},
		"field in capitals":         {signed(t, strings.Replace(text, `"title"`, `"TITLE"`, 1), a), "unknown, there twice"},
		"white space":               {signed(t, text+" ", a), "other white space"},
		"second value":              {signed(t, text+"{}", a), "is no manifest"},
		"data with a field twice":   {signed(t, strings.Replace(text, `"files"`, "\"data\": {\n    \"a\": [\n      {\n        \"b\": 1,\n        \"b\": 2\n      }\n    ]\n  },\n  \"files\"", 1), a), `the field "b" twice`},
		"negative size":             {signed(t, strings.Replace(text, `"bytes": 1`, `"bytes": -1`, 1), a), "had -1"},
		"list of many numbers":      {signed(t, strings.Replace(text, `"files": [`, `"files": [`+strings.Repeat("0,", 200_000), 1), a), "is no manifest"},
		"list of many nothings":     {signed(t, strings.Replace(text, `"missing": [`, `"missing": [`+strings.Repeat("{},", 200_000)+"{}", 1), a), "more than 100000"},
		"no list":                   {signed(t, strings.Replace(text, `"missing": []`, `"missing": null`, 1), a), "a list is none"},
		"bytes of another file":     {signed(t, text, plain("a", "y")), "not the ones that were signed"},
		"time that ZIP cannot say":  {signed(t, strings.Replace(text, "2026-", "1926-", 1), a), "1980 and 2107"},
		"not as Write writes it":    {ok, "byte "},
	}
}

func TestHostileArchivesAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for name, c := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verify(t, c.archive)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestRefusingTakesNoMemory counts what the whole process allocates, so nothing
// runs beside it: numbers of the archive are believed no more than its bytes allow.
func TestRefusingTakesNoMemory(t *testing.T) {
	for name, c := range hostile(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := archive.Open(bytes.NewReader(c.archive), int64(len(c.archive)))
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+50*uint64(len(c.archive)) {
			t.Errorf("%s: %d bytes for %d: %v", name, took, len(c.archive), err)
		}
	}
}

// TestAnotherOrderIsNotTheSameArchive: the same files, list and signature in
// another order.
func TestAnotherOrderIsNotTheSameArchive(t *testing.T) {
	t.Parallel()
	a, b := plain("a", "x"), plain("b", "x")
	_, err := verify(t, signed(t, listing(t, a, b), b, a))
	if archive.FileOf(err) != "a" || !strings.Contains(fault.Message(err), `the header of "a"`) {
		t.Error(err)
	}
}

func TestAReaderGivesWhatWasSigned(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	write(t, &b, manifest(), sample())
	a, err := archive.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Manifest().Files {
		r, err := a.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || digest(string(text)) != f.SHA256 || r.Close() != nil {
			t.Errorf("%s: %q %v", f.Path, text, err)
		}
	}
	data, _ := a.Manifest().Data.(json.RawMessage)
	var boat struct{ Boat string }
	if err := json.Unmarshal(data, &boat); err != nil || boat.Boat != "Ægir" {
		t.Errorf("%s: %v", data, err)
	}
	for _, path := range []string{"README.TXT", "../README.txt", archive.ManifestName, ""} {
		if _, err := a.Open(path); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestTheEndOfAnAlteredFileFails(t *testing.T) {
	t.Parallel()
	whole := small(t)
	whole[bytes.Index(whole, []byte("first"))]++
	a, err := archive.Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Open("a/ä.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); archive.FileOf(err) != "a/ä.pdf" || string(text) != "girst" {
		t.Errorf("%q: %v", text, err)
	}
}

// lost is a file whose disk fails behind some byte.
type lost struct {
	*bytes.Reader
	from int64
}

func (l lost) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > l.from && off < l.from+16 {
		return 0, io.ErrClosedPipe
	}
	return l.Reader.ReadAt(p, off)
}

func TestADiskThatFailsIsNoAlteration(t *testing.T) {
	t.Parallel()
	whole := small(t)
	for from := range len(whole) {
		_, err := archive.Verify(t.Context(), lost{bytes.NewReader(whole), int64(from)}, int64(len(whole)))
		if !errors.Is(err, io.ErrClosedPipe) || fault.Is(err, fault.Invalid) {
			t.Fatalf("byte %d: %v", from, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := archive.Verify(ctx, bytes.NewReader(whole), int64(len(whole))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAFileThatIsShorterThanItsSizeIsCutOff(t *testing.T) {
	t.Parallel()
	whole := small(t)
	for n := range len(whole) {
		if _, err := archive.Verify(t.Context(), bytes.NewReader(whole[:n]), int64(len(whole))); !fault.Is(err, fault.Invalid) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func TestFingerprintsAsPeopleCopyThem(t *testing.T) {
	t.Parallel()
	want := archive.Fingerprint(public())
	var pairs []string
	for i := 0; i < len(want); i += 2 {
		pairs = append(pairs, want[i:i+2])
	}
	for _, text := range []string{want, " " + strings.ToUpper(want) + "\n", strings.Join(pairs, ":"), strings.Join(pairs, " "), strings.Join(pairs, "\u00a0")} {
		if got, err := archive.ParseFingerprint(text); err != nil || got != want {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	for _, text := range []string{"", want[1:], want + "00", strings.Replace(want, want[:1], "g", 1)} {
		if _, err := archive.ParseFingerprint(text); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "64 hexadecimal digits") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(small(f))
	for _, c := range hostile(f) {
		if len(c.archive) < 4096 {
			f.Add(c.archive)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := verify(t, b)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || fault.Message(err) == "" {
				t.Fatal(err)
			}
			return
		}
		// What is verified is what Write writes.
		a, err := archive.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		var files []archive.File
		for _, e := range a.Manifest().Files {
			files = append(files, archive.File{
				Path: e.Path, MediaType: e.MediaType, DocumentID: e.DocumentID, SHA256: e.SHA256,
				Open: func(context.Context) (io.ReadCloser, error) { return a.Open(e.Path) },
			})
		}
		var again bytes.Buffer
		write(t, &again, a.Manifest(), files)
		if r.Fingerprint == archive.Fingerprint(public()) && !bytes.Equal(again.Bytes(), b) {
			t.Error("two archives of the same files differ")
		}
	})
}

// TestVerifyText types the commands of VERIFY.txt.
func TestVerifyText(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"unzip", "openssl", "python3", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: %s is not there", program)
		}
	}
	fingerprint := archive.Fingerprint(public())
	readme := archive.Readme(fingerprint)
	var script strings.Builder
	for line := range strings.Lines(readme) {
		if command, is := strings.CutPrefix(line, "    "); is && !strings.HasPrefix(command, "navidocs ") {
			script.WriteString(command)
		}
	}
	files := append(sample(), archive.Content("VERIFY.txt", "text/plain", []byte(readme)))
	for name, c := range map[string]struct {
		damage     func(t *testing.T, dir string)
		ends       bool
		says, lack string
	}{
		"whole":     {func(*testing.T, string) {}, true, "no file was altered", "altered: "},
		"file":      {func(t *testing.T, dir string) { spoil(t, filepath.Join(dir, "01_Identity", "한글.pdf")) }, false, "altered: 01_Identity/한글.pdf", "no file was altered"},
		"list":      {func(t *testing.T, dir string) { spoil(t, filepath.Join(dir, "manifest.json")) }, false, "Signature Verification Failure", "Verified Successfully"},
		"signature": {func(t *testing.T, dir string) { spoil(t, filepath.Join(dir, "manifest.sig")) }, false, "", "Verified Successfully"},
		"missing": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "README.txt")); err != nil {
				t.Fatal(err)
			}
		}, false, "README.txt", "no file was altered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f, err := os.Create(filepath.Join(dir, "package.zip"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, f, manifest(), files)
			f.Close()
			run := func(command ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+t.TempDir(), "PYTHONIOENCODING=utf-8", "LC_ALL=C.UTF-8")
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if out, err := run("unzip", "-q", "package.zip"); err != nil {
				t.Fatal(err, out)
			}
			c.damage(t, dir)
			out, err := run("sh", "-ec", script.String())
			if (err == nil) != c.ends || !strings.Contains(out, c.says) || c.lack != "" && strings.Contains(out, c.lack) {
				t.Errorf("%v\n%s", err, out)
			}
			if c.ends && !(strings.Contains(out, "Signature Verified Successfully") && strings.Contains(out, fingerprint)) {
				t.Error(out)
			}
		})
	}
}

// spoil changes a byte near the end of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-8] ^= 2
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
