// Package wire holds what the portals' formats have in common: plain text and HTML,
// measures and money as people write them, XML that is read without trust, and
// answers of a server that may be none.
//
// It guarantees: factors between units are the exact ones; nothing that is read grows
// beyond its bound; a text that cannot be understood is said to be so, never guessed.
package wire

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Clean drops what XML cannot carry: bytes that are no UTF-8 and control characters.
// Line ends become "\n".
func Clean(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r < 0x20, r >= 0x7f && r < 0xa0, r == utf8.RuneError, r == 0xfffe, r == 0xffff:
			return -1
		}
		return r
	}, s)
}

// Line is a text of one line, with single spaces.
func Line(s string) string { return strings.Join(strings.Fields(Clean(s)), " ") }

// Plain is a text as the formats keep it: lines with single spaces, at most one empty
// line between two, none at the ends.
func Plain(s string) string {
	var b strings.Builder
	gap := 0
	for line := range strings.SplitSeq(Clean(s), "\n") {
		line = Line(line)
		if line == "" {
			gap++
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n"[:min(gap+1, 2)])
		}
		b.WriteString(line)
		gap = 0
	}
	return b.String()
}

// Word is a text for comparing: lower case letters and digits alone.
func Word(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r > 0x7f:
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// Date is the day (YYYY-MM-DD) that a text begins with, empty when it is none.
func Date(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < len(time.DateOnly) {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, s[:len(time.DateOnly)]); err != nil {
		return ""
	}
	return s[:len(time.DateOnly)]
}

// Time is an instant that was written as RFC 3339, as a date with or without a time
// of day (then UTC), or as seconds since 1970; zero when it is none of these.
func Time(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	if n, rest, ok := number(s); ok && rest == "" && n >= 1e8 && n < 1e11 {
		return time.Unix(int64(n), 0).UTC()
	}
	return time.Time{}
}

// Stamp is an instant as the formats write it, to the second; empty when zero.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
