package refusal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSiteName is how long the name of a site may be, in characters.
const maxSiteName = 64

// nameProblem returns what is wrong with a site's name, or "".
func nameProblem(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "is not valid UTF-8; save the file as UTF-8"
	case utf8.RuneCountInString(name) > maxSiteName:
		return fmt.Sprintf("has %d characters; write at most %d", utf8.RuneCountInString(name), maxSiteName)
	case name != strings.TrimSpace(name):
		return "begins or ends with a space; remove it"
	case unreplaced.MatchString(name):
		return fmt.Sprintf("%q has a placeholder, which is not replaced here; write the name itself", name)
	}
	runes := []rune(name)
	for i := 0; i < len(runes); {
		if n := joined(runes, i); n > 0 {
			i += n
			continue
		}
		switch r := runes[i]; {
		case unicode.IsSpace(r) && r != ' ':
			return fmt.Sprintf("has a space of another kind (%U)%s; write an ordinary space", r, after(runes[:i]))
		case r != ' ' && !unicode.IsGraphic(r) || isInvisible(r):
			return fmt.Sprintf("has a character that cannot be seen (%U)%s; delete it there", r, after(runes[:i]))
		}
		i++
	}
	return ""
}

// after says where in a name something is: behind the last characters that stand before it.
func after(before []rune) string {
	if len(before) == 0 {
		return " at its beginning"
	}
	return fmt.Sprintf(" after %q", string(before[max(0, len(before)-8):]))
}

const (
	nonJoiner, joiner     = '\u200c', '\u200d'
	textStyle, emojiStyle = '\ufe0e', '\ufe0f'
	keycap                = '\u20e3'
	blackFlag             = '\U0001f3f4'
	firstTag, lastTag     = '\U000e0030', '\U000e007a'
	endOfTags             = '\U000e007f'
)

// joined returns how many invisible characters begin at a place of a name and belong to what stands
// before them, 0 for none. Emoji are put together with them, and some scripts cannot be written
// without them.
func joined(name []rune, i int) int {
	if i == 0 {
		return 0
	}
	before, next := name[i-1], rune(0)
	if i+1 < len(name) {
		next = name[i+1]
	}
	fits := false
	switch r := name[i]; {
	case r == nonJoiner:
		fits = unicode.In(before, joiningScripts...) && isLetter(before) && isLetter(next)
	case r == joiner:
		fits = unicode.In(before, joiningScripts...) && isLetter(before) || isEmoji(before) && isEmoji(next)
	case r == textStyle || r == emojiStyle:
		fits = isEmoji(before) && before != emojiStyle || next == keycap && strings.ContainsRune("0123456789#*", before)
	case unicode.Is(unicode.Variation_Selector, r):
		fits = unicode.In(before, unicode.Han, unicode.Mongolian) && isLetter(before)
	case before == blackFlag:
		return tags(name[i:])
	}
	if fits {
		return 1
	}
	return 0
}

// tags returns the length of what makes a black flag that of a region, such as Scotland.
func tags(text []rune) int {
	for n, r := range text {
		if r == endOfTags && n > 0 {
			return n + 1
		}
		if r < firstTag || r > lastTag || n > 6 {
			return 0
		}
	}
	return 0
}

// joiningScripts are those whose letters take another form beside U+200C or U+200D.
var joiningScripts = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati,
	unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar,
	unicode.Tibetan,
}

// isLetter reports whether a character is a letter or a mark on one, and can be seen.
func isLetter(r rune) bool { return unicode.In(r, unicode.L, unicode.M) && !isInvisible(r) }

// isEmoji reports whether a character can be a part of an emoji: a symbol, a colour of skin, the
// emoji style, or a character that only that style makes an emoji.
func isEmoji(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sm) || r >= '\U0001f3fb' && r <= '\U0001f3ff' || r == emojiStyle ||
		strings.ContainsRune("‼⁉ℹ〰", r)
}

// isInvisible reports whether a character shows nothing by itself, or changes how others are shown.
func isInvisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return true
	}
	return r == '\u2800' || r == '\u3164' || r == '\uffa0' || r == '\u115f' || r == '\u1160'
}
