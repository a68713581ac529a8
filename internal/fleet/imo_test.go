package fleet

import "testing"

func TestCheckIMO(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed      string
		verdict    Verdict
		message    string
		suggestion string
	}{
		{"9074729", VerdictOK, "", ""},
		{"9176187", VerdictOK, "", ""},
		{"1002342", VerdictOK, "", ""},
		{"1234567", VerdictOK, "", ""},
		{"imo 9074729", VerdictOK, "", ""},
		{"IMO: 9074729", VerdictOK, "", ""},
		{"9074728", VerdictError, "the last digit does not check: a digit is wrong or two are swapped", ""},
		{"9047729", VerdictError, "the last digit does not check: a digit is wrong or two are swapped", "9074729"},
		{"907472", VerdictError, "an IMO number has 7 digits", ""},
		{"", VerdictError, "no IMO number was given", ""},
		{"0000000", VerdictError, "all zeros name no ship", ""},
		{"235012345", VerdictError, "9 digits are an MMSI; an IMO number has 7", ""},
		{"9O74729", VerdictError, "an IMO number has digits only, after the letters IMO", "9074729"},
		{"9O74728", VerdictError, "an IMO number has digits only, after the letters IMO", ""},
		{"1000009", VerdictError, "the last digit does not check: a digit is wrong or two are swapped", ""},
		{"1000003", VerdictError, "1000003 is the IMO number of a company, not of a ship", ""},
	} {
		i := CheckIMO(test.typed)
		if i.Verdict != test.verdict || i.Error != test.message || i.Suggestion != test.suggestion {
			t.Errorf("%s: %+v", test.typed, i)
		}
	}
}

// FuzzCheckIMO asks that what is accepted or suggested is accepted again.
func FuzzCheckIMO(f *testing.F) {
	f.Add("IMO 9074729")
	f.Add("9047729")
	f.Fuzz(func(t *testing.T, s string) {
		i := CheckIMO(s)
		if i.Verdict == VerdictOK && CheckIMO(i.Value).Value != i.Value {
			t.Errorf("%q is stored as %q, which is refused", s, i.Value)
		}
		if i.Suggestion != "" && CheckIMO(i.Suggestion).Verdict != VerdictOK {
			t.Errorf("%q suggests %q", s, i.Suggestion)
		}
	})
}
