package instagramauth

import (
	"go.uber.org/zap"

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
