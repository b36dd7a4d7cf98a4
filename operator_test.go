package instagramauth_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// What goes wrong between a site and Instagram ends in a refusal that a visitor
// understands and in one line that tells the operator what to change.
func TestTheOperatorIsToldWhatToChange(t *testing.T) {
	const refused = "Instagram did not accept the sign-in. Please start again."
	answer := func(status int, body string) simulator.Fault {
		return simulator.Fault{Kind: simulator.Answer, Status: status, ContentType: "application/json", Body: body}
	}
	ofVisitors := []string{"code that is made up", "code that has expired", "code that was used", "personal account", "visitor cancelled"}
	for _, c := range []struct {
		name   string
		config siteConfig
		reach  func(s *site, b *browser) response
		status int
		text   string
		remedy string
	}{
		{"wrong app secret", siteConfig{block: strings.Replace(defaultBlock(""), appSecret, "ffffffffffffffffffffffffffffffff", 1)}, finish, 400, refused, "app_secret"},
		{"code that is made up", siteConfig{}, func(_ *site, b *browser) response {
			return b.get(replaceQuery(b.t, b.window(b.get("/")), "code", "made-up"))
		}, 400, refused, "code"},
		{"redirect URI that differs", siteConfig{},
			misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"}`)),
			400, refused, "redirect_uri"},
		{"code that has expired", siteConfig{},
			misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"This authorization code has expired"}`)), 400, refused, "code"},
		{"code that was used", siteConfig{},
			misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"This authorization code has been used"}`)), 400, refused, "code"},
		{"app ID of the Facebook app", siteConfig{},
			misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"Invalid platform app"}`)), 400, refused, "app_id"},
		{"app in development mode", siteConfig{},
			misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"Insufficient developer role"}`)), 400, refused, "development mode"},
		{"personal account", siteConfig{}, func(_ *site, b *browser) response {
			state := query(b.t, b.get("/").location()).Get("state")
			return b.get(callback + "?error=access_denied&error_reason=not_professional&state=" + state)
		}, 400, refused, "personal"},
		{"permission that was denied", siteConfig{},
			misbehaving(simulator.UserNode, answer(403, `{"error":{"message":"Application does not have permission for this action","type":"OAuthException","code":10,"fbtrace_id":"A1"}}`)), 400, refused, "permission"},
		{"rate limit", siteConfig{}, misbehaving(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimit}), 502, "Instagram could not complete the sign-in.", "rate limit"},
		{"visitor cancelled", siteConfig{}, func(_ *site, b *browser) response {
			state := query(b.t, b.get("/").location()).Get("state")
			return b.get(callback + "?error=access_denied&error_reason=user_denied&state=" + state)
		}, 403, "The sign-in was cancelled.", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startSite(t, c.config)
			wantRefusal(t, c.reach(s, s.newBrowser()), c.status, c.text)
			lines := s.logged("sign-in refused")
			if len(lines) != 1 {
				t.Fatalf("%d lines about it:\n%s", len(lines), s.logs())
			}
			level := "warn"
			if slices.Contains(ofVisitors, c.name) {
				level = "info"
			}
			line := lines[0]
			if remedy, _ := line["remedy"].(string); !strings.Contains(remedy, c.remedy) || c.remedy == "" && remedy != "" {
				t.Errorf("remedy = %q, want something about %q", remedy, c.remedy)
			}
			for _, field := range []string{"code", "request_id", "client_ip"} {
				if line[field] == "" || line[field] == nil {
					t.Errorf("the line has no %s: %v", field, line)
				}
			}
			if line["level"] != level || line["logger"] != "http.handlers.instagram_auth" {
				t.Errorf("line = %v", line)
			}
		})
	}
}

// finish takes a login as far as it goes.
func finish(_ *site, b *browser) response { return b.get(b.window(b.get("/"))) }

func TestASignInIsLoggedOnceWithoutTheUsername(t *testing.T) {
	s := startSite(t, siteConfig{})
	s.newBrowser().signIn("/")
	lines := s.logged("signed in")
	if len(lines) != 1 || lines[0]["user_id"] != userID || lines[0]["level"] != "info" {
		t.Errorf("lines = %v", lines)
	}
	if strings.Contains(s.logs(), username) {
		t.Error("the username is in the log")
	}
}

func TestT4_AHangingInstagramEndsWithTheVisitorOrTheTimeout(t *testing.T) {
	s := startSite(t, siteConfig{options: "timeout 300ms"})
	b := s.newBrowser()
	back := b.window(b.get("/"))
	s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Hang})
	wantRefusal(t, b.get(back), http.StatusGatewayTimeout, "Instagram did not answer in time.")
}

func TestD3_AnInstagramInTroubleIsLeftAlone(t *testing.T) {
	s := startSite(t, siteConfig{})
	signedIn := s.newBrowser()
	signedIn.signIn("/")
	s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range 5 {
		b := s.newBrowser()
		wantRefusal(t, b.get(b.window(b.get("/"))), http.StatusBadGateway, "Instagram could not complete the sign-in.")
	}
	s.instagram.ResetCalls()
	b := s.newBrowser()
	back := b.window(b.get("/"))
	before := len(b.cookies())
	answer := b.get(back)
	wantRefusal(t, answer, http.StatusServiceUnavailable, "Instagram cannot be reached right now.")
	if n := s.calls(); n != 0 || answer.Header.Get("Retry-After") == "" || len(b.cookies()) != before {
		t.Errorf("Instagram was asked %d times; Retry-After %q; %d cookies of %d", n, answer.Header.Get("Retry-After"), len(b.cookies()), before)
	}
	if page := signedIn.get("/"); page.StatusCode != http.StatusOK {
		t.Errorf("a signed-in visitor was answered %s", page.Status)
	}
}

// A page instead of JSON is trouble, a limit of one person's account is not.
func TestD3_TroubleOfOnePersonDoesNotOpenTheBreaker(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulator.Fault
		opens bool
	}{
		{"a page", simulator.Fault{Kind: simulator.HTML}, true},
		{"broken JSON", simulator.Fault{Kind: simulator.Truncated}, true},
		{"a redirect", simulator.Fault{Kind: simulator.Redirect}, true},
		{"too many calls for this account", simulator.Fault{Kind: simulator.Answer, Status: 400, Body: `{"error":{"message":"m","type":"OAuthException","code":17}}`}, false},
		{"a code that is refused", simulator.Fault{Kind: simulator.Answer, Status: 400, Body: `{"error_type":"OAuthException","code":400,"error_message":"m"}`}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startSite(t, siteConfig{})
			s.instagram.Misbehave(simulator.Token, c.fault)
			for range 5 {
				b := s.newBrowser()
				b.get(b.window(b.get("/")))
			}
			s.instagram.ResetCalls()
			b := s.newBrowser()
			b.get(b.window(b.get("/")))
			if opened := s.calls() == 0; opened != c.opens {
				t.Errorf("the breaker has opened: %v", opened)
			}
		})
	}
}

func TestD2_DenialsCountTowardsTheLimit(t *testing.T) {
	s := startSite(t, siteConfig{})
	for range 21 {
		b := s.newBrowser()
		state := query(t, b.get("/").location()).Get("state")
		if answer := b.get(callback + "?error=access_denied&state=" + state); answer.StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("twenty-one denials of one client at once were taken")
}

func TestD2_AFloodOfCallbacksDoesNotReachInstagram(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.http.Jar = nil
	state := query(t, b.get("/").location()).Get("state")
	for range 500 {
		if answer := b.get(callback + "?code=x&state=" + state); answer.StatusCode != http.StatusBadRequest {
			t.Fatalf("answered %s", answer.Status)
		}
	}
	if n := s.calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestD3_AUsedLoginDoesNotTakeTheTrialOfTheBreaker(t *testing.T) {
	s := startSite(t, siteConfig{})
	used := s.newBrowser()
	first := used.get("/")
	kept := used.cookieHeader()
	spent := used.window(first)
	used.get(spent)
	s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range 5 {
		b := s.newBrowser()
		b.get(b.window(b.get("/")))
	}
	s.instagram.Misbehave(simulator.Token, simulator.Fault{})
	honest := s.newBrowser()
	back := honest.window(honest.get("/"))
	replay := navigation(t, http.MethodGet, spent)
	replay.Header.Set("Cookie", kept)
	// The breaker rests for ten seconds; a used login is refused for what it is.
	// Each try counts towards the client's own limit, so there are few of them.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2500 * time.Millisecond) {
		if answer := s.newBrowser().do(replay.Clone(replay.Context())); answer.StatusCode == http.StatusServiceUnavailable {
			t.Fatal("the used login got as far as the breaker")
		}
		if answer := honest.get(back); answer.StatusCode == http.StatusSeeOther {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody can sign in")
		}
	}
}

func TestH4_AFieldTooLongForItsHeaderIsLogged(t *testing.T) {
	long := users()
	long[0].Name = strings.Repeat("\u540d", 30)
	s := startSite(t, siteConfig{options: "fields name\nheaders {\n name X-Name\n}", users: long})
	b := s.newBrowser()
	b.signIn("/")
	b.get("/")
	if got := s.upstream.last(t).Header; got.Get("X-Name") != "" || got.Get("X-Instagram-User-Id") != userID {
		t.Errorf("the site got %v", got)
	}
	if lines := s.logged("fields left out: they do not fit into the session cookie or a header"); len(lines) != 1 {
		t.Errorf("logged %d times", len(lines))
	}
}
