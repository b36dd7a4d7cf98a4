package spelling

import (
	"regexp"
	"slices"
	"strings"
)

// secret matches what secrets look like: long runs of letters and digits. slashed matches those in
// Base64 that have slashes in them, as paths have.
var (
	secret  = regexp.MustCompile(`[A-Za-z0-9+=_-]{24,}`)
	slashed = regexp.MustCompile(`[A-Za-z0-9+/=_-]{24,}`)
)

// words matches what stands between spaces and quotes, and file matches those that are the path of
// a file: no secret begins like one.
var (
	words = regexp.MustCompile(`[^\s"'<>=,;]+|=`)
	file  = regexp.MustCompile(`^/[a-zA-Z]{1,8}/[^/]`)
)

// In an address a secret can be short: a password before the host, and the value of a parameter.
var (
	password  = regexp.MustCompile(`[^\s"'/:@]+:[^\s"'/@][^\s"'@]*@`)
	user      = regexp.MustCompile(`://[^\s"'/@]+@`)
	parameter = regexp.MustCompile(`([?&#][\w.%-]+=)[^\s"'&#]+`)
	query     = regexp.MustCompile(`(://[^\s"'?#]*[?#])[^\s"'=]+(["'\s]|$)`)
)

// addresses returns a text without the secrets in addresses.
func addresses(text string) string {
	text = password.ReplaceAllString(text, "…@")
	text = user.ReplaceAllString(text, "://…@")
	text = parameter.ReplaceAllString(text, "$1…")
	return query.ReplaceAllString(text, "$1…$2")
}

// WithoutSecrets returns a text without what looks like a secret: what is said about a line must
// not repeat the secrets in it.
func WithoutSecrets(text string) string {
	return words.ReplaceAllStringFunc(addresses(text), func(word string) string {
		if file.MatchString(word) {
			return word
		}
		word = slashed.ReplaceAllStringFunc(word, func(part string) string {
			if strings.Contains(part, "/") && isMixed(part) {
				return "…"
			}
			return part
		})
		return secret.ReplaceAllStringFunc(word, func(part string) string {
			if !strings.ContainsAny(part, "0123456789") {
				return part
			}
			return "…"
		})
	})
}

// isMixed reports whether a text has capital and small letters and digits, which few paths have.
func isMixed(text string) bool {
	var capital, small, digit bool
	for _, r := range text {
		capital = capital || 'A' <= r && r <= 'Z'
		small = small || 'a' <= r && r <= 'z'
		digit = digit || '0' <= r && r <= '9'
	}
	return capital && small && digit
}

var (
	// word matches a word of a line, and nameOf what stands before the value in one.
	word   = regexp.MustCompile(`\S+`)
	nameOf = regexp.MustCompile(`^[^=:{]+[=:]`)
	// placeholder matches one: a name, and no secret.
	placeholder = regexp.MustCompile(`^\{(?:\$|(?:env|file)[.:]|args\[|block\.)[^{}\s]*\}$`)
	// secretive are parts of the names of what has a secret as its value.
	secretive = []string{"secret", "token", "key", "passw"}
)

// takesSecret reports whether an option with a name, or with the one that was meant, has secrets as
// its values.
func takesSecret(name string) bool {
	name = plain(name)
	return slices.ContainsFunc(secretive, func(part string) bool { return strings.Contains(name, part) }) ||
		Nearest(name, []string{"app_secret", "secret", "session_secret"}) != ""
}

// OfOption returns a line of a Caddyfile without the values of options that take secrets, however
// their names are spelled. Placeholders stay: they are names. Addresses stay, too.
func OfOption(line string) string {
	hide := false
	return word.ReplaceAllStringFunc(line, func(value string) string {
		switch name := nameOf.FindString(value); {
		case hide && (value == "{" || value == "}" || placeholder.MatchString(value) || strings.Contains(value, "://")):
			return value
		case hide:
			return "…"
		case strings.Contains(value, "://") || placeholder.MatchString(value):
			return value
		case name != "" && takesSecret(strings.TrimRight(name, "=:")):
			hide = true
			if value == name {
				return value
			}
			return name + "…"
		case takesSecret(value):
			hide = true
		}
		return value
	})
}
