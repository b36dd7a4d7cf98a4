// Package option has what the checks of all options share: an error that names its option, the
// replacement of placeholders, and the rules for secrets.
//
// It knows neither the Caddyfile nor the handler's structs.
package option

import (
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// Directive is the name of the Caddyfile directive. Everything else that carries a name of this
// module uses it: placeholders, request variables, events, metrics and folders in the storage.
const Directive = "instagram_auth"

// An Error says which option is wrong, why, and what would be right.
type Error struct{ Option, Problem string }

// Error returns the option and the problem. It masks secrets, which an operator may have put in
// the place of another value.
func (e *Error) Error() string { return e.Option + ": " + spelling.WithoutSecrets(e.Problem) }

// OneLine returns the text of an error on one line.
func OneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Choose reports whether a value is the second of two words. "" counts as the first. Any other
// value is an *Error.
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
