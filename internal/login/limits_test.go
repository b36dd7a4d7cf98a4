package login_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// behindProxy is a site that believes what a proxy on this machine says about addresses.
func behindProxy(options string) sitetest.Config {
	return sitetest.Config{Options: options, Global: "servers {\n trusted_proxies static 127.0.0.1/32\n trusted_proxies_strict\n}"}
}

// Two hundred people of a school, one of ten of whom does something wrong first.
func TestN15_ASchoolBehindOneAddressSignsIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := make(map[int]int)
	people := make(chan int)
	for range 8 {
		all.Go(func() {
			for i := range people {
				b := s.NewBrowser()
				if i%10 == 0 {
					b.Do(b.Back("", "made-up"))
				}
				answer := b.Do(b.Back("", ""))
				mu.Lock()
				answers[answer.StatusCode]++
				mu.Unlock()
			}
		})
	}
	for i := range 200 {
		people <- i
	}
	close(people)
	all.Wait()
	if answers[http.StatusSeeOther] != 200 {
		t.Errorf("answers %v, want 200 sign-ins", answers)
	}
}

func TestN15_ReloadingIsEnough(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "rate_limit 2 4s"})
	for range 2 {
		b := s.NewBrowser()
		b.Do(b.Back("", "made-up"))
	}
	b := s.NewBrowser()
	back := b.Back("", "")
	answer := b.Do(back.Clone(t.Context()))
	sitetest.WantRefusal(t, answer, http.StatusTooManyRequests, "Wait 2 seconds, then reload this page.")
	sitetest.WantRefusal(t, answer, http.StatusTooManyRequests, `<a class="button" href="">Reload</a>`)
	if wait, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 2 {
		t.Errorf("Retry-After = %q", answer.Header.Get("Retry-After"))
	}
	if strings.Contains(answer.Body, "code=") || len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("%v\n%s", answer.Header, answer.Body)
	}
	calls := s.Calls()
	for deadline := time.Now().Add(20 * time.Second); answer.StatusCode == http.StatusTooManyRequests; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still refused")
		}
		if s.Calls() != calls {
			t.Fatal("a refused login asked Instagram")
		}
		answer = b.Do(back.Clone(t.Context()))
	}
	if answer.StatusCode != http.StatusSeeOther || answer.Location() != "/private?x=1#" {
		t.Errorf("reloaded: %s %s", answer.Status, answer.Location())
	}
	lines := s.Logged("sign-in refused")
	last := lines[len(lines)-1]
	if last["code"] != "too_many" || last["error"] != "too many failed sign-ins from this client" || !strings.Contains(fmt.Sprint(last["remedy"]), "rate_limit") {
		t.Errorf("logged %v", last)
	}
}

// In every language the page shows the seconds.
func TestN15_ThePageShowsTheSecondsInEveryLanguage(t *testing.T) {
	for language, words := range map[string]string{
		"en": "Wait %s seconds", "de": "Warte %s Sekunden", "es": "Espera %s segundos", "fr": "Attendez %s secondes", "it": "Attendi %s secondi", "pt": "Aguarde %s segundos", "tr": "%s saniye",
	} {
		s := sitetest.Start(t, sitetest.Config{Options: "language " + language + "\nrate_limit 1 1m"})
		b := s.NewBrowser()
		b.Do(b.Back("", "made-up"))
		answer := b.Do(b.Back("", ""))
		if wait := answer.Header.Get("Retry-After"); answer.StatusCode != http.StatusTooManyRequests || !strings.Contains(answer.Body, fmt.Sprintf(words, wait)) || len(wait) != 2 {
			t.Errorf("%s: %s after %s\n%s", language, answer.Status, wait, answer.Body)
		}
	}
}

func TestN15_NeighboursWhoCancelKeepNobodyOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for range 30 {
		b := s.NewBrowser()
		state := sitetest.Query(t, b.Get("/").Location()).Get("state")
		b.Get(sitetest.Callback + "?error=access_denied&state=" + state)
	}
	s.NewBrowser().SignIn("/page")
}

func TestN15_AnInstagramInTroubleCostsNobodyAnything(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "rate_limit 2 1h"})
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range 4 {
		b := s.NewBrowser()
		if answer := b.Do(b.Back("", "")); answer.StatusCode != http.StatusBadGateway {
			t.Errorf("answered %s", answer.Status)
		}
	}
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{})
	s.NewBrowser().SignIn("/page")
}

// Whoever goes away before the answer has cost a call all the same.
func TestN9_GoingAwayIsNoWayAroundTheLimit(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "rate_limit 3 1h"})
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Hang})
	for range 3 {
		b := s.NewBrowser()
		request := b.Back("", "made-up")
		before := s.Instagram.Calls(simulator.Token)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if answer, err := b.HTTP.Do(request.WithContext(ctx)); err == nil {
				_ = answer.Body.Close()
			}
		}()
		for s.Instagram.Calls(simulator.Token) == before {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-done
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		b := s.NewBrowser()
		request := b.Back("", "made-up")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		answer, err := b.HTTP.Do(request.WithContext(ctx))
		if err == nil {
			_ = answer.Body.Close()
		}
		cancel()
		if err == nil && answer.StatusCode == http.StatusTooManyRequests {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("those who go away are not counted")
		}
	}
}

// A botnet sends good states with made-up codes from a thousand networks.
func TestN9_FailedExchangesAreBoundedOverAllClients(t *testing.T) {
	for name, c := range map[string]struct {
		address func(int) string
		most    int
		limit   string
	}{
		"networks of their own": {func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i+2) }, 64 + 240, "all"},
		"one network":           {func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }, 80, "network"},
	} {
		t.Run(name, func(t *testing.T) {
			config := behindProxy("")
			config.Admin = sitetest.FreeAddr(t)
			s := sitetest.Start(t, config)
			known := s.NewBrowser()
			if answer := known.Do(known.Back("198.51.100.1", "")); answer.StatusCode != http.StatusSeeOther {
				t.Fatalf("before the attack: %s", answer.Status)
			}
			s.Instagram.ResetCalls()
			began := time.Now()
			var all sync.WaitGroup
			numbers := make(chan int)
			for range 8 {
				all.Go(func() {
					b := s.NewBrowser()
					b.HTTP.Jar = nil
					for i := range numbers {
						start := b.Do(sitetest.Forwarded(c.address(i), sitetest.Navigation(t, http.MethodGet, "/private")))
						state := sitetest.Query(t, start.Location()).Get("state")
						request := sitetest.Forwarded(c.address(i), sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?code=made-up&state="+url.QueryEscape(state)))
						for _, cookie := range start.Cookies() {
							request.AddCookie(cookie)
						}
						b.Do(request)
					}
				})
			}
			for i := range 1000 {
				numbers <- i
			}
			close(numbers)
			all.Wait()
			calls, back := s.Calls(), int(time.Since(began).Seconds()*6)+32 // come back meanwhile, are under way
			t.Logf("%d calls to Instagram for 1,000 addresses", calls)
			if calls > c.most+back || calls < c.most/2 {
				t.Errorf("%d calls, want at most %d and %d", calls, c.most, back)
			}
			// Who has signed in lately gets in, and where one network attacks, everybody.
			b := s.NewBrowser()
			if answer := b.Do(b.Back("198.51.100.1", "")); answer.StatusCode != http.StatusSeeOther {
				t.Errorf("who has signed in lately: %s", answer.Status)
			}
			if c.limit == "network" {
				b := s.NewBrowser()
				if answer := b.Do(b.Back("2001:db8:2::1", "")); answer.StatusCode != http.StatusSeeOther {
					t.Errorf("a newcomer: %s", answer.Status)
				}
			}
			metrics := sitetest.Scrape(t, config.Admin)
			limited := metrics[`caddy_instagram_auth_limited_total{app_id="`+sitetest.AppID+`",limit="`+c.limit+`"}`]
			newcomers := metrics[`caddy_instagram_auth_failed_exchanges_total{app_id="`+sitetest.AppID+`",share="newcomers"}`]
			if limited == "" || limited == "0" || newcomers == "" || newcomers == "0" {
				t.Errorf("%q were refused, %q newcomers failed", limited, newcomers)
			}
		})
	}
}

// Caddy knows no addresses at a Unix socket, unless a proxy tells them.
func TestN15_VisitorsOfAUnixSocketAreNotOneClient(t *testing.T) {
	for name, c := range map[string]struct {
		global string
		most   int
	}{
		"no address":   {"", 64},
		"from a proxy": {"servers {\n trusted_proxies_unix\n trusted_proxies_strict\n}", 20},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "s")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			socket := filepath.Join(dir, "caddy.sock")
			s := sitetest.Start(t, sitetest.Config{Before: "bind unix/" + socket, Global: c.global})
			visitor := func() *sitetest.Browser {
				b := s.NewBrowser()
				b.HTTP.Transport.(*http.Transport).DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "unix", socket)
				}
				return b
			}
			failed := 0
			for range 40 {
				b := visitor()
				state := sitetest.Query(t, b.Do(sitetest.Forwarded("192.0.2.1", sitetest.Navigation(t, http.MethodGet, "/"))).Location()).Get("state")
				if answer := b.Do(sitetest.Forwarded("192.0.2.1", sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?code=x&state="+state))); answer.StatusCode == http.StatusBadRequest {
					failed++
				}
			}
			if want := min(c.most, 40); failed < want || failed > want+1 {
				t.Errorf("%d failed, want %d", failed, want)
			}
			b := visitor()
			if answer := b.Do(b.Back("192.0.2.2", "")); answer.StatusCode != http.StatusSeeOther {
				t.Errorf("another visitor: %s", answer.Status)
			}
			if warned := len(s.Logged("visitors have no client IP; only the limit over all clients counts their failed sign-ins")); warned != map[bool]int{true: 1}[c.global == ""] {
				t.Errorf("warned %d times", warned)
			}
		})
	}
}

func TestN1_EarlyDataAtAProxyIsEarlyData(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, values := range [][]string{{"1"}, {"0"}, {""}, {"1", "1"}} {
		b := s.NewBrowser()
		back := b.Back("", "")
		early := back.Clone(t.Context())
		early.Header["Early-Data"] = values
		before := s.Calls()
		if answer := b.Do(early); answer.StatusCode != http.StatusTooEarly || s.Calls() != before {
			t.Errorf("%q: answered %s", values, answer.Status)
		}
		// What the browser then does by itself.
		if answer := b.Do(back); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("again: %s", answer.Status)
		}
	}
}

func TestAHostWithoutARedirectURIIsLoggedWithARemedy(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	request := sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?code=x&state=y")
	request.Host = "unlisted.test"
	if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("answered %s", answer.Status)
	}
	if lines := s.Logged("sign-in refused"); len(lines) != 1 || lines[0]["code"] != "bad_host" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "redirect_uri") {
		t.Errorf("logged %v", lines)
	}
}

// Another process knows nothing of a login that was finished here. Instagram does, and nobody
// is signed in.
func TestC4_AfterARestartInstagramRefusesAUsedCode(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	start := b.Get("/private")
	cookies := b.CookieHeader()
	back := b.Window(start)
	if answer := b.Get(back); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("answered %s", answer.Status)
	}
	replay := sitetest.Navigation(t, http.MethodGet, back)
	replay.Header.Set("Cookie", cookies)
	calls := s.Calls()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		// The result is shared for five seconds.
		answer := s.NewBrowser().Do(replay.Clone(t.Context()))
		if s.Calls() != calls || time.Now().After(deadline) {
			t.Fatalf("on this node: %s, %d calls", answer.Status, s.Calls()-calls)
		}
		if answer.StatusCode == http.StatusBadRequest {
			break
		}
	}
	s.Restart(sitetest.Config{})
	answer := s.NewBrowser().Do(replay)
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Body, "Instagram did not accept the sign-in") || strings.Contains(strings.Join(answer.Header["Set-Cookie"], "\n"), sitetest.SessionCookie+"=") && !strings.Contains(strings.Join(answer.Header["Set-Cookie"], "\n"), "Max-Age=0") {
		t.Errorf("after a restart: %s %v\n%s", answer.Status, answer.Header["Set-Cookie"], answer.Body)
	}
}

func TestRateLimitIsAnOption(t *testing.T) {
	for options, want := range map[string]string{
		"rate_limit 100 1m": `"rate_limit":{"failures":100,"per":60000000000}`,
		"rate_limit off":    `"rate_limit":{"off":true}`,
	} {
		config, err := sitetest.Adapt("http://:1 {\n" + sitetest.DefaultBlock(options) + "\n}")
		if err != nil || !strings.Contains(string(config), want) {
			t.Errorf("%s: %s, %v", options, config, err)
		}
	}
	for options, want := range map[string]string{
		"rate_limit": "write off, or the failed sign-ins", "rate_limit 20": "write off, or the failed sign-ins", "rate_limit x 1m": "write off, or the failed sign-ins", "rate_limit 0 1m": "write off, or the failed sign-ins",
		"rate_limit -1 1m": "write off, or the failed sign-ins", "rate_limit 20 1m 3": "not a valid duration", "rate_limit 20 x": "not a valid duration", "rate_limit 20 10ms": "between 1s and 24h",
		"rate_limit 20 48h": "between 1s and 24h", "rate_limit 20000 1m": "between 1 and 10000", "rate_limit off\nrate_limit off": "already specified",
	} {
		_, err := sitetest.Adapt("http://:1 {\n" + strings.Replace(sitetest.DefaultBlock(options), "{endpoints}", "https://example.com", 1) + "\n}")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "rate_limit") || !strings.Contains(err.Error(), "Caddyfile:6") && !strings.Contains(err.Error(), "Caddyfile:7") && !strings.Contains(err.Error(), "Caddyfile:8") {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestRateLimitChangesWithAReload(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "rate_limit 1 1h"})
	fail := func() int {
		b := s.NewBrowser()
		return b.Do(b.Back("", "made-up")).StatusCode
	}
	if a, b := fail(), fail(); a != http.StatusBadRequest || b != http.StatusTooManyRequests {
		t.Errorf("answered %d, %d", a, b)
	}
	s.Load(sitetest.Config{Options: "rate_limit off"})
	for range 30 {
		if got := fail(); got != http.StatusBadRequest {
			t.Fatalf("without a limit: %d", got)
		}
	}
}

func TestN15_AConfigurationThatDoesNotLoadChangesNoLimit(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "rate_limit 1 1h"})
	config, err := sitetest.Adapt(s.Caddyfile(sitetest.Config{Options: "rate_limit off"}) + "\nhttp://elsewhere.test:8088 {\nbind 203.0.113.1\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err == nil {
		t.Fatal("the configuration loads")
	}
	fail := func() int {
		b := s.NewBrowser()
		return b.Do(b.Back("", "made-up")).StatusCode
	}
	if a, b := fail(), fail(); a != http.StatusBadRequest || b != http.StatusTooManyRequests {
		t.Errorf("answered %d, %d", a, b)
	}
}

// A login that could not be tried is still good: a reload of the callback goes on with it.
func TestP3_ARefusalThatKeepsTheLoginKeepsTheAddress(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Answer, Status: http.StatusBadGateway, Body: "down"})
	for range 5 { // what opens the breaker
		b := s.NewBrowser()
		b.Get(b.Begin("/page"))
	}
	b := s.NewBrowser()
	answer := b.Get(b.Begin("/page"))
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header["Refresh"] != nil || answer.Header["Set-Cookie"] != nil {
		t.Errorf("%s with %v", answer.Status, answer.Header)
	}
}
