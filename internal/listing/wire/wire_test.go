package wire_test

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"navidocs/internal/fault"
	"navidocs/internal/listing/wire"
)

func TestMeasuresAreReadInAnyWriting(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		q    wire.Quantity
		unit string
		want float64
	}{
		"47 ft": {wire.Length, "m", 14.3256}, "47": {wire.Length, "feet", 14.3256}, "14' 6\"": {wire.Length, "m", 4.4196}, "14′6″": {wire.Length, "m", 4.4196},
		"47 ft 3 in": {wire.Length, "m", 14.4018}, "12,5 m": {wire.Length, "ft", 12.5}, "1.20": {wire.Length, "metres", 1.2}, "120cm": {wire.Length, "m", 1.2},
		"200|gallon": {wire.Volume, "l", 757.082357}, "10 UK gallons": {wire.Volume, "l", 45.4609}, "30,000 lb": {wire.Weight, "kg", 13607.7711},
		"21.000,5 kg": {wire.Weight, "lb", 21000.5}, "14 tonnes": {wire.Weight, "kg", 14000}, "1,150.78 mi": {wire.Distance, "nm", 1000.00048},
		"15 kn": {wire.Speed, "mph", 15}, "20 mph": {wire.Speed, "kn", 17.379525}, "37.04 km/h": {wire.Speed, "kn", 20},
		"310|horsepower": {wire.Power, "kw", 231.16696}, "100 PS": {wire.Power, "kw", 73.549875}, "1,200 hrs.": {wire.Duration, "h", 1200},
	} {
		if got, ok := wire.Measure(text, c.q, c.unit); !ok || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%q: %v %v, want %v", text, got, ok, c.want)
		}
	}
	for text, q := range map[string]wire.Quantity{
		"": wire.Length, "about 12": wire.Length, "12 stone": wire.Weight, "-3 m": wire.Length, "3 lb": wire.Length, "1e3 m": wire.Length, "12 m 4": wire.Weight,
		"99999999999999999 m": wire.Length, "12 tons": wire.Weight,
	} {
		if got, ok := wire.Measure(text, q, "m"); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestPrices(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		currency string
		minor    int64
		code     string
	}{
		"189000.00 USD": {"", 18_900_000, "USD"}, "EUR 395,000": {"", 39_500_000, "EUR"}, "395.000": {"EUR", 39_500_000, "EUR"}, "€ 1.234.567,89": {"", 123_456_789, "EUR"},
		"12.345 KWD": {"", 12_345, "KWD"}, "500 JPY": {"", 500, "JPY"}, "£45,000": {"", 4_500_000, "GBP"}, "0.00 USD": {"", 0, "USD"}, "1": {"eur", 100, "EUR"}, "99.9": {"EUR", 9990, "EUR"},
	} {
		if minor, code, ok := wire.Price(text, c.currency); !ok || minor != c.minor || code != c.code {
			t.Errorf("%q: %d %s %v", text, minor, code, ok)
		}
	}
	for _, text := range []string{"", "POA", "12", "12 euros", "1e9 EUR", "USD", "9999999999999999 USD"} {
		if minor, code, ok := wire.Price(text, ""); ok {
			t.Errorf("%q: %d %s", text, minor, code)
		}
	}
	for want, m := range map[string]int64{"0": 0, "0.05": 5, "-1.50": -150, "395000": 39_500_000} {
		if got := wire.Amount(m, "EUR"); got != want {
			t.Error(got, want)
		}
	}
}

func TestAmountsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]string{"EUR", "JPY", "KWD", "CLF"}).Draw(t, "currency")
		minor := rapid.Int64Range(0, 1e12).Draw(t, "minor")
		got, _, ok := wire.Price(wire.Amount(minor, code), code)
		if !ok || got != minor {
			t.Fatal(got, ok)
		}
	})
}

func TestHTMLIsText(t *testing.T) {
	t.Parallel()
	for html, want := range map[string]string{
		`<p style="color:red">One&nbsp;&amp; two<br>three</p><p>Four</p>`: "One & two\nthree\n\nFour",
		"<ul><li>A</li>\n <li>B</li></ul>after":                           "A\n\nB\n\nafter",
		"<script>alert(1)</script><style>p{}</style>x<!-- y -->":          "x",
		"a\n   b":          "a b",
		"<b>unclosed <i>x": "unclosed x",
		"<table><tr><td>LOA</td><td>12</td></tr></table>": "LOA 12",
		"1 < 2 &lt; 3": "1 < 2 < 3",
		"":             "",
	} {
		if diff := cmp.Diff(want, wire.Text(html)); diff != "" {
			t.Errorf("%q: %s", html, diff)
		}
	}
	if got := wire.Section("<strong>Galley</strong><br>Oven<br><b>Gas</b>"); got != (wire.Titled{Title: "Galley", Text: "Oven\nGas"}) {
		t.Errorf("%+v", got)
	}
	// Hostile ones cost no more than their length.
	long := strings.Repeat("a<b>a</b><h3>", 300_000)
	if n := len(wire.Text(long)); n < 600_000 {
		t.Error(n)
	}
	if n := len(wire.Section(long).Text); n < 600_000 {
		t.Error(n)
	}
	if lead, below := wire.Split(long); lead != "aa" || len(below) == 0 {
		t.Error(lead, len(below))
	}
	if got := wire.Section("No title <b>here</b>"); got != (wire.Titled{Text: "No title here"}) {
		t.Errorf("%+v", got)
	}
}

func TestTextComesBackFromHTML(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`([a-z<>&;/ \n]{0,9}){0,4}`)).Draw(t, "text")
		if diff := cmp.Diff(wire.Plain(s), wire.Text(wire.HTML(s))); diff != "" {
			t.Fatal(diff)
		}
		if wire.Plain(wire.Plain(s)) != wire.Plain(s) || wire.Line(wire.Clean(s)) != wire.Line(s) {
			t.Fatal("it is not at rest")
		}
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-01-30": "2026-01-30T00:00:00Z", "2026-01-30T14:05:06+02:00": "2026-01-30T12:05:06Z", "2026-01-30 14:05:06": "2026-01-30T14:05:06Z",
		"1700000000": "2023-11-14T22:13:20Z", "03/04/2025": "", "": "", "12": "",
	} {
		if got := wire.Stamp(wire.Time(text)); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
	if wire.Date("2026-01-30T00:00") != "2026-01-30" || wire.Date("2026-13-30") != "" || wire.Date("x") != "" {
		t.Error("dates")
	}
}

// endless never ends.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.n += int64(len(p))
	return len(p), nil
}

func TestADocumentWithoutAnEndIsLeft(t *testing.T) {
	t.Parallel()
	e := &endless{}
	w := wire.Walker{Max: 2 << 20, Enter: func(*wire.Node) error { return nil }, Whole: func(string) bool { return false }}
	err := w.Walk(e)
	if !fault.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), "2 MB") || e.n > 3<<20 {
		t.Error(err, e.n)
	}
}

// answered is a body with a header.
type answered struct{ resp *http.Response }

func (a answered) Do(*http.Request) (*http.Response, error) { return a.resp, nil }

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://p.example/?key=secret", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	e := &endless{}
	_, err = wire.Ask(answered{&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(e)}}, req, "The portal", 1000)
	if !fault.Is(err, fault.Unavailable) || e.n > 10_000 || strings.Contains(err.Error(), "secret") {
		t.Error(err, e.n)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "Thu, 01 Jan 2026 00:01:00 GMT": time.Minute, "": 0, "soon": 0, "-5": 0, "99999999": 24 * time.Hour,
	} {
		a := wire.Answer{Header: http.Header{"Retry-After": {value}}}
		if got := a.RetryAfter(now); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
