package answer_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// homeless is a matcher that panics at the site's home and matches everything else.
type homeless struct{}

func init() { caddy.RegisterModule(homeless{}) }

func (homeless) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.homeless", New: func() caddy.Module { return new(homeless) }}
}

func (*homeless) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() {
	}
	return nil
}

func (homeless) Match(r *http.Request) bool { return homeless{}.match(r) }

func (homeless) MatchWithError(r *http.Request) (bool, error) { return homeless{}.match(r), nil }

func (homeless) match(r *http.Request) bool {
	if r.URL.Path == "/" {
		panic("no home")
	}
	return true
}

const wayBack = `<a href="/">Back to Otter Club</a>`

func TestAPageLeadsBackToAHomeThatIsOpen(t *testing.T) {
	const site = "login_page\nsite {\nname \"Otter Club\"\n}"
	for name, c := range map[string]struct {
		config sitetest.Config
		back   bool
	}{
		"an open home":             {sitetest.Config{Matcher: "/private*", Options: site}, true},
		"a home that needs it":     {sitetest.Config{Options: site}, false},
		"a home that is protected": {sitetest.Config{Matcher: "/*", Options: site}, false},
		"a matcher that panics":    {sitetest.Config{Before: "@all homeless", Matcher: "@all", Options: site}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			page := s.NewBrowser().Get("/private?x=1")
			if page.StatusCode != http.StatusUnauthorized || strings.Contains(page.Body, wayBack) != c.back {
				t.Errorf("%s, want the way back: %v\n%s", page.Status, c.back, page.Body)
			}
			if !strings.Contains(page.Body, "/instagram_auth/login?return_to=%2Fprivate%3Fx%3D1") {
				t.Errorf("the address of the request has changed\n%s", page.Body)
			}
			if panicked := len(s.Logged("recovered from a panic")); (panicked > 0) != (name == "a matcher that panics") {
				t.Errorf("%d panics are in the log", panicked)
			}
		})
	}
}

// Somebody who may not come in, and is shown who they are: on the page itself, and again at the
// address without the code.
func TestARefusalOfAnAccountNamesItAtBothAddresses(t *testing.T) {
	for option, text := range map[string]string{"allow 17841499999999999": "@" + sitetest.Username + " is not on the list of example.test.", "deny " + sitetest.UserID: "@" + sitetest.Username + " has no access to example.test."} {
		s := sitetest.Start(t, sitetest.Config{Options: option})
		b := s.NewBrowser()
		page := b.Get(b.Window(b.Get("/private")))
		if page.StatusCode != http.StatusForbidden || !strings.Contains(page.Body, "<p>"+text) {
			t.Errorf("%s: %s\n%s", option, page.Status, page.Body)
		}
		if again := b.Get(shownAgain(t, page)); again.Body != page.Body {
			t.Errorf("%s: again %s\n%s", option, again.Status, again.Body)
		}
	}
}

func TestTemplatesThatLeaveOutTheSiteAreToldOnce(t *testing.T) {
	const message = "the templates in pages do not show the name of the site"
	for layout, told := range map[string]int{`{{define "top"}}{{.Title}}{{end}}`: 1, `{{define "top"}}{{.Title}} {{.Site.Name}}{{end}}`: 0} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "layout.html"), []byte(layout), 0o600); err != nil {
			t.Fatal(err)
		}
		s := sitetest.Start(t, sitetest.Config{Options: "pages " + dir + "\nsite {\nname Club\n}"})
		s.NewBrowser().Get(sitetest.LogoutPath)
		s.NewBrowser().Get(sitetest.LogoutPath)
		if lines := s.Logged(message); len(lines) != told {
			t.Errorf("%s: told %d times", layout, len(lines))
		}
	}
}
