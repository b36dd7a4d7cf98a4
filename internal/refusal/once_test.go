package refusal

import (
	"strings"
	"testing"
	"unicode"
)

func TestNoSentenceRepeatsItsHeading(t *testing.T) {
	letters := func(text string) string {
		return strings.Map(func(r rune) rune {
			if !unicode.IsLetter(r) && !unicode.IsMark(r) {
				return -1
			}
			return unicode.ToLower(r)
		}, text)
	}
	for _, l := range languages {
		for code, w := range l.Refusals {
			title, text := letters(w.Title), letters(w.Text)
			if title == text || code == SignedOutHere && strings.Contains(text, title) {
				t.Errorf("%s, %s: %q is below the heading %q", l.tag, code, w.Text, w.Title)
			}
		}
	}
}
