package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const directive = "instagram_simulator"

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective(directive, parseCaddyfile)
	// It answers everything, so it stands where `respond` would.
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "respond")
}

// Handler simulates Instagram for demonstrations and tests.
//
// It answers every request that reaches it: the authorization window, the token
// endpoint, the user node and the media of made-up accounts. Never run it in
// production: whoever reaches it signs in as anybody.
//
// All values except the users, the numbers and the switches may be `{env.*}` or
// `{file./absolute/path}` placeholders.
type Handler struct {
	// Required. The Instagram app ID, decimal.
	AppID string `json:"app_id,omitempty"`

	// Required. The Instagram app secret.
	AppSecret string `json:"app_secret,omitempty"`

	// The app's name in the window. Default: `Example app`.
	AppName string `json:"app_name,omitempty"`

	// Required. The registered redirect URIs, matched byte for byte.
	RedirectURI []string `json:"redirect_uri,omitempty"`

	// `instagram_login` or `basic_display`. Default: `instagram_login`.
	API string `json:"api,omitempty"`

	// `live`, or `development`, where only testers can sign in. Default: `live`.
	Mode string `json:"mode,omitempty"`

	// How far Meta lets the app go: `approved`, `invitation_pending`, where only testers
	// get an answer of the graph, or `restricted`, where nobody does. Default: `approved`.
	State string `json:"state,omitempty"`

	// The usernames of the testers. Default: none.
	Testers []string `json:"testers,omitempty"`

	// The shape of token answers: `flat`, `permissions`, `wrapped` or `wrapped_list`.
	// Default: `permissions`, or `flat` for `basic_display`.
	TokenShape string `json:"token_shape,omitempty"`

	// The ID in token answers: `app_scoped` or `account`. Default: `app_scoped`.
	TokenUserID string `json:"token_user_id,omitempty"`

	// Leaves `id` out of the user node. Default: `false`.
	NodeWithoutID bool `json:"node_without_id,omitempty"`

	// Leaves `user_id` out of the user node. Default: `false`.
	NodeWithoutUserID bool `json:"node_without_user_id,omitempty"`

	// Ignores the `Authorization` header. Default: `false`.
	NoBearer bool `json:"no_bearer,omitempty"`

	// The status of the window's error pages. Default: `400`.
	WindowErrorStatus int `json:"window_error_status,omitempty"`

	// Says whether a code is unknown, used or expired. Default: `false`.
	OldCodeErrors bool `json:"old_code_errors,omitempty"`

	// Adds subcodes to the errors about tokens. Default: `false`.
	Subcodes bool `json:"subcodes,omitempty"`

	// A username: the window answers at once as if that person had pressed Allow.
	// Default: the window waits for a person.
	AutoAllow string `json:"auto_allow,omitempty"`

	// How long an authorization code can be used. Default: `1h`.
	CodeLifetime caddy.Duration `json:"code_lifetime,omitempty"`

	// How long a short-lived token is good for. Default: `1h`.
	TokenLifetime caddy.Duration `json:"token_lifetime,omitempty"`

	// Where a signed request goes when somebody removes the app, on a loopback
	// host. Default: none.
	Deauthorize string `json:"deauthorize,omitempty"`

	// Where the request to delete a person's data goes then, on a loopback host. Default: none.
	DataDeletion string `json:"data_deletion,omitempty"`

	// The accounts. Default: a business, a creator and a personal account.
	Users []User `json:"users,omitempty"`

	simulator *Simulator
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers." + directive,
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the simulator. Errors name the option, never the app secret.
func (h *Handler) Provision(ctx caddy.Context) error {
	config, err := h.config()
	if err != nil {
		return err
	}
	if h.simulator, err = New(config); err != nil {
		return fmt.Errorf("%s: %w", directive, err)
	}
	ctx.Logger().Warn("a simulated Instagram is running: anybody who reaches it can sign in as anybody")
	return nil
}

// config makes the simulator's configuration, with placeholders replaced.
func (h *Handler) config() (c Config, err error) {
	mode, api, state, shape, tokenID := h.Mode, h.API, h.State, h.TokenShape, h.TokenUserID
	c = Config{
		App: App{
			ID: h.AppID, Secret: h.AppSecret, Name: h.AppName, RedirectURIs: slices.Clone(h.RedirectURI),
			Testers: slices.Clone(h.Testers), DeauthorizeURL: h.Deauthorize, DataDeletionURL: h.DataDeletion,
		},
		Users: h.Users, AutoAllow: h.AutoAllow,
		CodeLifetime: time.Duration(h.CodeLifetime), TokenLifetime: time.Duration(h.TokenLifetime),
		NodeWithoutID: h.NodeWithoutID, NodeWithoutUserID: h.NodeWithoutUserID, NoBearer: h.NoBearer,
		WindowErrorStatus: h.WindowErrorStatus, OldCodeErrors: h.OldCodeErrors, Subcodes: h.Subcodes,
	}
	replacer := caddy.NewReplacer()
	for _, option := range []struct {
		name   string
		values []*string
	}{
		{"app_id", []*string{&c.App.ID}}, {"app_secret", []*string{&c.App.Secret}}, {"app_name", []*string{&c.App.Name}},
		{"redirect_uri", pointers(c.App.RedirectURIs)}, {"testers", pointers(c.App.Testers)}, {"api", []*string{&api}},
		{"mode", []*string{&mode}}, {"state", []*string{&state}}, {"token_shape", []*string{&shape}},
		{"token_user_id", []*string{&tokenID}}, {"auto_allow", []*string{&c.AutoAllow}},
		{"deauthorize", []*string{&c.App.DeauthorizeURL}}, {"data_deletion", []*string{&c.App.DataDeletionURL}},
	} {
		for _, value := range option.values {
			// An unset variable must not become an empty secret.
			if *value, err = replacer.ReplaceOrErr(*value, true, true); err != nil {
				return c, fmt.Errorf("%s: %s: replacing placeholders: %w", directive, option.name, err)
			}
		}
	}
	if mode != "" && mode != "live" && mode != "development" {
		return c, fmt.Errorf("%s: mode: %q is neither live nor development", directive, mode)
	}
	c.App.Live, c.App.API, c.App.State = mode != "development", API(api), AppState(state)
	c.TokenShape, c.TokenUserID = TokenShape(shape), TokenID(tokenID)
	return c, nil
}

// Cleanup ends answers that hang. It also runs where Provision failed.
func (h *Handler) Cleanup() error {
	if h.simulator != nil {
		h.simulator.Close()
	}
	return nil
}

// ServeHTTP answers as Instagram; the next handler never runs.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	h.simulator.ServeHTTP(w, r)
	return nil
}

func pointers(list []string) (p []*string) {
	for i := range list {
		p = append(p, &list[i])
	}
	return p
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
