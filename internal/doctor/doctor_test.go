package doctor_test

import (
	"bytes"
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

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestTheDoctorFindsNothingWrongWithAGoodSite(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File())
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
	if _, err := os.Stat(filepath.Join(env.Storage, "instagram_auth", "doctor")); err == nil {
		if left, _ := os.ReadDir(filepath.Join(env.Storage, "instagram_auth", "doctor")); len(left) > 0 {
			t.Errorf("left in the storage: %v", left)
		}
	}
}

// codeNotFound is how Instagram answers a made-up code.
const codeNotFound = `{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}`

// says makes the simulator answer with one of Instagram's errors.
func says(endpoint simulator.Endpoint, message string) func(*sitetest.DoctorEnv) {
	body := fmt.Sprintf(`{"error_type":"OAuthException","code":400,"error_message":%q}`, message)
	return misdeed(endpoint, simulator.Fault{Kind: simulator.Answer, Status: http.StatusBadRequest, Body: body})
}

func misdeed(endpoint simulator.Endpoint, fault simulator.Fault) func(*sitetest.DoctorEnv) {
	return func(env *sitetest.DoctorEnv) { env.Instagram.Misbehave(endpoint, fault) }
}

// storageOnAFile puts the storage below a file, where nothing can be written.
func storageOnAFile(env *sitetest.DoctorEnv) {
	file := filepath.Join(env.T.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		env.T.Fatal(err)
	}
	env.Storage = filepath.Join(file, "storage")
}

func strangeCertificate(env *sitetest.DoctorEnv) {
	server := httptest.NewUnstartedServer(env.Instagram)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	env.T.Cleanup(server.Close)
	env.Endpoints = server.URL
}

func TestTheDoctorNamesTheFault(t *testing.T) {
	past := http.Header{"Date": {time.Now().Add(-2 * time.Hour).UTC().Format(http.TimeFormat)}}
	second := "redirect_uri " + sitetest.RedirectURI
	tls := "tls internal"
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	for _, c := range []struct {
		name    string
		config  sitetest.Config
		before  func(*sitetest.DoctorEnv)
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
		{"in a route for other addresses", sitetest.Config{}, nil, []string{tls, tls + "\nhandle /shop/* {", "respond hello", "respond hello\n}", "instagram_auth /private*", "instagram_auth /shop/private*"}, []string{"redirect_uri: ", "does not reach this block"}},
		{"a matcher for other addresses than the route's", sitetest.Config{Redirects: []string{"https://example.test/shop/auth/"}}, nil, []string{tls, tls + "\nhandle /shop/* {", "respond hello", "respond hello\n}", "/auth/", "/shop/auth/", "app_id", "path_prefix /shop/instagram_auth\napp_id"}, []string{"matcher: ", "nothing is protected", "compare the matcher"}},
		{"callback shadowed", sitetest.Config{}, nil, []string{tls, tls + "\nredir /instagram_auth/deauthorize /elsewhere"}, []string{"callbacks: ", "answered by redir"}},
		{"development mode", sitetest.Config{Testers: []string{}}, nil, nil, []string{"window: ", "development mode"}},
		{"scope", sitetest.Config{}, says(simulator.Window, "Invalid scope: ['instagram_business_basic']"), nil, []string{"window: ", "scope names a permission"}},
		{"no scope", sitetest.Config{}, says(simulator.Window, "No valid scopes requested"), nil, []string{"window: ", "scope names no permission"}},
		{"clock", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Answer, Status: 400, Header: past, Body: codeNotFound}), nil, []string{"clock: ", "2h0m", "NTP"}},
		{"storage", sitetest.Config{}, storageOnAFile, nil, []string{"storage: ", "writing"}},
		{"unreachable", sitetest.Config{}, func(env *sitetest.DoctorEnv) { env.Endpoints = "http://127.0.0.1:1" }, nil, []string{"network: ", "refused", "firewall"}},
		{"certificate", sitetest.Config{}, strangeCertificate, nil, []string{"network: ", "unknown authority"}},
		{"a page", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.HTML}), nil, []string{"app: ", "not JSON", "proxy"}},
		{"a token for nothing", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Answer, Body: `{"access_token":"IGAAx","user_id":1}`}), nil, []string{"app: ", "made-up code"}},
		{"words that nobody knows", sitetest.Config{}, says(simulator.Token, "The moon is full"), nil, []string{"app: ", "The moon is full", "dashboard"}},
		{"down", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Status502}), nil, []string{"app: ", "JSON", "Instagram failed"}},
		{"hanging", sitetest.Config{}, misdeed(simulator.Token, simulator.Fault{Kind: simulator.Hang}), []string{"app_id", "timeout 300ms\napp_id"}, []string{"network: ", "in time"}},
		{"no secret", sitetest.Config{}, nil, []string{sitetest.AppSecret, "{env.NO_SUCH_VARIABLE}"}, []string{"options: ", "app_secret (", "Caddyfile:16", "NO_SUCH_VARIABLE"}},
		{"the other Instagram API", sitetest.Config{}, nil, []string{"app_id", "api basic_display\napp_id"}, []string{"window: ", "user_profile", "and with api"}},
		{"an unknown option", sitetest.Config{}, nil, []string{"app_id", "app_key x\napp_id"}, []string{"load: ", "Caddyfile:15", "app_key"}},
		{"a secret on a line of its own", sitetest.Config{}, nil, []string{"app_secret " + sitetest.AppSecret, "app_secret {env.TEST_SECRET}\n" + sitetest.AppSecret}, []string{"load: ", "Caddyfile:17", "unrecognized option"}},
		{"no block", sitetest.Config{}, nil, []string{"instagram_auth /private* {", "vars {", "session {\n\t\t\tsecret " + sitetest.DoctorSecret + "\n\t\t}", ""}, []string{"blocks: ", "no instagram_auth"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := sitetest.NewDoctorEnv(t, c.config)
			if c.before != nil {
				c.before(env)
			}
			out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File(c.changes...))
			if err == nil {
				t.Errorf("the command succeeds:\n%s", out)
			}
			sitetest.WantFault(t, "✗", out, c.words...)
		})
	}
}

func TestTheDoctorSpeaksJSON(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--json", "--config", env.File(sitetest.AppSecret, strings.Repeat("0123", 8)))
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
		if check.Status == "error" {
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

func TestTheDoctorReadsStandardInputAndEnvironmentFiles(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	content, err := os.ReadFile(env.File(sitetest.AppSecret, "{env.TEST_SECRET_OF_FILE}"))
	if err != nil {
		t.Fatal(err)
	}
	sitetest.InFolder(t, map[string]string{"one": "TEST_OTHER_OF_FILE=1\n", "two": "export TEST_SECRET_OF_FILE='" + sitetest.AppSecret + "'\n"})
	t.Cleanup(func() { _ = os.Unsetenv("TEST_SECRET_OF_FILE"); _ = os.Unsetenv("TEST_OTHER_OF_FILE") })
	doctor := func(args ...string) (string, error) {
		return sitetest.RunCaddy(t, bytes.NewReader(content), io.Discard, append([]string{"doctor", "--config", "-", "--adapter", "caddyfile"}, args...)...)
	}
	out, err := doctor()
	if err == nil || !strings.Contains(out, "standard input:16") || !strings.Contains(out, "TEST_SECRET_OF_FILE") {
		t.Errorf("without the environment: %v\n%s", err, out)
	}
	out, err = doctor("--envfile", "one", "--envfile", "two")
	if err != nil || !strings.Contains(out, "✓ load: standard input loads") || strings.Contains(out, sitetest.AppSecret) {
		t.Errorf("with environment files: %v\n%s", err, out)
	}
	if _, err := doctor("--browser"); err == nil || !strings.Contains(err.Error(), "name the configuration's file") {
		t.Errorf("with --browser: %v", err)
	}
}

func TestTheDoctorLeavesNothingInTheStorage(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File("respond hello", "acme_server\nrespond hello"))
	if err != nil || !strings.Contains(out, "✓ storage") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, folder := range []string{env.Storage, os.Getenv("XDG_DATA_HOME")} {
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left in %s: %v, %v", folder, left, err)
		}
	}
}

// The doctor runs in another shell than Caddy.
func TestTheDoctorSaysThatItSeesOtherSecretsThanCaddy(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	t.Setenv("ROTATION_TEST_SECRET", sitetest.OlderSecret)
	admin := sitetest.FreeAddr(t)
	changes := []string{"admin localhost:2019", "admin " + admin, sitetest.DoctorSecret, "{env.ROTATION_TEST_SECRET}", "tls internal", "", "example.test {", "http://example.test:" + sitetest.Port(sitetest.FreeAddr(t)) + " {"}
	file := env.File(changes...)
	report := func() string {
		t.Helper()
		out, _ := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", file)
		for _, secret := range []string{sitetest.AppSecret, sitetest.OlderSecret, sitetest.NewerSecret} {
			if strings.Contains(out, secret) {
				t.Error("a secret is in the report")
			}
		}
		return out
	}
	older, newer := session.Fingerprint(sitetest.OlderSecret), session.Fingerprint(sitetest.NewerSecret)
	if out := report(); !strings.Contains(out, "session secret "+older+"; {env.ROTATION_TEST_SECRET}: the doctor read the variables of this shell") {
		t.Errorf("without a Caddy:\n%s", out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config, err := sitetest.Adapt(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	if out := report(); !strings.Contains(out, "✓ secrets: fingerprints: app_secret "+session.Fingerprint(sitetest.AppSecret)+"; session secret "+older+"; the running Caddy has the same") {
		t.Errorf("with the same secrets:\n%s", out)
	}
	t.Setenv("ROTATION_TEST_SECRET", sitetest.NewerSecret)
	out := report()
	if !strings.Contains(out, "! secrets: the running Caddy has other secrets") || !strings.Contains(out, "session secret "+older+"; here it is") ||
		!strings.Contains(out, newer) || !strings.Contains(out, "use {file./absolute/path}") {
		t.Errorf("with other secrets:\n%s", out)
	}
}
