package placement_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// wantLoad fails the test unless a Caddyfile loads, or is refused with a message that
// names an option.
func wantLoad(t *testing.T, caddyfile, option string) {
	t.Helper()
	err := sitetest.Validate(caddyfile, nil)
	if option == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if option != "" && (err == nil || !strings.Contains(err.Error(), option+":")) {
		t.Errorf("error = %v, want something about %s", err, option)
	}
}

func TestC3_CookiesThatOverlapAreRefused(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	for _, c := range []struct{ one, two, option string }{
		{"ig", "ig_login_b", "session cookie"},
		{"ig_login_b", "ig", "session cookie"},
		{"ig", "ig_round", "session cookie"},
		{"ig", "ig_login", "session cookie"}, // its mark is ig_login_round
		{"ig", "ig_login_abcdefgh", "session cookie"},
		{"ig_round", "ig_round_login_x", "session cookie"},
		{"ig", "ig2", ""}, {"ig", "ig_rounds", ""}, {"ig", "ig_loginb", ""}, {"ig", "IG_round", ""},
	} {
		t.Run(c.one+" and "+c.two, func(t *testing.T) {
			one := sitetest.MinimalBlock("session {\n cookie " + c.one + "\n}")
			two := strings.NewReplacer("/cb", "/cb2", "app_id 1", "app_id 2\n path_prefix /two").Replace(sitetest.MinimalBlock("session {\n cookie " + c.two + "\n}"))
			addr := sitetest.Port(sitetest.FreeAddr(t))
			wantLoad(t, "http://a.test:"+addr+" {\n"+one+"\n"+two+"\n}", c.option)
			// On another host nothing is in the way.
			wantLoad(t, "http://a.test:"+addr+" {\n"+one+"\n}\nhttp://b.test:"+addr+" {\n"+strings.ReplaceAll(two, "a.test", "b.test")+"\n}", "")
		})
	}
}

// twoHosts is a block for two sites, as a snippet is imported into both.
const twoHosts = "instagram_auth {\n app_id 1\n app_secret {env.TEST_SECRET}\n redirect_uri https://a.test/cb https://b.test/cb\n}"

func TestC3_TheSameBlockInTwoSitesIsOneInstance(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	t.Setenv("TEST_OTHER", "ffffffffffffffffffffffffffffffff")
	addr := sitetest.Port(sitetest.FreeAddr(t))
	a, b := "http://a.test:"+addr, "http://b.test:"+addr
	sites := func(one, two string) string {
		return a + " {\n" + one + "\n}\n" + b + " {\n" + two + "\n}"
	}
	change := func(old, replacement string) string { return strings.Replace(twoHosts, old, replacement, 1) }
	for _, c := range []struct{ name, caddyfile, option string }{
		{"in two sites", sites(twoHosts, twoHosts), ""},
		{"with matchers of their own", sites(change("auth {", "auth /x* {"), change("auth {", "auth /y* {")), ""},
		{"as a snippet", "(signin) {\n" + twoHosts + "\n}\n" + sites("import signin", "import signin"), ""},
		{"twice in one site", a + " {\n" + twoHosts + "\n" + twoHosts + "\n}", "redirect_uri"},
		{"twice in one site without a host", "http://:" + addr + " {\n" + change("auth {", "auth /x* {") + "\n" + change("auth {", "auth /y* {") + "\n}", "redirect_uri"},
		{"in two routes of one site without a host", "http://:" + addr + " {\nroute /x* {\n" + twoHosts + "\n}\nroute /y* {\n" + twoHosts + "\n}\n}", "redirect_uri"},
		{"twice in one of two sites", sites(twoHosts+"\n"+twoHosts, "respond hello"), "redirect_uri"},
		{"with another app", sites(twoHosts, change("app_id 1", "app_id 2")), "redirect_uri"},
		{"with another secret", sites(twoHosts, change("TEST_SECRET", "TEST_OTHER")), "redirect_uri"},
		{"with a third URI", sites(twoHosts, change("/cb\n", "/cb https://c.test/cb\n")), "redirect_uri"},
		{"with other own paths", sites(twoHosts, change("app_id 1", "app_id 1\n path_prefix /x")), "redirect_uri"},
		{"with another cookie", sites(twoHosts, change("app_id 1", "app_id 1\n session {\n cookie x\n}")), "redirect_uri"},
		{"with other people", sites(twoHosts, change("app_id 1", "app_id 1\n allow 1")), "redirect_uri"},
	} {
		t.Run(c.name, func(t *testing.T) { wantLoad(t, c.caddyfile, c.option) })
	}
	// What was refused has left nothing behind.
	wantLoad(t, sites(twoHosts, twoHosts), "")
}

func TestC3_TheSameBlockInTwoBranchesOfASiteIsOneInstance(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	addr := sitetest.Port(sitetest.FreeAddr(t))
	wildcard := func(inside string) string {
		return "(signin) {\n" + twoHosts + "\n}\nhttp://*.test:" + addr + " {\n@a host a.test\n@b host b.test\n" + inside + "\n}"
	}
	other := strings.NewReplacer("/cb", "/cb2", "app_id 1", "app_id 2\n path_prefix /two\n session {\n cookie two\n}").Replace(twoHosts)
	for _, c := range []struct{ name, inside, option string }{
		{"in two handles", "handle @a {\nimport signin\nrespond a\n}\nhandle @b {\nimport signin\nrespond b\n}", ""},
		{"in a handle and in what is left", "handle @a {\nimport signin\nrespond a\n}\nhandle {\nimport signin\nrespond b\n}", ""},
		{"in handles of handles", "handle @a {\nhandle /x* {\nimport signin\n}\nhandle {\nimport signin\n}\n}\nhandle @b {\nroute {\nimport signin\n}\n}", ""},
		{"beside another block", other + "\nhandle @a {\nimport signin\n}\nhandle @b {\nimport signin\n}", ""},
		{"in a handle and behind it", "import signin\nhandle @a {\nimport signin\n}", "redirect_uri"},
		{"in a handle twice", "handle @a {\nroute {\nimport signin\nimport signin\n}\n}\nhandle @b {\nrespond b\n}", "redirect_uri"},
		{"in two routes", "route @a {\nimport signin\n}\nroute @b {\nimport signin\n}", "redirect_uri"},
		{"in a handle and its errors", "handle @a {\nimport signin\n}\nhandle_errors {\nimport signin\n}", "redirect_uri"},
		{"in two handles with other options", "handle @a {\nimport signin\n}\nhandle @b {\n" + strings.Replace(twoHosts, "app_id 1", "app_id 1\n login_page", 1) + "\n}", "redirect_uri"},
	} {
		t.Run(c.name, func(t *testing.T) { wantLoad(t, wildcard(c.inside), c.option) })
	}
}

func TestC3_OneSnippetInTwoHandlesOfAWildcardSiteSignsIn(t *testing.T) {
	const other = "https://other.test"
	block := strings.Replace(sitetest.DefaultBlock(""), "redirect_uri "+sitetest.RedirectURI, "redirect_uri "+sitetest.RedirectURI+" "+other+sitetest.Callback, 1)
	branch := func(name string) string {
		return "@" + name + " host " + name + ".test\nhandle @" + name + " {\n" + block + "\nrespond \"" + name + " {http.request.header.X-Instagram-Username}\"\n}\n"
	}
	s := sitetest.Start(t, sitetest.Config{Block: branch("example") + branch("other")})
	for name, from := range map[string]string{"example": sitetest.Origin, "other": other} {
		b := s.NewBrowser()
		back := b.Get(b.Get(b.Get(from + "/page").Location()).Location())
		if back.StatusCode != http.StatusSeeOther || back.Location() != "/page#" {
			t.Fatalf("%s: the callback answered %s to %q", from, back.Status, back.Location())
		}
		if page := b.Get(from + "/page"); page.Body != name+" "+sitetest.Username {
			t.Errorf("%s: page = %s %q", from, page.Status, page.Body)
		}
	}
}

func TestC3_TwoSitesWithOneSnippetBothSignIn(t *testing.T) {
	const other = "https://other.test"
	block := strings.Replace(sitetest.DefaultBlock(""), "redirect_uri "+sitetest.RedirectURI, "redirect_uri "+sitetest.RedirectURI+" "+other+sitetest.Callback, 1)
	s := sitetest.Start(t, sitetest.Config{Block: block, Extra: "http://other.test:{port} {\n" + block + "\nreverse_proxy {upstream}\n}"})
	for _, from := range []string{sitetest.Origin, other} {
		b := s.NewBrowser()
		start := b.Get(from + "/page")
		back := b.Get(b.Get(start.Location()).Location())
		if back.StatusCode != http.StatusSeeOther || back.Location() != "/page#" || !strings.HasPrefix(back.Request.URL.String(), from+sitetest.Callback) {
			t.Fatalf("%s: the callback %s answered %s to %q", from, back.Request.URL, back.Status, back.Location())
		}
		if page := b.Get(from + "/page"); page.Body != "hello "+sitetest.Username {
			t.Errorf("%s: page = %s %q", from, page.Status, page.Body)
		}
	}
}

func TestA6_ACallbackOutsideTheSiteIsRefused(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	t.Setenv("TEST_HOST", "a.test")
	addr := sitetest.Port(sitetest.FreeAddr(t))
	block := func(uris string) string { return sitetest.BlockWithRedirect(uris) }
	for _, c := range []struct{ name, site, uris, option string }{
		{"another host", "http://a.test:%s", "https://other.test/cb", "redirect_uri"},
		{"several other hosts", "http://a.test:%[1]s, http://b.test:%[1]s", "https://other.test/cb https://x.test/cb", "redirect_uri"},
		{"a subdomain", "http://a.test:%s", "https://www.a.test/cb", "redirect_uri"},
		{"outside the wildcard", "http://*.a.test:%s", "https://a.test/cb", "redirect_uri"},
		{"the site's own", "http://a.test:%s", "https://a.test/cb", ""},
		{"in other letters and with a port", "http://a.test:%s", "https://A.Test:8443/cb", ""},
		{"one of several", "http://a.test:%[1]s, http://b.test:%[1]s", "https://b.test/cb", ""},
		{"of several sites", "http://a.test:%s", "https://x.test/cb https://a.test/cb", ""},
		{"inside the wildcard", "http://*.a.test:%s", "https://www.a.test/cb", ""},
		{"any host", "http://:%s", "https://other.test/cb", ""},
		{"a host from the environment", "http://{env.TEST_HOST}:%s", "https://a.test/cb", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := fmt.Sprintf(c.site, addr) + " {\n" + block(c.uris) + "\n}"
			wantLoad(t, site, c.option)
			// Deeper inside and beside another site, too.
			wantLoad(t, "http://beside.test:"+addr+" {\nrespond hello\n}\n"+strings.Replace(site, block(c.uris), "route {\nhandle {\n"+block(c.uris)+"\n}\n}", 1), c.option)
		})
	}
}
