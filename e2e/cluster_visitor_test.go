package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// visitor is somebody with a browser, whose requests a test can send to any node.
type visitor struct {
	t       *testing.T
	c       *cluster
	name    string            // at Instagram
	cookies map[string]string // by name
	client  *http.Client
}

// newClient returns a client that follows no redirect, with connections of its own.
// Like a browser it sends a GET again if the server has closed an idle connection.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (c *cluster) visitor(name string) *visitor {
	return &visitor{t: c.t, c: c, name: name, cookies: make(map[string]string), client: newClient(c.t)}
}

// twin returns another browser with the same cookies: who has copied them.
func (v *visitor) twin() *visitor {
	twin := v.c.visitor(v.name)
	twin.cookies = maps.Clone(v.cookies)
	return twin
}

// The ways to ask for a page.
var (
	byScript    = map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "application/json"}
	byLink      = map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
	byOwnScript = map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
	byForm      = map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
)

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

// request makes a request with the visitor's cookies, to a node or the load balancer.
func (v *visitor) request(method, address, uri string, headers map[string]string, form url.Values) (*http.Request, error) {
	request, err := http.NewRequest(method, "http://"+address+uri, nil)
	if err != nil {
		return nil, err
	}
	if form != nil {
		request.Body = io.NopCloser(strings.NewReader(form.Encode()))
		request.ContentLength = int64(len(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Host = "example.test"
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(v.cookies)) {
		pairs = append(pairs, name+"="+v.cookies[name])
	}
	if len(pairs) > 0 {
		request.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	return request, nil
}

// send sends a request and keeps the cookies of the answer.
func (v *visitor) send(request *http.Request, err error) reply {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	answer, err := v.exchange(request)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer
}

// exchange is send for a caller that expects that there may be no answer.
func (v *visitor) exchange(request *http.Request) (reply, error) {
	answer, err := v.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, err
	}
	v.keep(answer.Header)
	return reply{answer.StatusCode, answer.Header, string(text)}, nil
}

// keep does what an answer says about cookies.
func (v *visitor) keep(header http.Header) {
	for _, c := range (&http.Response{Header: header}).Cookies() {
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		} else {
			v.cookies[c.Name] = c.Value
		}
	}
}

func (v *visitor) get(address, uri string, headers map[string]string) reply {
	v.t.Helper()
	return v.send(v.request(http.MethodGet, address, uri, headers, nil))
}

// signIn starts a login at one address and comes back from Instagram to another. Who is
// signed in already starts it by the site's own link.
func (v *visitor) signIn(start, end string) {
	v.t.Helper()
	old := v.cookies[cookie]
	if ended := v.get(end, v.back(start), byLink); ended.status != http.StatusSeeOther || v.cookies[cookie] == old {
		v.t.Fatalf("a login ended with %d, %q: %s", ended.status, ended.header.Get("Location"), ended.body)
	}
	// The page that follows, on which what the login needed is cleared away.
	if page := v.get(end, "/private", byLink); page.status != http.StatusOK || page.body != v.name {
		v.t.Fatalf("the page after a login is %d: %s", page.status, page.body)
	}
}

// begin starts a login and returns the address of the authorization window.
func (v *visitor) begin(address string) (window string) {
	v.t.Helper()
	uri := "/private"
	if v.cookies[cookie] != "" {
		uri = "/instagram_auth/login"
	}
	begun := v.get(address, uri, byLink)
	window = begun.header.Get("Location")
	if begun.status != http.StatusFound || !strings.HasPrefix(window, v.c.instagram+"/oauth/authorize?") {
		v.t.Fatalf("a login began with %d, %q: %s", begun.status, window, begun.body)
	}
	return window
}

// back starts a login and returns the path and query with which Instagram sends the
// visitor back.
func (v *visitor) back(start string) (uri string) {
	v.t.Helper()
	uri, err := v.allow(v.begin(start))
	if err != nil {
		v.t.Fatal(err)
	}
	return uri
}

// allow presses Allow in Instagram's window and returns where that leads.
func (v *visitor) allow(window string) (uri string, err error) {
	allowed, err := v.client.PostForm(window, url.Values{"action": {"allow"}, "user": {v.name}})
	if err != nil {
		return "", err
	}
	_ = allowed.Body.Close()
	back, found := strings.CutPrefix(allowed.Header.Get("Location"), strings.TrimSuffix(callback, "/auth/"))
	if !found {
		return "", fmt.Errorf("the window answered %d, %q", allowed.StatusCode, allowed.Header.Get("Location"))
	}
	uri, _, _ = strings.Cut(back, "#")
	return uri, nil
}

// signedIn returns a visitor who has signed in.
func (c *cluster) signedIn(name string) *visitor {
	c.t.Helper()
	v := c.visitor(name)
	v.signIn(c.balancer, c.balancer)
	return v
}

// alive reports whether a node serves the visitor's session.
func (v *visitor) alive(n *node) bool {
	v.t.Helper()
	switch answer := v.get(n.address, "/private/data", byScript); {
	case answer.status == http.StatusOK && answer.body == v.name:
		return true
	case answer.status == http.StatusUnauthorized:
		return false
	default:
		v.t.Fatalf("%s answered %d: %s", n.name, answer.status, answer.body)
		return false
	}
}

// wantAlive fails the test unless all nodes serve the visitor's session.
func (v *visitor) wantAlive() {
	v.t.Helper()
	for _, n := range v.c.nodes {
		if !v.alive(n) {
			v.t.Errorf("%s is signed out on %s", v.name, n.name)
		}
	}
}

// wantOut fails the test if one of some nodes serves the visitor's session.
func (v *visitor) wantOut(nodes ...*node) {
	v.t.Helper()
	for _, n := range nodes {
		if v.alive(n) {
			v.t.Errorf("%s is still signed in on %s", v.name, n.name)
		}
	}
}

// logout ends the session on a node.
func (v *visitor) logout(n *node, form url.Values) reply {
	v.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	return v.send(v.request(http.MethodPost, n.address, "/instagram_auth/logout", byForm, form))
}

// wantLogout ends the session on a node and wants that to have worked.
func (v *visitor) wantLogout(n *node, form url.Values) {
	v.t.Helper()
	if answer := v.logout(n, form); answer.status != http.StatusSeeOther || v.cookies[cookie] != "" {
		v.t.Fatalf("the logout on %s was answered %d: %s", n.name, answer.status, answer.body)
	}
}

// untilOut waits until nodes refuse the sessions of visitors, for at most a sync
// interval and what else the test allows, and returns how long that took since began.
func untilOut(began time.Time, allowed time.Duration, nodes []*node, visitors ...*visitor) (longest time.Duration) {
	for _, n := range nodes {
		for _, v := range visitors {
			v.t.Helper()
			for v.alive(n) {
				if time.Since(began) > 10*time.Second+allowed {
					v.t.Fatalf("%s is still signed in on %s after %s", v.name, n.name, time.Since(began))
				}
				time.Sleep(10 * time.Millisecond)
			}
			longest = max(longest, time.Since(began))
		}
	}
	visitors[0].t.Logf("from logout to refusal on %d other nodes: %s at the longest, sync interval %s", len(nodes), longest.Round(time.Millisecond), syncInterval)
	if longest > syncInterval+tolerance+allowed {
		visitors[0].t.Errorf("that is longer than allowed")
	}
	return longest
}
