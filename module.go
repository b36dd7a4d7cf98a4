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
// It sees every request of its site: it deletes identity headers that a client
// sent, answers its own paths (the redirect URI and those below `path_prefix`),
// sends visitors without a session to Instagram where `protect` asks for one, and
// hands the Instagram user ID and username on as request headers and placeholders.
//
// Three values are required: `app_id`, `app_secret` and `redirect_uri`. They, the
// session secrets and the endpoints may be given as `{env.*}` or `{file./absolute/path}`
// placeholders, which are replaced when the configuration is loaded.
//
// For a signed-in visitor these placeholders are set:
//
// Placeholder | Description
// ------------|------------
// `{http.auth.user.id}` | The Instagram user ID, decimal text
// `{http.auth.user.username}` | The username, which can change and change owner
// `{http.auth.user.app_scoped_id}` | The ID by which Instagram names the person to this app
// `{http.auth.user.<field>}` | Each of `fields` that Instagram returned
// `{http.auth.user.permissions}` | The permissions that they granted, with commas between
// `{http.auth.user.access_token}` | The access token, with `token forward_as` alone
//
// Where this handler refuses a request, `{http.auth.instagram_auth.error}` holds the
// code of the refusal, such as `login_expired`, and `{http.auth.instagram_auth.missing}` the
// permissions that it is about.
type Handler struct {
	// Required. The Instagram app ID (not the Facebook app ID of the same app).
	AppID string `json:"app_id,omitempty"`

	// Required. The Instagram app secret. Several while it is being changed at
	// Meta: the first one is sent, session keys are derived from all of them.
	AppSecret []string `json:"app_secret,omitempty"`

	// Required. The redirect URI, exactly as registered with Meta, trailing slash
	// included; one for each host of the site. All must be https; http is accepted
	// only for loopback hosts, names below localhost included.
	RedirectURI []string `json:"redirect_uri,omitempty"`

	// The family of the API: `instagram_login` or `basic_display`. Default: `instagram_login`.
	API string `json:"api,omitempty"`

	// The permissions to ask for. Default: `instagram_business_basic`, or
	// `user_profile` and `user_media` for `basic_display`.
	Scope []string `json:"scope,omitempty"`

	// Further fields of the user node. Each becomes the placeholder
	// `{http.auth.user.<field>}`. Default: none.
	Fields []string `json:"fields,omitempty"`

	// How the user node is addressed: `me` for `/me`, `id` for `/{user-id}`. Default: `me`.
	UserNode string `json:"user_node,omitempty"`

	// Optional parameters of the authorization window, such as `force_reauth`. Default: none.
	Authorize map[string]string `json:"authorize,omitempty"`

	// What happens after a login: `redirect` sets the session cookie and sends the visitor to the
	// page first asked for; `handoff` passes the callback request itself on to the site, with the
	// identity, for sites that keep sessions of their own. Default: `redirect`.
	AfterLogin string `json:"after_login,omitempty"`

	// The prefix of this handler's own paths. Default: `/instagram_auth`.
	PathPrefix string `json:"path_prefix,omitempty"`

	// Shows a page with one button where a visitor would be sent to Instagram at
	// once. Default: false.
	LoginPage bool `json:"login_page,omitempty"`

	// AllowPreflight lets CORS preflights of protected paths go on to the site, which
	// answers them. Browsers send them without cookies, so that nobody is signed in then.
	// Only `OPTIONS` requests with `Origin` and `Access-Control-Request-Method` and without
	// a body are let through. Default: `false`.
	AllowPreflight bool `json:"allow_preflight,omitempty"`

	// StrictConfig keeps Caddy from starting, and from taking a new configuration, if a check
	// at start finds that something is open or cannot be reached. Without it that is an error
	// in the log. `caddy validate` starts nothing: `caddy instagram-auth doctor` checks the
	// same. Default: `false`.
	StrictConfig bool `json:"strict_config,omitempty"`

	// Who shows refusals: `page` answers with a small page or JSON, `handle`
	// returns the error to the site's `handle_errors`. Default: `page`.
	Errors string `json:"errors,omitempty"`

	// The language of the pages: `auto` for the one that the visitor's browser asks for, or
	// the tag of one, such as `en`, `de` or `pt`. Default: `auto`, and English where the
	// visitor's is none of these.
	Language string `json:"language,omitempty"`

	// A folder with templates that replace the built-in pages. It is read when
	// the configuration is loaded. Default: the built-in pages.
	Pages string `json:"pages,omitempty"`

	// The site that the built-in pages show: its name, its logo and its colour.
	Site SiteOptions `json:"site,omitzero"`

	// Request headers for the site, by field: `user_id`, `username`,
	// `app_scoped_id`, `permissions` or one of `fields`. The name `off` sends none. Default:
	// `X-Instagram-User-Id` and `X-Instagram-Username`.
	Headers map[string]string `json:"headers,omitempty"`

	// Who may sign in, by user ID or `@username`. IDs are safer: names change
	// owner. Default: everybody.
	Allow []string `json:"allow,omitempty"`

	// Who may not sign in, even if `allow` lists them. Default: nobody.
	Deny []string `json:"deny,omitempty"`

	// Where a visitor goes after signing out: a path of this site. If that needs a session,
	// a page says that they are signed out. Default: `/`.
	LogoutTarget string `json:"logout_target,omitempty"`

	// What happens when Meta reports that a visitor has removed the app:
	// `answer` revokes their sessions; `pass` also passes the verified callback on
	// to the site, whose answer counts. Default: `answer`.
	Deauthorize string `json:"deauthorize,omitempty"`

	// The same when Meta reports that a visitor asks for their data
	// to be deleted. Default: `answer`.
	DataDeletion string `json:"data_deletion,omitempty"`

	// How many sign-ins of one client may fail.
	RateLimit RateLimitOptions `json:"rate_limit,omitzero"`

	// How often Caddy reads from its storage which sessions were revoked on other nodes.
	// Default: `5s`.
	SyncInterval caddy.Duration `json:"sync_interval,omitempty"`

	// What happens while the storage cannot be read: `keep` goes on with the last
	// known list of revoked sessions, `deny` refuses sessions when the list is older
	// than `max_staleness`. Default: `keep`.
	OnStorageFailure string `json:"on_storage_failure,omitempty"`

	// How old the list of revoked sessions may be with `deny`. Default: `1m`.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`

	// What happens to the access token after the login. Default: Caddy drops it.
	Token TokenOptions `json:"token,omitzero"`

	// What `GET <path_prefix>/picture` answers a signed-in visitor with: `redirect` leads to
	// their profile picture at Instagram, `proxy` answers with the picture itself, `off` with
	// 404. Needs `token`. Default: `redirect` where a token is kept, `off` otherwise.
	Picture string `json:"picture,omitempty"`

	// How often Caddy asks Instagram again who the owner of a session is: a new username
	// shows, and a session ends if Instagram no longer accepts its token. Needs a
	// long-lived token. Default: never.
	Revalidate caddy.Duration `json:"revalidate,omitempty"`

	// Permissions of `scope` that a visitor must grant to sign in. Default: none.
	RequireScope []string `json:"require_scope,omitempty"`

	// Further permissions that a link on the site may ask for later, as
	// `login?scope=...`. Default: none.
	StepUp []string `json:"step_up,omitempty"`

	// Which personal data log lines and events contain.
	Log LogOptions `json:"log,omitzero"`

	// The session.
	Session SessionOptions `json:"session,omitzero"`

	// Other addresses of Instagram's API, for a simulator or a mirror. Default:
	// those of the family.
	Endpoints EndpointOptions `json:"endpoints,omitzero"`

	// How long one call to Instagram may take. Default: `10s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Which requests need a session: matcher sets, as in a route. Both the address that was asked
	// for and the one it was rewritten to are matched. Default: all requests; none with
	// `after_login handoff`, which keeps no session that could be asked for.
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

// SiteOptions say whose pages they are. Addresses are paths of the site or `https` URLs. The
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

	// How long a session lasts without being used. Default: no limit of its own.
	Idle caddy.Duration `json:"idle,omitempty"`

	// The cookie's name without prefix; `__Host-Http-` is put in front of it.
	// Default: `instagram_auth`.
	Cookie string `json:"cookie,omitempty"`

	// Secrets of at least 32 bytes that the session keys are derived from. The
	// first one encrypts, all of them decrypt. Default: the app secret.
	Secret []string `json:"secret,omitempty"`
}

// TokenOptions say what becomes of the access token. It is kept in the session cookie,
// sealed, and nowhere else.
type TokenOptions struct {
	// Exchanges the token, which is good for an hour, for one that is good for 60 days,
	// and refreshes it while the session is in use. Default: false.
	LongLived bool `json:"long_lived,omitempty"`

	// The request header in which the site gets the token; it is also in the
	// placeholder `{http.auth.user.access_token}` then. Default: the site does not get it.
	ForwardAs string `json:"forward_as,omitempty"`
}

// EndpointOptions are addresses of Instagram's API. They must be https; http is
// accepted for loopback hosts alone.
type EndpointOptions struct {
	// The authorization window. Default: the family's.
	Authorize string `json:"authorize,omitempty"`

	// The token endpoint. Default: the family's.
	Token string `json:"token,omitempty"`

	// The base URL of the user node, with a version segment if wanted. Default:
	// `https://graph.instagram.com`.
	Graph string `json:"graph,omitempty"`
}

// LogOptions say what this handler's log lines and events tell about people. Caddy's
// access log is not affected.
type LogOptions struct {
	// The client's IP address: `on`; `hash` for a pseudonym, the field `client_ip_hash`,
	// made with the session secret; `off`. Default: `on`.
	ClientIP string `json:"client_ip,omitempty"`

	// The Instagram user ID, likewise. Default: `on`.
	UserID string `json:"user_id,omitempty"`

	// The username: `on` or `off`. Default: `off`.
	Username string `json:"username,omitempty"`
}

// RateLimitOptions say how many sign-ins of one client may fail.
type RateLimitOptions struct {
	// How many sign-ins of one client (an IPv4 address or an IPv6 /64) may fail within `per`.
	// An IPv6 /56 may have twice as many, a /48 four times. Sign-ins that succeed do not
	// count. All clients together may have 18 times as many. Default: 20.
	Failures int `json:"failures,omitempty"`

	// The time. Default: `1m`.
	Per caddy.Duration `json:"per,omitempty"`

	// Sets no limit for each client. The one over all clients stays. Default: false.
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
	h.protect = &protect.Rules{Otherwise: !s.Handoff, Telemetry: h.telemetry}
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

// takePlace finds the block's place on its server and reserves its own paths there.
func (h *Handler) takePlace(ctx caddy.Context) error {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
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
	return nil
}

// makeFlows makes the rooms that answer requests instead of the site.
func (h *Handler) makeFlows() {
	s := &h.settings
	h.logins = &login.Flow{
		Shared: s.Shared, Sessions: h.sessions, Client: s.client, Memory: h.memory.logins, StepUp: h.StepUp, Rate: s.rate,
		SeesMore: s.KeepToken || len(h.Fields) > 0,
	}
	h.gate = &gate.Gate{
		Rules: h.protect, Sessions: h.sessions, Logins: h.logins, Answers: h.answers, LoginPage: h.LoginPage, AllowPreflight: h.AllowPreflight,
	}
	h.endpoints = &endpoint.Endpoints{
		Shared: s.Shared, Sessions: h.sessions, Codes: s.secrets.sessionKeys.Codes(), Marks: s.secrets.appKeys.Marks(),
		Memory: h.memory.endpoint, Fields: h.Fields, LogoutTarget: s.logoutTarget, PictureMode: s.picture,
		PassDeauthorize: s.passDeauthorize, PassDataDeletion: s.passDataDeletion, Required: h.protect.Required,
		PassSignedIn: h.gate.PassSignedIn, PictureSources: s.client.PictureSources(), AppsURL: s.client.AppsURL(),
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
