package option

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
)

// MinSecret is the minimum length of a session secret, in bytes. [S4]
const MinSecret = 32

// WhereSecretsAre says where the operator gets the value of an option, by the option's name.
var WhereSecretsAre = map[string]string{
	"app_id":         "copy the Instagram app ID from Meta's dashboard",
	"app_secret":     "copy the Instagram app secret from Meta's dashboard",
	"session secret": "make one with: openssl rand -hex 32",
}

// CheckSecrets returns an *Error about the first of secrets that is no good one. It never repeats a
// secret. options are the same values as the operator wrote them, shortest is the minimum length
// in bytes. Two files may hold the same secret: an operator cannot swap them in one step.
func CheckSecrets(option string, options, secrets []string, shortest int) error {
	for i, secret := range secrets {
		_, isFile := secretfile.Path(options[i])
		switch before := slices.Index(secrets[:i], secret); {
		case SecretProblem(option, secret, shortest) != nil:
			return &Error{option, fmt.Sprintf("value %d %v", i+1, SecretProblem(option, secret, shortest))}
		case before >= 0 && (!isFile || options[before] == options[i]):
			return &Error{option, fmt.Sprintf("value %d is listed twice; delete one of the two", i+1)}
		}
	}
	return nil
}

// SecretProblem returns what is wrong with a secret, nil if nothing is. The error follows the name
// of the option and does not repeat the secret.
func SecretProblem(option, secret string, shortest int) error {
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case finding.IsPlaceholder(secret):
		return errors.New("is a placeholder from an example; " + WhereSecretsAre[option])
	case strings.ContainsFunc(secret, outside):
		return errors.New("has a space or a character outside ASCII; " + WhereSecretsAre[option])
	case len(secret) < shortest:
		return fmt.Errorf("has fewer than %d characters; make one with: openssl rand -hex 32", shortest)
	}
	return nil
}

// Distinct returns the values without repetitions, in their order.
func Distinct(values []string) (all []string) {
	for _, value := range values {
		if !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}
