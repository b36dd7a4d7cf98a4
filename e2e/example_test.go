package e2e

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// inProject makes the project's folder the current one, where the README's commands
// are given.
func inProject(t *testing.T) {
	t.Helper()
	t.Chdir("..")
}

func TestTheDemosFileRunsByItself(t *testing.T) {
	inProject(t)
	port := freePort(t)
	instagram, upstream := freePort(t), freePort(t)
	runCaddy(t, filepath.Join("example", "Caddyfile"), []string{
		"DEMO_SITE=http://localhost:" + port, "DEMO_PORT=" + port, "DEMO_INSTAGRAM=http://localhost:" + instagram, "DEMO_UPSTREAM=" + upstream,
		"DEMO_STORAGE=" + t.TempDir(),
	}, "127.0.0.1:"+port, "127.0.0.1:"+instagram, "127.0.0.1:"+upstream)
	answer, err := http.Get("http://localhost:" + port + "/")
	if err != nil || !strings.Contains(body(t, answer), "Coffee and Cameras") {
		t.Fatalf("%v, %v", answer, err)
	}
}

func TestTheSiteWithBasicDisplayInABrowser(t *testing.T) {
	inProject(t)
	t.Cleanup(func() { _ = os.RemoveAll("demo-data") })
	runCaddy(t, filepath.Join("example", "basic-display.Caddyfile"), nil, "127.0.0.1:8081", "127.0.0.1:9101")
	origin := "http://localhost:8081"
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(origin+"/"), chromedp.WaitVisible("a.button"), chromedp.Click("a.button"), chromedp.WaitVisible("#allow"))
	run(t, tab, allow, chromedp.WaitVisible("table"))
	want(t, tab, origin+"/private/", "Hello, "+username)
	want(t, tab, origin+"/private/", userID)
	run(t, tab, chromedp.Navigate(origin+"/"), chromedp.WaitVisible("a.button"))
	want(t, tab, origin+"/", "Welcome back, "+username)

	// The visitor removes the app in the authorization window; Instagram tells the site.
	run(t, tab, chromedp.Navigate(origin+"/instagram_auth/login"), chromedp.WaitVisible("#allow"))
	run(t, tab, chromedp.Click(accountNamed(username)), chromedp.Click("details > summary"), chromedp.Click("#remove"), chromedp.WaitNotPresent("#allow"))
	run(t, tab, chromedp.Navigate(origin+"/"), chromedp.WaitVisible("a.button"))
	want(t, tab, origin+"/", "Anybody can read this page.")
}

func TestTheProductionFileRunsUnchanged(t *testing.T) {
	inProject(t)
	port := freePort(t)
	redirectURI := "https://example.test/auth/"
	p := runCaddy(t, filepath.Join("example", "production.Caddyfile"), []string{
		"SITE=http://:" + port, "INSTAGRAM_APP_ID=" + appID, "INSTAGRAM_APP_SECRET=" + appSecret, "INSTAGRAM_REDIRECT_URI=" + redirectURI,
		"UPSTREAM=" + serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the site")) })),
	}, "127.0.0.1:"+port)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) *http.Response {
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+port+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "example.test"
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if got := body(t, get("/public")); got != "the site" {
		t.Errorf("public page = %q", got)
	}
	answer := get("/private")
	defer answer.Body.Close()
	window, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || window.Scheme+"://"+window.Host+window.Path != "https://www.instagram.com/oauth/authorize" || window.Query().Get("redirect_uri") != redirectURI {
		t.Fatalf("the window is %q", answer.Header.Get("Location"))
	}
	state := window.Query().Get("state")
	code := "AQ" + strings.Repeat("SecretCode9-", 12)
	_ = body(t, get("/auth/?code="+code+"&state="+state))
	logs := p.out.String()
	if !strings.Contains(logs, "handled request") || !strings.Contains(logs, "REDACTED") {
		t.Errorf("there is no redacted access log:\n%s", logs)
	}
	for _, secret := range []string{state, code, appSecret} {
		if strings.Contains(logs, secret) {
			t.Errorf("the logs have %q", secret)
		}
	}
}

func TestNoExampleNamesASecretOfItsOwn(t *testing.T) {
	content, err := os.ReadFile("../example/production.Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "{env.INSTAGRAM_APP_SECRET}") {
		t.Error("the production file does not take the secret from the environment")
	}
}

func TestTheExamplesAreFormatted(t *testing.T) {
	inProject(t)
	for _, file := range []string{"Caddyfile", "basic-display.Caddyfile", "media.Caddyfile", "production.Caddyfile"} {
		if out, err := exec.Command(caddyBinary, "fmt", filepath.Join("example", file)).Output(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}
