package instagramauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestA6_PlaceholdersAreNotCheckedBeforeTheyHaveValues(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	t.Setenv("TEST_SECOND", "ffffffffffffffffffffffffffffffff")
	t.Setenv("S", sitetest.AppSecret)
	t.Setenv("TEST_REDIRECT", "http://127.0.0.1:8098/auth/")
	t.Setenv("TEST_COLLIDES", "https://a.test/instagram_auth/callback")
	for _, c := range []struct{ name, block, option string }{
		{"a path that only the stand-in had", sitetest.BlockWithRedirect("{env.TEST_REDIRECT}\n path_prefix /callback"), ""},
		{"a scheme that only the stand-in had", sitetest.BlockWithRedirect("{env.TEST_REDIRECT} http://127.0.0.1:8099/auth/"), ""},
		{"two secrets that are not the same", strings.Replace(sitetest.MinimalBlock(""), "{env.TEST_SECRET}", "{env.TEST_SECRET} {env.TEST_SECOND}", 1), ""},
		{"a short placeholder", strings.Replace(sitetest.MinimalBlock("session {\n secret {env.S}\n}"), "{env.TEST_SECRET}", "{env.S}", 1), ""},
		{"two session secrets that are not the same", sitetest.MinimalBlock("session {\n secret {env.TEST_SECRET} {env.TEST_SECOND}\n}"), ""},
		{"a path that the value has", sitetest.BlockWithRedirect("{env.TEST_COLLIDES}"), "redirect_uri"},
		{"schemes that the values have", sitetest.BlockWithRedirect("{env.TEST_REDIRECT} https://a.test/cb"), "redirect_uri"},
		{"one URI by two ways", sitetest.BlockWithRedirect("{env.TEST_REDIRECT} http://127.0.0.1:8098/auth/"), "redirect_uri"},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := "http://:" + sitetest.Port(sitetest.FreeAddr(t)) + " {\n" + c.block + "\n}"
			if _, err := sitetest.Adapt(site); err != nil {
				t.Fatalf("adapting: %v", err)
			}
			err := sitetest.Validate(site, nil)
			if c.option == "" && err != nil {
				t.Errorf("loading: %v", err)
			}
			if c.option != "" && (err == nil || !strings.Contains(err.Error(), c.option+":") || strings.Contains(err.Error(), ".invalid")) {
				t.Errorf("loading: %v, want something about %s", err, c.option)
			}
		})
	}
	if _, err := sitetest.Adapt("a.test {\n" + strings.Replace(sitetest.MinimalBlock(""), "{env.TEST_SECRET}", "{env.TEST_SECRET} {env.TEST_SECRET}", 1) + "\n}"); err == nil {
		t.Error("the same placeholder is taken for two secrets")
	}
}

func TestA2_ABaseURLFromAPlaceholderMayEndWithASlash(t *testing.T) {
	_, endpoints := sitetest.NewInstagram(t, sitetest.Config{})
	for _, base := range []string{endpoints, endpoints + "/"} {
		t.Setenv("TEST_BASE", base)
		s := sitetest.Start(t, sitetest.Config{Block: strings.Replace(sitetest.DefaultBlock(""), "endpoints {endpoints}", "endpoints {env.TEST_BASE}", 1)})
		b := s.NewBrowser()
		start := b.Get("/page")
		if !strings.HasPrefix(start.Location(), endpoints+"/oauth/authorize?") {
			t.Errorf("%q: the window is at %q", base, start.Location())
		}
		if arrived := b.Get(b.Window(start)); arrived.StatusCode != http.StatusSeeOther {
			t.Errorf("%q: the callback answered %s", base, arrived.Status)
		}
	}
}

func TestA6_AnEmptyValueInJSONIsRefused(t *testing.T) {
	for _, uris := range []string{`[""]`, `["", "https://example.test/auth/"]`} {
		config := `{"admin":{"disabled":true},"apps":{"http":{"servers":{"x":{"listen":["127.0.0.1:` + sitetest.Port(sitetest.FreeAddr(t)) + `"],"automatic_https":{"disable":true},"routes":[{"match":[{"host":["example.test"]}],"handle":[{
			"handler":"instagram_auth","app_id":"1","app_secret":["a1b2c3d4e5f60718293a4b5c6d7e8f90"],"redirect_uri":` + uris + `}]}]}}}}}`
		if err := caddy.Load([]byte(config), true); err == nil || !strings.Contains(err.Error(), "redirect_uri: has an empty value") {
			t.Errorf("%s: %v", uris, err)
		}
		_ = caddy.Stop()
	}
}
