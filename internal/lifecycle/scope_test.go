package lifecycle_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const (
	insights = "instagram_business_manage_insights"
)

func TestN5_WhoDeclinesARequiredPermissionIsToldAndAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		api      instagram.API
		shape    simulator.TokenShape
		options  string
		required string
		words    string
	}{
		"instagram_login":                   {instagram.InstagramLogin, simulator.WithPermissions, "scope instagram_business_basic " + sitetest.CommentsPermission + "\nrequire_scope " + sitetest.CommentsPermission, sitetest.CommentsPermission, "Read and answer comments on your posts"},
		"instagram_login, wrapped":          {instagram.InstagramLogin, simulator.Wrapped, "scope instagram_business_basic " + sitetest.CommentsPermission + "\nrequire_scope " + sitetest.CommentsPermission, sitetest.CommentsPermission, "Read and answer comments on your posts"},
		"basic_display, which does not say": {instagram.BasicDisplay, simulator.Flat, "api basic_display\nrequire_scope user_media", "user_media", "See your photos and videos"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Api: c.api, Shape: c.shape, Window: "-", Options: c.options, After: "header >X-Seen \"{http.auth.user.permissions}\"\nreverse_proxy {upstream}"})
			b := s.NewBrowser()
			refused := b.Allowing(b.Get("/page?x=1"))
			sitetest.WantRefusal(t, refused, http.StatusForbidden, c.words)
			if b.Cookie(sitetest.SessionCookie) != "" || s.Upstream.Count() != 0 {
				t.Error("somebody without the permission is in")
			}
			if n := s.Instagram.Calls(simulator.LongLived); n != 0 {
				t.Errorf("%d calls for a token that is of no use", n)
			}
			line := s.Logged("sign-in refused")
			if len(line) != 1 || line[0]["code"] != "missing_permission" || line[0]["user_id"] != sitetest.UserID {
				t.Errorf("log lines = %v", line)
			}
			// The page's button asks again, and leads back to where they wanted to go.
			again := b.Get("/instagram_auth/login?return_to=%2Fpage%3Fx%3D1")
			if !strings.Contains(refused.Body, `href="/instagram_auth/login?return_to=%2Fpage%3Fx%3D1"`) {
				t.Errorf("page:\n%s", refused.Body)
			}
			if scope := sitetest.Query(t, again.Location()).Get("scope"); !strings.Contains(scope, c.required) {
				t.Errorf("asks for %q", scope)
			}
			if arrived := b.Allowing(again, c.required); arrived.StatusCode != http.StatusSeeOther || arrived.Location() != "/page?x=1#" {
				t.Errorf("answered %s to %q", arrived.Status, arrived.Location())
			}
			if got := b.Get("/page").Header.Get("X-Seen"); !strings.Contains(got, c.required) {
				t.Errorf("permissions = %q", got)
			}
		})
	}
}

func TestA6_APermissionThatInstagramDoesNotTellOfIsNotBelieved(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Shape: simulator.Flat, Options: "scope instagram_business_basic " + sitetest.CommentsPermission + "\nrequire_scope " + sitetest.CommentsPermission})
	b := s.NewBrowser()
	sitetest.WantRefusal(t, b.Get(b.Window(b.Get("/page"))), http.StatusForbidden, "have not given")
}

// Where the operator asks for more than before, an older session is not enough.
func TestX2_ASessionWithoutANewlyRequiredPermissionIsNotEnough(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	b := s.NewBrowser()
	b.SignIn("/private")
	s.Load(sitetest.Config{Matcher: "/private*", Options: "scope instagram_business_basic " + sitetest.CommentsPermission + "\nrequire_scope " + sitetest.CommentsPermission})
	sitetest.WantRefusal(t, b.Get("/private"), http.StatusForbidden, "Read and answer comments on your posts")
	for _, address := range []string{"/private", "/instagram_auth/userinfo"} {
		if got := sitetest.Decode(t, b.Fetch(address)); got["error"] != "missing_permission" || got["login_url"] == "" || len(got["missing"].([]any)) != 1 {
			t.Errorf("%s: %v", address, got)
		}
	}
	b.Get("/public")
	if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != "" {
		t.Errorf("on a public page they are known as %q", got)
	}
	b.Get(b.Window(b.Get("/instagram_auth/login?return_to=/private")))
	if page := b.Get("/private"); page.StatusCode != http.StatusOK {
		t.Errorf("after asking again: %s", page.Status)
	}
}

func TestA2_ASiteMayAskForWhatIsConfiguredAlone(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "step_up " + sitetest.CommentsPermission + "\nheaders {\n permissions X-Permissions\n}"})
	b := s.NewBrowser()
	b.SignIn("/page")
	first := b.CookieHeader()
	link := func(query, site, referer string) sitetest.Response {
		request := sitetest.Navigation(t, http.MethodGet, "/instagram_auth/login?"+query)
		request.Header.Set("Sec-Fetch-Site", site)
		if referer != "" {
			request.Header.Set("Referer", referer)
		}
		return b.Do(request)
	}
	const usual, more = "instagram_business_basic", "instagram_business_basic," + sitetest.CommentsPermission
	for _, c := range []struct{ name, query, site, referer, scope string }{
		{"the site's own link", "scope=" + sitetest.CommentsPermission, "same-origin", "", more},
		{"typed in", "scope=" + sitetest.CommentsPermission, "none", "", more},
		{"with the usual ones", "scope=instagram_business_basic+" + sitetest.CommentsPermission, "same-origin", "", more},
		{"twice in one list", "scope=" + sitetest.CommentsPermission + "," + sitetest.CommentsPermission, "same-origin", "", more},
		{"an older browser", "scope=" + sitetest.CommentsPermission, "", sitetest.Origin + "/page", more},
		{"an older browser without Referer", "scope=" + sitetest.CommentsPermission, "", "", more},
		{"nothing more", "scope=instagram_business_basic", "cross-site", "", usual},
		{"empty", "scope=", "cross-site", "", usual},
		{"none", "", "cross-site", "", usual},
	} {
		answer := link(c.query, c.site, c.referer)
		if answer.StatusCode != http.StatusFound || sitetest.Query(t, answer.Location()).Get("scope") != c.scope || len(sitetest.Query(t, answer.Location())) != 5 {
			t.Errorf("%s: %s to %q", c.name, answer.Status, answer.Location())
		}
	}
	for name, query := range map[string]string{
		"not configured": "scope=" + insights, "one of two": "scope=" + sitetest.CommentsPermission + "," + insights, "unknown": "scope=%7Benv.HOME%7D", "given twice": "scope=" + sitetest.CommentsPermission + "&scope=" + sitetest.CommentsPermission,
	} {
		if answer := link(query, "same-origin", ""); answer.StatusCode != http.StatusBadRequest || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}

	// From elsewhere the visitor sees first what it is about.
	for name, answer := range map[string]sitetest.Response{
		"another site": link("scope="+sitetest.CommentsPermission+"&return_to=/page", "cross-site", ""), "a sibling": link("scope="+sitetest.CommentsPermission+"&return_to=/page", "same-site", ""),
		"an older browser": link("scope="+sitetest.CommentsPermission+"&return_to=/page", "", "https://evil.example/"),
	} {
		sitetest.WantRefusal(t, answer, http.StatusForbidden, "Read and answer comments on your posts")
		if !strings.Contains(answer.Body, `href="/instagram_auth/login?return_to=%2Fpage&amp;scope=`+sitetest.CommentsPermission+`"`) || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s:\n%s", name, answer.Body)
		}
	}

	// The session that comes of it replaces the one before.
	b.Get(b.Window(link("scope="+sitetest.CommentsPermission, "same-origin", "")))
	b.Get("/page")
	if got := s.Upstream.Last(t).Header.Get("X-Permissions"); got != more {
		t.Errorf("permissions = %q", got)
	}
	s.WantAlive(first, false)
}

func TestWhoCancelsAStepUpKeepsTheSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Window: "-", Options: "step_up " + sitetest.CommentsPermission})
	b := s.NewBrowser()
	b.Allowing(b.Get("/page"), "instagram_business_basic")
	start := b.Get("/instagram_auth/login?scope=" + sitetest.CommentsPermission)
	request := sitetest.Navigation(t, http.MethodPost, start.Location())
	sitetest.SetBody(request, "action=cancel")
	sitetest.WantRefusal(t, b.Get(b.Do(request).Location()), http.StatusForbidden, "has learned nothing new about you.")
	if page := b.Get("/page"); page.StatusCode != http.StatusOK {
		t.Errorf("answered %s", page.Status)
	}
}
