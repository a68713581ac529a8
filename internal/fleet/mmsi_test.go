package fleet

import (
	"slices"
	"testing"
)

func TestCheckMMSI(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed, flag string
		verdict     Verdict
		message     string
		suggestion  string
	}{
		{"235012345", "GB", VerdictOK, "", ""},
		{"367123450", "US", VerdictOK, "", ""},
		{"211476060", "DE", VerdictOK, "", ""},
		{"211 476-060", "de", VerdictOK, "", ""},
		{"235012345", "JE", VerdictOK, "", ""},
		{"235012345", "IM", VerdictOK, "", ""},
		{"235012345", "", VerdictOK, "", ""},
		{"235012345", "XX", VerdictOK, "", ""},
		{"412345678", "", VerdictOK, "", ""},
		{"235012345", "FR", VerdictWarn, "235 belongs to flag GB, but the boat's flag is FR: after a change of flag the MMSI changes too", ""},
		{"235012345", "US", VerdictWarn, "235 belongs to flag GB, but the boat's flag is US: after a change of flag the MMSI changes too", ""},
		{"412345678", "ES", VerdictWarn, "412 is not a number of flag ES, whose numbers begin with 224, 225", ""},
		{"235000000", "GB", VerdictWarn, "235000000 looks like a placeholder", ""},
		{"123456789", "", VerdictError, "no country has the digits 123; a ship's MMSI begins with 201 to 775", ""},
		{"200123456", "", VerdictError, "no country has the digits 200; a ship's MMSI begins with 201 to 775", ""},
		{"776123456", "", VerdictError, "no country has the digits 776; a ship's MMSI begins with 201 to 775", ""},
		{"002351234", "", VerdictError, "numbers that begin with 00 name a coast station; a ship's MMSI begins with 201 to 775", ""},
		{"023512345", "", VerdictError, "numbers that begin with 0 name a group of ships; a ship's MMSI begins with 201 to 775", ""},
		{"111235123", "", VerdictError, "numbers that begin with 111 name a search-and-rescue aircraft; a ship's MMSI begins with 201 to 775", ""},
		{"823512345", "", VerdictError, "numbers that begin with 8 name a hand-held radio; a ship's MMSI begins with 201 to 775", ""},
		{"982351234", "", VerdictError, "numbers that begin with 98 name a tender of a parent ship; give it to the tender; a ship's MMSI begins with 201 to 775", ""},
		{"992351234", "", VerdictError, "numbers that begin with 99 name an aid to navigation; a ship's MMSI begins with 201 to 775", ""},
		{"970123456", "", VerdictError, "numbers that begin with 970 name an AIS search-and-rescue transmitter; a ship's MMSI begins with 201 to 775", ""},
		{"972123456", "", VerdictError, "numbers that begin with 972 name a man-overboard device; a ship's MMSI begins with 201 to 775", ""},
		{"974123456", "", VerdictError, "numbers that begin with 974 name an EPIRB; a ship's MMSI begins with 201 to 775", ""},
		{"", "", VerdictError, "no MMSI was given", ""},
		{"235012345678", "", VerdictError, "12 digits; an MMSI has 9", ""},
		{"23501234", "", VerdictError, "8 digits; an MMSI has 9", ""},
		{"9074729", "", VerdictError, "7 digits are an IMO number; an MMSI has 9", ""},
		{"123456789012345", "", VerdictError, "15 digits are a beacon's or a telephone's number; an MMSI has 9", ""},
		{"23501234S", "", VerdictError, "an MMSI has digits only, not 'S'", "235012345"},
		{"2350l2E45", "", VerdictError, "an MMSI has digits only, not 'l'", ""},
	} {
		m := CheckMMSI(test.typed, test.flag)
		message := m.Error
		if len(m.Warnings) > 0 {
			message = m.Warnings[0]
		}
		if m.Verdict != test.verdict || message != test.message || m.Suggestion != test.suggestion {
			t.Errorf("%s %s: %+v", test.typed, test.flag, m)
		}
	}
}

func TestEveryFlagTakesItsOwnNumbers(t *testing.T) {
	t.Parallel()
	if n := len(flagMIDs()); n != 62 {
		t.Errorf("%d flags with numbers", n)
	}
	for flag, mids := range flagMIDs() {
		for _, mid := range mids {
			m := CheckMMSI(mid+"012345", flag)
			if m.Verdict != VerdictOK || !slices.Contains(m.Flags, flag) {
				t.Errorf("%s %s: %+v", flag, mid, m)
			}
		}
	}
}

// FuzzCheckMMSI asks that a number which is accepted has nine digits and is
// accepted again, and that suggestions are numbers.
func FuzzCheckMMSI(f *testing.F) {
	f.Add("235012345", "GB")
	f.Add("23501234S", "")
	f.Fuzz(func(t *testing.T, s, flag string) {
		m := CheckMMSI(s, flag)
		if m.Verdict != VerdictError && (len(m.Value) != 9 || CheckMMSI(m.Value, flag).Verdict != m.Verdict) {
			t.Errorf("%q %q: %+v", s, flag, m)
		}
		if m.Suggestion != "" && CheckMMSI(m.Suggestion, "").Verdict == VerdictError {
			t.Errorf("%q suggests %q", s, m.Suggestion)
		}
	})
}
