package simulator

import (
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

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
	return unmarshalBlock(d, "", map[string]any{
		"app_id": &h.AppID, "app_secret": &h.AppSecret, "app_name": &h.AppName, "redirect_uri": &h.RedirectURI, "api": &h.API,
		"mode": &h.Mode, "state": &h.State, "testers": &h.Testers,
		"token_shape": &h.TokenShape, "token_user_id": &h.TokenUserID,
		"node_without_id": &h.NodeWithoutID, "node_without_user_id": &h.NodeWithoutUserID, "no_bearer": &h.NoBearer,
		"window_error_status": &h.WindowErrorStatus, "old_code_errors": &h.OldCodeErrors, "subcodes": &h.Subcodes,
		"auto_allow": &h.AutoAllow, "code_lifetime": &h.CodeLifetime, "token_lifetime": &h.TokenLifetime,
		"deauthorize": &h.Deauthorize, "data_deletion": &h.DataDeletion, "user": &h.Users,
	})
}

// unmarshalBlock reads the lines of a block into options. Its errors begin with about.
func unmarshalBlock(d *caddyfile.Dispenser, about string, options map[string]any) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] && option != "user" {
			return d.Errf("%s%s already specified", about, option)
		}
		seen[option] = true
		if options[option] == nil {
			return d.Errf("%sunrecognized subdirective %q", about, option)
		}
		if err := unmarshalValue(d, options[option]); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalValue reads what stands behind an option, according to the type of its value.
func unmarshalValue(d *caddyfile.Dispenser, to any) error {
	option, text := d.Val(), ""
	switch to := to.(type) {
	case *bool:
		if d.NextArg() {
			return d.ArgErr()
		}
		*to = true
		return nil
	case *[]string:
		if *to = d.RemainingArgs(); len(*to) == 0 {
			return d.ArgErr()
		}
		return nil
	}
	// All others take exactly one value, which is not empty.
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	if text == "" {
		return d.Errf("%s is empty", option)
	}
	switch to := to.(type) {
	case *string:
		*to = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return d.Errf("%s: %q is not a number of zero or more", option, text)
		}
		*to = n
	case *caddy.Duration:
		parsed, err := caddy.ParseDuration(text)
		if err != nil {
			return d.Errf("parsing %s: %v", option, err)
		}
		if parsed <= 0 {
			return d.Errf("%s must be longer than zero", option)
		}
		*to = caddy.Duration(parsed)
	case *[]User:
		u := User{Username: text}
		err := unmarshalBlock(d, "user "+text+": ", map[string]any{
			"id": &u.ID, "app_scoped_id": &u.AppScopedID, "account_type": &u.AccountType, "private": &u.Private,
			"name": &u.Name, "picture": &u.PictureURL, "biography": &u.Biography, "website": &u.Website,
			"followers": &u.Followers, "follows": &u.Follows, "media": &u.MediaCount,
		})
		if err != nil {
			return err
		}
		*to = append(*to, u)
	default:
		panic(fmt.Sprintf("the option %s has the type %T", option, to))
	}
	return nil
}
