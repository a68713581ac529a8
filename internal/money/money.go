// Package money counts sums in a currency's smallest unit, in which they are
// stored, and back.
package money

import "math"

// Digits is how many digits an amount of a currency has behind its point (ISO
// 4217), which is not how many a shop there writes: nobody has paid with a
// hundredth of a Serbian dinar in years, and it is one all the same.
func Digits(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// Minor is an amount in the currency's smallest unit, rounded.
func Minor(amount float64, currency string) int64 {
	return int64(math.Round(amount * math.Pow10(Digits(currency))))
}

// Major is so many of the smallest units in the currency itself.
func Major(minor int64, currency string) float64 {
	return float64(minor) / math.Pow10(Digits(currency))
}
