package login_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The facts about Instagram's API that this project depends on, as one table in five sections:
// window, token exchange, user node with its errors, long-lived tokens, signed callbacks. Each
// row is tested through a real Caddy, with the simulator or with a recorded answer.

// A fact is one statement about Instagram and its test.
type fact struct {
	by   string   // the certainty: letters of certainties
	fact string   // the statement
	via  route    // how the test reaches the fact
	want expected // the required outcome

	// later is the outcome for a session whose token meets the same answer in the
	// background, "" where no fact is known about it.
	later string

	untestable string // the reason why no request to Caddy can show the fact; replaces via and want
}

// certainties explains the letters.
var certainties = map[rune]string{
	'D': "documented by Meta", 'L': "captured live, or in use by a program of today", 'S': "second-hand", 'I': "inferred",
	'O': "of the old family, basic_display", '-': "a rule of this project",
}

// route is the way to a fact: a configuration, recorded answers and the visitor's actions.
type route struct {
	config  sitetest.Config // the zero value shares the Caddy of its section
	answers []reply
	act     func(*scene, *sitetest.Browser) sitetest.Response // default: signIn
	own     bool                                              // the outcome lasts, so the row needs its own Caddy
	loads   string                                            // the option that an error names; the configuration must not load
}

// reply is an answer of Instagram in place of the simulator's own.
type reply struct {
	endpoint simulator.Endpoint
	statuses []int // one run for each
	body     string
	header   http.Header
	kind     string // the content type; default: that of JSON
	times    int    // requests that get it; default: all
}

// expected is the required outcome of a row. Empty fields are not compared, unless a comment
// says otherwise.
type expected struct {
	status   int
	code     string // of the refusal page; empty: none
	at500    string // the code where the answer has the status 500 and means less
	page     string // a part of the page, the site's or Instagram's
	location string // a pattern
	retry    string // Retry-After

	site string // headers that the upstream gets after a sign-in: "Name: value", one per line

	level, remedy, words string // of the line "sign-in refused"; words are Instagram's
	logs                 string // further lines, "level message", one per line
	calls                string // to Instagram, such as "token user user"
	check                func(t *testing.T, s *scene)
}

// scene is a running Caddy that rows use one after another.
type scene struct {
	*sitetest.Site
	config sitetest.Config
	read   int64 // bytes of the log that earlier rows have read
	lines  []map[string]any
	client int // the number of the last client
	base   http.RoundTripper
}

// signedIn is the outcome of a sign-in; the upstream gets the headers.
func signedIn(headers ...string) expected {
	return expected{status: http.StatusSeeOther, location: "^/private#$", site: strings.Join(headers, "\n"), calls: "token user"}
}

// refused is the outcome of a sign-in that fails because of something that the operator has to
// look at. ofVisitor is for what lies with the visitor.
func refused(status int, code, remedy string) expected {
	return expected{status: status, code: code, level: "warn", remedy: remedy}
}

func (e expected) ofVisitor() expected                { e.level = "info"; return e }
func (e expected) atToken() expected                  { e.calls = "token"; return e }
func (e expected) atNode() expected                   { e.calls = "token user"; return e }
func (e expected) calling(calls string) expected      { e.calls = calls; return e }
func (e expected) saying(words string) expected       { e.words = words; return e }
func (e expected) failing(code string) expected       { e.at500 = code; return e }
func (e expected) retryAfter(seconds string) expected { e.retry = seconds; return e }
func (e expected) logging(lines ...string) expected   { e.logs = strings.Join(lines, "\n"); return e }
func (e expected) and(check func(*testing.T, *scene)) expected {
	e.check = check
	return e
}

// on is a recorded answer of an endpoint.
func on(endpoint simulator.Endpoint, status int, body string, headers ...string) reply {
	r := reply{endpoint: endpoint, statuses: []int{status}, body: body, header: make(http.Header)}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.header.Set(name, value)
	}
	return r
}

func (r reply) once() reply { r.times = 1; return r }

// withEach repeats a row with each of these statuses.
func (r reply) withEach(statuses ...int) reply { r.statuses = statuses; return r }

func (r reply) fault(status int) simulator.Fault {
	kind := r.kind
	if kind == "" {
		kind = "application/json; charset=utf-8"
	}
	return simulator.Fault{Kind: simulator.Answer, Status: status, ContentType: kind, Header: r.header, Body: r.body, Times: r.times}
}

// login is a sign-in at which Instagram gives these answers.
func login(answers ...reply) route { return route{answers: answers} }

// with gives a row a Caddy of its own with further options.
func (h route) with(options string) route { h.config.Options = options; return h }

// inside changes the simulated Instagram of a row.
func (h route) inside(change func(*simulator.Config)) route { h.config.Simulate = change; return h }

func (h route) api(api instagram.API) route {
	h.config.Api = api
	h.config.Options = "api " + string(api) + "\n" + h.config.Options
	return h
}

func (h route) doing(act func(*scene, *sitetest.Browser) sitetest.Response) route {
	h.act = act
	return h
}

func (h route) alone() route { h.own = true; return h }

// isShared reports whether a row can use the Caddy of its section.
func (h route) isShared() bool {
	c := h.config
	return !h.own && c.Options == "" && c.Block == "" && c.Api == "" && c.Simulate == nil && c.Window == "" && c.Testers == nil && c.Shape == "" && c.Users == nil && c.Now == nil
}

// factSite starts a Caddy for rows.
func factSite(t *testing.T, c sitetest.Config) *scene {
	t.Helper()
	c.Global = sitetest.TrustForwarded
	c.After = "header >X-Code {http.auth.instagram_auth.error}\nreverse_proxy {upstream}"
	s := &scene{Site: sitetest.Start(t, c), config: c}
	s.base = s.Site.NewBrowser().HTTP.Transport
	return s
}

// clientTransport sends the requests of one client, each client from an address of its own:
// Caddy limits the logins of an address.
type clientTransport struct {
	base   http.RoundTripper
	client int
}

func (c clientTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.base.RoundTrip(sitetest.FromClient(r, c.client))
}

func (s *scene) newBrowser() *sitetest.Browser {
	b := s.Site.NewBrowser()
	s.client++
	b.HTTP.Transport = clientTransport{s.base, s.client}
	return b
}

// newLines reads the log lines that were written since the last call.
func (s *scene) newLines() []map[string]any {
	s.T.Helper()
	file, err := os.Open(s.LogFile)
	if err != nil {
		s.T.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(s.read, io.SeekStart); err != nil {
		s.T.Fatal(err)
	}
	decoder := json.NewDecoder(file)
	for {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			break // the end, or half a line
		}
		s.lines = append(s.lines, line)
	}
	s.read += decoder.InputOffset()
	return s.lines
}

// reported returns the new log lines with this message, without debug output.
func (s *scene) reported(message string) (found []map[string]any) {
	for _, line := range s.newLines() {
		if line["msg"] == message && line["level"] != "debug" {
			found = append(found, line)
		}
	}
	return found
}

// behave ends all faults.
func (s *scene) behave() {
	for endpoint := range callNames {
		s.Instagram.Misbehave(endpoint, simulator.Fault{})
	}
}

// refusalCode returns the handler's error code of an answer. Without one, Caddy leaves the
// placeholder as it is.
func refusalCode(answer sitetest.Response) string {
	code := answer.Header.Get("X-Code")
	if strings.HasPrefix(code, "{") {
		return ""
	}
	return code
}

// made lists the calls to Instagram, grouped by endpoint in the order of a login.
func (s *scene) made() string {
	var calls []string
	for _, endpoint := range []simulator.Endpoint{simulator.Token, simulator.UserNode, simulator.LongLived, simulator.Refresh} {
		calls = append(calls, slices.Repeat([]string{callNames[endpoint]}, s.Instagram.Calls(endpoint))...)
	}
	return strings.Join(calls, " ")
}

var callNames = map[simulator.Endpoint]string{
	simulator.Window: "window", simulator.Token: "token", simulator.UserNode: "user", simulator.LongLived: "long-lived", simulator.Refresh: "refresh",
}

// signIn takes a login as far as it goes.
func signIn(_ *scene, b *sitetest.Browser) sitetest.Response { return b.Get(b.Begin("/private")) }

// seeWindow opens the authorization window and stays there.
func seeWindow(_ *scene, b *sitetest.Browser) sitetest.Response {
	return b.Get(b.Get("/private").Location())
}

// askWindow returns the redirect to the window.
func askWindow(_ *scene, b *sitetest.Browser) sitetest.Response { return b.Get("/private") }

// sentBack is a sign-in that the window ends with an error in the redirect's query.
func sentBack(query string) route {
	return login().doing(func(s *scene, b *sitetest.Browser) sitetest.Response {
		s.Instagram.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.SendBack, Body: query, Times: 1})
		return b.Get(b.Begin("/private"))
	})
}

// backAt changes the address to which the window sends the browser back.
func backAt(change func(address string) string) route {
	return login().doing(func(_ *scene, b *sitetest.Browser) sitetest.Response { return b.Get(change(b.Begin("/private"))) })
}

// runFacts runs the rows of a section in their order.
func runFacts(t *testing.T, facts []fact) {
	shared, runs := factSite(t, sitetest.Config{}), 0
	for _, f := range facts {
		t.Run(f.by+" "+f.fact, func(t *testing.T) {
			f.check(t)
			for _, status := range f.via.runs() {
				switch {
				case f.untestable != "":
				case f.via.loads != "":
					sitetest.WantLoadRefused(t, strings.ReplaceAll(f.via.config.Block, "{endpoints}", "http://127.0.0.1:1"), f.via.loads)
					runs = 0
				case !f.via.isShared():
					t.Run(fmt.Sprint(status), func(t *testing.T) { f.run(t, factSite(t, f.via.config), status) })
					runs = 0
				default:
					shared.Site.T = t
					if runs%50 == 0 { // also before a handler has logged as many refusals as it does in a minute
						shared.Load(shared.config)
						shared.newBrowser().SignIn("/private") // shows that Instagram reads the token from the header
					}
					runs++
					f.run(t, shared, status)
				}
			}
			if f.later != "" {
				runs = 0
				f.runLater(t)
			}
		})
	}
}

// check fails the test unless a row is complete.
func (f *fact) check(t *testing.T) {
	t.Helper()
	reached := f.want.status != 0 || f.via.loads != "" || f.want.check != nil
	if f.fact == "" || f.by == "" || reached == (f.untestable != "") {
		t.Errorf("the row is not complete: it has %q by %q, outcome %v, untestable %q", f.fact, f.by, reached, f.untestable)
	}
	for _, letter := range f.by {
		if certainties[letter] == "" {
			t.Errorf("no certainty has the letter %c", letter)
		}
	}
}

// runs returns the statuses with which a row is repeated.
func (h route) runs() []int {
	for _, r := range h.answers {
		if len(r.statuses) > 1 {
			return r.statuses
		}
	}
	return []int{0}
}

// run takes the route of a fact and compares the outcome.
func (f *fact) run(t *testing.T, s *scene, status int) {
	t.Helper()
	s.newLines()
	s.lines = nil
	s.Instagram.ResetCalls()
	for _, r := range f.via.answers {
		with := r.statuses[0]
		if len(r.statuses) > 1 {
			with = status
		}
		s.Instagram.Misbehave(r.endpoint, r.fault(with))
	}
	act := f.via.act
	if act == nil {
		act = signIn
	}
	b := s.newBrowser()
	defer s.behave()
	answer := act(s, b)
	f.want.compareWith(t, status, s, answer)
	s.behave()
	f.want.compareSite(t, s, b)
	if f.via.isShared() {
		s.newBrowser().SignIn("/private") // nobody else is held up
	}
}

// compareWith compares the outcome of an answer with this status.
func (e expected) compareWith(t *testing.T, status int, s *scene, answer sitetest.Response) {
	t.Helper()
	if status >= 500 && e.at500 != "" {
		e.code, e.status = e.at500, http.StatusBadGateway
	}
	e.compare(t, fmt.Sprintf("with status %d", status), s, answer)
}

// compare compares an answer, the log and the calls.
func (e *expected) compare(t *testing.T, when string, s *scene, answer sitetest.Response) {
	t.Helper()
	if e.status != 0 && (answer.StatusCode != e.status || refusalCode(answer) != e.code) {
		t.Errorf("%s: answered %s with code %q, want %d %q\n%.300s", when, answer.Status, refusalCode(answer), e.status, e.code, answer.Body)
	}
	if !strings.Contains(answer.Body, e.page) {
		t.Errorf("%s: the page does not say %q:\n%.1000s", when, e.page, answer.Body)
	}
	if location := answer.Location(); e.status != 0 && (e.location == "") != (location == "") || !regexp.MustCompile(e.location).MatchString(location) {
		t.Errorf("%s: led to %q, want %q", when, location, e.location)
	}
	if got := answer.Header.Get("Retry-After"); got != e.retry && e.status != 0 {
		t.Errorf("%s: Retry-After = %q, want %q", when, got, e.retry)
	}
	if calls := s.made(); e.calls != "" && calls != e.calls {
		t.Errorf("%s: Instagram was asked %q, want %q", when, calls, e.calls)
	}
	e.compareLog(t, when, s)
	if e.check != nil {
		e.check(t, s)
	}
}

// compareLog compares the line about a refusal and further lines.
func (e *expected) compareLog(t *testing.T, when string, s *scene) {
	t.Helper()
	refusals := s.reported("sign-in refused")
	if (len(refusals) == 1) != (e.level != "") || len(refusals) > 1 {
		t.Errorf("%s: %d lines about a refusal: %v", when, len(refusals), refusals)
		return
	}
	if e.level != "" {
		line := refusals[0]
		remedy, _ := line["remedy"].(string)
		words, _ := line["error"].(string)
		if line["level"] != e.level || line["code"] != e.code || !strings.Contains(remedy, e.remedy) || (e.remedy == "") != (remedy == "") || !strings.Contains(words, e.words) {
			t.Errorf("%s: the line says %v, want level %s, code %s, words %q, remedy %q", when, line, e.level, e.code, e.words, e.remedy)
		}
	}
	for line := range strings.SplitSeq(e.logs, "\n") {
		level, message, _ := strings.Cut(line, " ")
		if found := s.reported(message); line != "" && (len(found) != 1 || found[0]["level"] != level) {
			t.Errorf("%s: %d lines %q: %v", when, len(found), line, found)
		}
	}
}

// compareSite asks for a page and compares the headers that the upstream gets.
func (e *expected) compareSite(t *testing.T, s *scene, b *sitetest.Browser) {
	t.Helper()
	if e.site == "" {
		if e.code != "" && b.Cookie(sitetest.SessionCookie) != "" {
			t.Error("a refused visitor has a session")
		}
		return
	}
	if page := b.Get("/private"); page.StatusCode != http.StatusOK {
		t.Fatalf("after the sign-in: %s\n%s", page.Status, page.Body)
	}
	header := s.Upstream.Last(t).Header
	for line := range strings.SplitSeq(e.site, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		if got := header.Get(name); got != value {
			t.Errorf("the site gets %s = %q, want %q", name, got, value)
		}
	}
}

const (
	jay      = "X-Instagram-User-Id: " + sitetest.UserID + "\nX-Instagram-Username: " + sitetest.Username
	jayToken = `{"access_token":"IGAAtoken","user_id":` + sitetest.AppScopedID + `,"permissions":["instagram_business_basic"]}`
)
