package finding

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// placeholders stand for a value in examples, whatever stands between their letters. They are
	// too long to turn up in a random secret.
	placeholders = []string{
		"changeme", "changethis", "replaceme", "replacethis", "placeholder", "secrethere", "yoursecret", "yourapp", "yourinstagram", "yoursession",
	}
	// names of what should stand there are no secret; with something behind them they can be
	// guessed.
	names = []string{"appsecret", "myappsecret", "clientsecret", "sessionsecret", "instagramsecret", "secretkey", "mysecret"}
	// wholePlaceholders are short: they count as the whole value alone.
	wholePlaceholders = regexp.MustCompile(`^(?:todo|tbd|fixme|secret|password|example|test|none|null|undefined|nil|\.{3,}|…|\*{3,}|x{3,}|-+|_+)$`)
	// samples stand in Meta's own documentation.
	samples = []string{"a1b2C3D4", "eb87G"}
)

// IsPlaceholder reports whether a value is what examples have in the place of one.
func IsPlaceholder(value string) bool {
	if slices.Contains(samples, value) || strings.HasPrefix(value, "<") || strings.HasSuffix(value, ">") || strings.HasPrefix(value, "[") {
		return true
	}
	value = strings.ToLower(value)
	letters := lettersOf(value)
	return wholePlaceholders.MatchString(value) || slices.Contains(names, strings.NewReplacer("-", "", "_", "", ".", "").Replace(value)) || slices.ContainsFunc(placeholders, func(word string) bool { return strings.Contains(letters, word) })
}

// lettersOf returns the letters of a text in lower case.
func lettersOf(value string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(value))
}

// blank matches names in capital letters that ask for a value, and are no variable's.
var blank = regexp.MustCompile(`(?i)^[$]?\{?(your|my|change|replace|insert|put|enter)_`)

// IsBlank reports whether a name in capital letters stands for a value.
func IsBlank(name string) bool { return blank.MatchString(name) }

// IsGuessable reports whether a secret of enough characters has little in it.
func IsGuessable(secret string) bool {
	distinct := make(map[rune]bool)
	for _, r := range secret {
		distinct[r] = true
	}
	letters := lettersOf(secret)
	if len(distinct) < 8 || slices.ContainsFunc(names, func(name string) bool { return strings.Contains(letters, name) }) {
		return true
	}
	// The same text again and again.
	for period := 1; period <= len(secret)/2 && period < 16; period++ {
		if strings.HasPrefix(secret, secret[period:]) {
			return true
		}
	}
	// Characters in their order.
	steps := 0
	for i := 1; i < len(secret); i++ {
		if d := int(secret[i]) - int(secret[i-1]); d == 1 || d == 0 || d == -1 {
			steps++
		}
	}
	return steps > len(secret)*3/4
}
