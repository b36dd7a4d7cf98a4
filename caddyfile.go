package instagramauth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
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
		return nil, helper.Errf("%v; define it in the site, such as: @members path /members* /account*", err)
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
//		site {
//			name    <text>
//			logo    <path>|<url>
//			accent  <colour>
//			privacy <path>|<url>
//			terms   <path>|<url>
//			help    <path>|<url>|mailto:<address>
//		}
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
//		max_age       <duration> [<path>...]
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
	p := newParser(d, h)
	if err := p.noArguments(); err != nil {
		return err
	}
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
	// options read the values of an option, by its name with the block that it stands in.
	options map[string]func(name string) error
}

func newParser(d *caddyfile.Dispenser, h *Handler) *parser {
	p := &parser{Dispenser: d, h: h, seen: map[string]caddyfile.Token{directive: d.Token()}}
	p.options = map[string]func(string) error{
		"app_id": p.one(&h.AppID), "app_secret": p.some(&h.AppSecret), "redirect_uri": p.list(&h.RedirectURI),
		"api": p.one(&h.API), "scope": p.list(&h.Scope), "fields": p.list(&h.Fields), "user_node": p.one(&h.UserNode), "authorize": p.parameter,
		"after_login": p.one(&h.AfterLogin), "path_prefix": p.one(&h.PathPrefix), "login_page": p.flag(&h.LoginPage), "allow_preflight": p.flag(&h.AllowPreflight),
		"strict_config": p.flag(&h.StrictConfig), "errors": p.one(&h.Errors), "language": p.one(&h.Language), "pages": p.one(&h.Pages),
		"allow": p.list(&h.Allow), "deny": p.list(&h.Deny),
		"logout_target": p.one(&h.LogoutTarget), "deauthorize": p.optional(&h.Deauthorize), "data_deletion": p.optional(&h.DataDeletion),
		"rate_limit": p.rateLimit, "sync_interval": p.duration(&h.SyncInterval), "on_storage_failure": p.onStorageFailure, "timeout": p.duration(&h.Timeout),
		"picture": p.one(&h.Picture), "revalidate": p.duration(&h.Revalidate), "require_scope": p.list(&h.RequireScope), "step_up": p.list(&h.StepUp),
		"max_age": p.maxAge,

		"site": p.subBlock, "site name": p.siteName, "site logo": p.one(&h.Site.Logo), "site accent": p.accent,
		"site privacy": p.one(&h.Site.Privacy), "site terms": p.one(&h.Site.Terms), "site help": p.one(&h.Site.Help),

		"headers": p.headers,
		"token":   p.subBlock, "token long_lived": p.flag(&h.Token.LongLived), "token forward_as": p.one(&h.Token.ForwardAs),
		"log": p.subBlock, "log client_ip": p.one(&h.Log.ClientIP), "log user_id": p.one(&h.Log.UserID), "log username": p.one(&h.Log.Username),
		"session": p.subBlock, "session lifetime": p.duration(&h.Session.Lifetime), "session idle": p.duration(&h.Session.Idle),
		"session cookie": p.one(&h.Session.Cookie), "session secret": p.some(&h.Session.Secret),
		"endpoints": p.endpoints, "endpoints authorize": p.one(&h.Endpoints.Authorize), "endpoints token": p.one(&h.Endpoints.Token), "endpoints graph": p.one(&h.Endpoints.Graph),
	}
	return p
}

// block reads the options of a block, each at most once, by name with the name of
// the block in front.
func (p *parser) block(prefix string, option func(name string) error) error {
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		name := prefix + p.Val()
		// authorize stands once for each parameter of the window, max_age once for each duration.
		if first, twice := p.seen[name]; twice && name != "authorize" && name != "max_age" {
			return p.twice(name, first.Line)
		}
		p.seen[name] = p.Token()
		if err := option(name); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) option(name string) error {
	if read, known := p.options[name]; known {
		return read(name)
	}
	return p.unknown(name)
}

func (p *parser) subBlock(name string) error { return p.subBlockOf(name, p.option) }

func (p *parser) subBlockOf(name string, option func(string) error) error {
	if p.NextArg() {
		return p.fail("%s: unexpected %q; its options go in a block", name, p.Val())
	}
	before := len(p.seen)
	if err := p.block(name+" ", option); err != nil {
		return err
	}
	if len(p.seen) == before {
		return p.fail("%s: empty block", name)
	}
	return nil
}

func (p *parser) headers(name string) error {
	p.h.Headers = make(map[string]string)
	return p.subBlockOf(name, func(name string) error {
		var header string
		err := p.one(&header)(name)
		p.h.Headers[strings.TrimPrefix(name, "headers ")] = header
		return err
	})
}

// endpoints reads a block, or the short form: all three on one host, below the paths that
// Instagram uses.
func (p *parser) endpoints(name string) error {
	if p.CountRemainingArgs() == 0 {
		return p.subBlock(name)
	}
	var base string
	if err := p.one(&base)(name); err != nil {
		return err
	}
	if problem := baseProblem(base); problem != "" {
		return p.fail("%s: %q %s", name, base, problem)
	}
	base = strings.TrimSuffix(base, "/")
	p.h.Endpoints = EndpointOptions{base + pathAuthorize, base + "/oauth/access_token", base}
	return nil
}

func (p *parser) parameter(name string) error {
	args, err := p.values(name)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return p.fail("authorize: write a parameter and its value, such as: authorize force_reauth true")
	}
	if _, twice := p.h.Authorize[args[0]]; twice {
		return p.fail("authorize: %s already specified", args[0])
	}
	if p.h.Authorize == nil {
		p.h.Authorize = make(map[string]string)
	}
	p.h.Authorize[args[0]] = args[1]
	return nil
}

func (p *parser) onStorageFailure(name string) error {
	args, err := p.values(name)
	if err != nil {
		return err
	}
	if len(args) == 0 || len(args) > 2 {
		return p.fail("%s: write keep, or deny and the maximum age of the list, such as: on_storage_failure deny 1m", name)
	}
	p.h.OnStorageFailure = args[0]
	if len(args) == 2 {
		return p.parseDuration(name, args[1:], &p.h.MaxStaleness)
	}
	return nil
}

// check applies the rules that the handler itself applies when it is loaded, and
// adds the line to what they find. Only here is a line known.
func (p *parser) check() error {
	_, err := p.h.resolve(option.AtAdapt)
	wrong, ok := errors.AsType[*option.Error](err)
	if !ok {
		return err
	}
	// What is missing altogether is missing from the block.
	token, seen := p.seen[wrong.Option]
	for name, header := range p.h.Headers {
		line, ok := p.seen["headers "+name]
		if ok && wrong.Option == "headers" && line.Line > token.Line && strings.Contains(strings.ToLower(wrong.Problem), strconv.Quote(strings.ToLower(header))) {
			token = line // of two that clash the second one
		}
	}
	if !seen {
		token = p.seen[directive]
	}
	at := &parser{Dispenser: caddyfile.NewDispenser([]caddyfile.Token{token})}
	at.Next()
	if variables := at.unset(); len(variables) > 0 {
		err = fmt.Errorf("%w; the variable %s in this line is not set where this Caddyfile is read", err, strings.Join(variables, ", "))
	}
	return at.excerpt(at.WrapErr(err))
}

// The values of options in a Caddyfile: how many an option takes, and of what kind.

// values reads the values of an option. They are not empty.
func (p *parser) values(name string) ([]string, error) {
	args := p.RemainingArgs()
	for i, arg := range args {
		switch {
		case arg == "":
			return nil, p.empty(name)
		case i == 0 && strings.Trim(arg, "=:") == "":
			return nil, p.fail("%s: remove %q: only a space separates an option and its values", name, arg)
		}
		if slip := p.slipInValue(name, arg, i); slip != "" {
			return nil, p.fail("%s", slip)
		}
	}
	if len(args) == 0 && len(p.unset()) > 0 {
		return nil, p.empty(name)
	}
	return args, nil
}

// flag reads an option without values.
func (p *parser) flag(to *bool) func(string) error {
	return func(name string) error {
		*to = true
		if p.NextArg() {
			return p.fail("%s: unexpected %q; the option takes no value; delete the line to turn it off", name, p.Val())
		}
		return nil
	}
}

// one reads an option with one value.
func (p *parser) one(to *string) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil && len(args) != 1 {
			return p.tooMany(name, args)
		}
		if err == nil {
			*to = args[0]
		}
		return err
	}
}

// some reads an option with one value or more.
func (p *parser) some(to *[]string) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil && len(args) == 0 {
			return p.fail("%s: takes at least one value", name)
		}
		*to = args
		return err
	}
}

// list is some for values that have no comma in them.
func (p *parser) list(to *[]string) func(string) error {
	return func(name string) error {
		if err := p.some(to)(name); err != nil {
			return err
		}
		for _, value := range *to {
			if strings.Contains(value, ",") && !strings.Contains(value, "{") {
				return p.fail("%s: write spaces between values, without commas", name)
			}
		}
		return nil
	}
}

// optional reads the one value that an option may have.
func (p *parser) optional(to *string) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil && len(args) > 1 {
			return p.fail("%s: takes at most one value, and has %s", name, count(len(args)))
		}
		if err == nil && len(args) == 1 {
			*to = args[0]
		}
		return err
	}
}

func count(n int) string {
	return map[int]string{0: "none", 1: "one", 2: "two", 3: "three"}[min(n, 3)] + map[bool]string{true: " or more"}[n > 3]
}

func (p *parser) duration(to *caddy.Duration) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil {
			err = p.parseDuration(name, args, to)
		}
		return err
	}
}

// parseDuration reads a duration, which is one word.
func (p *parser) parseDuration(name string, args []string, to *caddy.Duration) error {
	d, err := caddy.ParseDuration(strings.Join(args, " "))
	if err == nil && d >= time.Millisecond {
		*to = caddy.Duration(d)
		return nil
	}
	if err == nil {
		return p.fail("%s: takes a duration of 1ms or more, such as 10s, 12h or 7d", name)
	}
	if len(args) == 0 {
		return p.fail("%s: takes a duration, such as 10s, 12h or 7d", name)
	}
	text := strings.Join(args, " ")
	if short := shortDuration(text); short != "" {
		return p.fail("%s: %q is not a valid duration; write %s", name, text, short)
	}
	return p.fail("%s: %q is not a valid duration; try 10s, 12h or 7d", name, text)
}

// maxAge reads a duration and the paths that it is for.
func (p *parser) maxAge(name string) error {
	args, err := p.values(name)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return p.fail("%s: write a duration and the paths, such as: max_age 10m /billing*", name)
	}
	var age MaxAgeOptions
	if err := p.parseDuration(name, args[:1], &age.Duration); err != nil {
		return err
	}
	if age.Paths = args[1:]; len(age.Paths) == 0 {
		age.Paths = nil
	}
	if problem := age.problem(); problem != "" { // here the line is known, if there are several
		return p.fail("%s: %s", name, problem)
	}
	p.h.MaxAge = append(p.h.MaxAge, age)
	return nil
}

func (p *parser) rateLimit(name string) error {
	const takes = "%s: write off, or the failed sign-ins allowed per client and a duration, such as: rate_limit 20 1m"
	args, err := p.values(name)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "off" {
		p.h.RateLimit.Off = true
		return nil
	}
	if len(args) < 2 {
		return p.fail(takes, name)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return p.fail(takes, name)
	}
	p.h.RateLimit.Failures = n
	return p.parseDuration(name, args[1:], &p.h.RateLimit.Per)
}

// siteName reads the name of the site. It is a text for people, so that it may have quotes in it
// that would be a slip in any other value.
func (p *parser) siteName(name string) error {
	args := p.RemainingArgs()
	switch {
	case len(args) == 0 || args[0] == "":
		return p.empty(name)
	case len(args) > 1:
		return p.fail("%s: write the name in quotes, such as: name \"Otter Club\"", name)
	}
	p.h.Site.Name = args[0]
	return nil
}

// accent reads a colour. Without quotes, # begins a comment.
func (p *parser) accent(name string) error {
	if p.CountRemainingArgs() == 0 {
		return p.fail("%s: write a colour in quotes, such as: accent \"#7a3bb8\"; without quotes # begins a comment", name)
	}
	return p.one(&p.h.Site.Accent)(name)
}
