package login_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
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
		config sitetest.Config
		reach  func(s *sitetest.Site, b *sitetest.Browser) sitetest.Response
		status int
		text   string
		remedy string
	}{
		{"wrong app secret", sitetest.Config{Block: strings.Replace(sitetest.DefaultBlock(""), sitetest.AppSecret, "ffffffffffffffffffffffffffffffff", 1)}, finish, 400, refused, "app_secret"},
		{"code that is made up", sitetest.Config{}, func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
			return b.Get(sitetest.ReplaceQuery(b.T, b.Window(b.Get("/")), "code", "made-up"))
		}, 400, refused, "code"},
		{"redirect URI that differs", sitetest.Config{},
			sitetest.Misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"}`)),
			400, refused, "redirect_uri"},
		{"code that has expired", sitetest.Config{},
			sitetest.Misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"This authorization code has expired"}`)), 400, refused, "code"},
		{"code that was used", sitetest.Config{},
			sitetest.Misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"This authorization code has been used"}`)), 400, refused, "code"},
		{"app ID of the Facebook app", sitetest.Config{},
			sitetest.Misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"Invalid platform app"}`)), 400, refused, "app_id"},
		{"app in development mode", sitetest.Config{},
			sitetest.Misbehaving(simulator.Token, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"Insufficient developer role"}`)), 400, refused, "development mode"},
		{"personal account", sitetest.Config{}, func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
			state := sitetest.Query(b.T, b.Get("/").Location()).Get("state")
			return b.Get(sitetest.Callback + "?error=access_denied&error_reason=not_professional&state=" + state)
		}, 400, refused, "personal"},
		{"permission that was denied", sitetest.Config{},
			sitetest.Misbehaving(simulator.UserNode, answer(403, `{"error":{"message":"Application does not have permission for this action","type":"OAuthException","code":10,"fbtrace_id":"A1"}}`)), 400, refused, "permission"},
		{"rate limit", sitetest.Config{}, sitetest.Misbehaving(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimit}), 502, "Instagram could not complete the sign-in.", "rate limit"},
		{"visitor cancelled", sitetest.Config{}, func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
			state := sitetest.Query(b.T, b.Get("/").Location()).Get("state")
			return b.Get(sitetest.Callback + "?error=access_denied&error_reason=user_denied&state=" + state)
		}, 403, "has learned nothing new about you.", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			sitetest.WantRefusal(t, c.reach(s, s.NewBrowser()), c.status, c.text)
			lines := s.Logged("sign-in refused")
			if len(lines) != 1 {
				t.Fatalf("%d lines about it:\n%s", len(lines), s.Logs())
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
func finish(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
	return b.Get(b.Window(b.Get("/")))
}

func TestASignInIsLoggedOnceWithoutTheUsername(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	s.NewBrowser().SignIn("/")
	lines := s.Logged("signed in")
	if len(lines) != 1 || lines[0]["user_id"] != sitetest.UserID || lines[0]["level"] != "info" {
		t.Errorf("lines = %v", lines)
	}
	if strings.Contains(s.Logs(), sitetest.Username) {
		t.Error("the username is in the log")
	}
}

func TestT4_AHangingInstagramEndsWithTheVisitorOrTheTimeout(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "timeout 300ms"})
	b := s.NewBrowser()
	back := b.Window(b.Get("/"))
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Hang})
	sitetest.WantRefusal(t, b.Get(back), http.StatusGatewayTimeout, "Instagram did not answer in time.")
}

func TestD3_AnInstagramInTroubleIsLeftAlone(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	signedIn := s.NewBrowser()
	signedIn.SignIn("/")
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range 5 {
		b := s.NewBrowser()
		sitetest.WantRefusal(t, b.Get(b.Window(b.Get("/"))), http.StatusBadGateway, "Instagram could not complete the sign-in.")
	}
	s.Instagram.ResetCalls()
	b := s.NewBrowser()
	back := b.Window(b.Get("/"))
	before := len(b.Cookies())
	answer := b.Get(back)
	sitetest.WantRefusal(t, answer, http.StatusServiceUnavailable, "Instagram cannot be reached right now.")
	if n := s.Calls(); n != 0 || answer.Header.Get("Retry-After") == "" || len(b.Cookies()) != before {
		t.Errorf("Instagram was asked %d times; Retry-After %q; %d cookies of %d", n, answer.Header.Get("Retry-After"), len(b.Cookies()), before)
	}
	if page := signedIn.Get("/"); page.StatusCode != http.StatusOK {
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
			s := sitetest.Start(t, sitetest.Config{})
			s.Instagram.Misbehave(simulator.Token, c.fault)
			for range 5 {
				b := s.NewBrowser()
				b.Get(b.Window(b.Get("/")))
			}
			s.Instagram.ResetCalls()
			b := s.NewBrowser()
			b.Get(b.Window(b.Get("/")))
			if opened := s.Calls() == 0; opened != c.opens {
				t.Errorf("the breaker has opened: %v", opened)
			}
		})
	}
}

func TestD2_DenialsCountTowardsTheLimit(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for range 21 {
		b := s.NewBrowser()
		state := sitetest.Query(t, b.Get("/").Location()).Get("state")
		if answer := b.Get(sitetest.Callback + "?error=access_denied&state=" + state); answer.StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("twenty-one denials of one client at once were taken")
}

func TestD2_AFloodOfCallbacksDoesNotReachInstagram(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.HTTP.Jar = nil
	state := sitetest.Query(t, b.Get("/").Location()).Get("state")
	for range 500 {
		if answer := b.Get(sitetest.Callback + "?code=x&state=" + state); answer.StatusCode != http.StatusBadRequest {
			t.Fatalf("answered %s", answer.Status)
		}
	}
	if n := s.Calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestD3_AUsedLoginDoesNotTakeTheTrialOfTheBreaker(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	used := s.NewBrowser()
	first := used.Get("/")
	kept := used.CookieHeader()
	spent := used.Window(first)
	used.Get(spent)
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range 5 {
		b := s.NewBrowser()
		b.Get(b.Window(b.Get("/")))
	}
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{})
	honest := s.NewBrowser()
	back := honest.Window(honest.Get("/"))
	replay := sitetest.Navigation(t, http.MethodGet, spent)
	replay.Header.Set("Cookie", kept)
	// The breaker rests for ten seconds; a used login is refused for what it is.
	// Each try counts towards the client's own limit, so there are few of them.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2500 * time.Millisecond) {
		if answer := s.NewBrowser().Do(replay.Clone(replay.Context())); answer.StatusCode == http.StatusServiceUnavailable {
			t.Fatal("the used login got as far as the breaker")
		}
		if answer := honest.Get(back); answer.StatusCode == http.StatusSeeOther {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody can sign in")
		}
	}
}

func TestH4_AFieldTooLongForItsHeaderIsLogged(t *testing.T) {
	long := sitetest.Users()
	long[0].Name = strings.Repeat("\u540d", 30)
	s := sitetest.Start(t, sitetest.Config{Options: "fields name\nheaders {\n name X-Name\n}", Users: long})
	b := s.NewBrowser()
	b.SignIn("/")
	b.Get("/")
	if got := s.Upstream.Last(t).Header; got.Get("X-Name") != "" || got.Get("X-Instagram-User-Id") != sitetest.UserID {
		t.Errorf("the site got %v", got)
	}
	if lines := s.Logged("fields left out: they do not fit into the session cookie or a header"); len(lines) != 1 {
		t.Errorf("logged %d times", len(lines))
	}
}
