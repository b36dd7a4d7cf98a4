package instagramauth

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
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
		return p.fail("unexpected %q: one path can stand here; write several as a named matcher, such as: @members path /members* /account*, and here: %s @members", first, directive)
	case strings.HasPrefix(first, "@"):
		return p.fail("unexpected %q: one matcher can stand here; put both into one named matcher", first)
	case p.options[first] != nil:
		return p.fail("unexpected %q: options stand in a block, each in a line of its own", first)
	case strings.HasSuffix(first, "*") || strings.Contains(first, "/"):
		return p.noPath(first)
	case slices.Contains(matcherWords, first):
		return p.fail("unexpected %q: write a path alone, such as: %s /members* {; anything else as a named matcher, such as: @members path /members* /account*", first, directive)
	}
	return p.fail("unexpected %q: a matcher begins with / or @, and options stand in a block", first)
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
		return p.fail("%s: write a space between an option and its value, and neither = nor :", strings.TrimSuffix(name, last)+option)
	}
	switch {
	case last == "{":
		return p.fail("unexpected {: a block begins in the line of its option, and only headers, token, session, log and endpoints have one")
	case strings.HasPrefix(last, "/") || strings.HasPrefix(last, "@") || slices.Contains(matcherWords, last):
		return p.fail("%q is not an option: a matcher stands behind %s, such as: %s /members* {", name, directive, directive)
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
	case close != "":
		return fmt.Sprintf("did you mean %q?", prefix+close)
	case known != "" && (prefix != "" || !strings.Contains(known, " ")):
		return fmt.Sprintf("did you mean %q?", known)
	case known != "":
		block, option, _ := strings.Cut(known, " ")
		return fmt.Sprintf("did you mean %s { %s … }?", block, option)
	case slices.Contains(fixed, strings.ToLower(name)):
		return "the session cookie always has Path=/, Secure, HttpOnly and SameSite=Lax, and no Domain"
	case prefix == "log ":
		return "log says what log lines tell of people: client_ip, user_id and username; the log of the site stands outside of " + directive
	case prefix != "":
		elsewhere = nil
		if p.options[last] == nil {
			return prefix + "has " + strings.Join(here, ", ")
		}
	}
	switch {
	case len(elsewhere) > 0:
		return fmt.Sprintf("it stands in a block: %s { %s … }", elsewhere[0], last)
	case prefix != "" && p.options[last] != nil:
		return fmt.Sprintf("it stands outside of %s: is a \"}\" missing before it?", strings.TrimSpace(prefix))
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
