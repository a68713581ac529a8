package warranty

import "math"

// minorUnits is how many minor units make one of a currency (ISO 4217).
func minorUnits(currency string) float64 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 1
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 1000
	case "CLF", "UYW":
		return 10_000
	}
	return 100
}

// toMinor is an amount in minor units, nil when there is none.
func toMinor(amount *float64, currency string) *int64 {
	if amount == nil {
		return nil
	}
	m := int64(math.Round(*amount * minorUnits(currency)))
	return &m
}

// fromMinor is the reverse, nil also for who may not see money.
func fromMinor(minor *int64, currency string, may bool) *float64 {
	if minor == nil || !may {
		return nil
	}
	amount := float64(*minor) / minorUnits(currency)
	return &amount
}

// decimals is how many digits an amount has behind its point.
func decimals(currency string) int { return int(math.Log10(minorUnits(currency))) }
