package option

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
)

// MinSecret is the least length of a secret of the operator's own, in bytes. [S4]
const MinSecret = 32

// WhereSecretsAre tells where the values of options come from.
var WhereSecretsAre = map[string]string{
	"app_id":         "copy the Instagram app ID from Meta's dashboard",
	"app_secret":     "copy the Instagram app secret from Meta's dashboard",
	"session secret": "make one with: openssl rand -hex 32",
}

// CheckSecrets refuses what cannot be a secret. It never repeats one. options are the
// values as they are written. Two files may hold the same secret for a while: nobody can
// swap what is in them in one moment.
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

// SecretProblem says what is wrong with a secret, nil for nothing.
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

// Distinct returns the values without those that have come before.
func Distinct(values []string) (all []string) {
	for _, value := range values {
		if !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}
