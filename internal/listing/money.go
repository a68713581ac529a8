package listing

import (
	"math"
	"strconv"

	"golang.org/x/text/currency"
)

// unit is how many of a currency's smallest unit make one of it, and how many
// digits that is; false when there is no such currency (ISO 4217).
func unit(code string) (minor float64, digits int, ok bool) {
	u, err := currency.ParseISO(code)
	if err != nil {
		return 100, 2, false
	}
	digits, _ = currency.Standard.Rounding(u)
	return math.Pow10(digits), digits, true
}

// amount is a sum in the currency's own unit.
func (m Money) amount() float64 {
	minor, _, _ := unit(m.Currency)
	return float64(m.Minor) / minor
}

// String is a sum as people read it, such as "395000.00 EUR".
func (m Money) String() string {
	_, digits, _ := unit(m.Currency)
	return strconv.FormatFloat(m.amount(), 'f', digits, 64) + " " + m.Currency
}

func money(amount float64, code string) Money {
	minor, _, _ := unit(code)
	return Money{Minor: int64(math.Round(amount * minor)), Currency: code}
}
