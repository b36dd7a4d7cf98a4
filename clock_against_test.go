package instagramauth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const (
	basic    = "instagram_business_basic"
	comments = "instagram_business_manage_comments"
)

// cookies returns what a visitor would send, as one line.
func (v *visitor) cookies() string {
	var pairs []string
	for _, c := range v.jar.Cookies(mustURL("https://example.test/")) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// send asks a node for the page with these cookies, waits until what that has set off is
// done, and returns the answer.
func (w *world) send(n *node, cookies string) *http.Response {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+n.addr+"/page", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Host = "example.test"
	request.Header.Set("Cookie", cookies)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	n.sessions.Background.Wait()
	return answer
}

// newsReaches lets all nodes look into the storage, as they do each sync_interval.
func (w *world) newsReaches() {
	for _, n := range w.nodes {
		n.sessions.List.Sync(w.t.Context())
	}
}

// against is something that Instagram says against a visitor, and what takes it back.
type against struct {
	options  func() *Handler
	fault    func(t *testing.T, s *simulator.Simulator)
	takeBack func(t *testing.T, s *simulator.Simulator)
}

func saying(endpoint simulator.Endpoint, body string) func(*testing.T, *simulator.Simulator) {
	return func(_ *testing.T, s *simulator.Simulator) {
		s.Misbehave(endpoint, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: body})
	}
}

func sayingNothing(endpoint simulator.Endpoint) func(*testing.T, *simulator.Simulator) {
	return func(_ *testing.T, s *simulator.Simulator) { s.Misbehave(endpoint, simulator.Fault{}) }
}

func renaming(from, to string) func(*testing.T, *simulator.Simulator) {
	return func(t *testing.T, s *simulator.Simulator) {
		if err := s.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
}

func withPeople(allow, deny []string) func() *Handler {
	return func() *Handler {
		options := longLived(6 * time.Hour)
		options.Allow, options.Deny = allow, deny
		return options
	}
}

// fewer is the answer of a refresh whose token may do less.
const fewer = `{"access_token":"IGfewer","token_type":"bearer","expires_in":5183944,"permissions":"` + basic + `"}`

// requiringComments are the options of a site that notices a loss when it refreshes.
func requiringComments() *Handler {
	options := longLived(0)
	options.Scope, options.RequireScope = []string{basic, comments}, []string{comments}
	return options
}

func saidAgainstVisitors() map[string]against {
	return map[string]against{
		"a withdrawn permission": {
			func() *Handler {
				options := longLived(6 * time.Hour)
				options.API, options.Fields, options.Headers, options.RequireScope = "basic_display", nil, nil, []string{"user_media"}
				return options
			},
			saying(simulator.UserNode, `{"id":"17841405793187218","username":"jayposiris"}`), sayingNothing(simulator.UserNode),
		},
		"a token with fewer permissions": {requiringComments, saying(simulator.Refresh, fewer), sayingNothing(simulator.Refresh)},
		"a username on deny":             {withPeople(nil, []string{"@jay.denied"}), renaming("jayposiris", "jay.denied"), renaming("jay.denied", "jayposiris")},
		"a username not on allow":        {withPeople([]string{"@jayposiris"}, nil), renaming("jayposiris", "jay.renamed"), renaming("jay.renamed", "jayposiris")},
	}
}

// Somebody keeps the cookie of before, and sends it for three days in every way there is.
func TestN10_WhatInstagramSaidCountsWhateverCookieIsSent(t *testing.T) {
	for name, c := range saidAgainstVisitors() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.options())
			w.addNode()
			v := w.newVisitor()
			v.signIn()
			old := v.cookies()
			w.at.advance(25 * time.Hour)
			c.fault(t, w.instagram)
			if answer := w.send(w.nodes[0], old); answer.StatusCode != http.StatusOK {
				t.Fatalf("before anybody could know: answered %s", answer.Status)
			}
			w.newsReaches()
			newest := old
			for i := range 420 {
				w.at.advance(72 * time.Hour / 420)
				if i == 100 {
					w.nodes[1] = w.restarted() // with nothing in memory
				}
				cookies := []string{old, newest, old + "; " + newest, newest + "; " + old}[i%4]
				answer := w.send(w.nodes[i/4%2], cookies)
				if answer.StatusCode == http.StatusOK {
					t.Fatalf("request %d, %v later, is let in by node %d", i, w.at.now().Sub(time.Unix(1_800_000_000, 0)), i/4%2)
				}
				for _, cookie := range answer.Cookies() {
					if cookie.Name == sessionName && cookie.MaxAge > 0 {
						newest = cookie.Name + "=" + cookie.Value
					}
				}
			}
			// Who has mended it is in at once, wherever they come.
			c.takeBack(t, w.instagram)
			v.signIn()
			for range 4 {
				v.wantSignedIn("jayposiris")
			}
		})
	}
}

const sessionName = "__Host-Http-instagram_auth"

// restarted returns a node that has just been started, in no list of the world's.
func (w *world) restarted() *node {
	w.t.Helper()
	n := w.addNode()
	w.nodes = w.nodes[:len(w.nodes)-1]
	n.sessions.List.Sync(w.t.Context())
	return n
}

// The node that hears it has no rule about it; another one has, and asks nobody.
func TestN10_WhatOneNodeHeardCountsOnAnotherWithOtherSettings(t *testing.T) {
	lenient := requiringComments()
	lenient.RequireScope = nil
	w := newWorld(t, lenient)
	strict := *lenient
	strict.RequireScope, strict.Token.LongLived = []string{comments}, false
	strict.Session.Lifetime = caddy.Duration(40 * day)
	w.options = &strict
	w.addNode()
	v := w.newVisitor()
	v.signIn()
	old := v.cookies()
	w.at.advance(25 * time.Hour)
	if answer := w.send(w.nodes[1], old); answer.StatusCode != http.StatusOK {
		t.Fatalf("with the permission: answered %s", answer.Status)
	}
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: fewer})
	w.send(w.nodes[0], old)
	w.newsReaches()
	for range 3 {
		w.at.advance(day)
		if answer := w.send(w.nodes[1], old); answer.StatusCode == http.StatusOK {
			t.Errorf("the node that asks nobody lets an old cookie in")
		}
	}
}

// A page asks for much at once, with the cookie of before. A new name that no list shuts
// out says nothing against anybody.
func TestN10_NewsThatIsNotAgainstAnybodySignsNobodyOut(t *testing.T) {
	w := newWorld(t, withPeople(nil, []string{"@somebody.else"})())
	w.addNode()
	v := w.newVisitor()
	v.signIn()
	old := v.cookies()
	w.at.advance(7 * time.Hour)
	renaming("jayposiris", "jay.renamed")(t, w.instagram)
	v.storm(200) // at the moment of the renewal
	w.newsReaches()
	v.storm(200)
	for range 100 {
		w.at.advance(time.Hour)
		for _, n := range w.nodes {
			if answer := w.send(n, old); answer.StatusCode != http.StatusOK || answer.Header.Get("Seen-User") != "jay.renamed" {
				t.Fatalf("answered %s, seen as %q", answer.Status, answer.Header.Get("Seen-User"))
			}
		}
	}
	w.newsReaches()
	for range 4 {
		v.wantSignedIn("jay.renamed")
	}
}

// The operator denies a username that Instagram reported before. An older cookie, which has the
// previous username, does not help.
func TestN10_ANameThatIsDeniedLaterCountsForOldCookies(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	old := v.cookies()
	w.at.advance(7 * time.Hour)
	renaming("jayposiris", "jay.denied")(t, w.instagram)
	w.send(w.nodes[0], old)
	v.wantSignedIn("jay.denied")
	w.at.advance(time.Hour)
	w.reload(withPeople(nil, []string{"@jay.denied"})())
	if answer := w.send(w.nodes[0], old); answer.StatusCode != http.StatusForbidden {
		t.Errorf("answered %s", answer.Status)
	}
}

// What is said at one cookie counts for those of other browsers.
func TestN10_OtherSessionsOfWhomNobodyLetsInEnd(t *testing.T) {
	for name, c := range saidAgainstVisitors() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.options())
			one, two := w.newVisitor(), w.newVisitor()
			one.signIn()
			w.at.advance(24*time.Hour + time.Minute)
			two.signIn()
			w.at.advance(time.Hour)
			if answer := w.send(w.nodes[0], two.cookies()); answer.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", answer.Status)
			}
			c.fault(t, w.instagram)
			w.send(w.nodes[0], one.cookies())
			if answer := w.send(w.nodes[0], two.cookies()); answer.StatusCode == http.StatusOK {
				t.Errorf("the other browser is let in")
			}
		})
	}
}

// Instagram says it at a login, in the browser that has the session or in another one: the
// session says something else, and ends.
func TestN10_WhatARefusedLoginSaysCountsForTheSessionThatCameAlong(t *testing.T) {
	refusedLogin(t, func(w *world, v *visitor) *visitor { return v })
}

func TestN10_WhatARefusedLoginSaysCountsInOtherBrowsers(t *testing.T) {
	refusedLogin(t, func(w *world, v *visitor) *visitor { return w.newVisitor() })
}

func refusedLogin(t *testing.T, choose func(*world, *visitor) *visitor) {
	for name, c := range map[string]struct {
		options func() *Handler
		fault   func(t *testing.T, s *simulator.Simulator)
		ends    bool
	}{
		"fewer permissions": {requiringComments, saying(simulator.Token, `{"access_token":"IGfewer","user_id":17841405793187218,"permissions":["`+basic+`"]}`), true},
		"silence":           {requiringComments, saying(simulator.Token, `{"access_token":"IGsilent","user_id":17841405793187218}`), false},
		"a name on deny":    {withPeople(nil, []string{"@jay.denied"}), renaming("jayposiris", "jay.denied"), true},
		"somebody else":     {withPeople(nil, []string{"@jay.denied"}), saying(simulator.UserNode, `{"id":"25025320822304914","user_id":"17841405822304914","username":"jay.denied"}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.options())
			other := w.addNode()
			v := w.newVisitor()
			v.signIn()
			old := v.cookies()
			c.fault(t, w.instagram)
			switch name {
			case "fewer permissions", "silence": // with a token that the simulator has not made
				saying(simulator.UserNode, `{"id":"25025320793187218","user_id":"17841405793187218","username":"jayposiris"}`)(t, w.instagram)
			case "somebody else":
				w.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: `{"access_token":"IGother","user_id":17841405822304914,"permissions":["` + basic + `"]}`})
			}
			comer := choose(w, v)
			back := comer.get(comer.get("/instagram_auth/login").Header.Get("Location"))
			if refused := comer.get(back.Header.Get("Location")); refused.StatusCode != http.StatusForbidden {
				t.Fatalf("the login was answered %s", refused.Status)
			}
			w.newsReaches()
			for _, n := range []*node{w.nodes[0], other} {
				if answer := w.send(n, old); (answer.StatusCode != http.StatusOK) != c.ends {
					t.Errorf("with the session of before: answered %s", answer.Status)
				}
			}
			if kept := strings.Contains(v.cookies(), sessionName+"="); comer == v && kept == c.ends {
				t.Errorf("the browser keeps the cookie: %v", kept)
			}
		})
	}
}
