package instagramauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
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

// genSite is a Caddyfile that is being written.
type genSite struct {
	rand     *rand.Rand
	upstream string
	root     string
	block    string // what follows instagram_auth and its matcher
	matchers []string
	named    []string
	// own are the paths of the block's matcher, nil for none; around are those of the handle
	// directives that it stands in.
	own    []string
	around []string
	strips bool // one of them cuts its prefix off
	vague  bool // it stands where more than paths decides
	placed bool
}

func (g *genSite) pick(from ...string) string { return from[g.rand.IntN(len(from))] }

func (g *genSite) patterns() []string {
	all := []string{g.pick(genPatterns...)}
	for g.rand.IntN(3) == 0 {
		all = append(all, g.pick(genPatterns...))
	}
	return all
}

// matcher returns a matcher for a directive, with a space in front; often none.
func (g *genSite) matcher() string {
	switch n := g.rand.IntN(10); {
	case n < 3:
		return ""
	case n < 7:
		return " " + g.pick(genPatterns...)
	}
	name := fmt.Sprintf("@m%d", len(g.matchers))
	kinds := []string{
		"path " + strings.Join(g.patterns(), " "), "not path " + strings.Join(g.patterns(), " "), `path_regexp ^/members/.*\.php$`, `path_regexp (?i)^/app/m`,
		"header X-Pass *", "method POST", "query x=1", "protocol https", "expression path('/members*')", "expression {method} == 'POST'", "remote_ip 127.0.0.0/8",
		"file {path}", "vars {path} /members", "expression {path}.startsWith('/app')", "not header X-Pass *", "not {\npath " + g.pick(genPatterns...) + "\nmethod POST\n}", "vars set yes",
	}
	g.matchers = append(g.matchers, name+" "+kinds[g.rand.IntN(len(kinds))])
	return " " + name
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
	switch n := g.rand.IntN(26); {
	case n < 4:
		return "reverse_proxy" + g.matcher() + " " + g.upstream
	case n < 6:
		return "file_server" + g.matcher() + " {\nroot " + g.root + "\n" + g.pick("", "pass_thru") + "\n}"
	case n < 8:
		return "respond" + g.matcher() + " " + g.pick(`"CONTENT" 200`, `"no" 403`, "404", `"CONTENT"`)
	case n == 8:
		return "rewrite" + g.matcher() + " " + g.pick("/members/a", "/other", "/app{uri}", "{path}.php", "{http.request.header.X-Pass}")
	case n == 9:
		return "uri" + g.matcher() + " " + g.pick("strip_prefix /app", "strip_prefix /strip", "replace /a /b", "path_regexp /a+ /members")
	case n == 10:
		return "try_files {path} " + g.pick("/index.php", "{path}.php", "=404", "/members/a")
	case n == 11:
		return "vars" + g.matcher() + " set yes"
	case n == 12:
		return "header" + g.matcher() + " X-Test 1"
	case n == 13:
		return "redir" + g.matcher() + " " + g.pick("/other", "https://example.test/members/a")
	case n == 14:
		return "error" + g.matcher() + " " + g.pick("404", "403")
	case n == 15:
		return "basic_auth" + g.matcher() + " {\nbob $2a$04$PVaOr4VbQBFPhtyLCDWVWuVrmHpgZWHYr.hBPpXgrbhVVxIRYiJZq\n}"
	case n == 16 && g.named != nil:
		return "invoke" + g.matcher() + " " + g.named[0]
	case n == 17:
		return "encode" + g.matcher() + " gzip"
	case n == 18 && !g.placed:
		return g.placeBlock()
	case deep >= 3:
		return "header X-Deep 1"
	}
	return g.nest(deep)
}

// nest writes a directive with directives in it.
func (g *genSite) nest(deep int) string {
	wasPlaced, around, strips, vague := g.placed, g.around, g.strips, g.vague
	kind := g.pick("handle", "handle", "route", "handle_path")
	matcher := g.matcher()
	var paths []string
	switch {
	case kind == "handle_path":
		matcher = " " + g.pick("/app/*", "/members/*", "/app*")
		paths = []string{strings.TrimSpace(matcher)}
		g.strips = true
	case strings.HasPrefix(matcher, " @"):
		g.vague = true
	case matcher != "":
		paths = []string{strings.TrimSpace(matcher)}
	}
	if paths != nil {
		if g.around != nil || g.strips && kind != "handle_path" {
			g.vague = true // one level is enough to compare
		}
		g.around = paths
	}
	text := kind + matcher + " {\n" + g.lines(deep+1) + "}"
	if !g.placed || wasPlaced { // the block does not stand in there
		g.around, g.strips, g.vague = around, strips, vague
	}
	return text
}

func (g *genSite) placeBlock() string {
	g.placed = true
	line := "instagram_auth"
	switch g.rand.IntN(4) {
	case 0:
	case 1:
		g.own = []string{g.pick(genPatterns...)}
		line += " " + g.own[0]
	default:
		g.own = g.patterns()
		name := fmt.Sprintf("@m%d", len(g.matchers))
		g.matchers = append(g.matchers, name+" path "+strings.Join(g.own, " "))
		line += " " + name
	}
	return line + " " + g.block
}

// write returns a Caddyfile for an address.
func (g *genSite) write(global, addr string) string {
	order := g.pick(genOrders...)
	var named string
	if g.rand.IntN(4) == 0 {
		named = "&(named) {\n" + g.line(2) + "\n}\n"
		g.vague = g.vague || g.placed
		g.named = []string{"named"}
	}
	body := g.lines(0)
	if !g.placed {
		body += g.placeBlock() + "\n"
	}
	body += g.line(1) + "\n" + g.pick("", "handle_errors {\n"+g.pick("respond \"sorry\"", "reverse_proxy "+g.upstream, "rewrite * /error.html\nreverse_proxy "+g.upstream)+"\n}\n")
	return fmt.Sprintf("{\n%s\n%s\n}\n%shttp://:%s {\n%s\n%s}\n", global, order, named, port(addr), strings.Join(g.matchers, "\n"), body)
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

// mustAsk reports whether a path is one that the block was written for.
func (g *genSite) mustAsk(path string) bool {
	if g.around != nil && !anyGlob(g.around, path) {
		return false
	}
	if g.own == nil {
		return g.around != nil
	}
	inner := path
	if g.strips {
		inner = "/" + strings.TrimLeft(strings.TrimPrefix(strings.ToLower(path), strings.ToLower(strings.TrimRight(g.around[0], "*/"))), "/")
	}
	return anyGlob(g.own, path) || anyGlob(g.own, inner)
}

// openPaths asks for all paths without a session, in several ways, and returns those that are
// answered with content.
func openPaths(t *testing.T, client *http.Client, addr string, paths []string) (open map[string]string) {
	t.Helper()
	open = make(map[string]string)
	for _, path := range paths {
		for _, way := range []struct{ method, query, header string }{
			{"GET", "", ""}, {"POST", "", ""}, {"GET", "?x=1", ""}, {"GET", "", "/public/a"},
		} {
			request, err := http.NewRequest(way.method, "http://"+addr+path+way.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			if way.header != "" {
				request.Header.Set("X-Pass", way.header)
			}
			answer, err := client.Do(request)
			for tries := 0; err != nil && tries < 10; tries++ { // the listener of the site before is closing
				answer, err = client.Do(request)
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(body, []byte(content)) && open[path] == "" {
				open[path] = strings.TrimSpace(way.method + way.query + " " + way.header)
			}
		}
	}
	return open
}

func TestN17_WhatCaddySaysAtStartIsWhatItAnswers(t *testing.T) {
	count, seed := 1000, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("GENERATE")); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = n
	}
	_, endpoints := newInstagram(t, siteConfig{})
	up := newUpstream(t)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/error.html" {
			fmt.Fprint(w, content)
		}
	}
	root, storage, logFile, addr := t.TempDir(), storageDir(t), filepath.Join(t.TempDir(), "log"), freeAddr(t)
	for _, name := range []string{"index.php", "members/a", "members/a.php", "public/a", "app/x", "a"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	global := fmt.Sprintf("admin off\nauto_https off\npersist_config off\nstorage file_system %s\nlog default {\noutput file %s {\nroll_disabled\n}\nformat json\n}", storage, logFile)
	block := strings.ReplaceAll(strings.TrimPrefix(defaultBlock("session {\nsecret session-secret-0123456789-0123456789\n}"), "instagram_auth"), "{endpoints}", endpoints)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	tally := make(map[string]int)
	for i := range count {
		g := &genSite{rand: rand.New(rand.NewPCG(seed, uint64(i))), upstream: up.addr, root: root, block: block}
		caddyfile := g.write(global, addr)
		config, err := adapt(caddyfile)
		if err != nil {
			tally["not adapted"]++
			continue
		}
		if err := os.Truncate(logFile, 0); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := caddy.Load(config, true); err != nil {
			tally["not loaded"]++
			continue
		}
		client.CloseIdleConnections()
		said := saidAtStart(t, logFile)
		open := openPaths(t, client, addr, genPaths)
		tally[said.kind()]++
		if !compare(g, said, open) {
			t.Errorf("seed %d, site %d: says %v\nopen: %v\nown %v around %v\n%s", seed, i, said, open, g.own, g.around, caddyfile)
			if tally["failed"]++; tally["failed"] > 5 {
				break
			}
		}
	}
	t.Logf("%d sites: %v", count, tally)
}

// said is what the log says at start.
type said struct{ errors, warnings, infos []string }

func (s said) kind() string {
	switch {
	case len(s.errors) > 0:
		return "open or unreachable"
	case len(s.warnings) > 0:
		return "doubtful"
	}
	return "protected"
}

// compare reports whether what was said fits what is open: nothing may be called protected that
// is open.
func compare(g *genSite, s said, open map[string]string) bool {
	if s.kind() != "protected" || g.vague {
		return true
	}
	for path := range open {
		if g.mustAsk(path) && len(s.infos) == 0 {
			return false
		}
	}
	return true
}

func saidAtStart(t *testing.T, logFile string) (s said) {
	t.Helper()
	text, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Level, Logger, Msg string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Logger != "http.handlers.instagram_auth" {
			continue
		}
		switch entry.Level {
		case "error":
			s.errors = append(s.errors, entry.Msg)
		case "warn":
			s.warnings = append(s.warnings, entry.Msg)
		case "info":
			s.infos = append(s.infos, entry.Msg)
		}
	}
	return s
}
