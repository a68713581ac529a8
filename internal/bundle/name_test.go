package bundle_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

const pdf = "application/pdf"

func TestSafeName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, mediaType, want string }{
		{"Invoice.pdf", pdf, "Invoice.pdf"},
		{"Rechnung für Łódź 保証書.PDF", pdf, "Rechnung für Łódź 保証書.pdf"},
		{"u\u0308ber.pdf", pdf, "über.pdf"},
		{"photo.jpeg", "image/jpeg", "photo.jpeg"},
		{"photo.png", "image/jpeg", "photo.jpg"},
		{"invoice.pdf.jpg", pdf, "invoice.pdf"},
		{"Invoice No. 12.5", pdf, "Invoice No. 12.5.pdf"},
		{"notes.txt", "text/plain; charset=utf-8", "notes.txt"},
		{"archive.tar.xz", "application/x-xz", "archive.tar.xz"},
		{"setup.exe", pdf, "setup.exe.pdf"},
		{"gnp.\u202efdp.exe", "", "gnp.fdp.exe"},
		{"../../etc/passwd", "", "_.._etc_passwd"},
		{`C:\boat\"manual"?*.pdf`, pdf, "C__boat__manual___.pdf"},
		{"a\x00b\x1fc\u200bd\ufeff.pdf", pdf, "abcd.pdf"},
		{"line\nbreak\ttab.pdf", pdf, "line break tab.pdf"},
		{" . leading and trailing . ", "", "leading and trailing"},
		{"name .pdf", pdf, "name.pdf"},
		{"CON", "", "_CON"},
		{"nul.pdf", pdf, "_nul.pdf"},
		{"Aux.tar.pdf", pdf, "_Aux.tar.pdf"},
		{"COM1 .txt", "text/plain", "_COM1.txt"},
		{"LPT\u00b2.pdf", pdf, "_LPT\u00b2.pdf"},
		{"COM10.pdf", pdf, "COM10.pdf"},
		{"console.pdf", pdf, "console.pdf"},
		{"", pdf, "document.pdf"},
		{"...", "", "document"},
		{"\u202e\u200b", "image/webp", "document.webp"},
		{"bad \xff utf8.pdf", pdf, "bad _ utf8.pdf"},
		{strings.Repeat("é", 200) + ".pdf", pdf, strings.Repeat("é", 58) + ".pdf"},
		{strings.Repeat("漢", 200), "", strings.Repeat("漢", 40)},
	} {
		if got := bundle.SafeName(c.name, c.mediaType); got != c.want {
			t.Errorf("%q of %q: %q, want %q", c.name, c.mediaType, got, c.want)
		}
	}
}

// TestPathsThatWereTakenCanBeKept: whoever reads an archive takes the paths of
// whoever wrote it.
func TestPathsThatWereTakenCanBeKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wrote, reads := bundle.NewPaths("manifest.json"), bundle.NewPaths("manifest.json")
		for range rapid.IntRange(1, 8).Draw(t, "files") {
			folder, name := hostile().Draw(t, "folder"), hostile().Draw(t, "name")
			path := wrote.Take(folder, name, rapid.SampledFrom(mediaTypes()).Draw(t, "media type"))
			if err := reads.Keep(path); err != nil || wrongWith(path) != "" {
				t.Fatalf("%q in %q becomes %q: %v", name, folder, path, err)
			}
			if reads.Keep(path) == nil || reads.Keep(strings.ToUpper(path)) == nil {
				t.Fatalf("%q was kept twice", path)
			}
		}
	})
}

// TestWhatIsKeptIsSafe judges paths by what shares nothing with the code.
func TestWhatIsKeptIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOfN(hostile(), 1, 3).Draw(t, "parts"), "/")
		if err := bundle.NewPaths().Keep(path); err == nil && wrongWith(path) != "" {
			t.Fatalf("%q was kept: %s", path, wrongWith(path))
		}
	})
}

func TestPathsThatCannotBeKeptSayWhy(t *testing.T) {
	t.Parallel()
	for path, why := range map[string]string{
		"":                              "a slash",
		"/a":                            "a slash",
		"a/":                            "a slash",
		"a//b":                          "a slash",
		"../a":                          "leads out",
		"a/./b":                         "leads out",
		`a\b`:                           "backslash",
		"c:a":                           "colon",
		"a/con.txt":                     "device",
		"a./b":                          "ends in a dot",
		"a /b":                          "or space",
		"e\u0301":                       "characters",
		"a\xff":                         "characters",
		strings.Repeat("a", 121):        "too long",
		strings.Repeat("a/", 101) + "a": "more than 200",
		"taken":                         "there twice",
		"Taken":                         "there twice",
		"taken/a":                       "is a file",
		"FOLDER/b":                      "another spelling",
		"folder":                        "there twice",
		"folder/STRA\u1e9eE":            "there twice",
	} {
		paths := bundle.NewPaths("taken")
		for _, first := range []string{"folder/a", "folder/strasse"} {
			if err := paths.Keep(first); err != nil {
				t.Fatal(err)
			}
		}
		if err := paths.Keep(path); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", path, err, why)
		}
	}
}

func mediaTypes() []string {
	return []string{"", pdf, "image/jpeg", "IMAGE/PNG", "text/plain; charset=utf-8", "application/x-unknown"}
}

func TestSafeNamesAreValidAndStayAsTheyAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkSafe(t, hostile().Draw(t, "name"), rapid.SampledFrom(mediaTypes()).Draw(t, "media type"))
	})
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"Invoice.pdf", "CON.pdf", "a\u202eb", "COM\u00b9 . .txt", strings.Repeat("x .y", 60), "\xff\xfe", "e\u200d\u0301", ">\u0338"} {
		f.Add(s, pdf)
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, name, mediaType string) { checkSafe(t, name, mediaType) })
}

type failer interface{ Errorf(string, ...any) }

func checkSafe(t failer, name, mediaType string) {
	safe := bundle.SafeName(name, mediaType)
	if wrong := wrongWith(safe); wrong != "" || strings.Contains(safe, "/") || len(safe) > 120 {
		t.Errorf("%q of %q becomes %q: %s", name, mediaType, safe, wrong)
	}
	if again := bundle.SafeName(safe, mediaType); again != safe {
		t.Errorf("%q of %q becomes %q, and that %q", name, mediaType, safe, again)
	}
	if mediaType == pdf && !strings.HasSuffix(safe, ".pdf") {
		t.Errorf("%q is a PDF and becomes %q", name, safe)
	}
}

// wrongWith says why a path is not valid somewhere; it shares nothing with the
// code that makes them.
func wrongWith(path string) string {
	switch {
	case len(path) > 200:
		return "too long"
	case !utf8.ValidString(path) || !norm.NFC.IsNormalString(path):
		return "not composed UTF-8"
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || strings.Trim(part, " .") != part || len(part) > 120 {
			return fmt.Sprintf("the part %q", part)
		}
		for _, r := range part {
			if r < 0x20 || r == 0x7f || strings.ContainsRune(`<>:"/\|?*`, r) || r != ' ' && !unicode.IsGraphic(r) ||
				r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff {
				return fmt.Sprintf("the character %U", r)
			}
		}
		stem := strings.ToLower(strings.TrimSpace(strings.SplitN(part, ".", 2)[0]))
		for _, d := range strings.Fields("con prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 com¹ com² com³ lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 lpt¹ lpt² lpt³") {
			if stem == d {
				return "the device " + d
			}
		}
	}
	return ""
}

// hostile draws names out of what breaks them.
func hostile() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"CON", "nul", "COM1", "LPT\u00b9", ".", "..", " ", "/", `\`, ":", ".pdf", ".PDF", ".jpg", "\u202e", "\u200b", "\ufe0f", "\x00", "\xff", "é", "e\u0301",
			"ß", "SS", "ı", "K", "\u212a", "ﬁ", "漢字", "한글", "\u1112\u1161", ">\u0338", "a", "A", "document", strings.Repeat("long ", 30), strings.Repeat("漢", 45),
		}),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), "")
	})
}

func TestPathsAreValidAndUnique(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := bundle.New(io.Discard, time.Time{})
		seen := map[string]string{"manifest.json": "the manifest"}
		folders := rapid.SampledFrom([]string{"", "04_Proof", "04_proof", "a", "A/b", "con", "../..", strings.Repeat("deep folder/", 30)})
		for range rapid.IntRange(1, 12).Draw(t, "files") {
			name := hostile().Draw(t, "name")
			e, err := b.Add(context.Background(), bundle.File{Folder: folders.Draw(t, "folder"), Name: name, MediaType: rapid.SampledFrom(mediaTypes()).Draw(t, "media type")}, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			if wrong := wrongWith(e.Path); wrong != "" {
				t.Errorf("%q becomes %q: %s", name, e.Path, wrong)
			}
			for whole := e.Path; whole != ""; {
				key := norm.NFD.String(strings.ToLower(norm.NFD.String(whole)))
				if other := seen[key]; other != "" && (whole == e.Path || other != whole+"/") {
					t.Errorf("%q and %q are one on some systems", whole, other)
				}
				seen[key] = whole
				if whole != e.Path {
					seen[key] = whole + "/"
				}
				whole = whole[:max(0, strings.LastIndexByte(whole, '/'))]
			}
		}
	})
}

func TestEqualNamesAreNumbered(t *testing.T) {
	t.Parallel()
	b := bundle.New(io.Discard, time.Time{})
	for _, c := range [][3]string{
		{"", "a.pdf", "a.pdf"},
		{"", "A.PDF", "A (2).pdf"},
		{"", "a (2).pdf", "a (2) (2).pdf"},
		{"", "a.pdf", "a (3).pdf"},
		{"", "manifest.json", "manifest.pdf"},
		{"Überweisung", "ü.pdf", "Überweisung/ü.pdf"},
		{"u\u0308BERWEISUNG", "U\u0308.pdf", "Überweisung/Ü (2).pdf"},
		{"a.pdf", "b.pdf", "a.pdf (4)/b.pdf"},
		{"", "Überweisung", "Überweisung.pdf"},
		{"", strings.Repeat("x", 300) + ".pdf", strings.Repeat("x", 116) + ".pdf"},
		{"", strings.Repeat("x", 300) + ".pdf", strings.Repeat("x", 112) + " (2).pdf"},
	} {
		e, err := b.Add(t.Context(), bundle.File{Folder: c[0], Name: c[1], MediaType: pdf}, strings.NewReader(""))
		if err != nil || e.Path != c[2] {
			t.Errorf("%q in %q: %q (%v), want %q", c[1], c[0], e.Path, err, c[2])
		}
	}
	e, _ := b.Add(t.Context(), bundle.File{Name: "Manifest.JSON", MediaType: "application/json"}, strings.NewReader(""))
	if e.Path != "Manifest (2).json" {
		t.Errorf("%q stands in the manifest's place", e.Path)
	}
}
