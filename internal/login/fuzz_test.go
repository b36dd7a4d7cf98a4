package login_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	flow "github.com/caddy-instagram/caddy-instagram-auth/internal/login"
)

var callbackPattern = regexp.MustCompile(`^(code|state|error|error_reason|error_description|error_code|error_message|return_to)$`)

func FuzzHandOffQuery(f *testing.F) {
	for _, raw := range []string{"code=a&state=b&x=1", "c%6fde=a&&=", "x=%&y=1", "return_to=//evil.example", "return%5fto=x&code", "a=b&error+reason=x", ""} {
		f.Add(raw, "/")
		f.Add(raw, "/a?b=c&code=d#e")
	}
	f.Fuzz(func(t *testing.T, raw, returnTo string) {
		var want []string
		for _, pair := range strings.Split(raw, "&") {
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !attack.BadEscape.MatchString(name) && !callbackPattern.MatchString(attack.Unescaped(name)) {
				want = append(want, pair) // byte for byte
			}
		}
		got := strings.Split(flow.HandOffQuery(raw, returnTo), "&")
		last, named := strings.CutPrefix(got[len(got)-1], "return_to=")
		if !slices.Equal(got[:len(got)-1], want) || !named || attack.Unescaped(last) != returnTo || strings.ContainsAny(last, " &=#;?") {
			t.Errorf("%q becomes %q, want %q and %q", raw, got, want, returnTo)
		}
	})
}

// Whoever made a link, nobody is asked for more than what the site's operator has listed.
func FuzzA2_StepUpScope(f *testing.F) {
	stepUp := []string{"instagram_business_manage_comments", "instagram_business_manage_insights"}
	client, err := instagram.New(instagram.Config{API: instagram.InstagramLogin, AppID: "1", AppSecret: "s", Node: instagram.NodeMe, StepUp: stepUp})
	if err != nil {
		f.Fatal(err)
	}
	paths, err := address.New("", []string{"https://example.test/auth/"})
	if err != nil {
		f.Fatal(err)
	}
	logins := &flow.Flow{Shared: lifecycle.Shared{Paths: paths}, Client: client, StepUp: stepUp}
	for _, seed := range []string{
		"", "instagram_business_manage_comments", "instagram_business_basic,instagram_business_manage_comments", "instagram_business_manage_insights instagram_business_manage_insights", ",, ,",
		"instagram_business_content_publish", "instagram_business_manage_comments&redirect_uri=x", "INSTAGRAM_BUSINESS_BASIC", "instagram_business_manage_comments\n", "instagram_business_manage_comments,\xff",
	} {
		f.Add(seed, "/page?x=1")
	}
	f.Fuzz(func(t *testing.T, scope, returnTo string) {
		var want []string
		known := true
		for _, name := range regexp.MustCompile(`[^, ]+`).FindAllString(scope, -1) {
			switch {
			case slices.Contains(stepUp, name) && !slices.Contains(want, name):
				want = append(want, name)
			case !slices.Contains(stepUp, name) && name != "instagram_business_basic":
				known = false
			}
		}
		more, err := logins.ExtraScopes([]string{scope})
		if (err == nil) != known || known && !slices.Equal(more, want) {
			t.Fatalf("%q asks for %q, %v; want %q, %v", scope, more, err, want, known)
		}
		if err != nil {
			if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 64*4+100 {
				t.Errorf("%q gives %q", scope, text)
			}
			return
		}
		window, _ := url.Parse(client.AuthorizationURL(instagram.Authorization{RedirectURI: "https://example.test/auth/", State: "state", More: more}))
		query := window.Query()
		if got := query["scope"]; len(got) != 1 || got[0] != strings.Join(append([]string{"instagram_business_basic"}, want...), ",") || len(query) != 5 {
			t.Errorf("%q: the window is asked for %q", scope, window)
		}
		button, err := url.Parse(paths.LoginURL(returnTo, more...))
		if err != nil || button.Host != "" || button.Path != "/instagram_auth/login" || len(button.Query()["scope"]) > 1 || button.Query().Get("scope") != strings.Join(want, ",") ||
			returnTo != "" && returnTo != "/" && button.Query().Get("return_to") != returnTo {
			t.Errorf("%q: the button leads to %q, %v", scope, button, err)
		}
	})
}
