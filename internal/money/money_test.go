package money_test

import (
	"testing"

	"navidocs/internal/money"
)

func TestSumsAreCountedInTheSmallestUnit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		currency    string
		given, want float64
		minor       int64
	}{
		{"EUR", 1234.56, 1234.56, 123456},
		{"EUR", 0.1 + 0.2, 0.3, 30},
		{"JPY", 5000, 5000, 5000},
		{"JPY", 0.4, 0, 0},
		{"KWD", 1.234, 1.234, 1234},
		{"CLF", 1.2345, 1.2345, 12345},
		{"RSD", 20_000_000, 20_000_000, 2_000_000_000}, // written without its hundredths, and has them
		{"IQD", 0.001, 0.001, 1},
	} {
		minor := money.Minor(c.given, c.currency)
		if got := money.Major(minor, c.currency); minor != c.minor || got != c.want {
			t.Errorf("%v %s: %d, %v", c.given, c.currency, minor, got)
		}
	}
}
