package fleet

import (
	"strings"
	"testing"
)

func TestCheckCallSign(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed, flag string
		verdict     Verdict
		message     string
		suggestion  string
	}{
		{"WDL1234", "US", VerdictOK, "", ""},
		{"MABC1", "GB", VerdictOK, "", ""},
		{"2ABC3", "GB", VerdictOK, "", ""},
		{"zcab2", "KY", VerdictOK, "", ""},
		{"DA 1234", "DE", VerdictOK, "", ""},
		{"MABC1", "", VerdictOK, "", ""},
		{"MABC1", "XX", VerdictOK, "", ""},
		{"MABC1", "JE", VerdictOK, "", ""},
		{"5BAB2", "CY", VerdictOK, "", ""},
		{"5CAB2", "CY", VerdictWarn, "call signs of flag CY begin with 5B, C4, H2, P3, not with 5C", ""},
		{"WDL1234", "gb", VerdictWarn, "call signs of flag GB begin with 2, G, M, VP-VQ, VS, ZB-ZJ, ZN-ZO, ZQ, not with WD", ""},
		{"", "", VerdictError, "no call sign was given", ""},
		{"MA", "", VerdictError, "2 characters; a call sign has 3 to 7", ""},
		{"WDL12345", "", VerdictError, "8 characters; a call sign has 3 to 7", ""},
		{"2350123", "", VerdictError, "a call sign has at least one letter", ""},
		{"WD/L1", "", VerdictError, "a call sign has letters and digits only", ""},
		{"MABC1/MM", "", VerdictError, "a call sign has letters and digits only", "MABC1"},
		{"0ABC", "FI", VerdictError, "no country's call signs begin with 0", "OABC"},
		{"1ABC", "IT", VerdictError, "no country's call signs begin with 1", "IABC"},
		{"MÄBC1", "", VerdictError, "a call sign has letters and digits only", ""},
	} {
		c := CheckCallSign(test.typed, test.flag)
		message := c.Error
		if len(c.Warnings) > 0 {
			message = c.Warnings[0]
		}
		if c.Verdict != test.verdict || message != test.message || c.Suggestion != test.suggestion {
			t.Errorf("%s %s: %+v", test.typed, test.flag, c)
		}
	}
}

func TestCallPrefixesAreWellFormed(t *testing.T) {
	t.Parallel()
	for flag, series := range callPrefixes {
		for part := range strings.FieldsSeq(series) {
			low, high, ranged := strings.Cut(part, "-")
			if len(low) > 2 || ranged && (len(high) != len(low) || high <= low) {
				t.Errorf("%s: %s", flag, part)
			}
		}
	}
	for flag := range flagMIDs() {
		if callPrefixes[flag] == "" {
			t.Errorf("flag %s has radio numbers but no call signs", flag)
		}
	}
}

// FuzzCheckCallSign asks that what is accepted or suggested is accepted again.
func FuzzCheckCallSign(f *testing.F) {
	f.Add("MABC1/MM", "GB")
	f.Add("0é", "FI")
	f.Fuzz(func(t *testing.T, s, flag string) {
		c := CheckCallSign(s, flag)
		if c.Verdict != VerdictError && CheckCallSign(c.Value, flag).Verdict != c.Verdict {
			t.Errorf("%q %q: %+v", s, flag, c)
		}
		if c.Suggestion != "" && CheckCallSign(c.Suggestion, "").Verdict == VerdictError {
			t.Errorf("%q suggests %q", s, c.Suggestion)
		}
	})
}
