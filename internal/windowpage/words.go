package windowpage

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// refusals are the known error sentences of the window, in lower case. A page may show several:
// the first one in this list counts, and those that name a parameter come first.
var refusals = []string{
	"invalid platform app", "invalid client_id", "invalid client id",
	"invalid redirect_uri", "invalid scrubbed redirect_uri", "redirect uri does not match registered redirect uri",
	"invalid response_type", "invalid scope", "no valid scopes requested", "insufficient developer role",
	"request parameters are invalid",
	"session invalid", "sorry, this page isn't available", "api access blocked", "api access deactivated",
}

// maxBefore is how many bytes of a line are kept before a known sentence; both must fit an error.
const maxBefore = 100

// refusalIn returns the first known sentence of a text and the line that contains it, if any.
func refusalIn(text string) (sentence, line string) {
	// Lowering ASCII alone keeps all positions.
	low := asciiLower(text)
	for _, sentence := range refusals {
		at := strings.Index(low, sentence)
		if at < 0 {
			continue
		}
		start := strings.LastIndexByte(text[:at], '\n') + 1
		if at-start > maxBefore {
			start = at
		}
		line, _, _ := strings.Cut(text[at+len(sentence):], "\n")
		return sentence, text[start:at+len(sentence)] + line
	}
	return "", ""
}

func asciiLower(text string) string {
	lower := []byte(text)
	for i, b := range lower {
		if 'A' <= b && b <= 'Z' {
			lower[i] = b + 'a' - 'A'
		}
	}
	return string(lower)
}

// Copied reads what a person copied from the window: its words, its source, or the address of its
// error page. It returns nil if that contains no known error.
func Copied(copied string) *instagram.Error {
	copied = strings.TrimSpace(copied)
	answer := instagram.WindowAnswer{Body: copied}
	words := ""
	if u, err := url.Parse(copied); err == nil && u.Host != "" {
		words = errorPage(u)
	} else if failure := answer.Failure(); failure != nil {
		return failure
	} else {
		_, words = refusalIn(readPage(copied).shown)
		if !strings.Contains(copied, "<") { // copied as text, whose lines are those that were seen
			_, line := refusalIn(plain(copied))
			words = cmp.Or(line, words)
		}
	}
	if words == "" {
		return nil
	}
	return answer.Refused(words)
}

// errorPage returns the message in the address of the window's error page. It is empty for other
// addresses. Seen live: /oauth/authorize/third_party/error/?message=..., in the language of the
// person.
func errorPage(u *url.URL) string {
	if !strings.Contains(u.Path, "/authorize/") || !strings.Contains(u.Path, "/error") {
		return ""
	}
	query := u.Query()
	for _, name := range []string{"message", "error_message", "error_description"} {
		if words := plain(query.Get(name)); words != "" {
			return words
		}
	}
	return ""
}
