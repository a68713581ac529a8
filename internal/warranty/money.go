package warranty

import "navidocs/internal/money"

// toMinor is an amount in minor units, nil when there is none.
func toMinor(amount *float64, currency string) *int64 {
	if amount == nil {
		return nil
	}
	return new(money.Minor(*amount, currency))
}

// fromMinor is the reverse, nil also for who may not see money.
func fromMinor(minor *int64, currency string, may bool) *float64 {
	if minor == nil || !may {
		return nil
	}
	return new(money.Major(*minor, currency))
}
