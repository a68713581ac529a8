package wire

import (
	"math"
	"strconv"
	"strings"

	"navidocs/internal/money"
)

// Amount writes so many of a currency's smallest units in the currency itself.
func Amount(minor int64, currency string) string {
	n := money.Digits(currency)
	s := strconv.FormatInt(minor, 10)
	sign := ""
	if minor < 0 {
		sign, s = "-", s[1:]
	}
	s = strings.Repeat("0", max(0, n+1-len(s))) + s
	whole, part := s[:len(s)-n], s[len(s)-n:]
	if strings.Trim(part, "0") == "" {
		return sign + whole
	}
	return sign + whole + "." + part
}

// Price reads "189000.00 USD", "EUR 395,000" or a bare number in the given currency,
// as smallest units. A point before exactly three digits parts thousands where the
// currency has fewer.
func Price(s, currency string) (minor int64, code string, ok bool) {
	code = strings.ToUpper(strings.TrimSpace(currency))
	s = strings.ToUpper(strings.TrimSpace(strings.ReplaceAll(s, "\u00a0", " ")))
	if start := strings.IndexAny(s, "-0123456789"); start > 0 {
		code, s = strings.TrimSpace(s[:start]), s[start:]
	}
	digits, rest := digitsOf(s)
	if rest = strings.TrimSpace(rest); rest != "" {
		code = rest
	}
	code = symbol(code)
	if !IsCurrency(code) {
		return 0, "", false
	}
	digits = plainDigits(digits)
	if _, part, found := strings.Cut(digits, "."); found && len(part) == 3 && money.Digits(code) < 3 {
		digits = strings.Replace(digits, ".", "", 1)
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.Abs(f) > most {
		return 0, "", false
	}
	return money.Minor(f, code), code, true
}

// IsCurrency says whether a code has the form of ISO 4217.
func IsCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func symbol(code string) string {
	switch code {
	case "€":
		return "EUR"
	case "£":
		return "GBP"
	case "US$":
		return "USD"
	}
	return code
}
