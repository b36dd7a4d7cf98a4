package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// faulty is a Caddy whose sites meet faults.
type faulty struct {
	t           *testing.T
	binary      string
	shell       string // a line of shell before the program starts, "" for none
	env         []string
	storage     string // a Caddyfile's
	file, admin string
	home        string // its data folder is in it, also after a restart
	sites       []*faultSite
	process     *process

	scraping  sync.Mutex
	scrapedAt time.Time
	scraped   string

	reading sync.Mutex
	read    int    // bytes of what the process has said
	heard   []line // the warnings and errors of this module's in them
}

// faultSite is one of them: an app with a simulated Instagram of its own. Its cluster has
// no nodes; it is what visitors belong to.
type faultSite struct {
	*cluster
	caddy        *faulty
	app, address string
	options      string
	firstID      int
	front        *front
	token, graph string // Instagram's addresses

	hangUp      func()     // ends the connections to Instagram
	reloaded    chan error // the answer to a reload, nil for none
	stays, gone *visitor   // one who is signed in, one who has signed out
}

// newFaulty prepares a Caddy with a number of sites.
func newFaulty(t *testing.T, binary, storage string, sites int, options string) *faulty {
	f := &faulty{t: t, binary: binary, storage: storage, file: filepath.Join(t.TempDir(), "Caddyfile"), admin: "127.0.0.1:" + freePort(t), home: t.TempDir()}
	for i := range sites {
		s := &faultSite{caddy: f, app: fmt.Sprint(990602627938098 + i), address: "127.0.0.1:" + freePort(t), options: options, firstID: 17841405793187218 + 100*i}
		s.cluster = &cluster{t: t}
		s.startInstagram(t)
		f.sites = append(f.sites, s)
	}
	return f
}

// startInstagram runs the site's simulator, which a test can put raw answers in front of.
func (s *faultSite) startInstagram(t *testing.T) {
	config := simulator.Config{App: simulator.App{ID: s.app, Secret: appSecret, RedirectURIs: []string{callback}, Live: true}}
	s.front = &front{raw: make(map[simulator.Endpoint]string)}
	config.Now = func() time.Time { return time.Now().Add(time.Duration(s.front.behind.Load())) }
	for i := range 30 {
		config.Users = append(config.Users, simulator.User{ID: fmt.Sprint(s.firstID + i), Username: fmt.Sprint("visitor", i)})
	}
	var err error
	if s.simulator, err = simulator.New(config); err != nil {
		t.Fatal(err)
	}
	s.front.Simulator = s.simulator
	server := httptest.NewServer(s.front)
	t.Cleanup(func() { s.simulator.Close(); server.Close() })
	s.hangUp = server.CloseClientConnections
	s.instagram, s.token, s.graph = server.URL, server.URL+"/oauth/access_token", server.URL
}

// id is the visitor's at Instagram.
func (s *faultSite) id(v *visitor) string {
	var i int
	_, _ = fmt.Sscanf(v.name, "visitor%d", &i)
	return fmt.Sprint(s.firstID + i)
}

func (f *faulty) caddyfile(further string) string {
	text := fmt.Sprintf("{\n admin %s\n auto_https off\n persist_config off\n default_bind 127.0.0.1\n %s\n}\n", f.admin, f.storage)
	for _, s := range f.sites {
		text += fmt.Sprintf(`
	http://:%s {
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri %s
			endpoints {
				authorize %s/oauth/authorize
				token %s
				graph %s
			}
			sync_interval 1s
			%s
		}
		%s
		respond "{http.request.header.X-Instagram-Username}"
	}`, portOf(s.address), s.app, appSecret, callback, s.instagram, s.token, s.graph, s.options, further)
	}
	return text
}

// run starts Caddy, again if it has been killed.
func (f *faulty) run() {
	f.t.Helper()
	if err := os.WriteFile(f.file, []byte(f.caddyfile("")), 0o600); err != nil {
		f.t.Fatal(err)
	}
	env := slices.Concat(f.env, []string{"HOME=" + f.home, "XDG_DATA_HOME=" + f.home, "XDG_CONFIG_HOME=" + f.home, "GORACE=halt_on_error=1 atexit_sleep_ms=0"})
	f.read, f.heard = 0, nil
	f.process = start(f.t, env, "sh", "-c", f.shell+"\n"+`exec "$0" run --config "$1" --adapter caddyfile`, f.binary, f.file)
	for _, s := range f.sites {
		f.process.waitFor(s.address)
	}
	f.process.waitFor(f.admin)
}

// restart kills Caddy and starts it again.
func (f *faulty) restart() {
	f.t.Helper()
	f.process.kill()
	f.run()
}

// reload loads the configuration again, with something new in it.
func (f *faulty) reload(further string) {
	f.t.Helper()
	if err := postConfig(f.admin, f.caddyfile(further)); err != nil {
		f.t.Fatal(err)
	}
	f.settle()
}

// settle waits until the sockets of the configuration before are closed.
func (f *faulty) settle() {
	f.t.Helper()
	for _, s := range f.sites {
		f.process.waitForOneListener(s.address)
	}
}

func postConfig(address, caddyfile string) error {
	answer, err := admin.Post("http://"+address+"/load", "text/caddyfile", strings.NewReader(caddyfile))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the reload was answered %s", answer.Status)
	}
	return nil
}

// people signs two visitors in, one of whom signs out.
func (s *faultSite) people() {
	s.t.Helper()
	s.stays, s.gone = s.newcomer("visitor1"), s.newcomer("visitor2")
	leaving := s.gone.twin()
	if answer := s.signOut(leaving); answer.status != http.StatusSeeOther {
		s.t.Fatalf("a logout was answered %d: %s", answer.status, answer.body)
	}
}

// newcomer returns a visitor who has signed in.
func (s *faultSite) newcomer(name string) *visitor {
	s.t.Helper()
	v := s.visitor(name)
	v.signIn(s.address, s.address)
	return v
}

// returning ends a login that another function has begun. Its errors are for a
// goroutine beside the test's own.
func (s *faultSite) returning(v *visitor, uri string) <-chan reply {
	s.t.Helper()
	request, err := v.request(http.MethodGet, s.address, uri, byLink, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	replies := make(chan reply, 1)
	go func() {
		answer, err := v.client.Do(request)
		if err != nil {
			replies <- reply{body: err.Error()}
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // as much as arrives
		replies <- reply{answer.StatusCode, answer.Header, string(text)}
	}()
	return replies
}

func (s *faultSite) signOut(v *visitor) reply {
	s.t.Helper()
	return v.send(v.request(http.MethodPost, s.address, "/instagram_auth/logout", byForm, url.Values{}))
}

// call sends a signed callback about a visitor, as Meta does.
func (s *faultSite) call(path, name string) reply {
	s.t.Helper()
	meta := s.visitor("meta")
	form := url.Values{"signed_request": {s.simulator.SignedRequest(name)}}
	return meta.send(meta.request(http.MethodPost, s.address, "/instagram_auth/"+path, nil, form))
}

// serves reports whether a visitor is signed in.
func (s *faultSite) serves(v *visitor) bool {
	v.t.Helper()
	return v.alive(&node{name: "the site", address: s.address})
}

// lost says what a fault that is over has taken: nothing, where everybody is signed in or
// out as before, and somebody else can sign in.
func (s *faultSite) lost(out ...*visitor) string {
	s.t.Helper()
	if !s.serves(s.stays) {
		return "the session of a visitor"
	}
	for _, v := range append(out, s.gone) {
		for deadline := time.Now().Add(10 * time.Second); s.serves(v); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				return "the logout of " + v.name
			}
		}
	}
	s.newcomer("visitor3")
	return nothing
}

var (
	pageText   = regexp.MustCompile(`(?s)</h1>\s*<p>(.*?)</p>`)
	pageButton = regexp.MustCompile(`class="button" (?:href|type)="[^"]*">(.*?)<`)
	requestIDs = regexp.MustCompile(`Reference <bdi>([^<]+)|"request_id":"([^"]+)"`)
)

// said tells in words what a visitor was answered.
func said(r reply) string {
	location := r.header.Get("Location")
	switch {
	case r.status == 0:
		return "no answer"
	case r.status == http.StatusOK && r.header.Get("Content-Type") == "text/plain; charset=utf-8":
		return "200, the page"
	case strings.Contains(location, "/oauth/authorize?"):
		return fmt.Sprint(r.status, ", on to Instagram")
	case location != "":
		return fmt.Sprint(r.status, ", on to ", strings.TrimSuffix(location, "#"))
	}
	text := fmt.Sprint(r.status)
	var object struct{ Error, URL string }
	if json.Unmarshal([]byte(r.body), &object) == nil {
		if object.Error != "" {
			text += " `" + object.Error + "`"
		}
		return text
	}
	if match := pageText.FindStringSubmatch(r.body); match != nil {
		text += ": “" + html.UnescapeString(match[1]) + "”"
	}
	if match := pageButton.FindStringSubmatch(r.body); match != nil {
		text += " – “" + match[1] + "”"
	}
	return text
}

// line is a line of Caddy's log.
type line map[string]any

func (l line) text(field string) string { text, _ := l[field].(string); return text }

// messages formats lines for the table, each once.
func messages(lines []line) string {
	var all []string
	for _, l := range lines {
		text := strings.ToUpper(l.text("level")) + " " + l.text("msg")
		if code := l.text("code"); code != "" {
			text += ", code `" + code + "`"
		}
		if remedy := l.text("remedy"); remedy != "" {
			text += " – remedy: " + remedy
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// ours returns the warnings and errors of this module's that match, from a place on.
func (f *faulty) ours(from int, match func(line) bool) (lines []line) {
	for _, l := range f.listen()[from:] {
		if match(l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// listen returns all of them that the process, as it runs now, has said.
func (f *faulty) listen() []line {
	f.reading.Lock()
	defer f.reading.Unlock()
	said := f.process.out.String()
	end := strings.LastIndexByte(said, '\n') + 1
	for text := range strings.Lines(said[f.read:end]) {
		var l line
		if !strings.Contains(text, `"http.handlers.instagram_auth`) || json.Unmarshal([]byte(text), &l) != nil {
			continue
		}
		if level := l.text("level"); level == "warn" || level == "error" || l.text("code") != "" { // or a refusal
			f.heard = append(f.heard, l)
		}
	}
	f.read = end
	return f.heard
}

// warned waits until there is such a line, and wants each to say what to do.
func (f *faulty) warned(t *testing.T, from int, match func(line) bool) []line {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if lines := f.ours(from, match); len(lines) > 0 {
			for _, l := range lines {
				if l.text("remedy") == "" {
					t.Errorf("the log does not say what to do: %v", l)
				}
			}
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatal("the log does not tell of it")
		}
	}
}

// aboutRequest matches the lines about one request.
func aboutRequest(r reply) func(line) bool {
	match := requestIDs.FindStringSubmatch(r.body)
	return func(l line) bool { return match != nil && strings.HasPrefix(l.text("request_id"), match[1]+match[2]) }
}

// operator returns what the log says about a request: of one that was refused, something.
func (f *faulty) operator(t *testing.T, r reply) string {
	t.Helper()
	if r.status < 400 {
		return ""
	}
	return messages(f.warned(t, 0, aboutRequest(r)))
}

var counter = regexp.MustCompile(`(?m)^caddy_instagram_auth_(\w+(?:_total|_queued|_lost))(\{.*\})? (\S+)$`)

// scrape returns what Caddy's admin endpoint measures, "" where it cannot be asked. All
// who ask before a scrape begins share it: that of many sites takes a while.
func (f *faulty) scrape() string {
	asked := time.Now()
	f.scraping.Lock()
	defer f.scraping.Unlock()
	if f.scrapedAt.After(asked) {
		return f.scraped
	}
	f.scrapedAt, f.scraped = time.Now(), ""
	answer, err := admin.Get("http://" + f.admin + "/metrics")
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err == nil {
		f.scraped = string(text)
	}
	return f.scraped
}

// metrics returns this module's counters of a site.
func (s *faultSite) metrics() map[string]string {
	all := make(map[string]string)
	label := `app_id="` + s.app + `"`
	for text := range strings.Lines(s.caddy.scrape()) {
		if !strings.Contains(text, label) {
			continue // of another site, or of all together
		}
		match := counter.FindStringSubmatch(text)
		if match == nil {
			continue
		}
		labels := strings.Trim(strings.ReplaceAll(strings.ReplaceAll(match[2], label, ""), ",,", ","), "{},")
		if labels != "" {
			labels = "{" + labels + "}"
		}
		all[match[1]+labels] = match[3]
	}
	return all
}

// moved tells which of them are others than before, less what says that something went
// well.
func (s *faultSite) moved(before map[string]string) string {
	var names []string
	for name, value := range s.metrics() {
		if old := before[name]; old != value && !(old == "" && value == "0") && !strings.HasPrefix(name, "requests_") && !strings.Contains(name, `result="ok"`) {
			names = append(names, "`"+name+"`")
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
