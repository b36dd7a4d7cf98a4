package instagramauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// remedySecret is the way out of session keys that others may know.
const remedySecret = "set session secret to a value of its own, made with: openssl rand -hex 32"

// warnSecret tells the operator whose secret the sessions rest on. The app secret is known
// to everybody with a role in Meta's dashboard, and often to other programs. [N16]
func (h *Handler) warnSecret() {
	switch {
	case !h.settings.appSecretOpens || h.settings.handoff:
		// With handoff the site keeps the sessions.
	case h.settings.weakSecret:
		h.notify(noticeWeakSecret, nil)
	default:
		h.notify(noticeNoSecret, nil)
	}
}

// checkSecrets refuses what cannot be a secret. It never repeats one. options are the
// values as they are written. Two files may hold the same secret for a while: nobody can
// swap what is in them in one moment.
func checkSecrets(option string, options, secrets []string, shortest int) error {
	for i, secret := range secrets {
		_, isFile := secretfile.Path(options[i])
		switch before := slices.Index(secrets[:i], secret); {
		case secretProblem(option, secret, shortest) != nil:
			return &optionError{option, fmt.Sprintf("value %d %v", i+1, secretProblem(option, secret, shortest))}
		case before >= 0 && (!isFile || options[before] == options[i]):
			return &optionError{option, fmt.Sprintf("value %d is listed twice; delete one of the two", i+1)}
		}
	}
	return nil
}

// secretProblem says what is wrong with a secret, nil for nothing.
func secretProblem(option, secret string, shortest int) error {
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case doctor.IsPlaceholder(secret):
		return errors.New("is what an example has in its place; " + whereSecretsAre[option])
	case strings.ContainsFunc(secret, outside):
		return errors.New("has a space or a character outside ASCII; " + whereSecretsAre[option])
	case len(secret) < shortest:
		return fmt.Errorf("has less than %d characters; make one with: openssl rand -hex 32", shortest)
	}
	return nil
}

// distinct returns the values without those that have come before.
func distinct(values []string) (all []string) {
	for _, value := range values {
		if !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}

// sayFingerprints tells the operator which secrets are in use, so that two nodes can be
// compared.
func (h *Handler) sayFingerprints() {
	fields := []zap.Field{zap.Strings("app_secrets", session.Fingerprints(h.settings.appSecrets))}
	if len(h.settings.ownSecrets) > 0 {
		fields = append(fields, zap.Strings("session_secrets", session.Fingerprints(h.settings.ownSecrets)))
	}
	said := noticeSecretsLoaded
	if len(h.settings.appSecrets) > 1 || len(h.settings.ownSecrets) > 1 {
		said = noticeKeysChanging
	}
	h.notify(said, nil, fields...)
}
