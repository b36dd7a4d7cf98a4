package instagramauth

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/protect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	directive = option.Directive

	defaultCookie    = "instagram_auth"
	defaultLifetime  = 7 * 24 * time.Hour
	defaultStaleness = time.Minute
)

// settings are the options with placeholders replaced, defaults filled in and every rule checked.
type settings struct {
	lifecycle.Config // provision adds what is no option

	secrets   secrets
	api       instagram.API
	endpoints instagram.Endpoints
	client    *instagram.Client
	instance  string // keeps the sessions and limits of blocks in one process apart

	handleErrors                      bool
	language                          *refusal.Language // nil for the visitor's
	site                              refusal.Site
	passDeauthorize, passDataDeletion bool
	privacy                           telemetry.Privacy
	rate                              login.Rate
	logoutTarget                      string
	maxAges                           []protect.MaxAge
	forwardAs                         string // the header of the token; "" for none
	picture                           endpoint.PictureMode
}

// secrets are those of a block when the configuration is loaded, and what is known of them. They
// never leave the instance.
type secrets struct {
	app     []string // they also sign Instagram's callbacks
	session []string // empty if the app secrets are used instead
	// appKeys and sessionKeys are derived from the secrets. A rotation changes them later.
	appKeys, sessionKeys *session.Keyring

	weak      bool              // a secret of sessions is short
	appOpens  bool              // anyone who knows an app secret can forge sessions
	guessable []finding.Finding // about session secrets
}

// resolve turns the options into settings. It checks the meaning of every option, for the Caddyfile
// and for JSON alike.
func (h *Handler) resolve(replace option.Resolver) (s settings, err error) {
	replace = replace.RefusingNames()
	for _, step := range []func(*Handler, option.Resolver) error{
		s.resolveAddresses, s.resolveModes, s.resolveClient, s.resolveToken, s.resolvePicture, s.resolveSession, s.resolveMaxAge,
		s.resolveHeaders, s.resolveAccess, s.resolveEnds, s.resolveRateLimit, s.resolveLog, s.resolvePages,
	} {
		if err := step(h, replace); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

func (s *settings) resolveAddresses(h *Handler, replace option.Resolver) error {
	uris, err := replace.All("redirect_uri", h.RedirectURI)
	if err != nil {
		return err
	}
	s.Paths, err = address.New(h.PathPrefix, uris)
	return err
}

func (s *settings) resolveLog(h *Handler, _ option.Resolver) (err error) {
	s.privacy, err = telemetry.NewPrivacy(h.Log.ClientIP, h.Log.UserID, h.Log.Username)
	s.privacy.Pseudonyms = s.secrets.sessionKeys.Pseudonyms() // resolveSession has made the keys
	return err
}

func (s *settings) resolveModes(h *Handler, _ option.Resolver) error {
	var err error
	if s.Handoff, err = option.Choose("after_login", h.AfterLogin, "redirect", "handoff"); err != nil {
		return err
	}
	s.handleErrors, err = option.Choose("errors", h.Errors, "page", "handle")
	return err
}

func (s *settings) resolveClient(h *Handler, replace option.Resolver) (err error) {
	c := instagram.Config{
		API:    instagram.API(cmp.Or(h.API, string(instagram.InstagramLogin))),
		Scopes: h.Scope, Required: h.RequireScope, StepUp: h.StepUp,
		Fields:  h.Fields,
		Node:    instagram.NodePath(cmp.Or(h.UserNode, string(instagram.NodeMe))),
		Timeout: time.Duration(h.Timeout),
	}
	if h.Timeout < 0 || c.Timeout > time.Minute {
		return option.Errorf("timeout", "write a duration of up to 1m")
	}
	if h.AppID == "" {
		return option.Errorf("app_id", "required: the Instagram app ID of your app at Meta")
	}
	if c.AppID, err = replace("app_id", h.AppID); err != nil {
		return err
	}
	secrets, err := h.appSecrets(replace)
	if err != nil {
		return err
	}
	c.AppSecret = secrets[0]
	if slices.Contains(secrets, c.AppID) {
		return option.Errorf("app_secret", "is the app ID; copy the Instagram app secret from Meta's dashboard")
	}
	s.App, s.secrets.app = c.AppID, secrets
	if s.secrets.appKeys, err = session.NewKeyring(option.Distinct(secrets)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(h.Authorize)) {
		c.Authorize = append(c.Authorize, instagram.Param{Name: name, Value: h.Authorize[name]})
	}
	if c.Endpoints, err = h.apiEndpoints(replace); err != nil {
		return err
	}
	// App and own paths tell two blocks of one site apart. [C3, S4]
	s.api, s.endpoints, s.instance = c.API, c.Endpoints, c.AppID+" "+s.Paths.Prefix
	if len(s.Paths.Redirects) > 0 { // which are the same on all nodes of a site
		s.Block = revocation.BlockKey(s.instance, s.Paths.Redirects[0].URI)
	}
	s.client, err = instagram.New(c)
	if wrong, ok := errors.AsType[*instagram.ConfigError](err); ok {
		problem := wrong.Problem
		if wrong.Value != "" {
			problem = cmp.Or(adviceOn(wrong.Option, wrong.Value, wrong.Choices), problem)
		}
		return option.Errorf(wrong.Option, "%s", problem)
	}
	return err
}

func (h *Handler) appSecrets(replace option.Resolver) ([]string, error) {
	if len(h.AppSecret) == 0 {
		return nil, option.Errorf("app_secret", "required: the Instagram app secret of your app at Meta, best as {file./absolute/path}")
	}
	secrets, err := replace.All("app_secret", h.AppSecret)
	if err != nil {
		return nil, err
	}
	return secrets, option.CheckSecrets("app_secret", h.AppSecret, secrets, 1)
}

func (h *Handler) apiEndpoints(replace option.Resolver) (e instagram.Endpoints, err error) {
	for _, part := range []struct {
		to   *string
		from string
	}{{&e.Authorize, h.Endpoints.Authorize}, {&e.Token, h.Endpoints.Token}, {&e.Graph, h.Endpoints.Graph}} {
		if part.from == "" {
			continue
		}
		address, err := replace("endpoints", part.from)
		if err != nil {
			return e, err
		}
		if base, short := strings.CutSuffix(part.from, pathAuthorize); short && strings.HasSuffix(base, "}") {
			base = strings.TrimSuffix(address, pathAuthorize)
			if problem := baseProblem(base); problem != "" {
				return e, option.Errorf("endpoints", "%q %s", base, problem)
			}
		}
		if scheme, rest, ok := strings.Cut(address, "://"); ok && address != part.from {
			// The value of a placeholder may end with the slash that follows it.
			address = scheme + "://" + strings.ReplaceAll(rest, "//", "/")
		}
		*part.to = address
	}
	return e, nil
}

func (s *settings) resolveSession(h *Handler, replace option.Resolver) (err error) {
	c := session.Config{
		Instance:     s.instance,
		Name:         cmp.Or(h.Session.Cookie, defaultCookie),
		Lifetime:     cmp.Or(time.Duration(h.Session.Lifetime), defaultLifetime),
		Idle:         time.Duration(h.Session.Idle),
		InsecureHTTP: !s.Paths.Secure,
		Tokens:       s.KeepToken,
		Now:          h.now,
	}
	if c.Lifetime < time.Minute || c.Lifetime > revocation.MaxLifetime {
		return option.Errorf("session lifetime", "write a duration between 1m and 366d")
	}
	if c.Idle != 0 && (c.Idle < time.Minute || c.Idle > c.Lifetime) {
		return option.Errorf("session idle", "write a duration between 1m and the lifetime")
	}
	s.Lifetime, s.Idle = c.Lifetime, c.Idle
	if c.Secrets, err = replace.All("session secret", h.Session.Secret); err != nil {
		return err
	}
	if err := option.CheckSecrets("session secret", h.Session.Secret, c.Secrets, option.MinSecret); err != nil {
		return err
	}
	s.secrets.guessable = guessable(c.Secrets)
	apps, err := h.appSecrets(replace)
	if err != nil {
		return err
	}
	s.secrets.session = c.Secrets
	if len(c.Secrets) == 0 {
		c.Secrets = apps
	}
	s.secrets.appOpens = slices.ContainsFunc(c.Secrets, func(secret string) bool { return slices.Contains(apps, secret) })
	s.secrets.weak = slices.ContainsFunc(c.Secrets, func(secret string) bool { return len(secret) < option.MinSecret })
	if s.secrets.sessionKeys, err = session.NewKeyring(option.Distinct(c.Secrets)); err != nil {
		return err
	}
	c.Keys = s.secrets.sessionKeys
	if s.Cookies, err = session.New(c); err != nil {
		return option.Errorf("session cookie", "%v", err)
	}
	s.Vault = c.Keys.Vault()
	return nil
}

// resolveEnds checks the options for sign-out, Meta's callbacks and revoked sessions.
func (s *settings) resolveEnds(h *Handler, _ option.Resolver) (err error) {
	if s.logoutTarget = cmp.Or(h.LogoutTarget, "/"); !returnpath.OK(s.logoutTarget) {
		return option.Errorf("logout_target", "%q is not a path of this site; write one such as /goodbye", s.logoutTarget)
	}
	if s.passDeauthorize, err = option.Choose("deauthorize", h.Deauthorize, "answer", "pass"); err != nil {
		return err
	}
	if s.passDataDeletion, err = option.Choose("data_deletion", h.DataDeletion, "answer", "pass"); err != nil {
		return err
	}
	s.SyncInterval = cmp.Or(time.Duration(h.SyncInterval), revocation.DefaultInterval)
	if s.SyncInterval < time.Second || s.SyncInterval > time.Minute {
		return option.Errorf("sync_interval", "write a duration between 1s and 1m")
	}
	deny, err := option.Choose("on_storage_failure", h.OnStorageFailure, "keep", "deny")
	if err != nil {
		return err
	}
	staleness := cmp.Or(time.Duration(h.MaxStaleness), max(defaultStaleness, 3*s.SyncInterval))
	switch {
	case !deny && h.MaxStaleness != 0:
		return option.Errorf("on_storage_failure", "max_staleness is for deny only")
	case deny && staleness < 2*s.SyncInterval:
		return option.Errorf("on_storage_failure", "write a max_staleness of at least twice the sync_interval, or a healthy list would count as too old")
	case deny:
		s.MaxStaleness = staleness
	}
	return nil
}

// resolvePages checks what pages show, and in which language.
func (s *settings) resolvePages(h *Handler, _ option.Resolver) (err error) {
	s.site, err = refusal.ParseSite(refusal.SiteConfig(h.Site))
	if wrong, ok := errors.AsType[*refusal.SiteError](err); ok {
		return option.Errorf("site "+wrong.Option, "%s", wrong.Problem)
	}
	if err != nil || h.Language == "" || h.Language == "auto" {
		return err
	}
	if s.language = refusal.LanguageOf(h.Language); s.language == nil {
		problem := fmt.Sprintf("%q is not one of auto, %s", h.Language, strings.Join(refusal.Tags(), ", "))
		if close := cmp.Or(refusal.Closest(h.Language), refusal.LanguageOf(h.Language[:min(2, len(h.Language))])); close != nil {
			problem += fmt.Sprintf("; did you mean %q?", close.Tag())
		}
		return option.Errorf("language", "%s", problem)
	}
	return nil
}

// resolveHeaders checks the request headers for the site.
func (s *settings) resolveHeaders(h *Handler, _ option.Resolver) (err error) {
	s.Identity, err = identity.New(h.Headers, h.Fields, s.forwardAs)
	return err
}

func (s *settings) resolveAccess(h *Handler, _ option.Resolver) (err error) {
	if s.Allow, err = lifecycle.ParseAccounts("allow", h.Allow); err != nil {
		return err
	}
	s.Deny, err = lifecycle.ParseAccounts("deny", h.Deny)
	return err
}

const shortestRevalidate = time.Minute

// resolveToken checks the options that need a stored access token.
func (s *settings) resolveToken(h *Handler, _ option.Resolver) error {
	s.LongLived = h.Token.LongLived
	s.KeepToken = h.Token.LongLived || h.Token.ForwardAs != ""
	s.Revalidate = time.Duration(h.Revalidate)
	switch {
	case s.Revalidate != 0 && !s.LongLived:
		return option.Errorf("revalidate", "needs token long_lived: a short-lived token expires after an hour")
	case s.Revalidate != 0 && s.Handoff:
		return option.Errorf("revalidate", "is for sessions of this handler; with after_login handoff the site keeps its own")
	case s.Handoff && s.KeepToken && h.Token.ForwardAs == "":
		return option.Errorf("token", "with after_login handoff a token goes to the site or nowhere; add forward_as")
	case s.Revalidate != 0 && (s.Revalidate < shortestRevalidate || s.Revalidate > instagram.LongLifetime):
		return option.Errorf("revalidate", "write a duration between 1m and 60d")
	case s.Revalidate >= cmp.Or(time.Duration(h.Session.Lifetime), defaultLifetime):
		return option.Errorf("revalidate", "is longer than the lifetime of a session, so it would never happen")
	}
	s.Required = instagram.PermissionsOf(h.RequireScope...)
	if h.Token.ForwardAs == "" {
		return nil
	}
	if strings.EqualFold(h.Token.ForwardAs, identity.HeaderOff) {
		return option.Errorf("token forward_as", "remove the option if the site should not get the token")
	}
	if _, err := headerguard.New(h.Token.ForwardAs); err != nil {
		return option.Errorf("token forward_as", "%v", err)
	}
	s.forwardAs = http.CanonicalHeaderKey(h.Token.ForwardAs)
	return nil
}

func (s *settings) resolveRateLimit(h *Handler, _ option.Resolver) error {
	o := h.RateLimit
	s.rate = login.Rate{Failures: o.Failures, Per: time.Duration(o.Per), Off: o.Off}
	switch {
	case o.Off && (o.Failures != 0 || o.Per != 0):
		return option.Errorf("rate_limit", "off takes no numbers; write only off, or a number and a duration such as 20 1m")
	case o.Failures == 0 && o.Per == 0:
		s.rate = login.DefaultRate()
		s.rate.Off = o.Off
	case o.Failures < 1 || o.Failures > 10_000:
		return option.Errorf("rate_limit", "write a number between 1 and 10000 and a duration, such as 20 1m")
	case s.rate.Per < time.Second || s.rate.Per > 24*time.Hour:
		return option.Errorf("rate_limit", "write a duration between 1s and 24h after the number, such as %d 1m", o.Failures)
	}
	return nil
}

// resolveMaxAge checks which paths need a recent sign-in.
func (s *settings) resolveMaxAge(h *Handler, _ option.Resolver) error {
	switch {
	case len(h.MaxAge) == 0:
		return nil
	case s.Handoff:
		return option.Errorf("max_age", "is for sessions of this handler; with after_login handoff the site keeps its own, so remove max_age and let the site check how old they are")
	case !s.client.CanReauthenticate():
		return option.Errorf("max_age", "is for instagram_login: the window of basic_display cannot ask a visitor to sign in again; remove max_age")
	}
	for _, o := range h.MaxAge {
		if problem := o.problem(); problem != "" {
			return option.Errorf("max_age", "%s", problem)
		}
		if i := slices.IndexFunc(o.Paths, s.Paths.IsBelow); i >= 0 {
			return option.Errorf("max_age", "%q is below path_prefix, whose paths take any session; remove it", o.Paths[i])
		}
		age := protect.MaxAge{Duration: time.Duration(o.Duration)}
		if len(o.Paths) > 0 {
			paths := caddyhttp.MatchPath(slices.Clone(o.Paths))
			if err := paths.Provision(caddy.Context{}); err != nil {
				return option.Errorf("max_age", "%v", err)
			}
			age.Sets = caddyhttp.MatcherSets{{&paths}} // a pointer, as Caddy loads it
		}
		s.maxAges = append(s.maxAges, age)
	}
	slices.SortStableFunc(s.maxAges, func(a, b protect.MaxAge) int { return cmp.Compare(a.Duration, b.Duration) })
	return nil
}

// problem returns what is wrong with one max_age by itself, "" for nothing.
func (o *MaxAgeOptions) problem() string {
	if d := time.Duration(o.Duration); d < time.Minute || d > revocation.MaxLifetime {
		return "write a duration between 1m and 366d, and then the paths, such as: max_age 10m /billing*"
	}
	for _, path := range o.Paths {
		switch {
		case !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "*"):
			return fmt.Sprintf("%q is not a path; write one such as /billing*", path)
		case strings.ContainsAny(path, "?#{}"):
			return fmt.Sprintf("%q is more than a path; write one such as /billing*, without a query and without placeholders", path)
		}
	}
	return ""
}

// resolvePicture checks how the picture is answered. Without a stored access token it is off,
// because Instagram gives no picture without one.
func (s *settings) resolvePicture(h *Handler, _ option.Resolver) error {
	modes := map[string]endpoint.PictureMode{"": endpoint.PictureRedirect, "off": endpoint.PictureOff, "redirect": endpoint.PictureRedirect, "proxy": endpoint.PictureProxy}
	mode, known := modes[h.Picture]
	switch wanted := h.wantsPicture(); {
	case !known:
		return option.Errorf("picture", "%q is not one of redirect, proxy, off", h.Picture)
	case wanted && s.api == instagram.BasicDisplay:
		return option.Errorf("picture", "is for instagram_login: basic_display has no profile pictures")
	case wanted && s.Handoff:
		return option.Errorf("picture", "is for sessions of this handler; with after_login handoff the site keeps its own")
	case s.KeepToken && !s.Handoff && s.api == instagram.InstagramLogin:
		s.picture = mode
	}
	return nil
}

// wantsPicture reports whether the configuration asks for the picture, rather than gets it by
// default.
func (h *Handler) wantsPicture() bool { return h.Picture == "redirect" || h.Picture == "proxy" }

// resolveLoaded resolves the options when Caddy loads the configuration. Its error names all
// missing values at once.
func (h *Handler) resolveLoaded() (settings, error) {
	replace := option.AtLoad(caddy.NewReplacer())
	if err := h.missing(replace); err != nil {
		return settings{}, err
	}
	return h.resolve(replace)
}

// missing returns an error that names the missing values, if there are several.
func (h *Handler) missing(replace option.Resolver) error {
	e := h.Endpoints
	replace = replace.RefusingNames()
	var all []string
	var first string
	for _, o := range []struct {
		option string
		values []string
	}{
		{"app_id", []string{h.AppID}}, {"app_secret", h.AppSecret}, {"redirect_uri", h.RedirectURI},
		{"session secret", h.Session.Secret}, {"endpoints", []string{e.Authorize, e.Token, e.Graph}},
	} {
		for _, value := range o.values {
			_, err := replace(o.option, value)
			if none, missing := errors.AsType[*option.MissingError](err); missing {
				first = cmp.Or(first, o.option)
				all = append(all, fmt.Sprintf("%s (%s)", none.Names, o.option))
			}
		}
	}
	if len(all) < 2 {
		return nil
	}
	return option.Errorf(first, "%s", strings.Join(all[:len(all)-1], ", ")+" and "+all[len(all)-1]+" have no value; "+strings.Replace(option.HowToSet(strings.Join(all, " ")), "it names", "each of them names", 1))
}
