package fleet

import (
	"fmt"
	"strings"
)

// CallSign is a ship station's call sign.
type CallSign struct{ Finding }

// callPrefixes gives the call-sign series of the flags that boats fly, as the
// ITU allots them: a single prefix, or a range such as AA-AL.
var callPrefixes = map[string]string{
	"AD": "C3", "AE": "A6", "AG": "V2", "AI": british, "AU": "AX VH-VN VZ", "BB": "8P", "BE": "ON-OT", "BG": "LZ",
	"BM": british, "BR": "PP-PY ZV-ZZ", "BS": "C6", "BZ": "V3", "CA": "CF-CK CY-CZ VA-VG VO VX-VY XJ-XO",
	"CH": "HB HE", "CK": "E5", "CY": "5B C4 H2 P3", "DE": "DA-DR Y2-Y9", "DK": "5P-5Q OU-OZ OV XP", "EE": "ES",
	"ES": "AM-AO EA-EH", "FI": "OF-OJ", "FR": "F HW-HY TH TK TM TO-TQ TV-TX", "GB": british, "GG": british,
	"GI": british, "GR": "J4 SV-SZ", "HK": "VR", "HR": "9A", "IE": "EI-EJ", "IM": british, "IS": "TF", "IT": "I",
	"JE": british, "JM": "6Y", "JP": "7J-7N 8J-8N JA-JS", "KN": "V4", "KY": british, "LC": "J6", "LT": "LY",
	"LU": "LX", "LV": "YL", "MC": "3A", "ME": "4O", "MH": "V7", "MT": "9H", "MX": "4A-4C 6D-6J XA-XI",
	"NL": "PA-PI", "NO": "3Y JW-JX LA-LN", "NZ": "ZK-ZM", "PA": "3E-3F H3 H8-H9 HO-HP", "PL": "3Z HF SN-SR",
	"PT": "CQ-CU", "RO": "YO-YR", "SE": "7S 8S SA-SM", "SG": "9V S6", "SI": "S5", "SM": "T7", "TC": british,
	"TR": "TA-TC YM", "US": american, "VC": "J8", "VG": british, "VI": american, "VU": "YJ", "ZA": "S8 ZR-ZU",
}

const (
	british  = "2 G M VP-VQ VS ZB-ZJ ZN-ZO ZQ"
	american = "AA-AL K N W"
)

// CheckCallSign checks the form of a call sign and, when the flag (ISO 3166,
// may be empty) is known, whether its first characters are of that country.
func CheckCallSign(s, flagISO string) CallSign {
	sign := strings.Map(dropSeparators, strings.ToUpper(s))
	if problem := callSignShape(sign); problem != "" {
		f := refused(strings.TrimSpace(s), "%s", problem)
		f.Suggestion = mendCallSign(sign)
		return CallSign{f}
	}
	c := CallSign{found(sign)}
	flag := strings.ToUpper(strings.TrimSpace(flagISO))
	if series, known := callPrefixes[flag]; known && !inSeries(sign, series) {
		c.warn("call signs of flag %s begin with %s, not with %s", flag, strings.ReplaceAll(series, " ", ", "), sign[:2])
	}
	return c
}

func callSignShape(sign string) string {
	for i := range len(sign) {
		if !isAlphanumeric(sign[i]) {
			return "a call sign has letters and digits only"
		}
	}
	switch {
	case sign == "":
		return "no call sign was given"
	case len(sign) < 3 || len(sign) > 7:
		return fmt.Sprintf("%d characters; a call sign has 3 to 7", len(sign))
	case strings.IndexFunc(sign, func(r rune) bool { return r >= 'A' }) < 0:
		return "a call sign has at least one letter"
	case sign[0] == '0' || sign[0] == '1' || sign[0] == 'Q':
		return fmt.Sprintf("no country's call signs begin with %c", sign[0])
	}
	return ""
}

// mendCallSign drops what follows a slash (/MM for a station at sea), and reads
// a leading 0, 1 or Q as the letter it resembles.
func mendCallSign(sign string) string {
	fixed, _, _ := strings.Cut(sign, "/")
	if fixed != "" {
		fixed = strings.Map(lookalike("0O1IQO"), fixed[:1]) + fixed[1:]
	}
	if fixed == sign || callSignShape(fixed) != "" {
		return ""
	}
	return fixed
}

// inSeries reports whether a call sign begins as one of the prefixes or ranges.
func inSeries(sign, series string) bool {
	for part := range strings.FieldsSeq(series) {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		if start := sign[:len(low)]; start >= low && start <= high {
			return true
		}
	}
	return false
}
