package inspect_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// A generator of Caddyfiles: what Caddy says at start is compared with what it then answers to
// people without a session.

// content is in all that the generated sites answer, and in nothing else.
const content = "CONTENT"

var (
	genPatterns = []string{"/members", "/members*", "/members/*", "/members/a*", "/members/a", "*.php", "/public*", "/", "/*", "/m*", "/app/*", "/app/members*", "*/a", "/members/*.php", "/MEMBERS*", "/members/", "/app*", "*"}
	genPaths    = []string{"/", "/members", "/members/", "/members/a", "/members/ab", "/members/zz/top", "/members/a.php", "/members/zz.php", "/membersx", "/mm", "/app", "/app/", "/app/members", "/app/members/a", "/app/x", "/public", "/public/a", "/index.php", "/a", "/Members/A", "/other", "/app/members/q.php", "/strip/members/a"}
	genOrders   = []string{"", "", "", "order instagram_auth after reverse_proxy", "order instagram_auth first", "order instagram_auth before file_server", "order instagram_auth after respond"}
)

// genBlock is an instagram_auth that has been written.
type genBlock struct {
	// own are the paths of its matcher, nil for none; around are the matchers that it stands in.
	own    []string
	around []genLevel
	vague  bool // it stands where more than paths decides
}

// genLevel is a directive around a block.
type genLevel struct {
	patterns []string // nil for any address
	strips   string   // what handle_path cuts off
}

// genSite is a Caddyfile that is being written.
type genSite struct {
	rand     *rand.Rand
	upstream string
	root     string
	texts    []string // what follows instagram_auth and its matcher, for each block that may be placed
	blocks   []genBlock
	matchers []string
	aside    bool // in a named route or handle_errors, where the site's matchers are not known
	invoked  bool // there is a named route
	quiet    bool // the refusals of its block go to handle_errors
	around   []genLevel
	vague    bool
}

func (g *genSite) pick(from ...string) string { return from[g.rand.IntN(len(from))] }

func (g *genSite) patterns() []string {
	all := []string{g.pick(genPatterns...)}
	for g.rand.IntN(3) == 0 {
		all = append(all, g.pick(genPatterns...))
	}
	return all
}

// inline returns a pattern that can stand in a directive.
func (g *genSite) inline() string {
	for {
		if pattern := g.pick(genPatterns...); pattern == "*" || pattern[0] == '/' {
			return pattern
		}
	}
}

// matcher returns a matcher for a directive, with a space in front; often none.
func (g *genSite) matcher() string {
	switch n := g.rand.IntN(10); {
	case n < 3:
		return ""
	case n < 7 || g.aside:
		return " " + g.inline()
	}
	kinds := []string{
		"path " + strings.Join(g.patterns(), " "), "not path " + strings.Join(g.patterns(), " "), `path_regexp ^/members/.*\.php$`, `path_regexp (?i)^/app/m`,
		"header X-Pass *", "method POST", "method GET HEAD", "query x=1", "expression path('/members*')", "expression `{method} == 'POST'`", "remote_ip 10.0.0.0/8",
		"file {path}", "vars {path} /members", "expression `{path}.startsWith('/app')`", "not header X-Pass *", "not {\npath " + g.pick(genPatterns...) + "\nmethod POST\n}", "vars set yes",
		"host example.test", "not host example.test", "host *.test", "{\npath " + g.pick(genPatterns...) + "\nnot path " + g.pick(genPatterns...) + "\n}",
		"{\npath " + g.pick(genPatterns...) + "\nmethod GET\n}", "client_ip 10.0.0.0/8", "header_regexp Cookie pass",
	}
	return " " + g.define(kinds[g.rand.IntN(len(kinds))])
}

// define names a matcher.
func (g *genSite) define(matcher string) string {
	name := fmt.Sprintf("@m%d", len(g.matchers))
	g.matchers = append(g.matchers, name+" "+matcher)
	return name
}

// lines writes some directives.
func (g *genSite) lines(deep int) string {
	var b strings.Builder
	for range 1 + g.rand.IntN(4) {
		b.WriteString(g.line(deep) + "\n")
	}
	return b.String()
}

func (g *genSite) line(deep int) string {
	switch n := g.rand.IntN(30); {
	case n < 4:
		return "reverse_proxy" + g.matcher() + " " + g.upstream
	case n < 6:
		return "file_server" + g.matcher() + " {\nroot " + g.root + "\n" + g.pick("", "pass_thru") + "\n}"
	case n < 8:
		return "respond" + g.matcher() + " " + g.pick(`"CONTENT" 200`, `"no" 403`, "404", `"CONTENT"`)
	case n < 13:
		return g.change()
	case n == 13:
		return "redir" + g.matcherOrAll() + " " + g.pick("/other", "https://example.test/members/a")
	case n == 14:
		return "error" + g.matcherOrAll() + " " + g.pick("404", "403")
	case n == 15:
		return "basic_auth" + g.matcher() + " {\nbob $2a$04$PVaOr4VbQBFPhtyLCDWVWuVrmHpgZWHYr.hBPpXgrbhVVxIRYiJZq\n}"
	case n == 16 && g.invoked:
		return "invoke" + g.matcher() + " named"
	case n == 17:
		return "encode" + g.matcher() + " gzip"
	case n == 18:
		return "request_body" + g.matcher() + " {\nmax_size 10MB\n}"
	case n < 21 && len(g.blocks) < len(g.texts) && g.rand.IntN(1+2*len(g.blocks)) == 0:
		return g.placeBlock()
	case deep >= 3:
		return "header X-Deep 1"
	}
	return g.nest(deep)
}

// matcherOrAll is for directives whose first argument may look like a matcher.
func (g *genSite) matcherOrAll() string {
	if matcher := g.matcher(); matcher != "" {
		return matcher
	}
	return " *"
}

// change writes a directive that changes a request and lets it pass.
func (g *genSite) change() string {
	switch g.rand.IntN(7) {
	case 0:
		return "rewrite" + g.matcherOrAll() + " " + g.pick("/members/a", "/other", "/app{uri}", "{path}.php", "{http.request.header.X-Pass}", "/{http.vars.set}", "?x=1", "/members{path}?{query}")
	case 1:
		return "uri" + g.matcherOrAll() + " " + g.pick("strip_prefix /app", "strip_prefix /strip", "replace /a /b", "path_regexp /a+ /members", "strip_suffix .php", "query x 1")
	case 2:
		return "try_files {path} " + g.pick("/index.php", "{path}.php", "=404", "/members/a", "{path}/ /index.php?{query}")
	case 3:
		return "vars" + g.matcherOrAll() + " set " + g.pick("yes", "{path}")
	case 4:
		return "method" + g.matcherOrAll() + " " + g.pick("GET", "POST")
	case 5:
		return "request_header" + g.matcherOrAll() + " X-Pass " + g.pick("1", "/public/a")
	}
	return "header" + g.matcherOrAll() + " X-Test 1"
}

// nest writes a directive with directives in it.
func (g *genSite) nest(deep int) string {
	around, vague := g.around, g.vague
	kind := g.pick("handle", "handle", "route", "handle_path")
	matcher := g.matcher()
	level := genLevel{}
	switch {
	case kind == "handle_path":
		matcher = " " + g.pick("/app/*", "/members/*", "/app*")
		level = genLevel{[]string{strings.TrimSpace(matcher)}, strings.TrimRight(strings.TrimSpace(matcher), "*/")}
	case strings.HasPrefix(matcher, " @"):
		g.vague = true
	case matcher != "":
		level.patterns = []string{strings.TrimSpace(matcher)}
	}
	g.around = append(slices.Clip(around), level)
	text := kind + matcher + " {\n" + g.lines(deep+1) + "}"
	g.around, g.vague = around, vague
	return text
}

func (g *genSite) placeBlock() string {
	b := genBlock{around: g.around, vague: g.vague}
	line := "instagram_auth"
	switch n := g.rand.IntN(6); {
	case n == 0:
	case n == 1 || g.aside:
		b.own = []string{g.inline()}
		line += " " + b.own[0]
	case n == 2:
		b.own = g.patterns()
		b.vague = true
		line += " " + g.define("{\npath "+strings.Join(b.own, " ")+"\n"+g.pick("method GET", "not header X-Pass *", "not method POST", "not path "+g.pick(genPatterns...))+"\n}")
	default:
		b.own = g.patterns()
		line += " " + g.define("path "+strings.Join(b.own, " "))
	}
	g.blocks = append(g.blocks, b)
	return line + " " + g.texts[len(g.blocks)-1]
}

// write returns a Caddyfile for an address.
func (g *genSite) write(global, addr string) string {
	order := g.pick(genOrders...)
	var named string
	if g.rand.IntN(4) == 0 {
		g.aside, g.vague = true, true
		named = "&(named) {\n" + g.line(2) + "\n}\n"
		g.aside, g.vague, g.invoked = false, false, true
	}
	body := g.pick("", "root * "+g.root+"\n") + g.lines(0)
	if len(g.blocks) == 0 {
		body += g.placeBlock() + "\n"
	}
	body += g.line(1) + "\n" + g.pick("", "handle_errors {\n"+g.pick("respond \"sorry\"", "reverse_proxy "+g.upstream, "rewrite * /error.html\nreverse_proxy "+g.upstream, "@e expression `{err.status_code} == 404`\nhandle @e {\nrespond \"none\"\n}")+"\n}\n")
	site := g.pick("http://", "http://", "http://"+sitetest.Host, "http://*.test", "http://"+sitetest.Host+":"+sitetest.Port(addr)+", http://other.test")
	return fmt.Sprintf("{\n%s\n%s\n}\n%s%s:%s {\n%s\n%s}\n", global, order, named, site, sitetest.Port(addr), strings.Join(g.matchers, "\n"), body)
}

// globMatch matches as Caddy's path matcher does, for the patterns of this test.
func globMatch(pattern, path string) bool {
	pattern, path = strings.ToLower(pattern), strings.ToLower(path)
	switch first, last := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*"); {
	case pattern == "*":
		return true
	case first && last:
		return strings.Contains(path, strings.Trim(pattern, "*"))
	case first:
		return strings.HasSuffix(path, pattern[1:])
	case last:
		return strings.HasPrefix(path, strings.TrimSuffix(pattern, "*"))
	}
	match, _ := filepath.Match(pattern, path)
	return match
}

func anyGlob(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return globMatch(pattern, path) })
}

// mustAsk reports whether a path is one that a block was written for.
func (b genBlock) mustAsk(path string) bool {
	if b.vague {
		return false
	}
	inner, named := path, b.own != nil
	for _, level := range b.around {
		if level.patterns != nil && !anyGlob(level.patterns, inner) {
			return false
		}
		named = named || level.patterns != nil
		if rest := len(level.strips); rest > 0 {
			inner = "/" + strings.TrimLeft(inner[rest:], "/")
		}
	}
	return named && (b.own == nil || anyGlob(b.own, path) || anyGlob(b.own, inner))
}

func (g *genSite) mustAsk(path string) bool {
	return slices.ContainsFunc(g.blocks, func(b genBlock) bool { return b.mustAsk(path) })
}
