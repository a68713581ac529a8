package fleet

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// MMSI is a radio identity taken apart.
type MMSI struct {
	Finding
	MID   int      // country digits, 0 when in error
	Flags []string // flags (ISO 3166) that this MID belongs to, where known
}

//go:embed seed/mmsi_flags.csv
var mmsiFlagsCSV string

// flagMIDs is the embedded table: for each flag its country digits.
var flagMIDs = sync.OnceValue(func() map[string][]string {
	flags := map[string][]string{}
	for _, record := range csvRows(mmsiFlagsCSV) {
		if record[1] != "-" {
			flags[record[0]] = strings.Split(record[1], "|")
		}
	}
	return flags
})

// crownFlags fly their own flag and use the numbers of the United Kingdom.
var crownFlags = []string{"JE", "GG", "IM"}

// otherStations are forms that name something other than a ship.
var otherStations = []struct{ prefix, what string }{
	{"970", "an AIS search-and-rescue transmitter"},
	{"972", "a man-overboard device"},
	{"974", "an EPIRB"},
	{"98", "a tender of a parent ship; give it to the tender"},
	{"99", "an aid to navigation"},
	{"111", "a search-and-rescue aircraft"},
	{"00", "a coast station"},
	{"0", "a group of ships"},
	{"8", "a hand-held radio"},
}

// CheckMMSI checks the number of a ship's radio and, when the flag (ISO 3166,
// may be empty) is known, whether both name the same country.
func CheckMMSI(mmsi, flagISO string) MMSI {
	number := strings.Map(dropSeparators, mmsi)
	if problem := mmsiShape(number); problem != "" {
		f := refused(strings.TrimSpace(mmsi), "%s", problem)
		if fixed := strings.Map(lookalike("O0I1L1S5B8"), strings.ToUpper(number)); fixed != number && mmsiShape(fixed) == "" {
			f.Suggestion = fixed
		}
		return MMSI{Finding: f}
	}
	m := MMSI{Finding: found(number)}
	m.MID, _ = strconv.Atoi(number[:3])
	for flag, mids := range flagMIDs() {
		if slices.Contains(mids, number[:3]) {
			m.Flags = append(m.Flags, flag)
		}
	}
	slices.Sort(m.Flags)
	m.compareFlag(strings.ToUpper(strings.TrimSpace(flagISO)))
	if strings.Count(number[3:], number[3:4]) == 6 {
		m.warn("%s looks like a placeholder", number)
	}
	return m
}

func (m *MMSI) compareFlag(flag string) {
	if slices.Contains(crownFlags, flag) {
		flag = "GB"
	}
	mids, known := flagMIDs()[flag]
	switch {
	case !known || slices.Contains(mids, strconv.Itoa(m.MID)):
	case len(m.Flags) > 0:
		m.warn("%d belongs to flag %s, but the boat's flag is %s: after a change of flag the MMSI changes too", m.MID, strings.Join(m.Flags, " or "), flag)
	default:
		m.warn("%d is not a number of flag %s, whose numbers begin with %s", m.MID, flag, strings.Join(mids, ", "))
	}
}

// mmsiShape says why a number is not a ship's, "" when it is.
func mmsiShape(number string) string {
	if i := strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		return "an MMSI has digits only, not " + strconv.QuoteRune([]rune(number[i:])[0])
	}
	switch n := len(number); {
	case n == 0:
		return "no MMSI was given"
	case n == 7:
		return "7 digits are an IMO number; an MMSI has 9"
	case n == 15:
		return "15 digits are a beacon's or a telephone's number; an MMSI has 9"
	case n != 9:
		return strconv.Itoa(n) + " digits; an MMSI has 9"
	}
	if number[0] >= '2' && number[0] <= '7' {
		if mid := number[:3]; mid < "201" || mid > "775" {
			return "no country has the digits " + mid + "; a ship's MMSI begins with 201 to 775"
		}
		return ""
	}
	for _, other := range otherStations {
		if strings.HasPrefix(number, other.prefix) {
			return "numbers that begin with " + other.prefix + " name " + other.what + "; a ship's MMSI begins with 201 to 775"
		}
	}
	return "no country has the digits " + number[:3] + "; a ship's MMSI begins with 201 to 775"
}

// dropSeparators removes what people put between groups of digits.
func dropSeparators(r rune) rune {
	if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '.' {
		return -1
	}
	return r
}
