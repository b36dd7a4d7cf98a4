package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// person is somebody with two browsers, who does one thing after the other, so that it is
// known at any time which sessions of theirs there are.
type person struct {
	s        *soak
	name, id string
	rand     *rand.Rand
	browsers [2]*browser
	ended    []*grave
	swept    time.Time // all sessions ended then, as far as those nodes knew that were told
	heard    bool      // the storage knows of it
}

// browser is one of them. It is signed in, or not.
type browser struct {
	*visitor
	signedIn bool
	// shaky says that the session may end through what happened before it began: see
	// beginShaky.
	shaky bool
}

// grave is a session that has ended, and a copy of its cookie.
type grave struct {
	copy    *visitor
	at      time.Time
	node    *node
	written bool // the node said so
	how     string
}

func (s *soak) person(i int) *person {
	p := &person{s: s, name: fmt.Sprint("visitor", i), id: fmt.Sprint(17841405793187218 + i), rand: rand.New(rand.NewPCG(s.seed, uint64(i)+1))}
	for j := range p.browsers {
		p.browsers[j] = &browser{visitor: s.visitor(p.name)}
	}
	return p
}

// live does things until a moment.
func (p *person) live(until time.Time) {
	for time.Now().Before(until) && !p.s.given() {
		p.act()
		time.Sleep(time.Duration(20+p.rand.IntN(100)) * time.Millisecond)
	}
}

func (p *person) act() {
	b := p.browsers[p.rand.IntN(len(p.browsers))]
	switch dice := p.rand.IntN(1000); {
	case !b.signedIn && dice < 500, dice < 40:
		p.login(b)
	case dice < 600:
		p.view(b, p.node())
	case dice < 800:
		p.haunt()
	case dice < 880:
		p.forge()
	case dice < 890:
		p.removed("/instagram_auth/deauthorize")
	case dice < 900:
		p.removed("/instagram_auth/data_deletion")
	case b.signedIn:
		p.logout(b, dice < 920)
	}
}

func (p *person) node() *node { return p.s.nodes[p.rand.IntN(len(p.s.nodes))] }

// ask sends a request of a browser's to a node, again if the connection breaks while the
// node is reloaded. ok is false if there was no answer, which a node may do that is down.
func (p *person) ask(v *visitor, n *node, what string, request func() (*http.Request, error)) (answer reply, ok bool) {
	began := time.Now()
	for try := 1; ; try++ {
		r, err := request()
		if err != nil {
			p.s.problem("%s: %v", what, err)
			return reply{}, false
		}
		if p.rand.IntN(3) == 0 {
			p.disguise(r)
		}
		p.s.count("requests", 1)
		answer, err := v.exchange(r)
		if err == nil {
			return answer, true
		}
		reloading := p.s.weather.was(nodeReload, n, began, time.Now())
		if reloading && try < 10 && r.Method == http.MethodGet && r.URL.Path != "/auth/" {
			continue
		}
		if !reloading && !p.s.weather.was(nodeDown, n, began, time.Now()) {
			p.s.problem("%s: no answer of %s: %v", what, n.name, err)
		}
		p.s.count("no answer of a node that is down or reloaded", 1)
		return reply{}, false
	}
}

// disguise adds what would make another person of somebody if it were believed.
func (p *person) disguise(r *http.Request) {
	for _, name := range []string{"X-Instagram-User-Id", "X-Instagram-Username", "X_Instagram_User_Id", "x.instagram.username"} {
		r.Header[name] = []string{"forged"}
	}
	if p.rand.IntN(2) == 0 { // which also takes the forged ones away on the way to the site
		r.Header.Set("Connection", "X-Instagram-User-Id, X-Instagram-Username")
	}
	cookies := []string{cookie + "=" + p.s.foreign}
	if own := r.Header.Get("Cookie"); own != "" {
		cookies = append(cookies, own)
	}
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
}

// view looks at a page. Who is signed in sees it under their name, and nobody else does.
func (p *person) view(b *browser, n *node) {
	uri, headers := "/private/page", byScript
	if p.rand.IntN(3) == 0 {
		uri = "/public/page"
	}
	if p.rand.IntN(2) == 0 && b.signedIn {
		headers = byLink
	}
	answer, ok := p.ask(b.visitor, n, "a page", func() (*http.Request, error) { return b.request(http.MethodGet, n.address, uri, headers, nil) })
	if !ok {
		return
	}
	seen := p.seen(answer)
	switch {
	case b.signedIn && seen == p.id+" "+p.name:
	case b.signedIn && b.shaky && (answer.status != http.StatusOK || seen == nobody):
		p.s.count("sessions that ended through an older word", 1)
		b.forget()
	case b.signedIn:
		p.s.problem("%s is signed in, and %s answered %d to %s: %.200s", p.name, n.name, answer.status, uri, answer.body)
		b.forget()
	case uri == "/public/page" && seen != nobody, uri == "/private/page" && answer.status != http.StatusUnauthorized:
		p.s.problem("%s is not signed in, and %s answered %d to %s: %.200s", p.name, n.name, answer.status, uri, answer.body)
	}
}

// nobody is what the site says to a visitor whom it does not know.
const nobody = " "

// seen is whom the site has seen; "" if the site was not asked. It must not be somebody
// else.
func (p *person) seen(answer reply) string {
	if answer.status != http.StatusOK {
		return ""
	}
	if answer.body != nobody && answer.body != p.id+" "+p.name {
		p.s.problem("%s had the identity %q", p.name, answer.body)
	}
	return answer.body
}

// forget is a new browser, where nobody knows what has become of the session of the old.
func (b *browser) forget() {
	clear(b.cookies)
	b.signedIn, b.shaky = false, false
}

// forge comes with nothing but lies.
func (p *person) forge() {
	n, stranger := p.node(), p.stranger()
	for uri, want := range map[string]int{"/private/page": http.StatusUnauthorized, "/public/page": http.StatusOK} {
		answer, ok := p.ask(stranger, n, "a forged request", func() (*http.Request, error) {
			r, err := stranger.request(http.MethodGet, n.address, uri, byScript, nil)
			if err == nil {
				p.disguise(r)
			}
			return r, err
		})
		if ok && (answer.status != want || answer.status == http.StatusOK && answer.body != nobody) {
			p.s.problem("a forged request for %s was answered %d by %s: %.200s", uri, answer.status, n.name, answer.body)
		}
	}
}

// stranger is a visitor without a cookie, who shares the person's connections.
func (p *person) stranger() *visitor {
	return &visitor{t: p.s.t, c: p.s.cluster, name: p.name, cookies: make(map[string]string), client: p.browsers[0].client}
}

// copyOf is somebody who has copied a browser's cookies.
func (p *person) copyOf(b *browser) *visitor {
	copy := p.stranger()
	copy.cookies = maps.Clone(b.cookies)
	return copy
}

// haunt tries the cookie of a session that has ended.
func (p *person) haunt() {
	if len(p.ended) == 0 {
		return
	}
	p.try(p.ended[p.rand.IntN(len(p.ended))], p.node())
}

// try tries it on a node, and reports whether it was refused.
func (p *person) try(g *grave, n *node) (refused bool) {
	began := time.Now()
	again := p.stranger()
	again.cookies = maps.Clone(g.copy.cookies)
	answer, ok := p.ask(again, n, "a revoked session", func() (*http.Request, error) {
		return again.request(http.MethodGet, n.address, "/private/page", byScript, nil)
	})
	if !ok || answer.status == http.StatusUnauthorized {
		return ok
	}
	p.seen(answer)
	if p.s.mustKnow(g, n, began) {
		p.s.problem("a session of %s ended by %s %s ago on %s (written: %t), and %s answers it with %d", p.name, g.how, time.Since(g.at).Round(time.Millisecond), g.node.name, g.written, n.name, answer.status)
	}
	return false
}

// bury takes note of the end of a browser's session.
func (p *person) bury(b *browser, copy *visitor, n *node, written bool, how string) {
	if !b.signedIn || b.shaky { // which may have ended before
		return
	}
	p.ended = append(p.ended, &grave{copy, time.Now(), n, written, how})
}

// follow measures how long the other nodes go on serving a session that has ended, where
// the storage works.
func (p *person) follow(g *grave) {
	served := g.at
	for _, n := range p.s.nodes {
		for !p.try(g, n) {
			now := time.Now()
			if p.s.given() || now.Sub(g.at) > 2*(syncInterval+slack) || p.s.weather.was(storageDown, nil, g.at, now) {
				return
			}
			if !p.s.weather.was(nodeDown, n, g.at, now) {
				served = now
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	p.s.delay(served.Sub(g.at))
}

// logout ends one session, or all.
func (p *person) logout(b *browser, everywhere bool) {
	n, began, form := p.node(), time.Now(), url.Values{}
	if everywhere {
		form.Set("everywhere", "1")
	}
	replay := p.copyOf(b)
	answer, ok := p.ask(b.visitor, n, "a logout", func() (*http.Request, error) {
		return b.request(http.MethodPost, n.address, "/instagram_auth/logout", byOwnScript, form)
	})
	if !ok { // nobody knows what has become of it
		p.unknown(b, everywhere)
		return
	}
	written := p.wasWritten("a logout", answer, http.StatusSeeOther, began)
	if b.cookies[cookie] != "" {
		p.s.problem("after a logout answered %d the cookie is still there", answer.status)
	}
	p.s.count("logouts", 1)
	p.bury(b, replay, n, written, "logout")
	b.forget()
	if everywhere {
		p.s.count("logouts everywhere", 1)
		p.sweep(n, written, "logout everywhere")
	}
	if written && len(p.ended) > 0 && p.rand.IntN(4) == 0 {
		p.follow(p.ended[len(p.ended)-1])
	}
}

// wasWritten reports whether a node says that others will know. It may say no while the
// storage is down, and a moment later.
func (p *person) wasWritten(what string, answer reply, good int, began time.Time) bool {
	p.refusal(answer)
	switch {
	case answer.status == good:
		return true
	case answer.status == http.StatusServiceUnavailable && p.s.weather.was(storageDown, nil, began.Add(-slack), time.Now()):
	case answer.status == http.StatusServiceUnavailable && time.Since(began) >= time.Second: // the storage's timeout
		p.s.count("what a busy storage could not write in time", 1)
	default:
		p.s.problem("%s was answered %d: %.200s", what, answer.status, answer.body)
	}
	return false
}

// unknown is a request without an answer that would have revoked sessions.
func (p *person) unknown(b *browser, all bool) {
	b.forget()
	if all {
		for _, b := range p.browsers {
			b.forget()
		}
		p.swept, p.heard = time.Now(), false
	}
}

// sweep takes note of the end of all sessions.
func (p *person) sweep(n *node, written bool, how string) {
	for _, b := range p.browsers {
		p.bury(b, p.copyOf(b), n, written, how)
		b.forget()
	}
	p.swept, p.heard = time.Now(), written
}

// removed is Instagram's word that the person has removed the app. It is dated in whole
// seconds: in the second in which all sessions have ended already, it would not be told
// from a word about those, and a login in between would stay.
func (p *person) removed(path string) {
	time.Sleep(time.Until(p.swept.Truncate(time.Second).Add(time.Second)))
	n, began := p.node(), time.Now()
	meta := p.stranger()
	form := url.Values{"signed_request": {p.s.simulator.SignedRequest(p.name)}}
	answer, ok := p.ask(meta, n, path, func() (*http.Request, error) { return meta.request(http.MethodPost, n.address, path, nil, form) })
	if !ok {
		p.unknown(p.browsers[0], true)
		return
	}
	p.s.count("callbacks to "+path, 1)
	p.sweep(n, p.wasWritten(path, answer, http.StatusOK, began), path)
}

// refusal counts a refusal.
func (p *person) refusal(answer reply) (code string) {
	if match := errorCode.FindStringSubmatch(answer.body); match != nil {
		code = match[1]
		p.s.count("refused "+code, 1)
	}
	return code
}
