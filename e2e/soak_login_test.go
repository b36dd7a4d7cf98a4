package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// login signs a browser in, again if it is signed in already. It begins on one node and
// ends on another.
func (p *person) login(b *browser) {
	first, second, began := p.node(), p.node(), time.Now()
	address := fmt.Sprintf("10.%d.%d.%d", p.rand.IntN(256), p.rand.IntN(256), p.rand.IntN(256))
	p.s.count("logins begun", 1)
	window, ok := p.beginLogin(b, first, address)
	if !ok {
		return
	}
	uri, err := b.allow(window)
	if err != nil {
		p.s.problem("a login: %v", err)
		return
	}
	old := p.copyOf(b)
	answer, ok := p.ask(b.visitor, second, "the end of a login", func() (*http.Request, error) {
		return from(address)(b.request(http.MethodGet, second.address, uri, byScript, nil))
	})
	if !ok {
		// The code may be spent, and the session that there was may have ended.
		p.s.count("logins that ended with their node", 1)
		b.forget()
		return
	}
	if answer.status != http.StatusSeeOther {
		p.refusedLogin(answer, began)
		return
	}
	if b.cookies[cookie] == "" || b.cookies[cookie] == old.cookies[cookie] {
		p.s.problem("a login ended with %d and no new session", answer.status)
	}
	p.s.count("logins", 1)
	// The old session ends when its node next writes. [S10]
	p.bury(b, old, second, false, "another login")
	b.signedIn, b.shaky = true, p.beginsShaky(second)
	for range 3 {
		p.view(b, p.node())
	}
}

// beginLogin returns the address of Instagram's window.
func (p *person) beginLogin(b *browser, n *node, address string) (window string, ok bool) {
	uri := "/private/page"
	if b.signedIn {
		uri = "/instagram_auth/login"
	}
	answer, ok := p.ask(b.visitor, n, "the beginning of a login", func() (*http.Request, error) {
		return from(address)(b.request(http.MethodGet, n.address, uri, byLink, nil))
	})
	if !ok {
		return "", false
	}
	window = answer.header.Get("Location")
	if answer.status != http.StatusFound || !strings.HasPrefix(window, p.s.instagram+"/oauth/authorize?") {
		p.s.problem("%s began a login with %d, %q: %.200s", n.name, answer.status, window, answer.body)
		return "", false
	}
	return window, true
}

// from adds the address of a client to a request, which limits count by.
func from(address string) func(*http.Request, error) (*http.Request, error) {
	return func(r *http.Request, err error) (*http.Request, error) {
		if err == nil {
			r.Header.Set("X-Forwarded-For", address)
		}
		return r, err
	}
}

// refusedLogin wants a reason for a login that did not work, and a session that there was
// to be as it was.
func (p *person) refusedLogin(answer reply, began time.Time) {
	code := p.refusal(answer)
	if !p.s.weather.excused(code, began, time.Now()) {
		p.s.problem("a login of %s was answered %d %q without a reason: %.200s", p.name, answer.status, code, answer.body)
	}
}

// beginsShaky reports whether a session that begins now on a node may end through what was
// said before. Logouts everywhere and Instagram's callbacks are dated a minute later, for
// clocks that are ahead, and a login puts its session behind them. It can do so only if it
// knows of them: if the node that was told could write, and the one of the login could read.
func (p *person) beginsShaky(n *node) bool {
	now := time.Now()
	if now.Sub(p.swept) > time.Minute+time.Second || p.heard && !p.s.weather.was(storageDown, nil, p.swept.Add(-slack), now) {
		return false
	}
	from := p.swept
	if started := p.s.weather.started(n); started.After(from) {
		from = started
	}
	return p.s.weather.quiet(from, now) <= 2*syncInterval+slack
}
