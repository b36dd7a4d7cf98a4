package doctor_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// filtered is an access log that leaves out what the example's leaves out.
func filtered(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(project.Path("example/production.Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "{$SITE:localhost} {\n")
	block, _, _ := strings.Cut(rest, "\n\n")
	return block
}

func TestTheDoctorSaysWhatToLookAt(t *testing.T) {
	const tls, matcher, first = "tls internal", "instagram_auth /private*", "app_id"
	for _, c := range []struct {
		name    string
		config  sitetest.Config
		before  func(*sitetest.DoctorEnv)
		changes []string
		words   []string // none: nothing to look at
	}{
		{"a path that is one address", sitetest.Config{}, nil, []string{matcher, "instagram_auth /members"}, []string{"matcher: ", "/members*"}},
		{"a file", sitetest.Config{}, nil, []string{matcher, "instagram_auth /members/list.html"}, nil},
		{"the whole site", sitetest.Config{}, nil, []string{matcher, "instagram_auth"}, nil},
		{"everything, as a matcher", sitetest.Config{}, nil, []string{matcher, "instagram_auth *"}, nil},
		{"another matcher", sitetest.Config{}, nil, []string{tls, tls + "\n@m not path /public/*", matcher, "instagram_auth @m"}, nil},
		{"a site that asks itself", sitetest.Config{}, nil, []string{matcher, "instagram_auth", first, "after_login handoff\napp_id"}, []string{"matcher: ", "nothing is protected", "/instagram_auth/login"}},
		{"a secret that is not Meta's", sitetest.Config{}, nil, []string{sitetest.AppSecret, strings.Repeat("g", 32)}, []string{"secrets: ", "32 hex digits"}},
		{"no slash", sitetest.Config{Redirects: []string{sitetest.Origin + "/cb"}}, nil, []string{sitetest.RedirectURI, sitetest.Origin + "/cb"}, []string{"redirect_uri: ", "no slash at its end"}},
		{"another port", sitetest.Config{}, nil, []string{"example.test {", "example.test:8443 {"}, []string{"redirect_uri: ", "listens on :8443", "proxy"}},
		{"plain http behind a proxy", sitetest.Config{Redirects: []string{sitetest.Origin + ":8443/auth/"}}, nil, []string{"example.test {", "http://example.test:8443 {", tls, "", sitetest.RedirectURI, sitetest.Origin + ":8443/auth/"}, []string{"redirect_uri: ", "speaks plain http"}},
		{"two doors", sitetest.Config{}, nil, []string{"example.test {", "http://example.test, https://example.test {", tls, ""}, nil},
		{"the default log, redacted", sitetest.Config{}, nil, []string{tls, tls + "\nlog"}, nil},
		{"the default log", sitetest.Config{}, nil, []string{"log default", "log not_default"}, []string{"logs: ", "the log default,", "write format instagram_auth"}},
		{"a log", sitetest.Config{}, nil, []string{tls, tls + "\nlog {\noutput stderr\n}"}, []string{"logs: ", "the log log0", "write format instagram_auth"}},
		{"trusted_proxies", sitetest.Config{}, nil, []string{"admin ", "servers {\ntrusted_proxies static 10.0.0.0/8\n}\nadmin "}, []string{"proxies: ", "trusted_proxies without trusted_proxies_strict"}},
		{"trusted_proxies_strict", sitetest.Config{}, nil, []string{"admin ", "servers {\ntrusted_proxies static 10.0.0.0/8\ntrusted_proxies_strict\n}\nadmin "}, nil},
		{"no admin endpoint", sitetest.Config{}, nil, []string{"localhost:2019", "off"}, []string{"admin: ", "admin off: neither caddy reload nor caddy instagram-auth revoke"}},
		{"an admin endpoint for everybody", sitetest.Config{}, nil, []string{"localhost:2019", ":2019"}, []string{"admin: ", "listens on :2019"}},
		{"an admin endpoint on a socket", sitetest.Config{}, nil, []string{"localhost:2019", "unix//run/caddy.sock"}, nil},
		{"an app secret as the session secret", sitetest.Config{}, nil, []string{sitetest.DoctorSecret, sitetest.AppSecret}, []string{"secrets: ", "derived from the app secret"}},
		{"no session secret", sitetest.Config{}, nil, []string{"session {", "log {", "secret " + sitetest.DoctorSecret, "username on"}, []string{"secrets: ", "derived from the app secret"}},
		{"a session secret that repeats itself", sitetest.Config{}, nil, []string{sitetest.DoctorSecret, strings.Repeat("0123", 8)}, []string{"secrets: ", "value 1 is easy to guess"}},
		{"a host without redirect URI", sitetest.Config{}, nil, []string{"example.test {", "example.test, www.example.test {"}, []string{"redirect_uri: ", "nobody can sign in on www.example.test", "sent to https://example.test"}},
		{"a wildcard host", sitetest.Config{}, nil, []string{"example.test {", "*.test {"}, []string{"redirect_uri: ", "of *.test, visitors can sign in only on example.test"}},
		{"capital letters in a host", sitetest.Config{Redirects: []string{"https://Example.test/auth/"}}, nil, []string{sitetest.RedirectURI, "https://Example.test/auth/"}, []string{"redirect_uri: ", "capital letters"}},
		{"SameSite=None for all cookies", sitetest.Config{}, nil, []string{tls, tls + "\nheader >Set-Cookie (.*) \"$1; SameSite=None; Secure\""}, []string{"cookies: ", "SameSite=None"}},
		{"a log that is half filtered", sitetest.Config{}, nil, []string{tls, tls + "\nlog {\nformat filter {\nwrap json\nrequest>uri query {\nreplace code x\n}\nrequest>headers delete\nresp_headers delete\n}\n}"}, []string{"logs: ", "log0 (request>uri)"}},
		{"a log that is filtered", sitetest.Config{}, nil, []string{tls, tls + "\n" + filtered(t)}, nil},
		{"a log that goes nowhere", sitetest.Config{}, nil, []string{tls, tls + "\nlog {\noutput discard\n}"}, nil},
		{"a log by name", sitetest.Config{}, nil, []string{tls, tls + "\nlog mine {\noutput stderr\n}"}, []string{"logs: ", "mine"}},
		{"a limit that is reached", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.RateLimit}), nil, []string{"app: ", "rate limit"}},
		{"an unreadable app", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Answer, Status: 400, Body: codeNotFound, Header: map[string][]string{"Date": {"x"}}}), nil, nil},
		{"basic_display", sitetest.Config{Api: instagram.BasicDisplay}, nil, []string{first, "api basic_display\napp_id"}, nil},
		{"a redirect that another host gets", sitetest.Config{}, nil, []string{tls, tls + "\n@x host x.test\nredir @x /auth/"}, nil},
		{"a named route", sitetest.Config{}, nil, []string{"example.test {", "&(signin) {", tls, "", "respond hello", "}\nexample.test {\ntls internal\ninvoke signin\nrespond hello"}, nil},
		{"a rewrite in front", sitetest.Config{Redirects: []string{sitetest.Origin + "/shop/auth/"}}, nil, []string{tls, tls + "\nroot /srv\nhandle_path /shop/* {", "respond hello", "respond hello\n}", sitetest.RedirectURI, sitetest.Origin + "/shop/auth/", first, "path_prefix /shop/login\napp_id"}, nil},
		{"a file server that lets others answer", sitetest.Config{}, nil, []string{tls, tls + "\nroute {\nfile_server {\npass_thru\n}", "respond hello", "respond hello\n}"}, []string{"matcher: ", "answered by file_server", "there is such a file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := sitetest.NewDoctorEnv(t, c.config)
			if c.before != nil {
				c.before(env)
			}
			out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File(c.changes...))
			if (err == nil) == strings.Contains(out, "✗") {
				t.Errorf("%v:\n%s", err, out)
			}
			if len(c.words) > 0 {
				sitetest.WantFault(t, "!", out, c.words...)
			} else if strings.Contains(out, "! ") {
				t.Errorf("there is something to look at:\n%s", out)
			}
		})
	}
}

func TestTheDoctorSaysThatCaddySpeaksTLS(t *testing.T) {
	const uri = "http://localhost:8443/auth/"
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{uri}})
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File("example.test {", "localhost:8443 {", sitetest.RedirectURI, uri))
	if err != nil || !strings.Contains(out, "! redirect_uri: "+uri+" reaches this block, but Caddy speaks TLS there") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheDoctorReadsJSONAndOtherNames(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	content, err := os.ReadFile(env.File())
	if err != nil {
		t.Fatal(err)
	}
	config, err := sitetest.Adapt(string(content))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct{ file, adapter, says string }{
		{write("caddy.json", string(config)), "", "✓ load"},
		{write("site.Caddyfile", string(content)), "", "✓ load"},
		{write("site.txt", string(content)), "caddyfile", "✓ load"},
		{write("site.txt", string(content)), "", "add --adapter caddyfile"},
		{write("caddy.json", strings.Replace(string(config), `"listen":[`, `"listens":[`, 1)), "", "does not load"},
		{write("caddy.json", `{"apps":{"http":{"servers":[]}}}`), "", "decoding the http app"},
		{write("caddy.json", `{}`), "", "no instagram_auth"},
		{write("caddy.json", strings.Replace(string(config), `"file_system"`, `"no_such"`, 1)), "", "✗ storage"},
		{write("caddy.json", strings.Replace(string(config), `"protect"`, `"protects"`, 1)), "", "protects"},
		{filepath.Join(t.TempDir(), "Caddyfile"), "", "cannot read the configuration"},
	} {
		out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "-c", c.file, "-a", c.adapter)
		if !strings.Contains(out, c.says) || (err == nil) != strings.HasPrefix(c.says, "✓") {
			t.Errorf("%s with adapter %q: %v\n%s", c.file, c.adapter, err, out)
		}
	}
}
