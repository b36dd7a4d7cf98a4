package instagram_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

const (
	appID       = "990602627938098"
	appSecret   = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	redirectURI = "https://example.test/auth/"
	userID      = "17841405793187218"
	appScopedID = "25025320793187218"
	token       = "IGQVJplanted.TOKEN-0123456789"
)

func config(api instagram.API) instagram.Config {
	return instagram.Config{API: api, AppID: appID, AppSecret: appSecret}
}

func TestAWrongConfigurationNamesTheOption(t *testing.T) {
	for _, c := range []struct {
		option string
		change func(*instagram.Config)
	}{
		{"api", func(c *instagram.Config) { c.API = "graph" }},
		{"app_id", func(c *instagram.Config) { c.AppID = "" }},
		{"app_id", func(c *instagram.Config) { c.AppID = "12a" }},
		{"app_id", func(c *instagram.Config) { c.AppID = strings.Repeat("1", 33) }},
		{"app_secret", func(c *instagram.Config) { c.AppSecret = "" }},
		{"user_node", func(c *instagram.Config) { c.Node = "you" }},
		{"scope", func(c *instagram.Config) { c.Scopes = []string{"user_profile"} }},
		{"scope", func(c *instagram.Config) {
			c.Scopes = []string{"instagram_business_basic", "instagram_business_basic"}
		}},
		{"require_scope", func(c *instagram.Config) { c.Required = []string{"instagram_business_manage_comments"} }},
		{"step_up", func(c *instagram.Config) { c.StepUp = []string{"instagram_business_basic"} }},
		{"step_up", func(c *instagram.Config) { c.StepUp = []string{"user_media"} }},
		{"step_up", func(c *instagram.Config) { c.API, c.StepUp = instagram.BasicDisplay, []string{"user_media"} }},
		{"fields", func(c *instagram.Config) { c.Fields = []string{"username"} }},
		{"fields", func(c *instagram.Config) { c.Fields = []string{"name&access_token=x"} }},
		{"fields", func(c *instagram.Config) { c.API, c.Fields = instagram.BasicDisplay, []string{"name"} }},
		{"authorize", func(c *instagram.Config) { c.Authorize = []instagram.Param{{Name: "state", Value: "true"}} }},
		{"authorize", func(c *instagram.Config) { c.Authorize = []instagram.Param{{Name: "force_reauth", Value: "yes&x=1"}} }},
		{"authorize", func(c *instagram.Config) { c.Authorize = []instagram.Param{{Name: "force_reauth", Value: "1"}} }},
		{"authorize", func(c *instagram.Config) { c.Authorize = []instagram.Param{{Name: "enable_fb_login", Value: "2"}} }},
		{"fields", func(c *instagram.Config) { c.API, c.Fields = instagram.BasicDisplay, []string{"biography"} }},
		{"authorize", func(c *instagram.Config) {
			c.API, c.Authorize = instagram.BasicDisplay, []instagram.Param{{Name: "force_reauth", Value: "true"}}
		}},
		{"endpoints", func(c *instagram.Config) { c.Endpoints.Token = "http://example.com/token" }},
		{"endpoints", func(c *instagram.Config) { c.Endpoints.Graph = "https://u:p@example.com" }},
		{"endpoints", func(c *instagram.Config) { c.Endpoints.Authorize = "https://example.com/?x=1" }},
		{"endpoints", func(c *instagram.Config) { c.Endpoints.Graph = "//example.com" }},
		{"endpoints", func(c *instagram.Config) { c.Endpoints.Graph = "ftp://example.com" }},
	} {
		bad := config(instagram.InstagramLogin)
		c.change(&bad)
		_, err := instagram.New(bad)
		wrong, ok := errors.AsType[*instagram.ConfigError](err)
		if !ok || wrong.Option != c.option || !strings.HasPrefix(err.Error(), c.option+": ") || strings.Contains(err.Error(), appSecret) {
			t.Errorf("%s: %v", c.option, err)
		}
	}
}

func TestA2_AuthorizationURLsAreThoseOfTheDocumentation(t *testing.T) {
	for _, c := range []struct {
		name   string
		config instagram.Config
		want   string
	}{
		{"basic_display", config(instagram.BasicDisplay), "https://api.instagram.com/oauth/authorize?client_id=990602627938098&response_type=code&scope=user_profile%2Cuser_media&redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F&state=S-_"},
		{"instagram_login", config(""), "https://www.instagram.com/oauth/authorize?client_id=990602627938098&response_type=code&scope=instagram_business_basic&redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F&state=S-_"},
		{"with parameters", instagram.Config{
			AppID: appID, AppSecret: appSecret, Scopes: []string{"instagram_business_basic", "instagram_business_manage_comments"},
			Authorize: []instagram.Param{{Name: "enable_fb_login", Value: "false"}, {Name: "force_reauth", Value: "true"}},
		}, "https://www.instagram.com/oauth/authorize?client_id=990602627938098&response_type=code&scope=instagram_business_basic%2Cinstagram_business_manage_comments&enable_fb_login=false&force_reauth=true&redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F&state=S-_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := instagram.New(c.config)
			if err != nil {
				t.Fatal(err)
			}
			if got := client.AuthorizationURL(instagram.Authorization{RedirectURI: redirectURI, State: "S-_"}); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			u, err := url.Parse(client.AuthorizationURL(instagram.Authorization{RedirectURI: "https://a.test/?x=&y#z", State: "a&b=c"}))
			if err != nil || u.Query().Get("state") != "a&b=c" || u.Query().Get("redirect_uri") != "https://a.test/?x=&y#z" {
				t.Errorf("values break out of their places: %s", u)
			}
		})
	}
}

func TestDefaultsOfTheTimeoutAndLoopback(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://mirror.example/v25.0/"} {
		c := config(instagram.InstagramLogin)
		c.Endpoints, c.Timeout = instagram.Endpoints{Authorize: base, Token: base, Graph: base}, time.Second
		if _, err := instagram.New(c); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
}
