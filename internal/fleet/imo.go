package fleet

import "strings"

// IMO is a ship's IMO number, of which few boats under 100 GT have one.
type IMO struct{ Finding }

var (
	shipWeights    = [6]int{7, 6, 5, 4, 3, 2}
	companyWeights = [6]int{8, 6, 4, 2, 9, 7}
)

// CheckIMO checks the seven digits of an IMO ship number by their check digit.
func CheckIMO(s string) IMO {
	number := strings.Map(dropSeparators, strings.ToUpper(s))
	number = strings.TrimPrefix(strings.TrimPrefix(number, "IMO"), ":")
	if problem := imoShape(number); problem != "" {
		f := refused(strings.TrimSpace(s), "%s", problem)
		if fixed := strings.Map(lookalike("O0I1L1S5B8"), number); fixed != number && imoShape(fixed) == "" && imoShip(fixed) {
			f.Suggestion = fixed
		}
		return IMO{f}
	}
	if imoShip(number) {
		return IMO{found(number)}
	}
	if imoCompany(number) {
		return IMO{refused(number, "%s is the IMO number of a company, not of a ship", number)}
	}
	f := refused(number, "the last digit does not check: a digit is wrong or two are swapped")
	f.Suggestion = unswapIMO(number)
	return IMO{f}
}

func imoShape(number string) string {
	switch {
	case number == "":
		return "no IMO number was given"
	case strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' }) >= 0:
		return "an IMO number has digits only, after the letters IMO"
	case len(number) == 9:
		return "9 digits are an MMSI; an IMO number has 7"
	case len(number) != 7:
		return "an IMO number has 7 digits"
	case number == "0000000":
		return "all zeros name no ship"
	}
	return ""
}

func weigh(number string, weights [6]int) int {
	sum := 0
	for i, w := range weights {
		sum += int(number[i]-'0') * w
	}
	return sum
}

func imoShip(number string) bool {
	return weigh(number, shipWeights)%10 == int(number[6]-'0')
}

func imoCompany(number string) bool {
	return (11-weigh(number, companyWeights)%11)%10 == int(number[6]-'0')
}

// unswapIMO swaps neighbours until the number checks; "" when there is no way
// or more than one.
func unswapIMO(number string) string {
	fixed := ""
	for i := range len(number) - 1 {
		b := []byte(number)
		b[i], b[i+1] = b[i+1], b[i]
		if string(b) == number || !imoShip(string(b)) {
			continue
		}
		if fixed != "" {
			return ""
		}
		fixed = string(b)
	}
	return fixed
}
