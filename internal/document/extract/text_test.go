package extract

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTextFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, want string }{
		"utf-8":          {"Größe\r\nder Schraube", "Größe\nder Schraube"},
		"byte order":     {"\xef\xbb\xbfGröße", "Größe"},
		"utf-16 little":  {"\xff\xfeG\x00r\x00\xf6\x00\xdf\x00e\x00", "Größe"},
		"utf-16 big":     {"\xfe\xff\x00G\x00r\x00\xf6\x00\xdf\x00e", "Größe"},
		"latin-1":        {"Gr\xf6\xdfe", "Größe"},
		"windows":        {"\x80 5\x96", "€ 5–"},
		"old mac":        {"a\rb", "a\nb"},
		"control":        {"a\x1b[0mb", "a[0mb"},
		"nothing at all": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info, pages, err := pagesOf(t, write(t, "a.txt", []byte(c.data)), "text/plain")
			if err != nil || info.Pages != 1 || len(pages) != 1 {
				t.Fatalf("%+v, %d pages, %v", info, len(pages), err)
			}
			if diff := cmp.Diff(c.want, pages[0].Text); diff != "" {
				t.Error(diff)
			}
			if (pages[0].Source == SourceNative) != (c.want != "") {
				t.Errorf("source %q", pages[0].Source)
			}
		})
	}
}

func TestBytesAreNotText(t *testing.T) {
	t.Parallel()
	_, _, err := pagesOf(t, write(t, "a.txt", []byte("a\x00b")), "text/plain")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != ReasonBroken {
		t.Errorf("got %v", err)
	}
}

func TestMarkdownHasATitle(t *testing.T) {
	t.Parallel()
	info, pages, err := pagesOf(t, write(t, "a.md", []byte("intro\n\n# Winter lay-up\n\nThe list of what is to be done in the autumn")), "text/markdown")
	if err != nil || info.Title != "Winter lay-up" || pages[0].Language != "en" {
		t.Errorf("%+v, %+v, %v", info, pages, err)
	}
}

func TestLongTextsHavePages(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("ü", 99) + "\n"
	pages := paginate(strings.Repeat(line, 65))
	for i, want := range []int{30 * 100, 30 * 100, 5 * 100} {
		if got := utf8.RuneCountInString(pages[i]); got != want {
			t.Errorf("page %d has %d characters, want %d", i+1, got, want)
		}
	}
	pages = paginate(strings.Repeat("x", 7000))
	if len(pages) != 3 || len(pages[0]) != pageRunes {
		t.Errorf("%d pages, the first of %d", len(pages), len(pages[0]))
	}
}

func TestCutBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 9, "short"},
		{"one line\nanother", 12, "one line"},
		{"ünü", 4, "ün"},
		{"aünü", 4, "aün"},
		{"\nlong after a line", 9, "\nlong aft"},
	} {
		if got := cutBytes(c.text, c.limit); got != c.want {
			t.Errorf("cutBytes(%q, %d) = %q", c.text, c.limit, got)
		}
	}
	if n := len(clean(strings.Repeat("word\n", 30000))); n > maxPageText || n < maxPageText-5 {
		t.Errorf("a page of %d bytes", n)
	}
}

func TestGuessLanguage(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"en": "The engine was replaced in the yard and the receipt is with the papers of this boat.",
		"de": "Der Motor wurde in der Werft ersetzt und die Quittung ist bei den Papieren des Bootes.",
		"fr": "Le moteur est remplacé dans le chantier et la facture est avec les papiers du bateau pour vous.",
		"it": "Il motore è sostituito nel cantiere e la ricevuta è con le carte della barca per gli ospiti.",
		"es": "El motor está sustituido en el astillero y los recibos son para las personas que no están con el barco.",
		"":   "4711 0815 M8x40 DIN 933 A4-70",
	} {
		if got := guessLanguage(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("plain\r\ntext"))
	f.Add([]byte("\xff\xfea\x00\x00\xd8"))
	f.Add([]byte("\xef\xbb\xbf\x80"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := decodeText(data)
		if err != nil {
			return
		}
		text = tidy(text)
		pages := paginate(text)
		if strings.Join(pages, "") != text {
			t.Error("pages lose text")
		}
		for _, p := range pages {
			if c := clean(p); !utf8.ValidString(c) || strings.ContainsRune(c, 0) || len(c) > maxPageText {
				t.Errorf("page %q", c)
			}
		}
	})
}
