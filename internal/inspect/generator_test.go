package inspect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// genRun is a run of the generator: one Caddy that gets one site after the other.
type genRun struct {
	t                           *testing.T
	addr, root, logFile, global string
	upstream                    string
	blocks                      []string
	client                      *http.Client
}

func newGenRun(t *testing.T) *genRun {
	t.Helper()
	_, endpoints := sitetest.NewInstagram(t, sitetest.Config{})
	up := sitetest.NewUpstream(t)
	up.Answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/error.html" {
			fmt.Fprint(w, content)
		}
	}
	g := &genRun{t: t, root: t.TempDir(), logFile: filepath.Join(t.TempDir(), "log"), addr: sitetest.FreeAddr(t), upstream: up.Addr}
	for _, name := range []string{"index.php", "members/a", "members/a.php", "public/a", "app/x", "a"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(g.root, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	g.global = fmt.Sprintf("admin off\nauto_https off\npersist_config off\nstorage file_system %s\nlog default {\noutput file %s {\nroll_disabled\n}\nformat json\n}", sitetest.StorageDir(t), g.logFile)
	const secret = "session {\nsecret " + sitetest.DoctorSecret + "\n"
	for _, text := range []string{
		sitetest.DefaultBlock(secret + "}"), sitetest.DefaultBlock("errors handle\n" + secret + "}"),
		strings.Replace(sitetest.DefaultBlock("path_prefix /second\n"+secret+"cookie second\n}"), sitetest.Callback, "/again/", 1),
	} {
		g.blocks = append(g.blocks, strings.ReplaceAll(strings.TrimPrefix(text, "instagram_auth"), "{endpoints}", endpoints))
	}
	g.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return g
}

// got is how a request without a session ends.
type got struct {
	content bool // with what a site has
	ours    bool // with an answer of a block's
}

// ask asks for a path without a session.
func (g *genRun) ask(method, path, pass string) got {
	g.t.Helper()
	request, err := http.NewRequest(method, "http://"+g.addr+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	request.Host = sitetest.Host
	if pass != "" {
		request.Header.Set("X-Pass", pass)
	}
	answer, err := g.client.Do(request)
	for tries := 0; err != nil && tries < 10; tries++ { // the listener of the site before is closing
		answer, err = g.client.Do(request)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		g.t.Fatal(err)
	}
	return got{bytes.Contains(body, []byte(content)), answer.Header.Get("Content-Security-Policy") != "" || strings.Contains(answer.Header.Get("Location"), "/oauth/authorize")}
}

// open asks for all paths, in several ways, and returns those that are answered with content.
func (g *genRun) open(paths []string) map[string]string {
	open := make(map[string]string)
	for _, path := range paths {
		for _, way := range []struct{ method, query, pass string }{{"GET", "", ""}, {"POST", "", ""}, {"GET", "?x=1", ""}, {"GET", "", "/public/a"}} {
			if g.ask(way.method, path+way.query, way.pass).content && open[path] == "" {
				open[path] = strings.TrimSpace(way.method + way.query + " " + way.pass)
			}
		}
	}
	return open
}

// said has the messages about a site: those of Caddy at start, and those of the doctor.
type said struct {
	lines  []string
	doctor sitetest.Findings
}

func (g *genRun) said(config string) (s said) {
	g.t.Helper()
	text, err := os.ReadFile(g.logFile)
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Level, Logger, Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Logger == "http.handlers.instagram_auth" && !sitetest.SaidAtEachLoad.MatchString(entry.Msg) && !ofHosts.MatchString(entry.Msg) {
			s.lines = append(s.lines, strings.ReplaceAll(entry.Level, "info", "quiet")+" "+entry.Msg)
		}
	}
	file := filepath.Join(g.t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		g.t.Fatal(err)
	}
	if s.doctor, err = sitetest.CheckRoutes(file); err != nil {
		g.t.Fatal(err)
	}
	return s
}

// ofHosts matches messages about the hosts of a site, not about its routes.
var ofHosts = regexp.MustCompile("^(?:nobody can sign in on|of [*])")

// byDoctor are the lines that the doctor's reader of routes leads to.
func (s said) byDoctor() (lines []string) {
	for _, f := range s.doctor.AtStart {
		switch {
		case ofHosts.MatchString(f.Message):
		case f.Status == finding.Wrong:
			lines = append(lines, "error "+f.Message)
		case f.Quiet:
			lines = append(lines, "quiet "+f.Message)
		case f.Status == finding.Look:
			lines = append(lines, "warn "+f.Message)
		}
	}
	return lines
}

func (s said) has(level string) bool {
	return slices.ContainsFunc(s.lines, func(line string) bool { return strings.HasPrefix(line, level+" ") })
}

func (s said) public() bool {
	return slices.ContainsFunc(s.doctor.AtStart, func(f finding.Finding) bool {
		return f.Status == finding.Fine && strings.Contains(f.Message, " public: ")
	})
}

func (s said) kind() string {
	switch {
	case s.has("error"):
		return "✗"
	case s.has("warn"), s.has("quiet"):
		return "!"
	}
	return "✓"
}

var (
	notProtected = regexp.MustCompile(`^error (.*) (?:is|are) NOT protected: (.*) answers first`)
	unreachable  = regexp.MustCompile(`^error (.*) (?:is|are) answered by .* before`)
	more         = regexp.MustCompile(` and \d+ more$`)
)

// judge returns what is wrong with what was said, "" if nothing is.
func (g *genRun) judge(site *genSite, s said) string {
	sort := func(lines []string) []string { return slices.Sorted(slices.Values(lines)) }
	if doctors := s.byDoctor(); !slices.Equal(sort(doctors), sort(s.lines)) {
		return fmt.Sprintf("the doctor says %q", doctors)
	}
	if s.kind() == "✓" && !s.public() {
		for path, way := range g.open(genPaths) {
			if site.mustAsk(path) {
				return fmt.Sprintf("%s is open: %s", path, way)
			}
		}
	}
	if site.quiet || len(site.blocks) > 1 {
		return "" // nobody can tell the answers of a block from others
	}
	if s.kind() == "✓" && !g.ask("GET", sitetest.Callback, "").ours {
		return "the redirect URI does not reach the block"
	}
	for _, line := range s.lines {
		if problem := g.falseAlarm(line); problem != "" {
			return problem
		}
	}
	return ""
}

// falseAlarm says why an error is none, "" if it is one.
func (g *genRun) falseAlarm(line string) string {
	switch found := notProtected.FindStringSubmatch(line); {
	case found != nil:
		for _, pattern := range enumeration.Split(more.ReplaceAllString(found[1], ""), -1) {
			protected, pattern := true, strings.ReplaceAll(pattern, "every address", "*")
			for _, by := range []string{"", "x", "/x", "/"} {
				path := strings.ReplaceAll(pattern, "*", by)
				if by != "" && !strings.Contains(pattern, "*") {
					break
				}
				if !strings.HasPrefix(path, "/") {
					path = "/" + path
				}
				protected = protected && g.ask("GET", path, "").ours
			}
			if protected {
				return pattern + " is protected"
			}
		}
	case strings.Contains(line, "nothing is protected"), strings.Contains(line, "no visitor reaches"):
		for _, path := range genPaths {
			if g.ask("GET", path, "").ours {
				return path + " is protected"
			}
		}
	}
	for _, address := range enumeration.Split(strings.Join(unreachable.FindStringSubmatch(line), " and "), -1) {
		if address == sitetest.RedirectURI && g.ask("GET", sitetest.Callback, "").ours {
			return "the redirect URI reaches the block"
		}
	}
	return ""
}

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// GENERATE is how many sites are made, and SEED makes others.
func TestN17_WhatCaddySaysAtStartIsWhatItAnswers(t *testing.T) {
	count, seed := fromEnv("GENERATE", 80), fromEnv("SEED", 1)
	g := newGenRun(t)
	tally := make(map[string]int)
	for i := range count {
		site := &genSite{rand: rand.New(rand.NewPCG(uint64(seed), uint64(i))), upstream: g.upstream, root: g.root}
		site.quiet = site.rand.IntN(5) == 0
		site.texts = []string{g.blocks[0], g.blocks[2]}
		if site.quiet {
			site.texts[0] = g.blocks[1]
		}
		caddyfile := site.write(g.global, g.addr)
		config, err := sitetest.Adapt(caddyfile)
		if err == nil && !bytes.Contains(config, []byte(`"handler":"instagram_auth"`)) {
			tally["without a block"]++ // it stands in a named route that nothing invokes
			continue
		}
		if err != nil {
			tally["not adapted"]++
			if os.Getenv("WHY") != "" {
				t.Log(err)
			}
			continue
		}
		if err := os.Truncate(g.logFile, 0); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := caddy.Load(config, true); err != nil {
			tally["not loaded"]++
			if os.Getenv("WHY") != "" {
				t.Log(err)
			}
			continue
		}
		sitetest.WaitForOneServer(t, g.addr)
		g.client.CloseIdleConnections()
		s := g.said(caddyfile)
		tally[s.kind()]++
		if problem := g.judge(site, s); problem != "" {
			t.Errorf("seed %d, site %d: %s\nsays %q\nblocks %+v\n%s", seed, i, problem, s.lines, site.blocks, caddyfile)
			if tally["failed"]++; tally["failed"] > 3 {
				break
			}
		}
	}
	t.Logf("%d sites: %v", count, tally)
	if judged := tally["✓"] + tally["!"] + tally["✗"]; judged < count*8/10 || tally["✓"] < judged/10 {
		t.Errorf("too few sites can be judged, or are protected: %v", tally)
	}
}
