package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTitle  = 200 // runes; a line of a list shows fewer
	maxReason = 300
	ellipsis  = "…"
)

// oneLine makes a text fit for a header or a list: one line of at most max
// runes, valid UTF-8, without control characters, doubled spaces, and the
// beginning of an encoded word (RFC 2047), which a reader would decode to such.
func oneLine(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "=?", "= ?")
	return cutWords(s, max, ellipsis, func(rune) int { return 1 })
}

// manyLines makes a text fit for a body: valid UTF-8 whose only control
// characters are line ends and tabs.
func manyLines(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// cutWords shortens s to at most max units, at the end of a word where that
// loses less than half, and ends it with mark when something was cut.
func cutWords(s string, max int, mark string, size func(rune) int) string {
	total, fits := 0, 0
	room := max - measure(mark, size)
	for i, r := range s {
		if total += size(r); total <= room {
			fits = i + utf8.RuneLen(r)
		}
	}
	if total <= max {
		return s
	}
	if room <= 0 {
		return ""
	}
	cut := s[:fits]
	if space := strings.LastIndexAny(cut, " \n"); space > fits/2 && s[fits] != ' ' && s[fits] != '\n' {
		cut = cut[:space]
	}
	return strings.TrimRight(cut, " \n.,;:") + mark
}

// measure is the length of s in the units of size.
func measure(s string, size func(rune) int) int {
	total := 0
	for _, r := range s {
		total += size(r)
	}
	return total
}

// octets is the size of a rune where bytes are counted.
func octets(r rune) int { return utf8.RuneLen(r) }

// withLink is the text with the link on its own line, unless it is in there.
func withLink(text, link string) string {
	if link == "" || strings.Contains(text, link) {
		return text
	}
	if text == "" {
		return link
	}
	return strings.TrimRight(text, "\n") + "\n\n" + link
}

// identity is a notification's id where other servers read it: the id itself,
// or a digest when it holds what an address or a file name must not.
func identity(id string) string {
	safe := id != "" && len(id) <= 48 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
	if safe {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// hidden is a server's text for people: one line in which no secret stands,
// even when the server gave it back.
func hidden(reason string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 {
			reason = strings.ReplaceAll(reason, secret, "***")
		}
	}
	return oneLine(reason, maxReason)
}
