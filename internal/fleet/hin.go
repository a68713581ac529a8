package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Verdict is the outcome of checking a number that names a boat. No verdict
// blocks anything: papers are full of numbers that break the rules.
type Verdict string

// The verdicts.
const (
	VerdictOK    Verdict = "ok"
	VerdictWarn  Verdict = "warn"  // well formed, but something is odd
	VerdictError Verdict = "error" // cannot be such a number
)

// Finding is what a check has to say to the person who typed the number.
type Finding struct {
	Verdict    Verdict
	Value      string   // the number as it should be stored, as typed when in error
	Warnings   []string // what is odd, in words
	Error      string   // why it cannot be such a number, empty otherwise
	Suggestion string   // what was probably meant, empty when nothing is close
}

func found(value string) Finding { return Finding{Verdict: VerdictOK, Value: value} }

func refused(value, format string, args ...any) Finding {
	return Finding{Verdict: VerdictError, Value: value, Error: fmt.Sprintf(format, args...)}
}

func (f *Finding) warn(format string, args ...any) {
	f.Verdict = VerdictWarn
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

// HINFormat is one of the three ways in which a HIN was ever written.
type HINFormat string

// The formats; they are told apart by the ninth character.
const (
	HINCurrent      HINFormat = "current"       // since August 1984
	HINStraightYear HINFormat = "straight-year" // 1972 to 1984: month and year of building
	HINModelYear    HINFormat = "model-year"    // 1972 to 1984: M, model year, month of the model year
)

// HIN is a hull identification number (CIN, WIN) taken apart.
type HIN struct {
	Finding
	Format     HINFormat  // empty when in error
	Country    string     // two letters, empty when none was given
	MIC        string     // manufacturer identification code
	Serial     string     // five characters
	BuildYear  int        // 0 when it contradicts the model year
	BuildMonth time.Month // 0 when in error
	ModelYear  int        // 0 in a straight-year HIN, which has none
}

var (
	hinCountry  = regexp.MustCompile(`^([A-Z]{2})-(.*)$`)
	hinCurrent  = regexp.MustCompile(`^[A-Z0-9]{8}[A-L]\d{3}$`)
	hinStraight = regexp.MustCompile(`^[A-Z0-9]{8}(0[1-9]|1[0-2])(7[2-9]|8[0-4])$`)
	hinModel    = regexp.MustCompile(`^[A-Z0-9]{8}M(7[2-9]|8[0-4])[A-L]$`)
)

// CheckHIN takes a hull identification number apart and says what is wrong or
// odd about it: 33 CFR 181.25, EN ISO 10087 and the two formats before 1984.
// There is no check digit, so a well-formed number may still be another boat's.
func CheckHIN(s string) HIN {
	country, number := splitHIN(s)
	if problem := hinShape(number); problem != "" {
		return HIN{Finding: refused(strings.TrimSpace(s), "%s", problem)}
	}
	h := decodeHIN(country, number)
	if h.Error != "" {
		h.Value = strings.TrimSpace(s)
		h.Suggestion = mendHIN(country, number)
		return h
	}
	h.checkMaker()
	h.checkSerial()
	return h
}

// splitHIN takes spaces, hyphens and the country away.
func splitHIN(s string) (country, number string) {
	number = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case unicode.Is(unicode.Pd, r):
			return '-'
		}
		return unicode.ToUpper(r)
	}, s)
	if m := hinCountry.FindStringSubmatch(number); m != nil {
		country, number = m[1], m[2]
	}
	number = strings.ReplaceAll(number, "-", "")
	if country == "" && len(number) == 14 && isLetter(number[0]) && isLetter(number[1]) {
		country, number = number[:2], number[2:]
	}
	return country, number
}

// hinShape says why something cannot be a HIN of any format, "" when it may be.
func hinShape(number string) string {
	if i := strings.IndexFunc(number, func(r rune) bool { return r > unicode.MaxASCII || !isAlphanumeric(byte(r)) }); i >= 0 {
		return fmt.Sprintf("a HIN has letters and digits only, not %q", []rune(number[i:])[0])
	}
	switch n := len(number); {
	case n == 0:
		return "no HIN was given"
	case n == 17:
		return "17 characters are a VIN, usually the trailer's; a HIN has 12, or 14 with its country"
	case n < 12:
		return fmt.Sprintf("%d characters, %d too few: a HIN has 12, or 14 with its country", n, 12-n)
	case n > 12:
		return fmt.Sprintf("%d characters, too many: a HIN has 12, or 14 with its country", n)
	}
	return ""
}

func decodeHIN(country, number string) HIN {
	h := HIN{Finding: found(number), Country: country, MIC: number[:3], Serial: number[3:8]}
	if country != "" {
		h.Value = country + "-" + number
	}
	year := func(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }
	switch {
	case hinCurrent.MatchString(number):
		h.Format, h.BuildMonth = HINCurrent, time.Month(number[8]-'A'+1)
		h.decodeCurrent(int(number[9]-'0'), year(number[10:]))
	case hinStraight.MatchString(number):
		h.Format, h.BuildMonth, h.BuildYear = HINStraightYear, time.Month(year(number[8:10])), 1900+year(number[10:])
		h.checkEra()
	case hinModel.MatchString(number):
		h.Format, h.ModelYear = HINModelYear, 1900+year(number[9:11])
		h.BuildMonth, h.BuildYear = modelMonth(h.ModelYear, number[11])
		h.checkEra()
	default:
		return HIN{Finding: refused(number, "%s", hinEnding(number[8:]))}
	}
	return h
}

// decodeCurrent finds the build year: the one that ends in the digit and is the
// model year or the year before.
func (h *HIN) decodeCurrent(digit, model int) {
	h.ModelYear = 1900 + model
	if model < 84 {
		h.ModelYear = 2000 + model
	}
	for _, year := range []int{h.ModelYear - 1, h.ModelYear} {
		if year%10 == digit {
			h.BuildYear = year
		}
	}
	if h.BuildYear == 0 {
		h.warn("the build year ends in %d, which does not fit model year %d: it should end in %d or %d", digit, h.ModelYear, (h.ModelYear-1)%10, h.ModelYear%10)
	}
	// An I read for a 1 turns December 1973 into September 2072.
	if older := h.Value[:len(h.Value)-4] + "1" + h.Value[len(h.Value)-3:]; h.BuildMonth == time.September && hinStraight.MatchString(older[len(older)-12:]) {
		h.warn("the ninth character is the letter I (September); with the digit 1 it would be a boat of %s 19%s", time.Month((older[len(older)-3]-'0')+10), older[len(older)-2:])
		h.Suggestion = older
	}
}

// modelMonth: a model year runs from August (A) to July (L).
func modelMonth(model int, letter byte) (time.Month, int) {
	n := int(letter - 'A')
	if n < 5 {
		return time.August + time.Month(n), model - 1
	}
	return time.Month(n - 4), model
}

// checkEra warns of dates outside the years of the older formats.
func (h *HIN) checkEra() {
	built := h.BuildYear*12 + int(h.BuildMonth)
	switch {
	case built < 1972*12+11:
		h.warn("built in %s %d, before HINs began in November 1972", h.BuildMonth, h.BuildYear)
	case built > 1984*12+7:
		h.warn("built in %s %d, when this format had already ended (July 1984)", h.BuildMonth, h.BuildYear)
	}
}

// hinEnding says why the last four characters belong to no format.
func hinEnding(last string) string {
	c := last[0]
	switch {
	case last == "5678" || last == "1234" || last == "0000":
		return fmt.Sprintf("the ending %s is a placeholder, not a date", last)
	case c >= '0' && c <= '9':
		return fmt.Sprintf("the ending %s is not a month and year from 1972 to 1984; in newer HINs the ninth character is a letter from A to L", last)
	case c == 'M':
		return fmt.Sprintf("the ending %s is not M, a model year from 72 to 84 and a month from A to L", last)
	case c > 'L':
		return fmt.Sprintf("%c is not a month: the ninth character is a letter from A (January) to L (December)", c)
	}
	return fmt.Sprintf("after the month %c must follow three digits, not %s", c, last[1:])
}

func (h *HIN) checkMaker() {
	hasDigit := func(s string) bool { return strings.IndexFunc(s, unicode.IsDigit) >= 0 }
	if !hasDigit(h.MIC) {
		return
	}
	letters := strings.Map(lookalike("0O1I5S8B"), h.MIC)
	if hasDigit(letters) {
		h.warn("the maker's code %s is not three letters", h.MIC)
		return
	}
	h.warn("the maker's code %s is not three letters; %s was probably meant", h.MIC, letters)
	h.suggest(0, letters)
}

func (h *HIN) checkSerial() {
	if bad := strings.IndexAny(h.Serial, "IOQ"); bad >= 0 {
		fixed := strings.Map(lookalike("I1O0Q0"), h.Serial)
		h.warn("the serial %s has the letter %c, which is never used there; %s was probably meant", h.Serial, h.Serial[bad], fixed)
		h.suggest(3, fixed)
	}
	if strings.Count(h.Serial, h.Serial[:1]) == len(h.Serial) {
		h.warn("the serial %s looks like a placeholder", h.Serial)
	}
}

// suggest puts a part into the suggestion at its place among the twelve.
func (h *HIN) suggest(at int, part string) {
	base := h.Suggestion
	if base == "" {
		base = h.Value
	}
	at += len(base) - 12
	h.Suggestion = base[:at] + part + base[at+len(part):]
}

// hinLookalikes: characters that people read for one another on a hull.
var hinLookalikes = map[byte]string{
	'0': "DO", '1': "IL", '2': "Z", '4': "A", '5': "S", '6': "G", '8': "B",
	'O': "0", 'Q': "0", 'D': "0", 'I': "1", 'L': "1", 'Z': "2", 'A': "4", 'S': "5", 'G': "6", 'B': "8", 'N': "M",
}

// mendHIN looks for the one reading of the last four characters, with at most
// two of them changed, that makes sense; "" when there are none or several.
func mendHIN(country, number string) string {
	candidates := []string{number}
	for range 2 {
		var next, good []string
		for _, c := range candidates {
			next = append(next, respell(c)...)
		}
		for _, c := range next {
			if h := decodeHIN(country, c); h.Verdict == VerdictOK && !slices.Contains(good, h.Value) {
				good = append(good, h.Value)
			}
		}
		if len(good) == 1 {
			return good[0]
		}
		if len(good) > 1 {
			return ""
		}
		candidates = next
	}
	return ""
}

// respell changes one of the last four characters to each of its lookalikes.
func respell(number string) []string {
	var spellings []string
	for i := 8; i < 12; i++ {
		for _, other := range hinLookalikes[number[i]] {
			spellings = append(spellings, number[:i]+string(other)+number[i+1:])
		}
	}
	return spellings
}

// lookalike maps each first character of a pair to the second.
func lookalike(pairs string) func(rune) rune {
	return func(r rune) rune {
		for i := 0; i < len(pairs); i += 2 {
			if r == rune(pairs[i]) {
				return rune(pairs[i+1])
			}
		}
		return r
	}
}

func isLetter(c byte) bool       { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool        { return c >= '0' && c <= '9' }
func isAlphanumeric(c byte) bool { return isLetter(c) || isDigit(c) }
