package instagramauth_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// clinic is a configuration for the doctor, and a simulated Instagram.
type clinic struct {
	t         *testing.T
	instagram *simulator.Simulator
	endpoints string
	storage   string
}

func newClinic(t *testing.T, c sitetest.Config) *clinic {
	t.Helper()
	k := &clinic{t: t, storage: sitetest.StorageDir(t)}
	k.instagram, k.endpoints = sitetest.NewInstagram(t, c)
	return k
}

// clinicSecret is the session secret of the usual site.
const clinicSecret = "5c1f0b7e9d3a48c2b6e07f1d9a2c4e8b"

// file writes a Caddyfile with the usual site, changed.
func (k *clinic) file(changes ...string) string {
	k.t.Helper()
	text := fmt.Sprintf(`{
	admin localhost:2019
	storage file_system %s
	log default {
		format filter {
			request>uri delete
			request>headers delete
			resp_headers delete
		}
	}
}
example.test {
	tls internal
	instagram_auth /private* {
		app_id %s
		app_secret %s
		redirect_uri %s
		endpoints %s
		session {
			secret %s
		}
	}
	respond hello
}
`, k.storage, sitetest.AppID, sitetest.AppSecret, sitetest.RedirectURI, k.endpoints, clinicSecret)
	name := filepath.Join(k.t.TempDir(), "Caddyfile")
	// A Caddy that runs on this machine must not be asked.
	text = strings.ReplaceAll(strings.NewReplacer(changes...).Replace(text), "localhost:2019", sitetest.FreeAddr(k.t))
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return name
}

// wantFault fails the test unless the report has one line with a fault, which has all these
// words in it.
func wantFault(t *testing.T, mark, report string, words ...string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(report) {
		if strings.Contains(line, mark+" ") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		t.Errorf("%d lines with %s:\n%s", len(lines), mark, report)
		return
	}
	for _, word := range words {
		if !strings.Contains(lines[0], word) {
			t.Errorf("%q does not say %q", lines[0], word)
		}
	}
	if strings.Contains(report, sitetest.AppSecret) {
		t.Error("the secret is in the report")
	}
}

func TestTheDoctorFindsNothingWrongWithAGoodSite(t *testing.T) {
	k := newClinic(t, sitetest.Config{})
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", k.file())
	if err != nil || strings.Contains(out, "✗") || strings.Contains(out, "! ") || strings.Contains(out, sitetest.AppSecret) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, field := range []string{
		"Valid OAuth redirect URI   " + sitetest.RedirectURI + "\n",
		"Deauthorize callback URL   " + sitetest.Origin + "/instagram_auth/deauthorize\n",
		"Data deletion request URL  " + sitetest.Origin + "/instagram_auth/data_deletion\n",
	} {
		if !strings.Contains(out, field) {
			t.Errorf("the report has no line %q:\n%s", field, out)
		}
	}
	for _, check := range []string{"load", "storage", "options", "secrets", "api", "redirect_uri", "callbacks", "matcher", "cookies", "logs", "proxies", "admin", "network", "app", "window", "clock"} {
		if !strings.Contains(out, "✓ "+check+": ") {
			t.Errorf("no check of %s:\n%s", check, out)
		}
	}
	if _, err := os.Stat(filepath.Join(k.storage, "instagram_auth", "doctor")); err == nil {
		if left, _ := os.ReadDir(filepath.Join(k.storage, "instagram_auth", "doctor")); len(left) > 0 {
			t.Errorf("left in the storage: %v", left)
		}
	}
}

// codeNotFound is how Instagram answers a made-up code.
const codeNotFound = `{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}`

// says makes the simulator answer with one of Instagram's errors.
func says(endpoint simulator.Endpoint, message string) func(*clinic) {
	body := fmt.Sprintf(`{"error_type":"OAuthException","code":400,"error_message":%q}`, message)
	return misdeed(endpoint, simulator.Fault{Kind: simulator.Answer, Status: http.StatusBadRequest, Body: body})
}

func misdeed(endpoint simulator.Endpoint, fault simulator.Fault) func(*clinic) {
	return func(k *clinic) { k.instagram.Misbehave(endpoint, fault) }
}

// storageOnAFile puts the storage below a file, where nothing can be written.
func storageOnAFile(k *clinic) {
	file := filepath.Join(k.t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		k.t.Fatal(err)
	}
	k.storage = filepath.Join(file, "storage")
}

func strangeCertificate(k *clinic) {
	server := httptest.NewUnstartedServer(k.instagram)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	k.t.Cleanup(server.Close)
	k.endpoints = server.URL
}

func TestTheDoctorNamesTheFault(t *testing.T) {
	past := http.Header{"Date": {time.Now().Add(-2 * time.Hour).UTC().Format(http.TimeFormat)}}
	second := "redirect_uri " + sitetest.RedirectURI
	tls := "tls internal"
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	for _, c := range []struct {
		name    string
		config  sitetest.Config
		before  func(*clinic)
		changes []string
		words   []string
	}{
		{"wrong secret", sitetest.Config{}, nil, []string{sitetest.AppSecret, strings.Repeat("0123", 8)}, []string{"app: ", "client secret", "app_secret is wrong"}},
		{"the ID of the Facebook app", sitetest.Config{}, nil, []string{sitetest.AppID, "123456789012345"}, []string{"app: ", "platform app", "not the Facebook app ID"}},
		{"no such ID", sitetest.Config{}, says(simulator.Token, "Invalid client_id"), nil, []string{"app: ", "app_id is wrong"}},
		{"swapped", sitetest.Config{}, nil, []string{"app_id " + sitetest.AppID, "app_id " + sitetest.AppSecret, "app_secret " + sitetest.AppSecret, "app_secret " + sitetest.AppID}, []string{"load: ", "app_id", "Caddyfile:15", "app_secret"}},
		{"swapped in the environment", sitetest.Config{}, nil, []string{"app_id " + sitetest.AppID, "app_id {env.TEST_SECRET}", "app_secret " + sitetest.AppSecret, "app_secret " + sitetest.AppID}, []string{"options: ", "swapped"}},
		{"slash missing", sitetest.Config{}, nil, []string{sitetest.RedirectURI, sitetest.Origin + "/auth"}, []string{"window: ", sitetest.Origin + "/auth says", "slash included"}},
		{"slash too many", sitetest.Config{Redirects: []string{sitetest.Origin + "/cb"}}, nil, []string{sitetest.RedirectURI, sitetest.Origin + "/cb/"}, []string{"window: ", sitetest.Origin + "/cb/", "slash included"}},
		{"redirect URI in the exchange", sitetest.Config{}, says(simulator.Token, "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"), nil, []string{"app: ", "redirect_uri differs"}},
		{"plain http", sitetest.Config{}, nil, []string{sitetest.RedirectURI, "http://example.test/auth/"}, []string{"load: ", "redirect_uri", "Caddyfile:17", "plain http"}},
		{"host not served", sitetest.Config{Redirects: []string{"https://third.test/auth/"}}, nil, []string{second, second + " https://third.test/auth/"}, []string{"redirect_uri: ", "https://third.test/auth/ is not served"}},
		{"no host of it served", sitetest.Config{}, nil, []string{"example.test {", "else.test {"}, []string{"load: ", "redirect_uri (", "not an address of this site"}},
		{"shadowed", sitetest.Config{}, nil, []string{tls, tls + "\nredir /auth/ /elsewhere"}, []string{"redirect_uri: ", "answered by redir"}},
		{"in a route for other addresses", sitetest.Config{}, nil, []string{tls, tls + "\nhandle /shop/* {", "respond hello", "respond hello\n}", "instagram_auth /private*", "instagram_auth /shop/private*"}, []string{"redirect_uri: ", "does not get to this block"}},
		{"a matcher for other addresses than the route's", sitetest.Config{Redirects: []string{"https://example.test/shop/auth/"}}, nil, []string{tls, tls + "\nhandle /shop/* {", "respond hello", "respond hello\n}", "/auth/", "/shop/auth/", "app_id", "path_prefix /shop/instagram_auth\napp_id"}, []string{"matcher: ", "nothing is protected", "compare the matcher"}},
		{"callback shadowed", sitetest.Config{}, nil, []string{tls, tls + "\nredir /instagram_auth/deauthorize /elsewhere"}, []string{"callbacks: ", "answered by redir"}},
		{"development mode", sitetest.Config{Testers: []string{}}, nil, nil, []string{"window: ", "development mode"}},
		{"scope", sitetest.Config{}, says(simulator.Window, "Invalid scope: ['instagram_business_basic']"), nil, []string{"window: ", "scope names a permission"}},
		{"no scope", sitetest.Config{}, says(simulator.Window, "No valid scopes requested"), nil, []string{"window: ", "scope names no permission"}},
		{"clock", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Answer, Status: 400, Header: past, Body: codeNotFound}), nil, []string{"clock: ", "2h0m", "NTP"}},
		{"storage", sitetest.Config{}, storageOnAFile, nil, []string{"storage: ", "writing"}},
		{"unreachable", sitetest.Config{}, func(k *clinic) { k.endpoints = "http://127.0.0.1:1" }, nil, []string{"network: ", "refused", "firewall"}},
		{"certificate", sitetest.Config{}, strangeCertificate, nil, []string{"network: ", "unknown authority"}},
		{"a page", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.HTML}), nil, []string{"app: ", "not JSON", "proxy"}},
		{"a token for nothing", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Answer, Body: `{"access_token":"IGAAx","user_id":1}`}), nil, []string{"app: ", "made-up code"}},
		{"words that nobody knows", sitetest.Config{}, says(simulator.Token, "The moon is full"), nil, []string{"app: ", "The moon is full", "dashboard"}},
		{"down", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Status502}), nil, []string{"app: ", "JSON", "instagram itself fails"}},
		{"hanging", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Hang}), []string{"app_id", "timeout 300ms\napp_id"}, []string{"network: ", "in time"}},
		{"no secret", sitetest.Config{}, nil, []string{sitetest.AppSecret, "{env.NO_SUCH_VARIABLE}"}, []string{"options: ", "app_secret (", "Caddyfile:16", "NO_SUCH_VARIABLE"}},
		{"the other family", sitetest.Config{}, nil, []string{"app_id", "api basic_display\napp_id"}, []string{"window: ", "user_profile", "and with api"}},
		{"an unknown option", sitetest.Config{}, nil, []string{"app_id", "app_key x\napp_id"}, []string{"load: ", "Caddyfile:15", "app_key"}},
		{"a secret on a line of its own", sitetest.Config{}, nil, []string{"app_secret " + sitetest.AppSecret, "app_secret {env.TEST_SECRET}\n" + sitetest.AppSecret}, []string{"load: ", "Caddyfile:17", "unrecognized option"}},
		{"no block", sitetest.Config{}, nil, []string{"instagram_auth /private* {", "vars {", "session {\n\t\t\tsecret " + clinicSecret + "\n\t\t}", ""}, []string{"blocks: ", "no instagram_auth"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newClinic(t, c.config)
			if c.before != nil {
				c.before(k)
			}
			out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", k.file(c.changes...))
			if err == nil {
				t.Errorf("the command succeeds:\n%s", out)
			}
			wantFault(t, "✗", out, c.words...)
		})
	}
}

func TestTheDoctorSpeaksJSON(t *testing.T) {
	k := newClinic(t, sitetest.Config{})
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--json", "--config", k.file(sitetest.AppSecret, strings.Repeat("0123", 8)))
	var report struct {
		Checks []struct{ Instance, Check, Status, Message, Remedy string } `json:"checks"`
		Fields []struct {
			URIs []string `json:"oauth_redirect_uris"`
		} `json:"dashboard"`
	}
	if problem := json.Unmarshal([]byte(out), &report); err == nil || problem != nil {
		t.Fatalf("%v, %v:\n%s", err, problem, out)
	}
	wrong := 0
	for _, check := range report.Checks {
		if check.Status == "wrong" {
			wrong++
			if check.Instance != sitetest.RedirectURI || check.Check != "app" || check.Remedy == "" {
				t.Errorf("wrong is %+v", check)
			}
		}
	}
	if wrong != 1 || len(report.Fields) != 1 || len(report.Fields[0].URIs) != 1 || report.Fields[0].URIs[0] != sitetest.RedirectURI {
		t.Errorf("report = %s", out)
	}
}
