package instagramauth

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// What a Caddyfile's author probably meant.

// fail returns an error with the line that it is about. It repeats no secret.
func (p *parser) fail(format string, args ...any) error {
	return p.excerpt(p.Err(spelling.WithoutSecrets(fmt.Sprintf(format, args...))))
}

// noArguments explains what stands between the directive and its block. The matcher has been
// taken away by Caddy.
func (p *parser) noArguments() error {
	args := p.RemainingArgs()
	if len(args) == 0 {
		return nil
	}
	first := args[0]
	switch {
	case strings.HasPrefix(first, "/") || first == "*":
		return p.fail("unexpected %q: only one path can go here; write several as a named matcher, such as: @members path /members* /account*, and here: %s @members", first, directive)
	case strings.HasPrefix(first, "@"):
		return p.fail("unexpected %q: only one matcher can go here; put both into one named matcher", first)
	case p.options[first] != nil:
		return p.fail("unexpected %q: options go in a block, each on its own line", first)
	case strings.HasSuffix(first, "*") || strings.Contains(first, "/"):
		return p.noPath(first)
	case slices.Contains(matcherWords, first):
		return p.fail("unexpected %q: write a path alone, such as: %s /members* {; anything else as a named matcher, such as: @members path /members* /account*", first, directive)
	}
	return p.fail("unexpected %q: a matcher begins with / or @, and options go in a block", first)
}

// directivesWithoutModule are directives of Caddy that no handler has the name of.
var directivesWithoutModule = []string{
	"abort", "basic_auth", "basicauth", "bind", "file_server", "forward_auth", "fs", "handle", "handle_errors", "handle_path", "handle_response", "header", "import", "log_skip", "log_name",
	"method", "php_fastcgi", "redir", "request_header", "respond", "root", "route", "skip_log", "tls", "try_files", "uri", directive,
}

// matcherWords begin the lines of a matcher.
var matcherWords = []string{"client_ip", "expression", "header_regexp", "host", "match", "matcher", "not", "path", "path_regexp", "paths", "protect", "protocol", "query", "remote_ip"}

// unknown explains a name that no option has.
func (p *parser) unknown(name string) error {
	_, last, nested := strings.Cut(name, " ")
	if !nested {
		last = name
	}
	if slip := p.slipInName(last); slip != "" {
		return p.fail("%s", slip)
	}
	if option, _, joined := strings.Cut(last, "="); joined || strings.HasSuffix(last, ":") {
		option = strings.TrimSuffix(option, ":")
		return p.fail("%s: write a space between an option and its value, not = or :", strings.TrimSuffix(name, last)+option)
	}
	switch {
	case last == "{":
		return p.fail("unexpected {: write it on the line of its option; only headers, site, token, session, log and endpoints have a block")
	case strings.HasPrefix(last, "/") || strings.HasPrefix(last, "@") || slices.Contains(matcherWords, last):
		return p.fail("%q is not an option: a matcher goes after %s, such as: %s /members* {", name, directive, directive)
	case p.isDirective(last):
		return p.fail("%q is not an option of %s: is a \"}\" missing before it?", name, directive)
	}
	if meant := p.meant(name, last); meant != "" {
		return p.fail("unrecognized option %q; %s", name, meant)
	}
	return p.fail("unrecognized option %q", name)
}

// isDirective reports whether a name is that of a directive or the address of a site, which stands
// in front of a block.
func (p *parser) isDirective(name string) bool {
	if _, err := caddy.GetModule("http.handlers." + name); err == nil || slices.Contains(directivesWithoutModule, name) {
		return true
	}
	return strings.ContainsAny(name, ".:") && p.CountRemainingArgs() == 0 && p.isNextBlock()
}

// isNextBlock reports whether a block begins in this line.
func (p *parser) isNextBlock() bool {
	line := p.Line()
	if !p.Next() {
		return false
	}
	defer p.Prev()
	return p.Val() == "{" && p.Line() == line
}

// meant says which option a name may stand for.
func (p *parser) meant(name, last string) string {
	prefix := strings.TrimSuffix(name, last)
	var here, elsewhere []string
	for option := range maps.Keys(p.options) {
		block, inner, nested := strings.Cut(option, " ")
		switch {
		case nested && block+" " == prefix:
			here = append(here, inner)
		case !nested && prefix == "":
			here = append(here, option)
		}
		if nested && inner == last && prefix == "" {
			elsewhere = append(elsewhere, block)
		}
	}
	slices.Sort(elsewhere)
	slices.Sort(here)
	switch close, known := spelling.Nearest(last, here), otherNames[strings.ToLower(name)]; {
	case close != "" && len(elsewhere) == 0:
		return fmt.Sprintf("did you mean %q?", prefix+close)
	case known != "" && (prefix != "" || !strings.Contains(known, " ")):
		return fmt.Sprintf("did you mean %q?", known)
	case known != "":
		block, option, _ := strings.Cut(known, " ")
		return fmt.Sprintf("did you mean %s { %s … }?", block, option)
	case slices.Contains(fixed, strings.ToLower(name)):
		return "the session cookie always has Path=/, Secure, HttpOnly and SameSite=Lax, and no Domain"
	case prefix == "log ":
		return "log says which personal data log lines contain: client_ip, user_id and username; the site's own log goes outside of " + directive
	case prefix != "":
		elsewhere = nil
		if p.options[last] == nil {
			return prefix + "has " + strings.Join(here, ", ")
		}
	}
	switch {
	case len(elsewhere) > 0:
		return fmt.Sprintf("it goes in a block: %s { %s … }", elsewhere[0], last)
	case prefix != "" && p.options[last] != nil:
		return fmt.Sprintf("it goes outside of %s: is a \"}\" missing before it?", strings.TrimSpace(prefix))
	}
	return ""
}

// variable matches a variable that Caddy replaces before anything is read.
var variable = regexp.MustCompile(`\{\$([^}:]+)(?::[^}]*)?\}`)

// unset returns the variables in the line of the file that have no value.
func (p *parser) unset() []string { return unsetIn(p.line()) }

func unsetIn(line string) (names []string) {
	for _, found := range variable.FindAllStringSubmatch(line, -1) {
		if os.Getenv(found[1]) == "" && !strings.Contains(found[0], ":") && !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	return names
}

// unsetBelow returns the other variables in the rest of the block that have no value: they would be
// found one by one otherwise.
func (p *parser) unsetBelow(known []string) (names []string) {
	lines, depth := p.lines(), 0
	for _, line := range lines[min(p.Line(), len(lines)):] {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
			continue
		case words[0] == "}":
			depth--
		case words[len(words)-1] == "{":
			depth++
		}
		if depth < 0 {
			break
		}
		for _, name := range unsetIn(line) {
			if !slices.Contains(known, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// lines returns the lines of the file that is being read.
func (p *parser) lines() []string {
	// What comes from a pipe has been read, and opening it again waits for a writer.
	if info, err := os.Stat(p.File()); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	content, err := os.ReadFile(p.File())
	if err != nil {
		return nil
	}
	return strings.Split(string(content), "\n")
}

// empty explains an empty value.
func (p *parser) empty(name string) error {
	if variables := p.unset(); len(variables) > 0 {
		if all := slices.Concat(variables, p.unsetBelow(variables)); len(all) > 1 {
			return p.fail("%s: the variables %s are not set where this Caddyfile is read; with {env.%s} and so on they are read when Caddy starts", name, inspect.Enumerated(all), variables[0])
		}
		return p.fail("%s: the variable %s is not set where this Caddyfile is read; with {env.%s} it is read when Caddy starts", name, variables[0], variables[0])
	}
	if strings.Contains(p.line(), "{$") {
		return p.fail("%s: has an empty value; a variable in {$…} may not be set", name)
	}
	return p.fail("%s: has an empty value", name)
}

// line returns the line of the file that is being read, "" if it cannot be had: a Caddyfile need
// not come from a file.
func (p *parser) line() string {
	lines := p.lines()
	if n := p.Line(); 0 < n && n <= len(lines) {
		return strings.TrimRight(lines[n-1], "\r")
	}
	return ""
}

// excerpt adds the line of the file to an error, with a caret below what is wrong.
func (p *parser) excerpt(err error) error {
	line := p.line()
	at := strings.Index(line, p.Val())
	if p.Val() == "" || at < 0 {
		return err // another file has that name
	}
	shown := spelling.WithoutSecrets(spelling.OfOption(line))
	if !strings.HasPrefix(shown, line[:at]) {
		return fmt.Errorf("%w\n\t%s", err, strings.TrimSpace(shown))
	}
	front := strings.TrimLeft(line[:at], " \t")
	return fmt.Errorf("%w\n\t%s\n\t%s^", err, strings.TrimSpace(shown), strings.Repeat(" ", len([]rune(front))))
}

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
		return fmt.Sprintf("the name of this option has an invisible character in it (%s), as text from a web page can have; type the name", character)
	}
	switch {
	case isComment(last):
		return fmt.Sprintf("unexpected %q; a comment begins with #", last)
	case last == "-" || last == "*" || last == "•":
		return fmt.Sprintf("unexpected %q; start each line with the name of an option", last)
	case strings.HasPrefix(last, "<") || strings.HasPrefix(last, "\""):
		return fmt.Sprintf("%q is not an option; a line is the option, a space and its value, such as: app_id 990602627938098", last)
	}
	return ""
}

// slipInValue explains what stands in or around a value.
func (p *parser) slipInValue(name, arg string, i int) string {
	if character := invisible(arg); character != "" {
		return fmt.Sprintf("%s: value %d has an invisible character in it (%s), as text from a web page can have; type the value", name, i+1, character)
	}
	switch {
	case strings.ContainsAny(arg, "“”„‘’«»"):
		return fmt.Sprintf("%s: value %d has typographic quotes; write \" instead", name, i+1)
	case len(arg) > 1 && strings.HasPrefix(arg, "'") && strings.HasSuffix(arg, "'"):
		return fmt.Sprintf("%s: value %d has single quotes around it, which count as part of the value; write \" or nothing", name, i+1)
	case len(arg) > 1 && strings.HasPrefix(arg, "<") && strings.HasSuffix(arg, ">") && option.WhereSecretsAre[name] == "":
		return fmt.Sprintf("%s: value %d is between < and >; remove them", name, i+1)
	case len(arg) > 1 && strings.HasSuffix(arg, ";"):
		return fmt.Sprintf("%s: value %d ends with a semicolon; remove it", name, i+1)
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
			return p.fail("%s: unexpected %q; write each option on its own line", name, arg)
		}
		if arg == "," {
			return p.fail("%s: unexpected \",\"; remove the comma after the value", name)
		}
	}
	switch {
	case len(args) == 0:
		return p.fail("%s: needs exactly one value, and has none", name)
	case digits:
		return p.fail("%s: needs exactly one value, and has %s; write a number without spaces", name, count(len(args)))
	}
	return p.fail("%s: needs exactly one value, and has %s", name, count(len(args)))
}

// twice explains an option that stands in a block for the second time.
func (p *parser) twice(name string, line int) error {
	switch {
	case name == directive:
		return p.fail("%q is not an option of %s: is a \"}\" missing before it?", name, directive)
	case p.isList(name):
		return p.fail("%s: already specified on line %d; write all values on one line", name, line)
	}
	return p.fail("%s: already specified on line %d; delete one of the two", name, line)
}

// isList reports whether an option takes more than one value.
func (p *parser) isList(name string) bool {
	return slices.Contains([]string{
		"app_secret", "redirect_uri", "scope", "fields", "allow", "deny", "require_scope", "step_up", "session secret",
	}, name)
}

// hostInPath matches a path with a host in front.
var hostInPath = regexp.MustCompile(`^(?:[a-z]+://[^/]+|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+)(/.*)$`)

// noPath explains a matcher that is no path.
func (p *parser) noPath(first string) error {
	if found := hostInPath.FindStringSubmatch(first); found != nil {
		return p.fail("unexpected %q: write the path without the host, which the site has already: %s", first, found[1])
	}
	if strings.HasPrefix(first, "^") || strings.Contains(first, ".*") || strings.HasPrefix(first, "~") {
		return p.fail("unexpected %q: write a regular expression as a named matcher, such as: @members path_regexp ^/members/, and here: %s @members", first, directive)
	}
	return p.fail("unexpected %q: a path begins with a slash; write /%s", first, strings.TrimPrefix(first, "./"))
}

// oldScopes are permissions of other products of Meta's, and of other times.
var oldScopes = map[string]string{
	"user_profile": "is a permission of basic_display, which Meta switched off; write instagram_business_basic", "user_media": "is a permission of basic_display, which Meta switched off; write instagram_business_basic",
	"basic": "is a permission of an API that Meta shut down in 2020; write instagram_business_basic", "public_content": "is a permission of an API that Meta shut down in 2020; write instagram_business_basic",
	"business_basic": "is a name that Meta removed in January 2025; write instagram_business_basic", "business_content_publish": "is a name that Meta removed in January 2025; write instagram_business_content_publish",
	"business_manage_messages": "is a name that Meta removed in January 2025; write instagram_business_manage_messages", "business_manage_comments": "is a name that Meta removed in January 2025; write instagram_business_manage_comments",
	"instagram_basic": facebookScope, "instagram_manage_comments": facebookScope, "instagram_manage_insights": facebookScope, "instagram_content_publish": facebookScope, "instagram_manage_messages": facebookScope,
	"pages_show_list": facebookScope, "pages_read_engagement": facebookScope, "email": facebookScope, "public_profile": facebookScope, "business_management": facebookScope, "openid": facebookScope, "profile": facebookScope,
}

const facebookScope = "is a permission of Facebook Login, not of Instagram Login; write instagram_business_basic"

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
			return fmt.Sprintf("%q comes with every sign-in; remove it", value)
		case "email", "phone":
			return fmt.Sprintf("%q is not available from Instagram; remove it", value)
		}
	}
	if strings.Contains(value, " ") {
		return fmt.Sprintf("%q is one value with spaces in it; write several values without quotes around them", value)
	}
	if meant := spelling.Nearest(value, choices); meant != "" {
		return fmt.Sprintf("%q is not available; did you mean %q?", value, meant)
	}
	return ""
}

// inWords matches a duration in ordinary words.
var inWords = regexp.MustCompile(`^(\d+) ?([a-z]*)\.?$`)

// Units in ordinary words, without the s of the plural: Caddy's letter for them, or how many days
// they are.
var (
	unitLetters = map[string]string{"sec": "s", "second": "s", "min": "m", "minute": "m", "h": "h", "hr": "h", "hour": "h", "d": "d", "day": "d"}
	unitDays    = map[string]int{"w": 7, "wk": 7, "week": 7, "mo": 30, "month": 30, "y": 365, "yr": 365, "year": 365}
)

// shortDuration returns the duration that a text means, "" if it is unclear.
func shortDuration(text string) string {
	found := inWords.FindStringSubmatch(strings.ToLower(text))
	if found == nil || strings.Trim(found[1], "0") == "" {
		return ""
	}
	n, unit := found[1], strings.TrimSuffix(found[2], "s")
	if unit == "" {
		return n + "s, " + n + "m, " + n + "h or " + n + "d: the unit is missing"
	}
	if letter := unitLetters[unit]; letter != "" {
		return n + letter
	}
	total, err := strconv.Atoi(n)
	if days := unitDays[unit]; err == nil && total <= 1000 && days > 0 {
		return strconv.Itoa(total*days) + "d"
	}
	return ""
}
