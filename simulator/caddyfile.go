package simulator

// Caddy's side: the directive.

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// parseCaddyfile makes the handler from the directive.
func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	instagram_simulator [<matcher>] {
//		app_id               <id>
//		app_secret           <secret>
//		app_name             <name>
//		redirect_uri         <url>...
//		api                  instagram_login|basic_display
//		mode                 live|development
//		state                approved|invitation_pending|restricted
//		testers              <username>...
//		token_shape          flat|permissions|wrapped|wrapped_list
//		token_user_id        app_scoped|account
//		node_without_id
//		node_without_user_id
//		no_bearer
//		window_error_status  <status>
//		old_code_errors
//		subcodes
//		auto_allow           <username>
//		code_lifetime        <duration>
//		token_lifetime       <duration>
//		deauthorize          <url>
//		data_deletion        <url>
//		user <username> {
//			id            <id>
//			app_scoped_id <id>
//			account_type  business|creator|personal
//			private
//			name          <name>
//			picture       <url>
//			biography     <text>
//			website       <url>
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
		"app_id": &h.AppID, "app_secret": &h.AppSecret, "app_name": &h.AppName, "api": &h.API, "mode": &h.Mode, "state": &h.State,
		"token_shape": &h.TokenShape, "token_user_id": &h.TokenUserID, "auto_allow": &h.AutoAllow,
		"deauthorize": &h.Deauthorize, "data_deletion": &h.DataDeletion,
	}
	if value := single[option]; value != nil {
		return unmarshalText(d, value)
	}
	flags := map[string]*bool{
		"node_without_id": &h.NodeWithoutID, "node_without_user_id": &h.NodeWithoutUserID, "no_bearer": &h.NoBearer,
		"old_code_errors": &h.OldCodeErrors, "subcodes": &h.Subcodes,
	}
	if flag := flags[option]; flag != nil {
		return unmarshalFlag(d, flag)
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
	case "window_error_status":
		return unmarshalNumber(d, &h.WindowErrorStatus)
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
		"biography": &u.Biography, "website": &u.Website,
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
		case option == "private":
			err = unmarshalFlag(d, &u.Private)
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

// unmarshalFlag reads an option that takes no value.
func unmarshalFlag(d *caddyfile.Dispenser, flag *bool) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	*flag = true
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
