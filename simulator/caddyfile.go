package simulator

// Caddy's side: the handler module and its directive.

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
// All values except the users and the numbers may be `{env.*}` or
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

	// The usernames of the testers. Default: none.
	Testers []string `json:"testers,omitempty"`

	// The shape of token answers: `flat`, `permissions` or `wrapped`. Default:
	// `permissions`, or `flat` for `basic_display`.
	TokenShape string `json:"token_shape,omitempty"`

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

	// Where the request to delete a person's data goes then, on a loopback host.
	// Default: none.
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
	mode, api, shape := h.Mode, h.API, h.TokenShape
	c = Config{
		App: App{
			ID: h.AppID, Secret: h.AppSecret, Name: h.AppName, RedirectURIs: slices.Clone(h.RedirectURI),
			Testers: slices.Clone(h.Testers), DeauthorizeURL: h.Deauthorize, DataDeletionURL: h.DataDeletion,
		},
		Users: h.Users, AutoAllow: h.AutoAllow,
		CodeLifetime: time.Duration(h.CodeLifetime), TokenLifetime: time.Duration(h.TokenLifetime),
	}
	replacer := caddy.NewReplacer()
	for _, option := range []struct {
		name   string
		values []*string
	}{
		{"app_id", []*string{&c.App.ID}}, {"app_secret", []*string{&c.App.Secret}}, {"app_name", []*string{&c.App.Name}},
		{"redirect_uri", pointers(c.App.RedirectURIs)}, {"testers", pointers(c.App.Testers)}, {"api", []*string{&api}},
		{"mode", []*string{&mode}}, {"token_shape", []*string{&shape}}, {"auto_allow", []*string{&c.AutoAllow}},
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
	c.App.Live, c.App.API, c.TokenShape = mode != "development", API(api), TokenShape(shape)
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

// pointers returns the addresses of a list's entries.
func pointers(list []string) (p []*string) {
	for i := range list {
		p = append(p, &list[i])
	}
	return p
}

// parseCaddyfile makes the handler from the directive.
func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	instagram_simulator [<matcher>] {
//		app_id         <id>
//		app_secret     <secret>
//		app_name       <name>
//		redirect_uri   <url>...
//		api            instagram_login|basic_display
//		mode           live|development
//		testers        <username>...
//		token_shape    flat|permissions|wrapped
//		auto_allow     <username>
//		code_lifetime  <duration>
//		token_lifetime <duration>
//		deauthorize    <url>
//		data_deletion  <url>
//		user <username> {
//			id            <id>
//			app_scoped_id <id>
//			account_type  business|creator|personal
//			name          <name>
//			picture       <url>
//			followers     <number>
//			follows       <number>
//			media         <number>
//		}
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] && option != "user" {
			return d.Errf("%s already specified", option)
		}
		seen[option] = true
		if err := h.unmarshalOption(d, option); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalOption reads one line of the block, or one user.
func (h *Handler) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	single := map[string]*string{
		"app_id": &h.AppID, "app_secret": &h.AppSecret, "app_name": &h.AppName, "api": &h.API, "mode": &h.Mode,
		"token_shape": &h.TokenShape, "auto_allow": &h.AutoAllow, "deauthorize": &h.Deauthorize, "data_deletion": &h.DataDeletion,
	}
	if value := single[option]; value != nil {
		return unmarshalText(d, value)
	}
	switch option {
	case "redirect_uri":
		return unmarshalList(d, &h.RedirectURI)
	case "testers":
		return unmarshalList(d, &h.Testers)
	case "code_lifetime":
		return unmarshalDuration(d, &h.CodeLifetime)
	case "token_lifetime":
		return unmarshalDuration(d, &h.TokenLifetime)
	case "user":
		return h.unmarshalUser(d)
	}
	return d.Errf("unrecognized subdirective %q", option)
}

// unmarshalUser reads a user's block.
func (h *Handler) unmarshalUser(d *caddyfile.Dispenser) error {
	var u User
	if err := unmarshalText(d, &u.Username); err != nil {
		return err
	}
	texts := map[string]*string{
		"id": &u.ID, "app_scoped_id": &u.AppScopedID, "account_type": &u.AccountType, "name": &u.Name, "picture": &u.PictureURL,
	}
	numbers := map[string]*int{"followers": &u.Followers, "follows": &u.Follows, "media": &u.MediaCount}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] {
			return d.Errf("user %s: %s already specified", u.Username, option)
		}
		seen[option] = true
		var err error
		switch {
		case texts[option] != nil:
			err = unmarshalText(d, texts[option])
		case numbers[option] != nil:
			err = unmarshalNumber(d, numbers[option])
		default:
			err = d.Errf("user %s: unrecognized subdirective %q", u.Username, option)
		}
		if err != nil {
			return err
		}
	}
	h.Users = append(h.Users, u)
	return nil
}

// unmarshalText reads exactly one value, which is not empty.
func unmarshalText(d *caddyfile.Dispenser, value *string) error {
	option := d.Val()
	if !d.AllArgs(value) {
		return d.ArgErr()
	}
	if *value == "" {
		return d.Errf("%s is empty", option)
	}
	return nil
}

// unmarshalList reads one value or more.
func unmarshalList(d *caddyfile.Dispenser, list *[]string) error {
	if *list = d.RemainingArgs(); len(*list) == 0 {
		return d.ArgErr()
	}
	return nil
}

// unmarshalDuration reads a duration above zero.
func unmarshalDuration(d *caddyfile.Dispenser, value *caddy.Duration) error {
	option, text := d.Val(), ""
	if err := unmarshalText(d, &text); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("parsing %s: %v", option, err)
	}
	if parsed <= 0 {
		return d.Errf("%s must be longer than zero", option)
	}
	*value = caddy.Duration(parsed)
	return nil
}

// unmarshalNumber reads a number that is not negative.
func unmarshalNumber(d *caddyfile.Dispenser, value *int) error {
	option, text := d.Val(), ""
	if err := unmarshalText(d, &text); err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return d.Errf("%s: %q is not a number of zero or more", option, text)
	}
	*value = n
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
