// Package option has what the checks of all options share: the error that names an option, the
// placeholders in values, and what can be a secret.
package option

import (
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// Directive is the name of the Caddyfile directive, and with it of everything that carries a name
// of this module: placeholders, variables of a request, events, metrics, folders of the storage.
const Directive = "instagram_auth"

// An Error says which option is wrong and what would be right.
type Error struct{ Option, Problem string }

// Error repeats no secret, which may stand in the place of another value.
func (e *Error) Error() string { return e.Option + ": " + spelling.WithoutSecrets(e.Problem) }

// OneLine returns what an error says, on one line.
func OneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Choose reports whether a value is the second of two words; no value is the first.
func Choose(option, value, first, second string) (bool, error) {
	switch value {
	case "", first:
		return false, nil
	case second:
		return true, nil
	}
	if meant := spelling.Nearest(value, []string{first, second}); meant != "" {
		return false, &Error{option, fmt.Sprintf("%q is neither %s nor %s; did you mean %q?", value, first, second, meant)}
	}
	return false, &Error{option, fmt.Sprintf("%q is neither %s nor %s", value, first, second)}
}

// Errorf returns an *Error about an option.
func Errorf(option, format string, args ...any) error {
	return &Error{option, fmt.Sprintf(format, args...)}
}
