package review

import (
	"slices"
	"strings"
	"unicode"
)

const (
	// mark stands in the place of what is hidden.
	mark = "…"
	// shortest is the length from which a secret is hidden inside longer words. A shorter one is
	// no secret of Meta's, and its letters are those of ordinary words.
	shortest = 6
	// part is the length from which a part of a secret is hidden, too.
	part = 16
	// longHex is the length of one of Meta's app secrets.
	longHex = 32
	// decodedHex is the same where escapes are decoded. One that stands in front of a number by
	// chance takes digits away from it.
	decodedHex = 28
	// longMixed is the length from which capital letters, small letters and digits in a row look
	// like a token or a key.
	longMixed = 24
	// longPath is the same with slashes, which Base64 has, and paths have, too.
	longPath = 40
	// maxNesting is how many times an escape may be escaped again: %3D, %253D and so on.
	maxNesting = 8
)

// A hider keeps secrets out of text.
type hider struct {
	secrets []string        // folded
	parts   map[string]bool // of long secrets, folded
	hidden  bool            // something was hidden
}

// newHider returns a hider for these values.
func newHider(secrets []string) *hider {
	h := &hider{parts: make(map[string]bool)}
	for _, secret := range secrets {
		secret = plain(secret)
		// As it is, decoded, and as the bytes that escapes stand for.
		for _, form := range []string{folded(secret), folded(unescaped(secret)), folded(inBytes(secret))} {
			if form != "" && !slices.Contains(h.secrets, form) {
				h.secrets = append(h.secrets, form)
			}
			runes := []rune(form)
			for i := range max(len(runes)-part+1, 0) {
				h.parts[string(runes[i:i+part])] = true
			}
		}
	}
	// The longest first: it may contain another one.
	slices.SortFunc(h.secrets, func(a, b string) int { return len(b) - len(a) })
	return h
}

// value returns a value of the configuration on one line, without secrets and without what looks
// like one.
func (h *hider) value(text string) string {
	return h.without(plain(text), func(letters []letter, hex int) {
		h.hideCertain(letters, hex)
		hideRuns(letters, longMixed, inToken, isMixed)
		hideRuns(letters, longPath, func(r rune) bool { return inToken(r) || r == '/' }, isMixed)
		hidePasswords(letters)
	})
}

// sentence returns a text on one line, without secrets. Long words stay: they may be paths.
func (h *hider) sentence(text string) string { return h.without(plain(text), h.hideCertain) }

// hideCertain marks known secrets, and hex numbers of a length or longer, which app secrets are.
func (h *hider) hideCertain(letters []letter, hex int) {
	for _, secret := range h.secrets {
		hideSecret(letters, []rune(secret))
	}
	for i := 0; i+part <= len(letters) && len(h.parts) > 0; i++ {
		if h.parts[folds(letters[i:i+part])] {
			hideAll(letters[i : i+part])
		}
	}
	hideRuns(letters, hex, isHex, func([]letter) bool { return true })
}

// without returns a text with a mark in the place of each part that find hides. It reads the text
// as it is, and once more with escapes decoded: what stands behind a % may be one by chance.
func (h *hider) without(text string, find func(letters []letter, hex int)) string {
	hide := make([]bool, len(text))
	for _, reading := range []struct {
		letters []letter
		hex     int
	}{{readLetters(text, false), longHex}, {readLetters(text, true), decodedHex}} {
		find(reading.letters, reading.hex)
		for _, l := range reading.letters {
			for i := l.from; l.hide && i < l.to; i++ {
				hide[i] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hide[i]:
			b.WriteByte(text[i])
		case i == 0 || !hide[i-1]:
			b.WriteString(mark)
			h.hidden = true
		}
	}
	return b.String()
}

// plain returns a text on one line, without characters that nobody sees. A terminal acts on
// control characters, and others change the direction of what follows them.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.Is(unicode.Cc, r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// folded returns a text in one case, with a space for each plus sign, as in a query.
func folded(text string) string {
	return strings.Map(fold, text)
}

func fold(r rune) rune {
	if r == '+' {
		return ' '
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// letter is one character of a text, which may be escaped there.
type letter struct {
	is       rune // folded
	raw      rune
	from, to int // where it stands in the text
	hide     bool
}

// readLetters reads a text that is valid UTF-8. With decode, it reads percent escapes as the bytes
// that they stand for.
func readLetters(text string, decode bool) (letters []letter) {
	for i, r := range text {
		if len(letters) > 0 && i < letters[len(letters)-1].to {
			continue // belongs to an escape
		}
		to := i + len(string(r))
		if c, end := escape(text, i); decode && end > i {
			r, to = rune(c), end
		}
		letters = append(letters, letter{is: fold(r), raw: r, from: i, to: to})
	}
	return letters
}

// escape decodes the percent escape at i. Where there is none, end is i.
func escape(text string, i int) (c byte, end int) {
	if text[i] != '%' {
		return 0, i
	}
	p := i + 1
	for n := 0; n < maxNesting && p+4 <= len(text) && text[p:p+2] == "25" && isHexByte(text[p+2]) && isHexByte(text[p+3]); n++ {
		p += 2
	}
	if p+2 > len(text) || !isHexByte(text[p]) || !isHexByte(text[p+1]) {
		return 0, i
	}
	return digit(text[p])<<4 | digit(text[p+1]), p + 2
}

// unescaped returns a text with its percent escapes decoded.
func unescaped(text string) string {
	var b strings.Builder
	for _, l := range readLetters(text, true) {
		b.WriteRune(l.raw)
	}
	return b.String()
}

// inBytes returns the bytes of a text as characters.
func inBytes(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

func isHexByte(c byte) bool { return isHex(rune(c)) }

func isHex(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F'
}

func digit(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// hideSecret marks each place where a secret stands.
func hideSecret(letters []letter, secret []rune) {
	for i := 0; i+len(secret) <= len(letters); i++ {
		if !beginsWith(letters[i:], secret) {
			continue
		}
		end := i + len(secret)
		alone := (i == 0 || !isWord(letters[i-1].is)) && (end == len(letters) || !isWord(letters[end].is))
		if len(secret) >= shortest || alone {
			hideAll(letters[i:end])
		}
	}
}

// folds returns the folded text of letters.
func folds(letters []letter) string {
	var text [part]rune
	for i, l := range letters {
		text[i] = l.is
	}
	return string(text[:])
}

func beginsWith(letters []letter, text []rune) bool {
	for i, r := range text {
		if letters[i].is != r {
			return false
		}
	}
	return true
}

func hideAll(letters []letter) {
	for i := range letters {
		letters[i].hide = true
	}
}

// hideRuns marks long runs of characters of a kind.
func hideRuns(letters []letter, length int, ofKind func(rune) bool, secret func([]letter) bool) {
	for i := 0; i < len(letters); {
		end := i
		for end < len(letters) && ofKind(letters[end].raw) {
			end++
		}
		if end-i >= length && secret(letters[i:end]) {
			hideAll(letters[i:end])
		}
		i = max(end, i+1)
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func inToken(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-' || r == '+' || r == '='
}

// isMixed reports whether there are capital letters, small letters and digits, as in tokens and in
// Base64. Few names and addresses have all three in one long word.
func isMixed(letters []letter) bool {
	var capital, small, number bool
	for _, l := range letters {
		capital = capital || 'A' <= l.raw && l.raw <= 'Z'
		small = small || 'a' <= l.raw && l.raw <= 'z'
		number = number || '0' <= l.raw && l.raw <= '9'
	}
	return capital && small && number
}

// hidePasswords marks what stands before the host of an address, and the values of parameters
// whose names ask for a secret.
func hidePasswords(letters []letter) {
	text := make([]rune, len(letters))
	for i, l := range letters {
		text[i] = l.raw
	}
	for i := 3; i < len(text); i++ {
		if string(text[i-3:i]) != "://" {
			continue
		}
		end := i + until(text[i:], " ")
		authority := i + until(text[i:end], "/?#")
		if at := lastOf(text[i:authority], '@'); at > 0 {
			hideAll(letters[i : i+at])
		}
		for p := authority; p < end; {
			p++ // / ? & or #
			to := min(p+until(text[p:end], "?&#"), end)
			if name := p + until(text[p:to], "="); name < to && asksForASecret(string(text[p:name])) {
				hideAll(letters[name+1 : to])
			}
			p = to
		}
		i = end
	}
}

// until returns how many characters stand before the first one of some.
func until(text []rune, some string) int {
	if i := slices.IndexFunc(text, func(r rune) bool { return strings.ContainsRune(some, r) }); i >= 0 {
		return i
	}
	return len(text)
}

// lastOf returns where a character stands for the last time, -1 if nowhere.
func lastOf(text []rune, r rune) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == r {
			return i
		}
	}
	return -1
}

func asksForASecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"secret", "token", "key", "passw", "pwd", "code", "auth", "sig"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}
