package e2e

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// begunLogin is a login whose visitor is at Instagram.
type begunLogin struct {
	f             *floods
	state, cookie string
}

// begun starts a login from an address.
func (f *floods) begun(address string) begunLogin {
	f.t.Helper()
	request, err := f.get("/private/page", address, byLink)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = body(f.t, answer)
	window, err := url.Parse(answer.Header.Get("Location"))
	cookies := answer.Cookies()
	if err != nil || answer.StatusCode != http.StatusFound || len(cookies) != 1 {
		f.t.Fatalf("a login began with %d, %d cookies, %v", answer.StatusCode, len(cookies), err)
	}
	return begunLogin{f, window.Query().Get("state"), cookies[0].Name + "=" + cookies[0].Value}
}

// callback is what the visitor brings back from Instagram.
func (l begunLogin) callback(query, address string) (*http.Request, error) {
	request, err := l.f.get("/auth/?"+query+"&state="+l.state, address, byScript)
	if err == nil {
		request.Header.Set("Cookie", l.cookie)
	}
	return request, err
}

// finish comes back with a code that Instagram does not know, and returns the answer.
func (f *floods) finish(address string) string {
	f.t.Helper()
	return f.answerTo(f.begun(address).callback("code=unknown", address))
}

const (
	refused     = "400 provider_refused"
	tooMany     = "429 too_many"
	timedOut    = "504 provider_timeout"
	unreachable = "503 provider_unreachable"
)

// wantRateLimit lets more logins fail than one client may. [D2]
func (f *floods) wantRateLimit() {
	f.t.Helper()
	const tries = 60
	for client, addresses := range map[string][]string{"an IPv4 address": {"192.0.2.1"}, "an IPv6 network": {"2001:db8:1:2::1", "2001:db8:1:2:ffff::2"}} {
		f.simulator.ResetCalls()
		began := time.Now()
		answers := make(map[string]int)
		for i := range tries {
			answers[f.finish(addresses[i%len(addresses)])]++
		}
		earned := int(time.Since(began) / (3 * time.Second))
		calls := f.simulator.Calls(simulator.Token)
		if answers[refused] != calls || calls < 20 || calls > 20+earned+1 || answers[refused]+answers[tooMany] != tries {
			f.t.Errorf("%s: %v, %d calls", client, answers, calls)
		}
		f.note("%d finished logins from %s: %s; Instagram was asked %d times (D2: 20 may fail at once, then 20 a minute)", tries, client, counted(answers), calls)
	}
	for _, address := range []string{"192.0.2.2", "2001:db8:1:3::1"} {
		if answer := f.finish(address); answer != refused {
			f.t.Errorf("another client is answered %s", answer)
		}
	}
	request, err := f.begun("192.0.2.1").callback("code=unknown", "192.0.2.1")
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = body(f.t, answer)
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 3 {
		f.t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
	}
}

// wantCallsLimited lets Instagram hang. [D3]
func (f *floods) wantCallsLimited() {
	f.t.Helper()
	const visitors, atATime = 100, 32
	f.simulator.ResetCalls()
	f.simulator.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Hang})
	defer f.simulator.Misbehave(simulator.Token, simulator.Fault{})
	var logins []begunLogin
	for range visitors {
		logins = append(logins, f.begun(""))
	}
	before := f.calm()
	stop := f.pulse()
	answers := make(map[string]int)
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, login := range logins {
		all.Go(func() {
			answer := f.answerTo(login.callback("code=unknown", addressOf(i, visitors)))
			mu.Lock()
			defer mu.Unlock()
			answers[answer]++
		})
	}
	all.Wait()
	var during state
	stop(&during)
	if calls := f.simulator.Calls(simulator.Token); calls != atATime || answers[timedOut] != atATime || answers[unreachable] != visitors-atATime {
		f.t.Errorf("%v, %d calls", answers, calls)
	}
	f.note("%d logins while Instagram hangs: %s; asked %d times at once (D3: at most 32, the next one waits a second); pages of signed-in visitors p99 %s ms before, %s ms meanwhile",
		visitors, counted(answers), f.simulator.Calls(simulator.Token), milliseconds(before.p99), milliseconds(during.p99))

	f.wantBreaker()
}

// wantBreaker expects that nobody asks Instagram any more, that this hurts nobody who is
// signed in, and that it passes.
func (f *floods) wantBreaker() {
	f.t.Helper()
	v := f.cluster.visitor("visitor3")
	v.cookies[cookie] = sessionOf(f.t, session.Identity{UserID: userID, Username: v.name})
	asked := f.simulator.Calls(simulator.Token)
	f.simulator.Misbehave(simulator.Token, simulator.Fault{})
	kept, n := f.begun(""), 0
	finish := func() string {
		n++ // from another address each time: this is not about the rate
		return f.answerTo(kept.callback("code=unknown", addressOf(1000+n, 1<<20)))
	}
	first := finish()
	if first != unreachable || f.simulator.Calls(simulator.Token) != asked {
		f.t.Errorf("with an open breaker a login is answered %s, %d calls more", first, f.simulator.Calls(simulator.Token)-asked)
	}
	if !v.alive(f.node) {
		f.t.Error("a session has ended because Instagram is in trouble")
	}
	open := time.Now()
	answer := first
	for answer == unreachable && time.Since(open) < 30*time.Second {
		time.Sleep(200 * time.Millisecond)
		answer = finish() // the login has not been used up
	}
	if answer != refused {
		f.t.Errorf("after %s a login is answered %s", time.Since(open), answer)
	}
	f.note("after that, new logins were refused for %.0f s without asking Instagram (D3: 10 s), sessions went on, and then a login reached Instagram again", time.Since(open).Seconds())
	f.honest()
}
