package extract

import (
	"strings"
	"unicode"
)

// stopWords are the commonest words of each language that the others lack or
// seldom use.
var stopWords = map[string]string{
	"en": "the and of to is in that for with are be this was not from on by or as have must when should",
	"de": "der die und das ist nicht ein eine mit von zu auf für dem den des wird werden auch sich bei oder nach aus",
	"fr": "le les et des une est dans pour que qui sur pas avec au du par sont ce cette vous être aux ou ne",
	"it": "il di che è per una non del della con sono gli nel alla dei le si da più delle essere questo ed",
	"es": "el los y las una es en del con por que para no se su al como más son está este lo ser o",
}

const (
	// guessWords is how much of a page is looked at.
	guessWords = 400
	// guessLeast is how many stop words of a language a page must hold.
	guessLeast = 4
)

// languageOf maps each stop word to the languages that it stands for.
func languageOf() map[string][]string {
	of := map[string][]string{}
	for language, words := range stopWords {
		for word := range strings.FieldsSeq(words) {
			of[word] = append(of[word], language)
		}
	}
	return of
}

// guessLanguage gives the language whose stop words clearly lead, or nothing.
func guessLanguage(text string) string {
	of, counts, seen := languageOf(), map[string]int{}, 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if seen++; seen > guessWords {
			break
		}
		for _, language := range of[strings.ToLower(word)] {
			counts[language]++
		}
	}
	best, first, second := "", 0, 0
	for language, n := range counts {
		if n > first {
			best, first, second = language, n, first
		} else {
			second = max(second, n)
		}
	}
	if first < guessLeast || first*2 < second*3 {
		return ""
	}
	return best
}

// tesseractName is the name that Tesseract gives to a guessed language.
func tesseractName(guess string) string {
	return map[string]string{"en": "eng", "de": "deu", "fr": "fra", "it": "ita", "es": "spa"}[guess]
}
