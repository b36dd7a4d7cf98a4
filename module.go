// Package instagramauth is a Caddy HTTP handler that signs visitors in with
// Instagram and hands their identity to the site behind it.
package instagramauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/gate"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/logformat"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/placement"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/protect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

func init() {
	caddy.RegisterModule(new(Handler))
	caddy.RegisterModule(new(inspect.Checks))
	caddy.RegisterModule(new(logformat.Redactor))
	httpcaddyfile.RegisterDirective(directive, parseDirective)
	// After basic_auth: guards that must see raw traffic, such as rate limits,
	// place themselves before it and so stay ahead of this handler.
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.After, "basic_auth")
}

// Handler signs visitors in with Instagram and passes their identity to the site behind it.
//
// The handler sees every request of its site. It deletes identity headers that a client sent. It
// answers its own paths: the redirect URI, and those below `path_prefix`. If `protect` requires a
// session and the visitor has none, it sends the visitor to Instagram. It passes the Instagram
// user ID and the username on as request headers and placeholders.
//
// Three values are required: `app_id`, `app_secret` and `redirect_uri`. In these, in the session
// secrets and in the endpoints, you can write the placeholders `{env.*}` and
// `{file./absolute/path}`. Caddy replaces them when it loads the configuration.
//
// If a visitor is signed in, the handler sets these placeholders:
//
// Placeholder | Description
// ------------|------------
// `{http.auth.user.id}` | The Instagram user ID, decimal text
// `{http.auth.user.username}` | The username. It can change, and another person can take it later
// `{http.auth.user.app_scoped_id}` | An ID of the person that only your app gets
// `{http.auth.user.<field>}` | Each of `fields` that Instagram returned
// `{http.auth.user.permissions}` | The permissions that the visitor granted, separated by commas
// `{http.auth.user.signed_in_at}` | When the visitor signed in: `2026-03-01T12:00:00Z`
// `{http.auth.user.access_token}` | The access token, only with `token forward_as`
//
// If the handler refuses a request, `{http.auth.instagram_auth.error}` is the code of the refusal,
// such as `login_expired`. `{http.auth.instagram_auth.missing}` lists missing permissions.
// `{http.auth.instagram_auth.reason}` says why a program without a session is signed out, such as
// `expired`.
type Handler struct {
	// Required. The Instagram app ID (not the Facebook app ID of the same app).
	AppID string `json:"app_id,omitempty"`

	// Required. The Instagram app secret. List several values while you change it at Meta: the
	// handler sends the first one, and accepts callbacks that are signed with any of them.
	AppSecret []string `json:"app_secret,omitempty"`

	// Required. The redirect URI, exactly as you registered it with Meta, with its slash at the
	// end. List one for each host of the site. It must be https. Plain http is allowed for loopback
	// hosts only, including names below localhost.
	RedirectURI []string `json:"redirect_uri,omitempty"`

	// The API of the app: `instagram_login` or `basic_display`. Default: `instagram_login`.
	API string `json:"api,omitempty"`

	// The permissions to ask for. Default: `instagram_business_basic`, or
	// `user_profile` and `user_media` for `basic_display`.
	Scope []string `json:"scope,omitempty"`

	// Further fields of the visitor's profile. Each becomes the placeholder
	// `{http.auth.user.<field>}`. Default: none.
	Fields []string `json:"fields,omitempty"`

	// How the handler asks for the profile: `me` at `/me`, `id` at `/{user-id}`. Default: `me`.
	UserNode string `json:"user_node,omitempty"`

	// Optional parameters of the authorization window, such as `force_reauth`. Default: none.
	Authorize map[string]string `json:"authorize,omitempty"`

	// What happens after a sign-in. `redirect` sets the session cookie and sends the visitor to the
	// page that they asked for. `handoff` passes the callback request on to the site, with the
	// identity, for sites that keep their own sessions. Default: `redirect`.
	AfterLogin string `json:"after_login,omitempty"`

	// The prefix of this handler's own paths. Default: `/instagram_auth`.
	PathPrefix string `json:"path_prefix,omitempty"`

	// Shows a page with one button instead of an immediate redirect to Instagram. Default: false.
	LoginPage bool `json:"login_page,omitempty"`

	// Lets CORS preflights of protected paths pass to the site, which answers them. Browsers send
	// them without cookies, so they have no session. Only `OPTIONS` requests with `Origin` and
	// `Access-Control-Request-Method` and without a body pass. Default: false.
	AllowPreflight bool `json:"allow_preflight,omitempty"`

	// Stops the start or the reload if a check at start finds an unprotected or unreachable path.
	// Otherwise Caddy logs an error. `caddy validate` does not run these checks, but
	// `caddy instagram-auth doctor` does. Default: false.
	StrictConfig bool `json:"strict_config,omitempty"`

	// Who shows refusals. With `page`, the handler answers with a small page or JSON. With
	// `handle`, it returns the error to the site's `handle_errors`. Default: `page`.
	Errors string `json:"errors,omitempty"`

	// The language of the pages: a tag such as `en`, `de` or `pt`, or `auto` for the language that
	// the visitor's browser asks for. If there are no pages in that language, they are in English.
	// Default: `auto`.
	Language string `json:"language,omitempty"`

	// A folder with templates that replace the built-in pages. Caddy reads it when it loads the
	// configuration. Default: the built-in pages.
	Pages string `json:"pages,omitempty"`

	// The site that the built-in pages show: its name, its logo and its colour.
	Site SiteOptions `json:"site,omitzero"`

	// Request headers for the site, by field: `user_id`, `username`,
	// `app_scoped_id`, `permissions` or one of `fields`. With the name `off`, the site gets no
	// header. Default: `X-Instagram-User-Id` and `X-Instagram-Username`.
	Headers map[string]string `json:"headers,omitempty"`

	// The accounts that can sign in: user IDs or `@username`. Prefer IDs, because another person
	// can take a username later. Default: everybody.
	Allow []string `json:"allow,omitempty"`

	// The accounts that cannot sign in, even if `allow` lists them. Default: nobody.
	Deny []string `json:"deny,omitempty"`

	// The page to which a visitor goes after signing out: a path of the site. If that page needs a
	// session, the handler shows its own page instead. Default: `/`.
	LogoutTarget string `json:"logout_target,omitempty"`

	// What happens when Meta reports that a visitor has removed the app. `answer` revokes their
	// sessions. `pass` also passes the verified callback on to the site, whose answer goes to Meta.
	// Default: `answer`.
	Deauthorize string `json:"deauthorize,omitempty"`

	// The same, when Meta reports that a visitor asks for their data to be deleted. Default:
	// `answer`.
	DataDeletion string `json:"data_deletion,omitempty"`

	// How many sign-ins of one client can fail.
	RateLimit RateLimitOptions `json:"rate_limit,omitzero"`

	// How often Caddy reads from its storage which sessions were revoked on other nodes.
	// Default: `5s`.
	SyncInterval caddy.Duration `json:"sync_interval,omitempty"`

	// What happens while Caddy cannot read its storage. `keep` goes on with the last list of
	// revoked sessions. `deny` refuses sessions once the list is older than `max_staleness`.
	// Default: `keep`.
	OnStorageFailure string `json:"on_storage_failure,omitempty"`

	// How old the list of revoked sessions can be with `deny`. Default: `1m`, or three times
	// `sync_interval` if that is longer.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`

	// What happens to the access token after the login. Default: Caddy drops it.
	Token TokenOptions `json:"token,omitzero"`

	// What `GET <path_prefix>/picture` answers: with `redirect`, a redirect to the visitor's
	// profile picture at Instagram; with `proxy`, the picture itself; with `off`, 404. It needs
	// `token`. Default: `redirect` with `token`, `off` without.
	Picture string `json:"picture,omitempty"`

	// How often Caddy asks Instagram for the profile of a visitor again. The site gets a new
	// username, and the session ends if Instagram no longer accepts its token. It needs
	// `token long_lived`. Default: never.
	Revalidate caddy.Duration `json:"revalidate,omitempty"`

	// Permissions of `scope` that a visitor must grant to sign in. Default: none.
	RequireScope []string `json:"require_scope,omitempty"`

	// Further permissions that a link on the site can ask for later, as `login?scope=...`. Default:
	// none.
	StepUp []string `json:"step_up,omitempty"`

	// How long ago a visitor can have signed in for some paths. A visitor with an older sign-in, or
	// with one without `force_reauth`, signs in at Instagram again. All other pages take their
	// session as before. If several entries match, the shortest duration counts. Default: none.
	MaxAge []MaxAgeOptions `json:"max_age,omitempty"`

	// Which personal data log lines and events contain.
	Log LogOptions `json:"log,omitzero"`

	// The session.
	Session SessionOptions `json:"session,omitzero"`

	// Other addresses of Instagram's API, such as those of a simulator. Default: those of the API.
	Endpoints EndpointOptions `json:"endpoints,omitzero"`

	// How long one call to Instagram can take. Default: `10s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The requests that need a session: matcher sets, as in a route. The handler compares them with
	// the address that the visitor asked for, and with the one that Caddy rewrote it to. Default:
	// all requests; none with `after_login handoff`, where the site keeps the sessions.
	ProtectRaw caddyhttp.RawMatcherSets `json:"protect,omitempty" caddy:"namespace=http.matchers"`

	protect      *protect.Rules
	settings     settings
	memory       *sharedMemory
	reservations *placement.Reservations
	memoryKey    string
	leaveRate    func()

	now       func() time.Time
	telemetry *telemetry.Recorder
	answers   *answer.Writer
	sessions  *lifecycle.Sessions
	logins    *login.Flow
	gate      *gate.Gate
	endpoints *endpoint.Endpoints
}

// SiteOptions describe the site of the pages. Addresses are paths of the site or `https` URLs. The
// pages of the site must need no session: visitors who see a page are often not signed in.
type SiteOptions struct {
	// The name of the site, at most 64 characters. Default: the host that the visitor asked for.
	Name string `json:"name,omitempty"`

	// The address of a picture, which is shown 48 pixels wide and high. Pages load it, and
	// nothing else, from there. Default: none.
	Logo string `json:"logo,omitempty"`

	// The colour of buttons, such as `#7a3bb8`. Their text is black or white, whichever can be
	// read better. Default: a violet.
	Accent string `json:"accent,omitempty"`

	// The address of the privacy policy. Default: no link.
	Privacy string `json:"privacy,omitempty"`

	// The address of the terms of use. Default: no link.
	Terms string `json:"terms,omitempty"`

	// Where visitors get help: an address, or `mailto:` and an e-mail address. Default: no link.
	Help string `json:"help,omitempty"`
}

// SessionOptions configure the session cookie.
type SessionOptions struct {
	// How long a session lasts, at most. Default: `7d`.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// How long a session lasts while the visitor does not use it. Default: no limit.
	Idle caddy.Duration `json:"idle,omitempty"`

	// The cookie's name. The handler puts `__Host-Http-` in front of it.
	// Default: `instagram_auth`.
	Cookie string `json:"cookie,omitempty"`

	// Secrets of at least 32 bytes, from which the handler derives the session keys. The first one
	// encrypts, all of them decrypt. Default: the app secret.
	Secret []string `json:"secret,omitempty"`
}

// MaxAgeOptions say for which paths a sign-in must be recent.
type MaxAgeOptions struct {
	// Required. How long ago the sign-in can be, at least 1m.
	Duration caddy.Duration `json:"duration,omitempty"`

	// Paths as Caddy's `path` matcher reads them, such as `/billing*`. They need a session even if
	// `protect` does not cover them. Default: all that `protect` covers.
	Paths []string `json:"paths,omitempty"`
}

// TokenOptions say what happens to the access token. Only the session cookie keeps it, encrypted.
type TokenOptions struct {
	// Exchanges the token, which lasts an hour, for one that lasts 60 days, and refreshes it while
	// the session is in use. Default: false.
	LongLived bool `json:"long_lived,omitempty"`

	// The request header in which the site gets the token. The site also gets it as the placeholder
	// `{http.auth.user.access_token}`. Default: the site does not get the token.
	ForwardAs string `json:"forward_as,omitempty"`
}

// EndpointOptions are addresses of Instagram's API. They must be https. Plain http
// is allowed for loopback hosts only.
type EndpointOptions struct {
	// The authorization window. Default: that of the API.
	Authorize string `json:"authorize,omitempty"`

	// The token endpoint. Default: that of the API.
	Token string `json:"token,omitempty"`

	// The base URL of the profile. It can end in a version, such as `/v25.0`. Default:
	// `https://graph.instagram.com`.
	Graph string `json:"graph,omitempty"`
}

// LogOptions say which personal data this handler's log lines and events contain. They do not
// change Caddy's access log.
type LogOptions struct {
	// The client's IP address: `on`; `hash` for a pseudonym, the field `client_ip_hash`,
	// made with the session secret; `off`. Default: `on`.
	ClientIP string `json:"client_ip,omitempty"`

	// The Instagram user ID: `on`; `hash` for a pseudonym, the field `user_id_hash`, made
	// with the session secret; `off`. Default: `on`.
	UserID string `json:"user_id,omitempty"`

	// The username: `on` or `off`. Default: `off`.
	Username string `json:"username,omitempty"`
}

// RateLimitOptions say how many sign-ins of one client can fail.
type RateLimitOptions struct {
	// How many sign-ins of one client (an IPv4 address or an IPv6 /64) can fail within `per`.
	// Successful sign-ins do not count. An IPv6 /56 has twice the limit, a /48 four times, and all
	// clients together 18 times. Default: 20.
	Failures int `json:"failures,omitempty"`

	// The time in which the failures count. Default: `1m`.
	Per caddy.Duration `json:"per,omitempty"`

	// Removes the limit for each client. The limit over all clients stays. Default: false.
	Off bool `json:"off,omitempty"`
}

// CaddyModule returns the Caddy module information. Its receiver is a pointer, because events call
// this method while Cleanup may be changing fields, and a copy would read them.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers." + directive, New: func() caddy.Module { return new(Handler) }}
}

// Provision sets up the handler. It replaces placeholders, checks every option and makes the rooms.
// It makes no network calls: the list of revoked sessions is first read in the background.
func (h *Handler) Provision(ctx caddy.Context) (err error) {
	events, err := telemetry.NewEmitter(ctx)
	if err != nil {
		return err
	}
	if err := telemetry.RegisterMetrics(ctx, stateMetrics{}); err != nil {
		return err
	}
	if err := h.provision(ctx, ctx.Storage(), events); err != nil {
		return err
	}
	return inspect.AtStart(ctx, h.inspected(h.telemetry.Logger))
}

// provision makes the rooms in order, each from those before it.
func (h *Handler) provision(ctx caddy.Context, storage revocation.Storage, events *telemetry.Emitter) (err error) {
	if h.now == nil {
		h.now = time.Now
	}
	if h.settings, err = h.resolveLoaded(); err != nil {
		return err
	}
	s := &h.settings
	logger := ctx.Logger().With(zap.String("instance", s.instance))
	if h.telemetry, err = telemetry.NewRecorder(logger, events, s.App, s.privacy, h.now); err != nil {
		return err
	}
	h.protect = &protect.Rules{Otherwise: !s.Handoff, MaxAges: s.maxAges, Telemetry: h.telemetry}
	if h.protect.Sets, err = h.loadMatchers(ctx); err != nil {
		return err
	}
	h.answers, err = answer.New(answer.Config{
		Telemetry: h.telemetry, Paths: s.Paths, Cookies: s.Cookies, Now: h.now,
		HandleErrors: s.handleErrors, AnyAccount: s.api == instagram.BasicDisplay, Language: s.language, Pages: h.Pages,
		Site: s.site, NeedsSession: h.protect.Required,
	})
	if err != nil {
		return err
	}
	if err := h.borrowMemory(); err != nil {
		return err
	}
	s.Now, s.Storage, s.Telemetry, s.Answers = h.now, storage, h.telemetry, h.answers
	server := serverOf(ctx)
	s.Live = func() bool { return placement.Live(server) }
	s.Configuration = ctx.GetMetricsRegistry() // Caddy makes one for each configuration
	s.Snapshot = revocation.SnapshotFile(caddy.AppDataDir(), s.App)
	s.Memory, s.OnForget = h.memory.sessions, h.memory.endpoint.Forget
	s.Provider = provider.New(&telemetry.Client{Client: s.client, Telemetry: h.telemetry}, h.memory.provider, s.api, h.Fields)
	if s.Rotation, err = h.watchSecrets(); err != nil {
		return err
	}
	if h.sessions, err = lifecycle.New(ctx.Slogger(), s.Config); err != nil {
		return err
	}
	h.makeFlows()
	h.warn()
	return h.takePlace(ctx)
}

// serverOf returns the server that the handler is loaded for, nil outside of one.
func serverOf(ctx caddy.Context) *caddyhttp.Server {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return server
}

// takePlace finds the block's place on its server and reserves its own paths there.
func (h *Handler) takePlace(ctx caddy.Context) error {
	server := serverOf(ctx)
	if server != nil {
		server.RegisterConnContext(stream.WithConn)
	}
	place, err := h.place(server)
	if err != nil {
		return err
	}
	h.reservations = placement.Reserve(server, place, h.settings.Paths, h.settings.Cookies)
	hosts := place.Hosts()
	if !h.settings.Paths.Serve(func(host string) bool { return len(hosts) == 0 || address.Accepts(hosts, host) }) {
		return option.Errorf("redirect_uri", "%q is not an address of this site, which is %s; give the site that host, or write an address of the site",
			h.settings.Paths.Redirects[0].URI, strings.Join(hosts, ", "))
	}
	place.PutInFront(server, h.settings.Identity.Guard())
	place.BeforeErrors(server, lifecycle.ErrorRoute{})
	return nil
}

// makeFlows makes the rooms that answer requests instead of the site.
func (h *Handler) makeFlows() {
	s := &h.settings
	h.logins = &login.Flow{
		Shared: s.Shared, Sessions: h.sessions, Client: s.client, Memory: h.memory.logins, Rules: h.protect, StepUp: h.StepUp, Rate: s.rate,
		SeesMore: s.KeepToken || len(h.Fields) > 0,
	}
	h.gate = &gate.Gate{
		Rules: h.protect, Sessions: h.sessions, Logins: h.logins, Answers: h.answers, LoginPage: h.LoginPage, AllowPreflight: h.AllowPreflight,
	}
	h.endpoints = &endpoint.Endpoints{
		Shared: s.Shared, Sessions: h.sessions, Codes: s.secrets.sessionKeys.Codes(), Marks: s.secrets.appKeys.Marks(),
		Memory: h.memory.endpoint, Fields: h.Fields, LogoutTarget: s.logoutTarget, PictureMode: s.picture,
		PassDeauthorize: s.passDeauthorize, PassDataDeletion: s.passDataDeletion, Required: h.protect.Required,
		PassSignedIn: h.gate.PassSignedIn, RedirectToCanonical: h.logins.RedirectToCanonical,
		PictureSources: s.client.PictureSources(), AppsURL: s.client.AppsURL(),
	}
}

// place finds the place of the block on its server.
func (h *Handler) place(server *caddyhttp.Server) (placement.Place, error) {
	options, err := placement.DigestOf(h)
	if err != nil {
		return placement.Place{}, err
	}
	return placement.Find(server, options, func(raw json.RawMessage) (placement.Digest, error) {
		var block Handler
		if err := json.Unmarshal(raw, &block); err != nil {
			return placement.Digest{}, err
		}
		block.ProtectRaw = nil
		return placement.DigestOf(&block)
	}), nil
}

// loadMatchers makes the matchers of `protect`.
func (h *Handler) loadMatchers(ctx caddy.Context) (sets caddyhttp.MatcherSets, err error) {
	if h.ProtectRaw == nil {
		return nil, nil
	}
	loaded, err := ctx.LoadModule(h, "ProtectRaw")
	if err != nil {
		return nil, fmt.Errorf("loading matchers of protect: %w", err)
	}
	return sets, sets.FromInterface(loaded)
}

// Validate ensures that no other block of the same server answers the same
// addresses or uses the same cookie. [C3]
func (h *Handler) Validate() error {
	if h.reservations == nil {
		return errNotProvisioned
	}
	return h.reservations.Take()
}

// Cleanup gives back what this instance has taken. Caddy also calls it after Provision or Validate
// has failed.
func (h *Handler) Cleanup() error {
	if h.reservations != nil {
		h.reservations.Release()
	}
	var leaveSecrets, leaveTelemetry, leaveSessions error
	if h.sessions != nil {
		leaveSessions = h.sessions.Close()
	}
	if h.settings.client != nil {
		h.settings.client.CloseIdleConnections()
	}
	if h.telemetry != nil {
		leaveTelemetry = h.telemetry.Close()
	}
	if h.settings.Rotation != nil {
		leaveSecrets = h.settings.Rotation.Close()
	}
	return errors.Join(leaveSecrets, leaveSessions, h.returnMemory(), leaveTelemetry)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
