package instagramauth

import (
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// warnSecret tells the operator whose secret the sessions rest on. The app secret is known
// to everybody with a role in Meta's dashboard, and often to other programs. [N16]
func (h *Handler) warnSecret() {
	switch {
	case !h.settings.appSecretOpens || h.settings.handoff:
		// With handoff the site keeps the sessions.
	case h.settings.weakSecret:
		h.telemetry.Notify(telemetry.NoticeWeakSecret, nil)
	default:
		h.telemetry.Notify(telemetry.NoticeNoSecret, nil)
	}
}

// sayFingerprints tells the operator which secrets are in use, so that two nodes can be
// compared.
func (h *Handler) sayFingerprints() {
	fields := []zap.Field{zap.Strings("app_secrets", session.Fingerprints(h.settings.appSecrets))}
	if len(h.settings.ownSecrets) > 0 {
		fields = append(fields, zap.Strings("session_secrets", session.Fingerprints(h.settings.ownSecrets)))
	}
	said := telemetry.NoticeSecretsLoaded
	if len(h.settings.appSecrets) > 1 || len(h.settings.ownSecrets) > 1 {
		said = telemetry.NoticeKeysChanging
	}
	h.telemetry.Notify(said, nil, fields...)
}

// watchSecrets follows the files of the secrets from now on.
func (h *Handler) watchSecrets() (err error) {
	h.rotation, err = rotation.Watch(rotation.Config{
		App: rotation.Option{Written: h.AppSecret, Secrets: h.settings.appSecrets}, Session: rotation.Option{Written: h.Session.Secret, Secrets: h.settings.ownSecrets},
		Keep: h.keepSecrets(), Now: h.now,
		AppKeys: h.settings.appKeys, SessionKeys: h.settings.sessionKeys, SetAppSecret: h.settings.client.SetAppSecret,
		Changed: h.saySecret, Failed: func(err error) { h.telemetry.Notify(telemetry.NoticeSecretsNotChanged, err) },
	})
	return err
}

// keepSecrets is how long a former secret is accepted.
func (h *Handler) keepSecrets() time.Duration { return max(h.settings.lifetime, session.LoginLifetime) }

// saySecret tells the operator what has become of a secret.
func (h *Handler) saySecret(c rotation.Change) {
	about := []zap.Field{zap.String("option", c.Option), zap.String("file", c.Path), zap.String("fingerprint", session.Fingerprint(c.Value))}
	switch c.Kind {
	case secretfile.Changed:
		h.telemetry.Notify(telemetry.NoticeSecretChanged, nil, append(about,
			zap.String("former_fingerprint", session.Fingerprint(c.Former)), zap.Time("former_accepted_until", h.now().Add(h.keepSecrets())))...)
		h.warnChanged(c, about)
	case secretfile.Broken:
		h.telemetry.Notify(telemetry.NoticeSecretFile, c.Problem, about...)
	case secretfile.Mended:
		h.telemetry.Notify(telemetry.NoticeSecretFileAgain, nil, about...)
	case secretfile.Retired:
		h.telemetry.Notify(telemetry.NoticeSecretRetired, nil, about...)
	}
}

// warnChanged says of a secret that came while Caddy runs what is said of one at load. [N16]
func (h *Handler) warnChanged(c rotation.Change, about []zap.Field) {
	switch {
	case h.settings.handoff: // the site keeps the sessions
	case c.Option == rotation.SessionSecret && finding.IsGuessable(c.Value):
		h.telemetry.Notify(telemetry.NoticeGuessableSecret, nil, about...)
	case c.OpensSessions && len(c.Value) < option.MinSecret:
		h.telemetry.Notify(telemetry.NoticeWeakSecret, nil, about...)
	case c.OpensSessions && len(h.Session.Secret) > 0: // without session secrets it was said at load
		h.telemetry.Notify(telemetry.NoticeNoSecret, nil, about...)
	}
}
