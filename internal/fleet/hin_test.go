package fleet

import (
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// detail writes what a vector's last column promises, as far as it is a date.
var detail = regexp.MustCompile(`(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4})( MY(\d{4}))?`)

func TestHINVectors(t *testing.T) {
	t.Parallel()
	f, err := os.Open("seed/hin_vectors.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 18 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		h := CheckHIN(row[0])
		format := string(h.Format)
		if format == "" {
			format = "-"
		}
		if string(h.Verdict) != row[1] || format != row[2] {
			t.Errorf("%s: %s %s, want %s %s (%+v)", row[0], h.Verdict, format, row[1], row[2], h)
		}
		if (h.Error != "") != (row[1] == "error") || (len(h.Warnings) > 0) != (row[1] == "warn") {
			t.Errorf("%s: error %q and warnings %q with verdict %s", row[0], h.Error, h.Warnings, h.Verdict)
		}
		if m := detail.FindStringSubmatch(row[3]); m != nil {
			got := fmt.Sprintf("%s %d", h.BuildMonth.String()[:3], h.BuildYear)
			if m[3] != "" {
				got += fmt.Sprintf(" MY%d", h.ModelYear)
			}
			if got != m[0] {
				t.Errorf("%s: %s, want %s", row[0], got, m[0])
			}
		}
	}
}

func TestHINParts(t *testing.T) {
	t.Parallel()
	want := HIN{
		Finding: Finding{Verdict: VerdictOK, Value: "GB-ABC00042A313"},
		Format:  HINCurrent, Country: "GB", MIC: "ABC", Serial: "00042",
		BuildYear: 2013, BuildMonth: time.January, ModelYear: 2013,
	}
	for _, typed := range []string{"GB-ABC00042-A3-13", "gb abc00042a313", "GB–ABC00042–A3–13", " GBABC 00042 A3 13\n"} {
		if diff := cmp.Diff(want, CheckHIN(typed)); diff != "" {
			t.Errorf("%q: %s", typed, diff)
		}
	}
}

func TestHINMessages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ typed, message, suggestion string }{
		{"", "no HIN was given", ""},
		{"AB12345A788", "11 characters, 1 too few: a HIN has 12, or 14 with its country", ""},
		{"ABCD12345A788", "13 characters, too many: a HIN has 12, or 14 with its country", ""},
		{"1GABC00042A313", "14 characters, too many: a HIN has 12, or 14 with its country", ""},
		{"4YDT12345A7881234", "17 characters are a VIN, usually the trailer's; a HIN has 12, or 14 with its country", ""},
		{"ABC/2345A788", "a HIN has letters and digits only, not '/'", ""},
		{"ABÇ12345A788", "a HIN has letters and digits only, not 'Ç'", ""},
		{"ABC12345Z495", "Z is not a month: the ninth character is a letter from A (January) to L (December)", ""},
		{"ABC123451375", "the ending 1375 is not a month and year from 1972 to 1984; in newer HINs the ninth character is a letter from A to L", ""},
		{"ABCT12345678", "the ending 5678 is a placeholder, not a date", ""},
		{"ABC12345M99A", "the ending M99A is not M, a model year from 72 to 84 and a month from A to L", ""},
		// Typing errors that have one sensible reading.
		{"ABC12345A78B", "after the month A must follow three digits, not 78B", "ABC12345A788"},
		{"US-ABC12345A7BB", "after the month A must follow three digits, not 7BB", "US-ABC12345A788"},
		{"ABC1234584O5", "the ending 84O5 is not a month and year from 1972 to 1984; in newer HINs the ninth character is a letter from A to L", "ABC12345B405"},
		{"ABC123451495", "the ending 1495 is not a month and year from 1972 to 1984; in newer HINs the ninth character is a letter from A to L", ""},
		{"ABC123458607", "the ending 8607 is not a month and year from 1972 to 1984; in newer HINs the ninth character is a letter from A to L", "ABC12345B607"},
		{"ABC12345N84E", "N is not a month: the ninth character is a letter from A (January) to L (December)", "ABC12345M84E"},
		{"ABC12O45A788", "the serial 12O45 has the letter O, which is never used there; 12045 was probably meant", "ABC12045A788"},
		{"A8C12Q45A788", "the maker's code A8C is not three letters; ABC was probably meant", "ABC12045A788"},
		{"AB712345A788", "the maker's code AB7 is not three letters", ""},
		{"ABC00000A788", "the serial 00000 looks like a placeholder", ""},
		{"ABC12345A388", "the build year ends in 3, which does not fit model year 1988: it should end in 7 or 8", ""},
		{"ABC12345I273", "the ninth character is the letter I (September); with the digit 1 it would be a boat of December 1973", "ABC123451273"},
		{"BOA135790172", "built in January 1972, before HINs began in November 1972", ""},
		{"BOA135791284", "built in December 1984, when this format had already ended (July 1984)", ""},
	} {
		h := CheckHIN(test.typed)
		message := h.Error
		if message == "" && len(h.Warnings) > 0 {
			message = h.Warnings[0]
		}
		if message != test.message || h.Suggestion != test.suggestion {
			t.Errorf("%s: %q, suggests %q", test.typed, h.Finding, h.Suggestion)
		}
	}
}

func TestModelYearRunsFromAugust(t *testing.T) {
	t.Parallel()
	for i, want := range []string{
		"August 1979", "September 1979", "October 1979", "November 1979", "December 1979", "January 1980",
		"February 1980", "March 1980", "April 1980", "May 1980", "June 1980", "July 1980",
	} {
		h := CheckHIN("BOA13579M80" + string(rune('A'+i)))
		if got := fmt.Sprintf("%s %d", h.BuildMonth, h.BuildYear); got != want || h.Verdict != VerdictOK {
			t.Errorf("%c: %s (%s), want %s", 'A'+i, got, h.Verdict, want)
		}
	}
}

// FuzzCheckHIN asks that a stored number is read again as the same boat, and
// that every suggestion is better than what was typed.
func FuzzCheckHIN(f *testing.F) {
	for _, s := range []string{"ABC12345A788", "GB-ABC00042-A3-13", "BOA13579M84E", "ABC12345I273", "ABC12345A78B", "ſBC12345A788"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h := CheckHIN(s)
		if (h.Verdict == VerdictError) != (h.Error != "") || (h.Verdict == VerdictWarn) != (len(h.Warnings) > 0) {
			t.Errorf("%q: %+v", s, h)
		}
		if h.Verdict != VerdictError {
			if diff := cmp.Diff(h, CheckHIN(h.Value)); diff != "" {
				t.Errorf("%q: %s", s, diff)
			}
			if strings.TrimSpace(h.Value) != h.Value {
				t.Errorf("%q is stored as %q", s, h.Value)
			}
		}
		if h.Suggestion != "" && CheckHIN(h.Suggestion).Verdict == VerdictError {
			t.Errorf("%q suggests %q, which is wrong too", s, h.Suggestion)
		}
	})
}
