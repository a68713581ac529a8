package bundle

import "strings"

// Cell is a text as a cell of a CSV that no spreadsheet takes for a formula (OWASP,
// CSV Injection): what begins like one begins with an apostrophe.
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
