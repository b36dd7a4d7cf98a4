package instagramauth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// This file finds likely mistakes in a configuration that loads. Caddy logs them at start, and the
// doctor prints the same ones.

// inspected returns the parts of a block that the checks of the routes need.
func (h *Handler) inspected(logger *zap.Logger) *inspect.Block {
	return &inspect.Block{
		Handler: h, Logger: logger, Strict: h.StrictConfig,
		Paths: h.settings.Paths, Matchers: h.protect.Covered(), Handoff: h.settings.Handoff, HandleErrors: h.settings.handleErrors,
		HeaderNames: h.settings.Identity.Guard().Names(),
		Public:      h.publicPages(),
		Cookie:      func(page string) (string, error) { return h.settings.Cookies.MarkMove(page, 1) }, // any cookie will do
		Options:     h.optionFindings,
	}
}

// publicPages returns the addresses that pages show to everybody, by option.
func (h *Handler) publicPages() map[string]string {
	site := h.settings.site
	return map[string]string{"site logo": site.Logo, "site privacy": site.Privacy, "site terms": site.Terms, "site help": site.Help}
}

// optionFindings returns the findings about single options.
func (h *Handler) optionFindings() []finding.Finding {
	s := &h.settings
	endpoints, _ := finding.Endpoints(s.api, s.endpoints, h.now())
	return slices.Concat([]finding.Finding{finding.Credentials(s.App, s.secrets.app)}, s.secrets.guessable, h.checkOptions(), []finding.Finding{finding.API(s.api, s.endpoints)}, endpoints)
}

// pathAuthorize is the path of the authorization window on a host that serves the whole API.
const pathAuthorize = "/oauth/authorize"

// baseProblem returns what is wrong with the base address of endpoints, or "".
func baseProblem(base string) string {
	u, err := url.Parse(base)
	switch {
	case err != nil || strings.Contains(base, "{"):
		return "" // checked once its placeholder is replaced
	case u.Scheme == "" || u.Host == "":
		return "is not an address; write one such as http://localhost:9100"
	case strings.Trim(u.Path, "/") != "":
		return "has a path; write only scheme and host, or give each address in a block: endpoints { graph … }"
	}
	return ""
}

// checkOptions finds contradictions and misplaced secrets in valid options.
func (h *Handler) checkOptions() (found []finding.Finding) {
	denied := make(map[string]bool)
	for _, id := range h.Deny {
		denied[id] = true
	}
	for _, id := range h.Allow {
		if denied[id] {
			found = append(found, finding.Doubt(id+" is in allow and in deny, and deny wins", "delete it from one of them"))
		}
	}
	const secret = " looks like an app secret, and others can see it"
	if finding.IsAppSecret(h.Session.Cookie) {
		found = append(found, finding.Fault("session cookie"+secret, "write a cookie name instead, and reset the app secret in Meta's dashboard"))
	}
	for _, name := range h.Headers {
		if finding.IsAppSecret(name) {
			found = append(found, finding.Fault("the name of a header"+secret, "write a header name instead, and reset the app secret in Meta's dashboard"))
		}
	}
	return found
}

// checkPeople returns what Provision only logs: usernames in lists, and a picture without a token.
func (h *Handler) checkPeople() (found []finding.Finding) {
	for option, list := range map[string]*lifecycle.AccountList{"allow": h.settings.Allow, "deny": h.settings.Deny} {
		if list.HasUsernames() {
			found = append(found, finding.Doubt(option+" has usernames, which can change and change owner", "list numeric user IDs instead"))
		}
	}
	if h.wantsPicture() && !h.settings.KeepToken {
		found = append(found, finding.Doubt("the picture needs a stored access token: until then its path answers 404", "add token long_lived"))
	}
	return found
}

// guessable finds session secrets that are long enough but easy to guess.
func guessable(secrets []string) (found []finding.Finding) {
	for i, secret := range secrets {
		if finding.IsGuessable(secret) {
			found = append(found, finding.Doubt(fmt.Sprintf("session secret: value %d is easy to guess, and anyone who guesses it can forge sessions: it has few different characters, or repeats them", i+1), option.WhereSecretsAre[rotation.SessionSecretOption]))
		}
	}
	return found
}

// warn logs, once at load, settings that work but are not fit for production.
func (h *Handler) warn() {
	if !h.settings.Paths.Secure {
		h.telemetry.Notify(telemetry.NoticePlainHTTP, nil)
	}
	h.warnSecret()
	h.logFingerprints()
	if h.settings.forwardAs != "" && h.telemetry.Logger.Core().Enabled(zap.DebugLevel) {
		h.telemetry.Notify(telemetry.NoticeTokenInDebug, nil, zap.String("header", h.settings.forwardAs))
	}
	if _, configured := h.Authorize[instagram.ParamForceAuthentication]; configured {
		h.telemetry.Notify(telemetry.NoticeForceOutdated, nil)
	}
	h.warnPicture()
	for option, list := range map[string]*lifecycle.AccountList{"allow": h.settings.Allow, "deny": h.settings.Deny} {
		if list.HasUsernames() {
			h.telemetry.Notify(telemetry.NoticeUsernames, nil, zap.String("option", option))
		}
	}
}

// warnSecret warns if sessions depend on the app secret. Everyone with a role in Meta's dashboard
// knows it, and often other programs do. [N16]
func (h *Handler) warnSecret() {
	switch {
	case !h.settings.secrets.appOpens || h.settings.Handoff:
		// With handoff the site keeps the sessions.
	case h.settings.secrets.weak:
		h.telemetry.Notify(telemetry.NoticeWeakSecret, nil)
	default:
		h.telemetry.Notify(telemetry.NoticeNoSecret, nil)
	}
}

// logFingerprints logs fingerprints of the secrets in use, so that the operator can compare nodes.
func (h *Handler) logFingerprints() {
	fields := []zap.Field{zap.Strings("app_secrets", session.Fingerprints(h.settings.secrets.app))}
	if len(h.settings.secrets.session) > 0 {
		fields = append(fields, zap.Strings("session_secrets", session.Fingerprints(h.settings.secrets.session)))
	}
	said := telemetry.NoticeSecretsLoaded
	if len(h.settings.secrets.app) > 1 || len(h.settings.secrets.session) > 1 {
		said = telemetry.NoticeSecretsRotating
	}
	h.telemetry.Notify(said, nil, fields...)
}

// watchSecrets starts to follow the files of the secrets.
func (h *Handler) watchSecrets() (*rotation.Rotation, error) {
	return rotation.Watch(rotation.Config{
		App: rotation.Option{Written: h.AppSecret, Secrets: h.settings.secrets.app}, Session: rotation.Option{Written: h.Session.Secret, Secrets: h.settings.secrets.session},
		Keep: h.keepSecrets(), Now: h.now,
		AppKeys: h.settings.secrets.appKeys, SessionKeys: h.settings.secrets.sessionKeys, SetAppSecret: h.settings.client.SetAppSecret,
		Changed: h.logSecretChange, Failed: func(err error) { h.telemetry.Notify(telemetry.NoticeRotationFailed, err) },
	})
}

// keepSecrets is how long a former secret is accepted.
func (h *Handler) keepSecrets() time.Duration { return max(h.settings.Lifetime, session.LoginLifetime) }

// logSecretChange logs a change of a secret's file.
func (h *Handler) logSecretChange(c rotation.Change) {
	about := []zap.Field{zap.String("option", c.Option), zap.String("file", c.Path), zap.String("fingerprint", session.Fingerprint(c.Value))}
	switch c.Kind {
	case secretfile.Changed:
		h.telemetry.Notify(telemetry.NoticeSecretChanged, nil, append(about,
			zap.String("previous_fingerprint", session.Fingerprint(c.Former)), zap.Time("previous_accepted_until", h.now().Add(h.keepSecrets())))...)
		h.warnChanged(c, about)
	case secretfile.Broken:
		h.telemetry.Notify(telemetry.NoticeSecretFile, c.Problem, about...)
	case secretfile.Mended:
		h.telemetry.Notify(telemetry.NoticeSecretFileValid, nil, about...)
	case secretfile.Retired:
		h.telemetry.Notify(telemetry.NoticeSecretRetired, nil, about...)
	}
}

// warnChanged repeats the warnings of load for a secret that changed while Caddy runs. [N16]
func (h *Handler) warnChanged(c rotation.Change, about []zap.Field) {
	switch {
	case h.settings.Handoff: // the site keeps its own sessions
	case c.Option == rotation.SessionSecretOption && finding.IsGuessable(c.Value):
		h.telemetry.Notify(telemetry.NoticeGuessableSecret, nil, about...)
	case c.OpensSessions && len(c.Value) < option.MinSecret:
		h.telemetry.Notify(telemetry.NoticeWeakSecret, nil, about...)
	case c.OpensSessions && len(h.Session.Secret) > 0: // without session secrets, warnSecret has logged it
		h.telemetry.Notify(telemetry.NoticeNoSecret, nil, about...)
	}
}

// warnPicture logs, once at load, why the picture cannot work.
func (h *Handler) warnPicture() {
	listed := slices.Contains(h.Fields, endpoint.FieldPicture) && !h.settings.Handoff
	path := zap.String("path", h.settings.Paths.Of(address.Picture))
	if listed {
		h.telemetry.Notify(telemetry.NoticeLongPicture, nil, path)
	}
	if (listed || h.wantsPicture()) && !h.settings.KeepToken {
		h.telemetry.Notify(telemetry.NoticePictureToken, nil, path)
	}
}
