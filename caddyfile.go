package instagramauth

import (
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// parseDirective turns the directive into one route without a matcher. The
// directive's own matcher says who must sign in, not where the handler runs: it
// must see every request to strip forged headers and to answer its own paths.
func parseDirective(helper httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !helper.Next() {
		return nil, helper.ArgErr()
	}
	// Not ExtractMatcherSet, to which "*" is as good as no matcher at all: here it says
	// that everything is protected, which is not the default of a handoff.
	matcher, given, err := helper.MatcherToken()
	if err != nil {
		return nil, err
	}
	if given {
		helper.Delete()
	}
	helper.Reset()
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(helper.Dispenser); err != nil {
		return nil, err
	}
	switch {
	case given && matcher == nil:
		h.ProtectRaw = caddyhttp.RawMatcherSets{{}} // a set without matchers matches everything
	case given:
		h.ProtectRaw = caddyhttp.RawMatcherSets{matcher}
	}
	return helper.NewRoute(nil, h), nil
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	instagram_auth [<matcher>] {
//		app_id       <id>
//		app_secret   <secret>...
//		redirect_uri <url>...
//
//		api          instagram_login|basic_display
//		scope        <permission>...
//		fields       <field>...
//		user_node    me|id
//		authorize    <param> <value>
//
//		after_login  redirect|handoff
//		path_prefix  <path>
//		login_page
//		allow_preflight
//		errors       page|handle
//		language     auto|<tag>
//		pages        <folder>
//
//		allow        <user-id>|@<username>...
//		deny         <user-id>|@<username>...
//
//		logout_target <path>
//		deauthorize   [pass]
//		data_deletion [pass]
//		rate_limit    off|<failures> <per>
//		sync_interval <duration>
//		on_storage_failure keep|deny [<max_staleness>]
//
//		headers {
//			<field>  <Header>|off
//		}
//		token {
//			long_lived
//			forward_as <Header>
//		}
//		picture       redirect|proxy|off
//		revalidate    <duration>
//		require_scope <permission>...
//		step_up       <permission>...
//
//		log {
//			client_ip on|hash|off
//			user_id   on|hash|off
//			username  on|off
//		}
//
//		session {
//			lifetime <duration>
//			idle     <duration>
//			cookie   <name>
//			secret   <secret>...
//		}
//
//		endpoints    <base-url>
//		endpoints {
//			authorize <url>
//			token     <url>
//			graph     <base-url>
//		}
//		timeout      <duration>
//		strict_config
//	}
//
// app_id, app_secret and redirect_uri are required.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.Errf("unexpected %q: options stand in a block", d.Val())
	}
	p := parser{Dispenser: d, h: h, seen: map[string]caddyfile.Token{directive: d.Token()}}
	if err := p.block("", p.option); err != nil {
		return err
	}
	return p.check()
}

// parser reads one block and remembers where each option stands, so that what is
// found wrong with an option's meaning can be told with its line.
type parser struct {
	*caddyfile.Dispenser
	h    *Handler
	seen map[string]caddyfile.Token
}

// block reads the options of a block, each at most once, by name with the name of
// the block in front.
func (p *parser) block(prefix string, option func(name string) error) error {
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		name := prefix + p.Val()
		// authorize stands once for each parameter of the window.
		if _, twice := p.seen[name]; twice && name != "authorize" {
			return p.Errf("%s: already specified", name)
		}
		p.seen[name] = p.Token()
		if err := option(name); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) option(name string) error {
	h := p.h
	switch name {
	case "app_id":
		return p.one(name, &h.AppID)
	case "app_secret":
		return p.some(name, &h.AppSecret)
	case "redirect_uri":
		return p.some(name, &h.RedirectURI)
	case "api":
		return p.one(name, &h.API)
	case "scope":
		return p.some(name, &h.Scope)
	case "fields":
		return p.some(name, &h.Fields)
	case "user_node":
		return p.one(name, &h.UserNode)
	case "authorize":
		return p.parameter()
	case "after_login":
		return p.one(name, &h.AfterLogin)
	case "path_prefix":
		return p.one(name, &h.PathPrefix)
	case "login_page", "allow_preflight", "strict_config":
		*map[string]*bool{"login_page": &h.LoginPage, "allow_preflight": &h.AllowPreflight, "strict_config": &h.StrictConfig}[name] = true
		return p.none(name)
	case "errors":
		return p.one(name, &h.Errors)
	case "language":
		return p.one(name, &h.Language)
	case "pages":
		return p.one(name, &h.Pages)
	case "timeout":
		return p.duration(name, &h.Timeout)
	case "allow":
		return p.some(name, &h.Allow)
	case "deny":
		return p.some(name, &h.Deny)
	case "logout_target":
		return p.one(name, &h.LogoutTarget)
	case "deauthorize", "data_deletion":
		return p.optional(name, map[string]*string{"deauthorize": &h.Deauthorize, "data_deletion": &h.DataDeletion}[name])
	case "sync_interval":
		return p.duration(name, &h.SyncInterval)
	case "on_storage_failure", "rate_limit":
		return map[string]func(string) error{"on_storage_failure": p.onStorageFailure, "rate_limit": p.rateLimit}[name](name)
	case "picture":
		return p.one(name, &h.Picture)
	case "revalidate":
		return p.duration(name, &h.Revalidate)
	case "require_scope":
		return p.some(name, &h.RequireScope)
	case "step_up":
		return p.some(name, &h.StepUp)
	case "headers", "session", "endpoints", "token", "log":
		return p.subBlock(name)
	}
	return p.Errf("unrecognized option %q", name)
}

func (p *parser) subBlock(name string) error {
	if name == "endpoints" && p.NextArg() {
		return p.baseURL()
	}
	if p.NextArg() {
		return p.Errf("%s: unexpected %q; its options stand in a block", name, p.Val())
	}
	if name == "headers" {
		p.h.Headers = make(map[string]string)
	}
	before := len(p.seen)
	option := map[string]func(string) error{"headers": p.header, "session": p.session, "endpoints": p.endpoint, "token": p.token, "log": p.log}[name]
	if err := p.block(name+" ", option); err != nil {
		return err
	}
	if len(p.seen) == before {
		return p.Errf("%s: empty block", name)
	}
	return nil
}

func (p *parser) header(name string) error {
	var header string
	if err := p.one(name, &header); err != nil {
		return err
	}
	p.h.Headers[strings.TrimPrefix(name, "headers ")] = header
	return nil
}

func (p *parser) session(name string) error {
	s := &p.h.Session
	switch name {
	case "session lifetime":
		return p.duration(name, &s.Lifetime)
	case "session idle":
		return p.duration(name, &s.Idle)
	case "session cookie":
		return p.one(name, &s.Cookie)
	case "session secret":
		return p.some(name, &s.Secret)
	}
	return p.Errf("unrecognized option %q", name)
}

func (p *parser) token(name string) error {
	t := &p.h.Token
	switch name {
	case "token long_lived":
		t.LongLived = true
		return p.none(name)
	case "token forward_as":
		return p.one(name, &t.ForwardAs)
	}
	return p.Errf("unrecognized option %q", name)
}

func (p *parser) log(name string) error {
	l := &p.h.Log
	switch name {
	case "log client_ip":
		return p.one(name, &l.ClientIP)
	case "log user_id":
		return p.one(name, &l.UserID)
	case "log username":
		return p.one(name, &l.Username)
	}
	return p.Errf("unrecognized option %q", name)
}

func (p *parser) endpoint(name string) error {
	e := &p.h.Endpoints
	switch name {
	case "endpoints authorize":
		return p.one(name, &e.Authorize)
	case "endpoints token":
		return p.one(name, &e.Token)
	case "endpoints graph":
		return p.one(name, &e.Graph)
	}
	return p.Errf("unrecognized option %q", name)
}

// baseURL reads the short form: all three endpoints on one host, below the paths
// that Instagram uses.
func (p *parser) baseURL() error {
	base := strings.TrimSuffix(p.Val(), "/")
	p.h.Endpoints = EndpointOptions{base + "/oauth/authorize", base + "/oauth/access_token", base}
	return p.none("endpoints")
}

func (p *parser) parameter() error {
	args := p.RemainingArgs()
	if len(args) != 2 {
		return p.Errf("authorize: want a parameter and its value, such as: authorize force_reauth true")
	}
	if _, twice := p.h.Authorize[args[0]]; twice {
		return p.Errf("authorize: %s already specified", args[0])
	}
	if p.h.Authorize == nil {
		p.h.Authorize = make(map[string]string)
	}
	p.h.Authorize[args[0]] = args[1]
	return nil
}

// check applies the rules that the handler itself applies when it is loaded, and
// adds the line to what they find. Only here is a line known.
func (p *parser) check() error {
	_, err := p.h.resolve(adaptTime)
	wrong, ok := errors.AsType[*optionError](err)
	if !ok {
		return err
	}
	// What is missing altogether is missing from the block.
	token, seen := p.seen[wrong.option]
	if !seen {
		token = p.seen[directive]
	}
	at := caddyfile.NewDispenser([]caddyfile.Token{token})
	at.Next()
	return at.WrapErr(err)
}
