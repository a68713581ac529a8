package document

import (
	"unicode"
	"unicode/utf8"

	"navidocs/internal/db"
)

// token is one word of a text as search sees it: folded, with the place of the
// original in the text (byte offsets).
type token struct {
	word       string
	start, end int
}

// tokens cuts a text into words: runs of letters and digits, and each
// ideograph or kana by itself, because those scripts write no spaces.
func tokens(text string) []token {
	out := make([]token, 0, len(text)/6)
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf && !asciiWord(c) {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case ideographic(r):
			out = append(out, token{db.Fold(text[i : i+size]), i, i + size})
			i += size
		case wordRune(r):
			end := wordEnd(text, i)
			if w := db.Fold(text[i:end]); w != "" {
				out = append(out, token{w, i, end})
			}
			i = end
		default:
			i += size
		}
	}
	return out
}

func wordEnd(text string, i int) int {
	for i < len(text) {
		if c := text[i]; c < utf8.RuneSelf {
			if !asciiWord(c) {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !wordRune(r) || ideographic(r) {
			return i
		}
		i += size
	}
	return i
}

func asciiWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}

func ideographic(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// foldedText is what the index stores of a text: its words, folded, with one
// space between them. A word longer than 64 bytes finds nobody.
func foldedText(text string) string {
	all := tokens(text)
	b := make([]byte, 0, len(text))
	for _, t := range all {
		if len(t.word) > 64 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, t.word...)
	}
	return string(b)
}
