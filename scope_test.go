package instagramauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const (
	comments = "instagram_business_manage_comments"
	insights = "instagram_business_manage_insights"
)

// allowing presses Allow in the authorization window with only these boxes ticked, and
// returns the answer of the callback.
func (b *browser) allowing(start response, permissions ...string) response {
	b.t.Helper()
	request := navigation(b.t, http.MethodPost, start.location())
	setBody(request, url.Values{"action": {"allow"}, "user": {username}, "permission": permissions}.Encode())
	back := b.do(request)
	if back.StatusCode != http.StatusFound {
		b.t.Fatalf("the window answered %s %s", back.Status, back.body)
	}
	return b.get(back.location())
}

func TestN5_WhoDeclinesARequiredPermissionIsToldAndAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		api      instagram.API
		shape    simulator.TokenShape
		options  string
		required string
		words    string
	}{
		"instagram_login":                   {instagram.InstagramLogin, simulator.WithPermissions, "scope instagram_business_basic " + comments + "\nrequire_scope " + comments, comments, "Read and answer comments on your posts"},
		"instagram_login, wrapped":          {instagram.InstagramLogin, simulator.Wrapped, "scope instagram_business_basic " + comments + "\nrequire_scope " + comments, comments, "Read and answer comments on your posts"},
		"basic_display, which does not say": {instagram.BasicDisplay, simulator.Flat, "api basic_display\nrequire_scope user_media", "user_media", "See your photos and videos"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, siteConfig{api: c.api, shape: c.shape, window: "-", options: c.options, after: "header >X-Seen \"{http.auth.user.permissions}\"\nreverse_proxy {upstream}"})
			b := s.newBrowser()
			refused := b.allowing(b.get("/page?x=1"))
			wantRefusal(t, refused, http.StatusForbidden, c.words)
			if b.cookie(sessionCookie) != "" || s.upstream.count() != 0 {
				t.Error("somebody without the permission is in")
			}
			if n := s.instagram.Calls(simulator.LongLived); n != 0 {
				t.Errorf("%d calls for a token that is of no use", n)
			}
			line := s.logged("sign-in refused")
			if len(line) != 1 || line[0]["code"] != "missing_permission" || line[0]["user_id"] != userID {
				t.Errorf("log lines = %v", line)
			}
			// The page's button asks again, and leads back to where they wanted to go.
			again := b.get("/instagram_auth/login?return_to=%2Fpage%3Fx%3D1")
			if !strings.Contains(refused.body, `href="/instagram_auth/login?return_to=%2Fpage%3Fx%3D1"`) {
				t.Errorf("page:\n%s", refused.body)
			}
			if scope := query(t, again.location()).Get("scope"); !strings.Contains(scope, c.required) {
				t.Errorf("asks for %q", scope)
			}
			if arrived := b.allowing(again, c.required); arrived.StatusCode != http.StatusSeeOther || arrived.location() != "/page?x=1#" {
				t.Errorf("answered %s to %q", arrived.Status, arrived.location())
			}
			if got := b.get("/page").Header.Get("X-Seen"); !strings.Contains(got, c.required) {
				t.Errorf("permissions = %q", got)
			}
		})
	}
}

func TestA6_APermissionThatInstagramDoesNotTellOfIsNotBelieved(t *testing.T) {
	s := startSite(t, siteConfig{shape: simulator.Flat, options: "scope instagram_business_basic " + comments + "\nrequire_scope " + comments})
	b := s.newBrowser()
	wantRefusal(t, b.get(b.window(b.get("/page"))), http.StatusForbidden, "was not given")
}

// Where the operator asks for more than before, an older session is not enough.
func TestX2_ASessionWithoutANewlyRequiredPermissionIsNotEnough(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/private*"})
	b := s.newBrowser()
	b.signIn("/private")
	s.load(siteConfig{matcher: "/private*", options: "scope instagram_business_basic " + comments + "\nrequire_scope " + comments})
	wantRefusal(t, b.get("/private"), http.StatusForbidden, "Read and answer comments on your posts")
	for _, address := range []string{"/private", "/instagram_auth/userinfo"} {
		if got := decode(t, b.fetch(address)); got["error"] != "missing_permission" || got["login_url"] == "" || len(got["missing"].([]any)) != 1 {
			t.Errorf("%s: %v", address, got)
		}
	}
	b.get("/public")
	if got := s.upstream.last(t).Header.Get("X-Instagram-User-Id"); got != "" {
		t.Errorf("on a public page they are known as %q", got)
	}
	b.get(b.window(b.get("/instagram_auth/login?return_to=/private")))
	if page := b.get("/private"); page.StatusCode != http.StatusOK {
		t.Errorf("after asking again: %s", page.Status)
	}
}

func TestA2_ASiteMayAskForWhatIsConfiguredAlone(t *testing.T) {
	s := startSite(t, siteConfig{options: "step_up " + comments + "\nheaders {\n permissions X-Permissions\n}"})
	b := s.newBrowser()
	b.signIn("/page")
	first := b.cookieHeader()
	link := func(query, site, referer string) response {
		request := navigation(t, http.MethodGet, "/instagram_auth/login?"+query)
		request.Header.Set("Sec-Fetch-Site", site)
		if referer != "" {
			request.Header.Set("Referer", referer)
		}
		return b.do(request)
	}
	const usual, more = "instagram_business_basic", "instagram_business_basic," + comments
	for _, c := range []struct{ name, query, site, referer, scope string }{
		{"the site's own link", "scope=" + comments, "same-origin", "", more},
		{"typed in", "scope=" + comments, "none", "", more},
		{"with the usual ones", "scope=instagram_business_basic+" + comments, "same-origin", "", more},
		{"twice in one list", "scope=" + comments + "," + comments, "same-origin", "", more},
		{"an older browser", "scope=" + comments, "", origin + "/page", more},
		{"an older browser without Referer", "scope=" + comments, "", "", more},
		{"nothing more", "scope=instagram_business_basic", "cross-site", "", usual},
		{"empty", "scope=", "cross-site", "", usual},
		{"none", "", "cross-site", "", usual},
	} {
		answer := link(c.query, c.site, c.referer)
		if answer.StatusCode != http.StatusFound || query(t, answer.location()).Get("scope") != c.scope || len(query(t, answer.location())) != 5 {
			t.Errorf("%s: %s to %q", c.name, answer.Status, answer.location())
		}
	}
	for name, query := range map[string]string{
		"not configured": "scope=" + insights, "one of two": "scope=" + comments + "," + insights, "unknown": "scope=%7Benv.HOME%7D", "given twice": "scope=" + comments + "&scope=" + comments,
	} {
		if answer := link(query, "same-origin", ""); answer.StatusCode != http.StatusBadRequest || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}

	// From elsewhere the visitor sees first what it is about.
	for name, answer := range map[string]response{
		"another site": link("scope="+comments+"&return_to=/page", "cross-site", ""), "a sibling": link("scope="+comments+"&return_to=/page", "same-site", ""),
		"an older browser": link("scope="+comments+"&return_to=/page", "", "https://evil.example/"),
	} {
		wantRefusal(t, answer, http.StatusForbidden, "Read and answer comments on your posts")
		if !strings.Contains(answer.body, `href="/instagram_auth/login?return_to=%2Fpage&amp;scope=`+comments+`"`) || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s:\n%s", name, answer.body)
		}
	}

	// The session that comes of it replaces the one before.
	b.get(b.window(link("scope="+comments, "same-origin", "")))
	b.get("/page")
	if got := s.upstream.last(t).Header.Get("X-Permissions"); got != more {
		t.Errorf("permissions = %q", got)
	}
	s.wantAlive(first, false)
}

func TestWhoCancelsAStepUpKeepsTheSession(t *testing.T) {
	s := startSite(t, siteConfig{window: "-", options: "step_up " + comments})
	b := s.newBrowser()
	b.allowing(b.get("/page"), "instagram_business_basic")
	start := b.get("/instagram_auth/login?scope=" + comments)
	request := navigation(t, http.MethodPost, start.location())
	setBody(request, "action=cancel")
	wantRefusal(t, b.get(b.do(request).location()), http.StatusForbidden, "The sign-in was cancelled.")
	if page := b.get("/page"); page.StatusCode != http.StatusOK {
		t.Errorf("answered %s", page.Status)
	}
}
