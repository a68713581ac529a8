package wire

import (
	"math"
	"strconv"
	"strings"
)

// Format writes a number without an exponent and with no more digits than it has.
func Format(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Finite says whether a number can be told.
func Finite(f *float64) bool { return f != nil && !math.IsNaN(*f) && !math.IsInf(*f, 0) }

// Round drops what comes of converting: beyond a millionth.
func Round(f float64) float64 { return math.Round(f*1e6) / 1e6 }

// most is what no boat reaches, in any unit.
const most = 1e12

// Number is a text that is a number and nothing else, with or without commas.
func Number(s string) (float64, bool) {
	f, rest, ok := number(strings.TrimSpace(s))
	return f, ok && rest == ""
}

// number is the number that s begins with, and what follows it.
func number(s string) (f float64, rest string, ok bool) {
	digits, rest := digitsOf(s)
	f, err := strconv.ParseFloat(plainDigits(digits), 64)
	if err != nil || math.Abs(f) > most {
		return 0, s, false
	}
	return f, strings.TrimSpace(rest), true
}

// digitsOf cuts s behind the last digit of the number it begins with.
func digitsOf(s string) (digits, rest string) {
	end := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			end = i + 1
		case r == '-' && i == 0, (r == '.' || r == ',') && i < 40:
		default:
			return s[:end], s[end:]
		}
	}
	return s[:end], s[end:]
}

// plainDigits takes the separators of thousands away: of two kinds the last is the
// decimal one; of one kind a comma parts thousands when three digits follow, and
// any when it is there twice.
func plainDigits(s string) string {
	dot, comma := strings.Count(s, "."), strings.Count(s, ",")
	decimal := "."
	switch {
	case dot > 0 && comma > 0:
		if strings.LastIndex(s, ",") > strings.LastIndex(s, ".") {
			decimal = ","
		}
	case comma == 1:
		if behind := len(s) - strings.Index(s, ",") - 1; behind != 3 {
			decimal = ","
		}
	case dot > 1:
		decimal = ","
	}
	other := ","
	if decimal == "," {
		other = "."
	}
	return strings.Replace(strings.ReplaceAll(s, other, ""), decimal, ".", 1)
}

// Quantity is what a measure is of; its result is in the house's unit.
type Quantity int

// The quantities, and the unit of their results.
const (
	Length   Quantity = iota // metres
	Weight                   // kilograms
	Volume                   // litres; a gallon is the American one
	Speed                    // knots
	Distance                 // nautical miles; a mile is the statute one
	Power                    // kilowatts; a horsepower is the mechanical one
	Duration                 // hours
)

// The exact factors.
const (
	Foot          = 0.3048
	Pound         = 0.45359237
	USGallon      = 3.785411784
	UKGallon      = 4.54609
	Mile          = 1.609344 / 1.852
	Horsepower    = 0.74569987158227022 // 550 foot-pounds a second
	metricHorse   = 0.73549875
	perKilometre  = 1 / 1.852
	perInch       = 0.0254
	perCentimetre = 0.01
	perTonne      = 1000
)

// units are the factors by the words in use, per quantity.
var units = [...]map[string]float64{
	Length: {
		"m": 1, "metre": 1, "metres": 1, "meter": 1, "meters": 1, "mtr": 1, "mtrs": 1,
		"cm": perCentimetre, "mm": perCentimetre / 10, "ft": Foot, "foot": Foot, "feet": Foot, "'": Foot, "in": perInch, "inch": perInch, "inches": perInch, "\"": perInch,
	},
	Weight: {
		"kg": 1, "kgs": 1, "kilo": 1, "kilos": 1, "kilogram": 1, "kilograms": 1, "lb": Pound, "lbs": Pound, "pound": Pound, "pounds": Pound,
		"t": perTonne, "tonne": perTonne, "tonnes": perTonne,
	},
	Volume: {
		"l": 1, "lt": 1, "ltr": 1, "ltrs": 1, "litre": 1, "litres": 1, "liter": 1, "liters": 1, "gallon": USGallon, "gallons": USGallon, "gal": USGallon, "gals": USGallon,
		"us gallons": USGallon, "uk gallons": UKGallon, "imperial gallons": UKGallon, "imp gal": UKGallon,
	},
	Speed: {
		"kn": 1, "kns": 1, "kt": 1, "kts": 1, "knot": 1, "knots": 1, "mph": Mile, "miles per hour": Mile,
		"kph": perKilometre, "kmh": perKilometre, "km/h": perKilometre, "kilometers per hour": perKilometre, "kilometres per hour": perKilometre,
	},
	Distance: {
		"nm": 1, "nmi": 1, "nautical mile": 1, "nautical miles": 1, "mi": Mile, "mile": Mile, "miles": Mile, "statute miles": Mile,
		"km": perKilometre, "kilometers": perKilometre, "kilometres": perKilometre,
	},
	Duration: {"h": 1, "hr": 1, "hrs": 1, "hour": 1, "hours": 1},
	Power: {
		"kw": 1, "kilowatt": 1, "kilowatts": 1, "hp": Horsepower, "bhp": Horsepower, "horsepower": Horsepower, "horse power": Horsepower,
		"ps": metricHorse, "cv": metricHorse, "ch": metricHorse, "pk": metricHorse,
	},
}

// Measure reads "47 ft", "200|gallon", "30,000 lb", "14' 6\"" or a bare number, which
// is in the given unit. It is not ok when a word is no unit of the quantity, or when
// the measure is negative.
func Measure(s string, q Quantity, unit string) (_ float64, ok bool) {
	s = strings.TrimSpace(strings.NewReplacer("’", "'", "′", "'", "”", "\"", "″", "\"", "|", " ", "\u00a0", " ").Replace(s))
	sum, exact := 0.0, true
	for first := true; first || (q == Length && s != ""); first = false {
		n, rest, ok := number(s)
		if !ok {
			return 0, false
		}
		end := strings.IndexAny(rest, "0123456789")
		if end < 0 || q != Length {
			end = len(rest)
		}
		word := strings.ToLower(strings.TrimRight(strings.TrimSpace(rest[:end]), "."))
		if word == "" {
			word = strings.ToLower(strings.TrimSpace(unit))
		}
		factor, known := units[q][word]
		if !known {
			return 0, false
		}
		exact = exact && factor == 1
		sum += n * factor
		s = rest[end:]
	}
	if !exact {
		sum = Round(sum)
	}
	return sum, sum >= 0 && sum <= most
}
