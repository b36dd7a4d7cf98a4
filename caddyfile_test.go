package instagramauth_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// broken are blocks that Caddy must refuse to load, with what the message says.
// Line 1 is `instagram_auth {`; the options stand from line 2 on.
var broken = []struct{ name, block, option, says string }{
	{"no block", "instagram_auth", "redirect_uri", "required"},
	{"empty block", "instagram_auth {\n}", "redirect_uri", "required"},
	{"no app_id", "instagram_auth {\n app_secret {env.S}\n redirect_uri https://a.test/cb\n}", "app_id", "required"},
	{"no app_secret", "instagram_auth {\n app_id 1\n redirect_uri https://a.test/cb\n}", "app_secret", "required"},
	{"app_id twice", sitetest.MinimalBlock("app_id 2"), "app_id", "already specified"},
	{"app_id with letters", "instagram_auth {\n app_id abc\n app_secret s\n redirect_uri https://a.test/cb\n}", "app_id", "at Caddyfile:2"},
	{"app_secret without value", "instagram_auth {\n app_id 1\n app_secret\n redirect_uri https://a.test/cb\n}", "app_secret", "at least one value"},
	{"app_secret with a space", "instagram_auth {\n app_id 1\n app_secret \"a b\"\n redirect_uri https://a.test/cb\n}", "app_secret", "at Caddyfile:3"},
	{"app_secret listed twice", "instagram_auth {\n app_id 1\n app_secret a a\n redirect_uri https://a.test/cb\n}", "app_secret", "twice"},
	{"unknown option", sitetest.MinimalBlock("redirect_url https://a.test/cb"), "redirect_url", "unrecognized"},
	{"argument of the directive", "instagram_auth /x y {\n}", "y", "options go in a block"},
	{"redirect_uri over http", sitetest.BlockWithRedirect("http://a.test/cb"), "redirect_uri", "use https"},
	{"redirect_uri over http that looks like loopback", sitetest.BlockWithRedirect("http://a.localhost.test/cb"), "redirect_uri", "use https"},
	{"redirect_uri over http that ends like loopback", sitetest.BlockWithRedirect("http://alocalhost/cb"), "redirect_uri", "use https"},
	{"redirect_uri without scheme", sitetest.BlockWithRedirect("a.test/cb"), "redirect_uri", "absolute URL"},
	{"redirect_uri of another scheme", sitetest.BlockWithRedirect("ftp://a.test/cb"), "redirect_uri", "not https"},
	{"redirect_uri with a query", sitetest.BlockWithRedirect("https://a.test/cb?x=1"), "redirect_uri", "query"},
	{"redirect_uri with a fragment", sitetest.BlockWithRedirect("\"https://a.test/cb#x\""), "redirect_uri", "fragment"},
	{"redirect_uri with a user", sitetest.BlockWithRedirect("https://u:p@a.test/cb"), "redirect_uri", "user name"},
	{"redirect_uri without a path", sitetest.BlockWithRedirect("https://a.test"), "redirect_uri", "front page"},
	{"redirect_uri with the root path", sitetest.BlockWithRedirect("https://a.test/"), "redirect_uri", "front page"},
	{"redirect_uri with dots", sitetest.BlockWithRedirect("https://a.test/x/../cb"), "redirect_uri", "not plain"},
	{"redirect_uri with escapes", sitetest.BlockWithRedirect("https://a.test/%63b"), "redirect_uri", "not plain"},
	{"redirect_uri below path_prefix", sitetest.BlockWithRedirect("https://a.test/instagram_auth/callback"), "redirect_uri", "path_prefix"},
	{"two redirect URIs of one host", sitetest.BlockWithRedirect("https://a.test/cb https://A.test:443/cb2"), "redirect_uri", "one for each host"},
	{"two schemes", sitetest.BlockWithRedirect("https://a.test/cb http://localhost/cb"), "redirect_uri", "same scheme"},
	{"unknown api", sitetest.MinimalBlock("api graph"), "api", "instagram_login"},
	{"scope of the other family", sitetest.MinimalBlock("scope user_profile"), "scope", "at Caddyfile:5"},
	{"field of the other family", sitetest.MinimalBlock("api basic_display\n fields followers_count"), "fields", "at Caddyfile:6"},
	{"unknown user_node", sitetest.MinimalBlock("user_node you"), "user_node", "at Caddyfile:5"},
	{"unknown parameter of the window", sitetest.MinimalBlock("authorize colour blue"), "authorize", "at Caddyfile:5"},
	{"parameter of our own", sitetest.MinimalBlock("authorize state x"), "authorize", "at Caddyfile:5"},
	{"parameter without value", sitetest.MinimalBlock("authorize force_reauth"), "authorize", "parameter and its value"},
	{"unknown after_login", sitetest.MinimalBlock("after_login stay"), "after_login", "neither redirect nor handoff"},
	{"unknown errors", sitetest.MinimalBlock("errors log"), "errors", "neither page nor handle"},
	{"unknown language", sitetest.MinimalBlock("language xx"), "language", "not one of auto, en, ar, de"},
	{"a site without anything", sitetest.MinimalBlock("site {\n}"), "site", "empty block"},
	{"a site name in two words", sitetest.MinimalBlock("site {\n name Otter Club\n}"), "site name", "in quotes"},
	{"a site name with a control character", sitetest.MinimalBlock("site {\n name \"a\u202eb\"\n}"), "site name", "U+202E"},
	{"a long site name", sitetest.MinimalBlock("site {\n name " + strings.Repeat("x", 65) + "\n}"), "site name", "at Caddyfile:6"},
	{"a site name without a value", sitetest.MinimalBlock("site {\n name\n}"), "site name", "empty value"},
	{"a logo that is no address", sitetest.MinimalBlock("site {\n logo logo.png\n}"), "site logo", "a path of the site such as"},
	{"a logo without TLS", sitetest.MinimalBlock("site {\n logo http://a.test/l.png\n}"), "site logo", "not encrypted"},
	{"an accent that is a comment", sitetest.MinimalBlock("site {\n accent #7a3bb8\n}"), "site accent", "begins a comment"},
	{"an accent by name", sitetest.MinimalBlock("site {\n accent violet\n}"), "site accent", "at Caddyfile:6"},
	{"a script for help", sitetest.MinimalBlock("site {\n help javascript:alert(1)\n}"), "site help", "mailto:"},
	{"an unknown option of site", sitetest.MinimalBlock("site {\n icon /x\n}"), "site icon", "site has accent, help, logo, name, privacy, terms"},
	{"a name outside of site", sitetest.MinimalBlock("logo /x"), "logo", "it goes in a block: site { logo"},
	{"pages without a folder", sitetest.MinimalBlock("pages"), "pages", "exactly one value"},
	{"login_page with a value", sitetest.MinimalBlock("login_page yes"), "login_page", "unexpected"},
	{"path_prefix with a slash at the end", sitetest.MinimalBlock("path_prefix /x/"), "path_prefix", "at Caddyfile:5"},
	{"path_prefix without a slash", sitetest.MinimalBlock("path_prefix x"), "path_prefix", "at Caddyfile:5"},
	{"path_prefix of everything", sitetest.MinimalBlock("path_prefix /"), "path_prefix", "at Caddyfile:5"},
	{"bad timeout", sitetest.MinimalBlock("timeout soon"), "timeout", "is not a valid duration"},
	{"negative timeout", sitetest.MinimalBlock("timeout -5s"), "timeout", "a duration of 1ms or more"},
	{"endless timeout", sitetest.MinimalBlock("timeout 1h"), "timeout", "up to 1m"},
	{"empty token block", sitetest.MinimalBlock("token {\n}"), "token", "empty block"},
	{"unknown option of token", sitetest.MinimalBlock("token {\n keep\n}"), "token keep", "unrecognized"},
	{"long_lived with a value", sitetest.MinimalBlock("token {\n long_lived 60d\n}"), "token long_lived", "unexpected"},
	{"forward_as a header that the request needs", sitetest.MinimalBlock("token {\n forward_as Authorization\n}"), "token forward_as", "at Caddyfile:6"},
	{"forward_as no header", sitetest.MinimalBlock("token {\n forward_as \"a b\"\n}"), "token forward_as", "not a header name"},
	{"forward_as the header of a name", sitetest.MinimalBlock("token {\n forward_as X_Instagram_Username\n}"), "token forward_as", "the same to some servers"},
	{"forward_as off", sitetest.MinimalBlock("token {\n forward_as off\n}"), "token forward_as", "remove the option"},
	{"forward_as a header of answers", sitetest.MinimalBlock("token {\n forward_as Set-Cookie\n}"), "token forward_as", "needed by the request"},
	{"forward_as where sites read an ID", sitetest.MinimalBlock("headers {\n user_id off\n}\n token {\n forward_as X-Instagram-User-Id\n}"), "token forward_as", "the same to some servers"},
	{"forward_as a header of the handler", sitetest.MinimalBlock("token {\n forward_as X-Instagram-Event\n}"), "token forward_as", "at Caddyfile:6"},
	{"revalidate after the end", sitetest.MinimalBlock("revalidate 30d\n token {\n long_lived\n}"), "revalidate", "longer than the lifetime of a session"},
	{"a token that nobody gets", sitetest.MinimalBlock("after_login handoff\n token {\n long_lived\n}"), "token", "add forward_as"},
	{"revalidate with a short-lived token", sitetest.MinimalBlock("revalidate 1h\n token {\n forward_as X-Token\n}"), "revalidate", "at Caddyfile:5"},
	{"revalidate without a token", sitetest.MinimalBlock("revalidate 1h"), "revalidate", "long_lived"},
	{"revalidate all the time", sitetest.MinimalBlock("revalidate 1s\n token {\n long_lived\n}"), "revalidate", "between 1m and 60d"},
	{"revalidate with handoff", sitetest.MinimalBlock("after_login handoff\n revalidate 1h\n token {\n long_lived\n forward_as X-Token\n}"), "revalidate", "keeps its own"},
	{"unknown picture", sitetest.MinimalBlock("picture always"), "picture", "not one of redirect, proxy, off"},
	{"picture without a word", sitetest.MinimalBlock("picture"), "picture", "exactly one value"},
	{"picture in basic_display", sitetest.MinimalBlock("api basic_display\n picture proxy"), "picture", "at Caddyfile:6"},
	{"picture with handoff", sitetest.MinimalBlock("after_login handoff\n picture redirect\n token {\n forward_as X-Token\n}"), "picture", "keeps its own"},
	{"require_scope beyond scope", sitetest.MinimalBlock("require_scope instagram_business_manage_comments"), "require_scope", "at Caddyfile:5"},
	{"require_scope of the other family", sitetest.MinimalBlock("require_scope user_media"), "require_scope", "a permission of basic_display"},
	{"step_up to what is asked for anyway", sitetest.MinimalBlock("step_up instagram_business_basic"), "step_up", "at Caddyfile:5"},
	{"step_up in basic_display", sitetest.MinimalBlock("api basic_display\n step_up user_media"), "step_up", "already"},
	{"bad lifetime", sitetest.MinimalBlock("session {\n lifetime forever\n}"), "session lifetime", "is not a valid duration"},
	{"tiny lifetime", sitetest.MinimalBlock("session {\n lifetime 1s\n}"), "session lifetime", "at Caddyfile:6"},
	{"short session secret", sitetest.MinimalBlock("session {\n secret short\n}"), "session secret", "fewer than 32"},
	{"bad cookie name", sitetest.MinimalBlock("session {\n cookie \"a b\"\n}"), "session cookie", "at Caddyfile:6"},
	{"unknown session option", sitetest.MinimalBlock("session {\n colour blue\n}"), "session colour", "unrecognized"},
	{"empty sub-block", sitetest.MinimalBlock("session {\n}"), "session", "empty block"},
	{"session without a block", sitetest.MinimalBlock("session 7d"), "session", "go in a block"},
	{"header of an unknown field", sitetest.MinimalBlock("headers {\n name X-Name\n}"), "headers", "list it in fields"},
	{"two headers that fold together", sitetest.MinimalBlock("headers {\n user_id X-User\n username X_User\n}"), "headers", "at Caddyfile:7"},
	{"header that must not be set", sitetest.MinimalBlock("headers {\n user_id Cookie\n}"), "headers", "at Caddyfile:6"},
	{"header with a space", sitetest.MinimalBlock("headers {\n user_id \"X User\"\n}"), "headers", "at Caddyfile:6"},
	{"endpoints over http", sitetest.MinimalBlock("endpoints http://a.test"), "endpoints", "at Caddyfile:5"},
	{"endpoints with a query", sitetest.MinimalBlock("endpoints {\n token https://a.test/?x=1\n}"), "endpoints", "at Caddyfile:5"},
	{"unknown word for client_ip", sitetest.MinimalBlock("log {\n client_ip maybe\n}"), "log client_ip", "at Caddyfile:6"},
	{"unknown word for user_id", sitetest.MinimalBlock("log {\n client_ip off\n user_id md5\n}"), "log user_id", "at Caddyfile:7"},
	{"a hash of the username", sitetest.MinimalBlock("log {\n username hash\n}"), "log username", "at Caddyfile:6"},
	{"unknown log option", sitetest.MinimalBlock("log {\n level debug\n}"), "log level", "unrecognized"},
	{"unknown endpoint", sitetest.MinimalBlock("endpoints {\n media https://a.test\n}"), "endpoints media", "unrecognized"},
}

func TestA6_ABrokenBlockIsRefusedWithOptionAndLine(t *testing.T) {
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			// The site's address shares the first line with the directive, which makes
			// the lines of the block those of the file.
			_, err := sitetest.Adapt("a.test { \n" + c.block + "\n}")
			if err == nil {
				t.Fatal("adapted")
			}
			says := c.says
			if line, ok := strings.CutPrefix(says, "at Caddyfile:"); ok {
				says = fmt.Sprint("at Caddyfile:", number(line)+1)
			}
			for _, want := range []string{c.option, says, "at Caddyfile:"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "u:p") {
				t.Errorf("message %q repeats a secret", err)
			}
		})
	}
	if len(broken) < 30 {
		t.Errorf("only %d broken blocks", len(broken))
	}
}

func number(s string) (n int) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

func TestA6_WhatIsWrongOnlyWhenLoadedIsRefusedThen(t *testing.T) {
	dir := t.TempDir()
	empty, absent := filepath.Join(dir, "empty"), filepath.Join(dir, "absent")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, block, option string }{
		{"variable that is not set", sitetest.MinimalBlock("# nothing"), "app_secret"},
		{"file that is empty", strings.Replace(sitetest.MinimalBlock(""), "{env.TEST_SECRET}", "{file."+empty+"}", 1), "app_secret"},
		{"file that is not there", strings.Replace(sitetest.MinimalBlock(""), "{env.TEST_SECRET}", "{file."+absent+"}", 1), "app_secret"},
		{"placeholder with a typing error", strings.Replace(sitetest.MinimalBlock(""), "{env.TEST_SECRET}", "{evn.TEST_SECRET}", 1), "app_secret"},
		{"placeholder that is not closed", strings.Replace(sitetest.MinimalBlock(""), "{env.TEST_SECRET}", `"{env.TEST_SECRET"`, 1), "app_secret"},
		{"app_id that is not set", strings.Replace(sitetest.MinimalBlock(""), "app_id 1", "app_id {env.TEST_APP_ID}", 1), "app_id"},
		{"redirect_uri that is not set", sitetest.BlockWithRedirect("{env.TEST_REDIRECT}"), "redirect_uri"},
		{"session secret that is not set", strings.Replace(sitetest.MinimalBlock("session {\n secret {env.TEST_SESSION}\n}"), "{env.TEST_SECRET}", "s", 1), "session secret"},
		{"endpoint that is not set", strings.Replace(sitetest.MinimalBlock("endpoints {\n token {env.TEST_TOKEN}\n}"), "{env.TEST_SECRET}", "s", 1), "endpoints"},
	} {
		t.Run(c.name, func(t *testing.T) { sitetest.WantLoadRefused(t, c.block, c.option) })
	}
	t.Run("redirect_uri that is wrong in the variable", func(t *testing.T) {
		t.Setenv("TEST_REDIRECT", "http://a.test/cb")
		t.Setenv("TEST_SECRET", "s")
		sitetest.WantLoadRefused(t, sitetest.BlockWithRedirect("{env.TEST_REDIRECT}"), "redirect_uri")
	})
}

func TestC3_TheSameAddressOrCookieTwiceIsRefused(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	second := func(changes ...string) string {
		return strings.NewReplacer(changes...).Replace(sitetest.MinimalBlock(""))
	}
	for _, c := range []struct{ name, second, option string }{
		{"the same callback", second("app_id 1", "app_id 2"), "redirect_uri"},
		{"the same own paths", second("/cb", "/cb2", "app_id 1", "app_id 2"), "path_prefix"},
		{"the same cookie", second("/cb", "/cb2", "app_id 1", "app_id 2\n path_prefix /two"), "session cookie"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sitetest.WantLoadRefused(t, sitetest.MinimalBlock("")+"\n"+c.second, c.option)
		})
	}
	if err := sitetest.Validate("http://a.test:"+sitetest.Port(sitetest.FreeAddr(t))+" {\n"+sitetest.MinimalBlock("")+"\n"+
		second("/cb", "/cb2", "app_id 1", "app_id 2\n path_prefix /two\n session {\n cookie two\n }")+"\n}", nil); err != nil {
		t.Errorf("two blocks with their own: %v", err)
	}
	// A refused configuration leaves nothing behind that would refuse the next one.
	if err := sitetest.Validate("http://a.test:"+sitetest.Port(sitetest.FreeAddr(t))+" {\n"+sitetest.MinimalBlock("")+"\n}", nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTheDirectiveIsOneRouteWithoutAMatcher(t *testing.T) {
	config, err := sitetest.Adapt("a.test {\n" + strings.Replace(sitetest.MinimalBlock("fields name\n login_page"), "instagram_auth {", "instagram_auth /admin/* {", 1) + "\n}")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"handle":[{"app_id":"1","app_secret":["{env.TEST_SECRET}"],"fields":["name"],"handler":"instagram_auth","login_page":true,` +
		`"protect":[{"path":["/admin/*"]}],"redirect_uri":["https://a.test/cb"]}]}`
	if !strings.Contains(string(config), want) {
		t.Errorf("adapted to %s", config)
	}
}

func TestJSONIsCheckedLikeACaddyfile(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	for option, value := range map[string]any{
		"api": "graph", "after_login": "stay", "path_prefix": "x/", "app_id": "", "redirect_uri": []string{"http://a.test/cb"}, "timeout": "-1s", "scope": []string{"user_profile"},
		"headers": map[string]string{"nobody": "X"}, "user_node": "you", "unknown_option": true, "session": map[string]any{"secret": []string{"short"}}, "errors": "x",
		"authorize": map[string]string{"state": "x"}, "endpoints": map[string]string{"token": "http://a.test"}, "fields": []string{"id;drop"},
		"site": map[string]any{"logo": "x"},
	} {
		t.Run(option, func(t *testing.T) {
			err := sitetest.Validate("http://a.test:"+sitetest.Port(sitetest.FreeAddr(t))+" {\n"+sitetest.MinimalBlock("")+"\n}", func(config map[string]any) {
				handlerOf(config)[option] = value
			})
			if err == nil || !strings.Contains(err.Error(), option) {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// handlerOf returns our handler in the configuration of one site with one block.
func handlerOf(config map[string]any) map[string]any {
	var found map[string]any
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if node["handler"] == "instagram_auth" {
				found = node
			}
			for _, child := range node {
				walk(child)
			}
		case []any:
			for _, child := range node {
				walk(child)
			}
		}
	}
	walk(config)
	return found
}

func TestSecretsInFilesAndCredentialsDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(sitetest.AppSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	s := sitetest.Start(t, sitetest.Config{Block: strings.Replace(sitetest.DefaultBlock(""), "app_secret "+sitetest.AppSecret, "app_secret {file.{$CREDENTIALS_DIRECTORY}/secret}", 1)})
	s.NewBrowser().SignIn("/")
	if got := s.TokenForm().Get("client_secret"); got != sitetest.AppSecret {
		t.Errorf("client_secret = %q", got)
	}
}

func TestAppSecretRotationSendsTheFirstAndKeepsSessions(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/")
	underWay := s.NewBrowser()
	back := underWay.Window(underWay.Get("/under-way"))
	const fresh = "ffffffffffffffffffffffffffffffff"
	s.Load(sitetest.Config{Block: strings.Replace(sitetest.DefaultBlock(""), "app_secret "+sitetest.AppSecret, "app_secret "+sitetest.AppSecret+" "+fresh, 1)})
	if page := b.Get("/"); page.StatusCode != http.StatusOK {
		t.Errorf("with both secrets the session answered %s", page.Status)
	}
	if got := underWay.Get(back).Location(); got != "/under-way#" {
		t.Errorf("the login under way ended at %q", got)
	}
	s.Load(sitetest.Config{Block: strings.Replace(sitetest.DefaultBlock(""), "app_secret "+sitetest.AppSecret, "app_secret "+fresh, 1)})
	if page := b.Get("/"); page.StatusCode != http.StatusFound {
		t.Errorf("without the old secret the session answered %s", page.Status)
	}
}
