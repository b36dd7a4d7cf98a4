package instagramauth

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// Slips of the pen that have nothing to do with an option: what other formats write, and what comes
// along when a line is copied from a web page.

// otherNames are what other programs and Meta's own pages call an option.
var otherNames = map[string]string{
	"client_id": "app_id", "instagram_app_id": "app_id", "id": "app_id", "client_secret": "app_secret", "instagram_app_secret": "app_secret",
	"redirect": "redirect_uri", "redirects": "redirect_uri", "callback": "redirect_uri", "callback_url": "redirect_uri", "callback_uri": "redirect_uri", "redirect_urls": "redirect_uri",
	"permissions": "scope", "permission": "scope", "users": "allow", "allowed": "allow", "allow_users": "allow", "allowed_users": "allow", "whitelist": "allow", "allowlist": "allow", "blocklist": "deny", "denied": "deny",
	"cookie_name": "session cookie", "session_secret": "session secret", "cookie_secret": "session secret", "session_lifetime": "session lifetime", "cookie_lifetime": "session lifetime", "ttl": "session lifetime",
	"prefix": "path_prefix", "base_path": "path_prefix", "logout": "logout_target", "post_logout_redirect": "logout_target",
	"session expires": "session lifetime", "session expiry": "session lifetime", "session ttl": "session lifetime", "session max_age": "session lifetime", "session timeout": "session idle", "session name": "session cookie",
	"session keys": "session secret", "session key": "session secret",
}

// fixed are attributes of the session cookie that nobody can set.
var fixed = []string{"session domain", "session path", "session secure", "session samesite", "session same_site", "session httponly", "session http_only"}

// invisible returns a character in a text that nobody sees, as U+200B.
func invisible(text string) string {
	for _, r := range text {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || r == '\u2800' || r == '\u3164' {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

// commentMarks begin comments elsewhere.
var commentMarks = []string{"//", ";", "--", "<!--", "%"}

// isComment reports whether a word is one that begins a comment in another language.
func isComment(word string) bool {
	for _, mark := range commentMarks {
		if word == mark || mark != "%" && mark != ";" && mark != "--" && strings.HasPrefix(word, mark) && !strings.Contains(word[len(mark):], "/") {
			return true
		}
	}
	return false
}

// slipInName explains a name that no option can have.
func (p *parser) slipInName(last string) string {
	if character := invisible(last); character != "" {
		return fmt.Sprintf("the name of this option has a character in it that nobody sees (%s), as text from a web page can have; type the name", character)
	}
	switch {
	case isComment(last):
		return fmt.Sprintf("unexpected %q; a comment begins with #", last)
	case last == "-" || last == "*" || last == "•":
		return fmt.Sprintf("unexpected %q; a line begins with the name of its option", last)
	case strings.HasPrefix(last, "<") || strings.HasPrefix(last, "\""):
		return fmt.Sprintf("%q is not an option; a line is the option, a space and its value, such as: app_id 990602627938098", last)
	}
	return ""
}

// slipInValue explains what stands in or around a value.
func (p *parser) slipInValue(name, arg string, i int) string {
	if character := invisible(arg); character != "" {
		return fmt.Sprintf("%s: value %d has a character in it that nobody sees (%s), as text from a web page can have; type the value", name, i+1, character)
	}
	switch {
	case strings.ContainsAny(arg, "“”„‘’«»"):
		return fmt.Sprintf("%s: value %d has typographic quotes; write \" instead", name, i+1)
	case len(arg) > 1 && strings.HasPrefix(arg, "'") && strings.HasSuffix(arg, "'"):
		return fmt.Sprintf("%s: value %d has single quotes around it, which count as a part of it; write \" or nothing", name, i+1)
	case len(arg) > 1 && strings.HasPrefix(arg, "<") && strings.HasSuffix(arg, ">") && option.WhereSecretsAre[name] == "":
		return fmt.Sprintf("%s: value %d stands in < and >; leave them out", name, i+1)
	case len(arg) > 1 && strings.HasSuffix(arg, ";"):
		return fmt.Sprintf("%s: value %d ends with a semicolon; leave it out", name, i+1)
	case i > 0 && isComment(arg):
		return fmt.Sprintf("%s: unexpected %q; a comment begins with #", name, arg)
	}
	return ""
}

// tooMany explains more than one value.
func (p *parser) tooMany(name string, args []string) error {
	digits := true
	for i, arg := range args {
		digits = digits && session.IsUserID(arg)
		if i > 0 && p.options[arg] != nil {
			return p.fail("%s: unexpected %q; each option stands in a line of its own", name, arg)
		}
		if arg == "," {
			return p.fail("%s: unexpected \",\"; a line ends with its value", name)
		}
	}
	switch {
	case len(args) == 0:
		return p.fail("%s: takes exactly one value, and has none", name)
	case digits:
		return p.fail("%s: takes exactly one value, and has %s; write a number without spaces", name, count(len(args)))
	}
	return p.fail("%s: takes exactly one value, and has %s", name, count(len(args)))
}

// twice explains an option that stands in a block for the second time.
func (p *parser) twice(name string, line int) error {
	switch {
	case name == directive:
		return p.fail("%q is not an option of %s: is a \"}\" missing before it?", name, directive)
	case p.isList(name):
		return p.fail("%s: already specified in line %d; write all of it in one line", name, line)
	}
	return p.fail("%s: already specified in line %d; delete one of the two", name, line)
}

// isList reports whether an option takes more than one value.
func (p *parser) isList(name string) bool {
	switch name {
	case "app_secret", "redirect_uri", "scope", "fields", "allow", "deny", "require_scope", "step_up", "session secret":
		return true
	}
	return false
}

// hostInPath matches a path with a host in front.
var hostInPath = regexp.MustCompile(`^(?:[a-z]+://[^/]+|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+)(/.*)$`)

// noPath explains a matcher that is no path.
func (p *parser) noPath(first string) error {
	if found := hostInPath.FindStringSubmatch(first); found != nil {
		return p.fail("unexpected %q: a path follows the host, which the site has already; write %s", first, found[1])
	}
	if strings.HasPrefix(first, "^") || strings.Contains(first, ".*") || strings.HasPrefix(first, "~") {
		return p.fail("unexpected %q: write a regular expression as a named matcher, such as: @members path_regexp ^/members/, and here: %s @members", first, directive)
	}
	return p.fail("unexpected %q: a path begins with a slash; write /%s", first, strings.TrimPrefix(first, "./"))
}

// oldScopes are permissions of other products of Meta's, and of other times.
var oldScopes = map[string]string{
	"user_profile": "is a permission of basic_display, which Meta switched off; write instagram_business_basic", "user_media": "is a permission of basic_display, which Meta switched off; write instagram_business_basic",
	"basic": "is a permission of the API that ended in 2020; write instagram_business_basic", "public_content": "is a permission of the API that ended in 2020; write instagram_business_basic",
	"business_basic": "is a name that ended in January 2025; write instagram_business_basic", "business_content_publish": "is a name that ended in January 2025; write instagram_business_content_publish",
	"business_manage_messages": "is a name that ended in January 2025; write instagram_business_manage_messages", "business_manage_comments": "is a name that ended in January 2025; write instagram_business_manage_comments",
	"instagram_basic": facebookScope, "instagram_manage_comments": facebookScope, "instagram_manage_insights": facebookScope, "instagram_content_publish": facebookScope, "instagram_manage_messages": facebookScope,
	"pages_show_list": facebookScope, "pages_read_engagement": facebookScope, "email": facebookScope, "public_profile": facebookScope, "business_management": facebookScope, "openid": facebookScope, "profile": facebookScope,
}

const facebookScope = "is a permission of Facebook Login, and not of Instagram Login; write instagram_business_basic"

// adviceOn returns what is known of a value that an option does not offer.
func adviceOn(option, value string, choices []string) string {
	switch option {
	case "scope", "require_scope", "step_up":
		if advice := oldScopes[value]; advice != "" && !strings.HasPrefix(choices[0], "user_") {
			return fmt.Sprintf("%q %s", value, advice)
		}
	case "fields":
		switch value {
		case "id", "user_id", identity.FieldUsername:
			return fmt.Sprintf("%q comes with every sign-in; leave it out", value)
		case "email", "phone":
			return fmt.Sprintf("%q is nothing that Instagram tells; leave it out", value)
		}
	}
	if strings.Contains(value, " ") {
		return fmt.Sprintf("%q is one value with spaces in it; write several without quotes around all of them", value)
	}
	if meant := spelling.Nearest(value, choices); meant != "" {
		return fmt.Sprintf("%q is not offered; did you mean %q?", value, meant)
	}
	return ""
}
