package db

import (
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

// Micros is how an instant is stored: microseconds since 1970, UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time is the instant of a stored value.
func Time(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// MicrosPtr stores an optional instant.
func MicrosPtr(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

// TimePtr reads an optional instant.
func TimePtr(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	t := Time(*micros)
	return &t
}

// Text makes a string that both engines store unchanged: valid UTF-8, no NUL.
func Text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// Fold is the key by which names are ordered and matched for people: lower
// case, without accents, with the letters that have no decomposition spelt out.
func Fold(s string) string {
	if isPlain(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		switch r = unicode.ToLower(r); r {
		case 'ß':
			b.WriteString("ss")
		case 'æ':
			b.WriteString("ae")
		case 'œ':
			b.WriteString("oe")
		case 'ø':
			b.WriteByte('o')
		case 'ł':
			b.WriteByte('l')
		case 'đ', 'ð':
			b.WriteByte('d')
		case 'ı':
			b.WriteByte('i')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// NewID makes an identifier: UUID version 7 (RFC 9562), so that ids sort by age.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// OrNull stores an empty text as NULL.
func OrNull[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}

// LikeEscape makes LIKE take a text literally; the pattern needs ESCAPE '\'.
func LikeEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
