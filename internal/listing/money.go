package listing

import (
	"math"

	"golang.org/x/text/currency"
)

// unit is how many of a currency's smallest unit make one of it; false when there
// is no such currency (ISO 4217).
func unit(code string) (minor float64, ok bool) {
	u, err := currency.ParseISO(code)
	if err != nil {
		return 100, false
	}
	digits, _ := currency.Standard.Rounding(u)
	return math.Pow10(digits), true
}

// amount is a sum in the currency's own unit.
func (m Money) amount() float64 {
	minor, _ := unit(m.Currency)
	return float64(m.Minor) / minor
}

func money(amount float64, code string) Money {
	minor, _ := unit(code)
	return Money{Minor: int64(math.Round(amount * minor)), Currency: code}
}
