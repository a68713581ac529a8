package document

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFoldedText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Hello, World":             "hello world",
		"E-4711/b":                 "e 4711 b",
		"Größe ŒUVRE Ærø İstanbul": "grosse oeuvre aero istanbul",
		"re\u0301sume\u0301":       "resume",
		"船の書類":                     "船 の 書 類",
		"  ":                       "",
		"a\x00b":                   "a b",
		strings.Repeat("x", 65):    "",
	} {
		if got := foldedText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`bilge pump`:         `bilge pump`,
		`"bilge pump" sump`:  `"bilge pump" sump`,
		`E-4711`:             `"e 4711"`,
		`impel*`:             `impel*`,
		`"bilge pu"*`:        `"bilge pu"*`,
		`"open`:              `open`,
		`* "" ( ) OR`:        `or`,
		`NEAR(a b) ^x {y}:z`: `"near a" b x "y z"`,
	} {
		if got := termsString(parseQuery(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"pump", "pump", 0},
		{"pump", "pmup", 1},
		{"pump", "pumps", 1},
		{"pump", "dump", 1},
		{"pump", "sumo", 2},
		{"pump", "mast", 3},
		{"", "a", 1},
		{"größe", "grösse", 2},
	} {
		if got := distance(tc.a, tc.b, 2); got != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Nothing of interest here. ", 40)
	for _, tc := range []struct{ name, text, query, want string }{
		{"marks and escapes", "use <b> & the impeller", "impeller", "use &lt;b&gt; &amp; the <mark>impeller</mark>"},
		{"marks the folded original", "La Réquisition.", "requisition", "La <mark>Réquisition</mark>."},
		{"marks a phrase as one", "change the impeller now", `"the impeller"`, "change <mark>the impeller</mark> now"},
		{"marks a prefix", "impellers", "impel*", "<mark>impellers</mark>"},
		{"nothing found", "plain", "other", "plain"},
		{"empty", "", "x", ""},
	} {
		if diff := cmp.Diff(tc.want, snippet(tc.text, parseQuery(tc.query))); diff != "" {
			t.Error(tc.name, diff)
		}
	}
	got := snippet(long+"the impeller stops"+long, parseQuery("impeller"))
	if !strings.Contains(got, "<mark>impeller</mark>") || len(got) > 400 || !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") {
		t.Errorf("a long page gives %q", got)
	}
}

func TestScorePrefersTheBetterPage(t *testing.T) {
	t.Parallel()
	found := []candidate{
		{id: 1, kind: kindPage, body: strings.Repeat("filler ", 200) + "impeller"},
		{id: 2, kind: kindPage, body: "impeller change impeller pump"},
		{id: 3, kind: kindPage, body: strings.Repeat("filler ", 50) + "impeller"},
	}
	score(found, parseQuery("impeller"))
	var order []int64
	for _, c := range found {
		order = append(order, c.id)
	}
	if diff := cmp.Diff([]int64{2, 3, 1}, order); diff != "" {
		t.Error(diff)
	}
}

func TestSafeName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a.pdf": "a.pdf", `C:\x\b.pdf`: "b.pdf", "../../etc/passwd": "passwd", "": "document", "..": "document", "a\x00\nb": "ab",
		strings.Repeat("é", 150): strings.Repeat("é", 100),
	} {
		if got := safeName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTypesHaveClasses(t *testing.T) {
	t.Parallel()
	if len(Types()) != 85 {
		t.Errorf("%d types, want 85", len(Types()))
	}
	for code, want := range map[string]string{"MAN-EQ": "open", "INV-PUR": "money", "OWN-BOS": "money", "OWN-ID": "personal", "INS-POL": "personal", "": "personal"} {
		if got := defaultClass(code); string(got) != want {
			t.Errorf("%q is %s, want %s", code, got, want)
		}
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add("the <b>impeller</b>", `"the b" impel*`)
	f.Add("船の書類", "書類")
	f.Fuzz(func(t *testing.T, text, query string) {
		got := snippet(text, parseQuery(query))
		plain := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(got)
		if strings.ContainsAny(plain, "<>") {
			t.Errorf("unescaped: %q", got)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("invalid UTF-8: %q", got)
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	f.Add(`"a b" c* OR`)
	f.Fuzz(func(t *testing.T, q string) {
		for _, term := range parseQuery(q) {
			for _, w := range term.words {
				if w == "" || strings.ContainsAny(w, `"'* `) {
					t.Errorf("%q gives the word %q", q, w)
				}
			}
		}
	})
}
