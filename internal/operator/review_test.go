package operator_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// flat returns a text on one line, so that a test finds what is wrapped.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// reviewOf runs the command on a Caddyfile.
func reviewOf(t *testing.T, caddyfile string, args ...string) (out, talk string, err error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(name, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	return sitetest.RunCommand(t, append([]string{"review", "--config", name}, args...)...)
}

// reviewed is a block with options before those that every block needs. Its secrets are not set
// anywhere.
func reviewed(matcher string, options ...string) string {
	return "instagram_auth " + matcher + " {\n" + strings.Join(options, "\n") +
		"\napp_id {env.TEST_NOT_SET}\napp_secret {file./nowhere/secret}\nsession {\nsecret {env.TEST_NOT_SET_EITHER}\n}\n}\n"
}

func TestReviewPrintsTheTextsForEachBlock(t *testing.T) {
	file := "example.com, example.de {\n" +
		reviewed("/members*", "redirect_uri https://example.com/cb/ https://example.de/cb/", "path_prefix /ig", "login_page") +
		"}\nshop.example {\n" + reviewed("", "redirect_uri https://shop.example/auth/", "scope instagram_business_basic", "step_up instagram_business_manage_insights", "token {\nforward_as X-Token\n}", "site {\nname \"Shop of Mine\"\nprivacy /privacy\nhelp mailto:help@shop.example\n}") + "}\n" +
		"old.example {\n" + reviewed("", "api basic_display", "redirect_uri https://old.example/auth/") + "}\n"
	out, talk, err := reviewOf(t, file)
	if err != nil || talk != "" {
		t.Fatalf("%v\n%s%s", err, out, talk)
	}
	for _, want := range []string{
		"Meta's App Review for example.com\n", "\n    https://example.com/cb/\n    https://example.de/cb/\n", "\n    https://example.com/ig/deauthorize\n",
		"\n    https://example.com/ig/data_deletion\n", "Open https://example.com/members, signed out.", "Open https://example.com/ig/account.",
		"Meta's App Review for Shop of Mine\n", "\n    https://shop.example/privacy\n", "A member can also turn to help@shop.example.", "https://shop.example/instagram_auth/login?scope=instagram_business_manage_insights",
		"Meta's App Review for old.example\n", "switched that API off on 2024-12-04",
		"blob/main/docs/before-you-start.md", "blob/main/docs/app-review.md",
	} {
		if !strings.Contains(out+flat(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "SCRIPT FOR THE SCREENCAST"); n != 2 {
		t.Errorf("%d scripts", n)
	}
}

func TestReviewReadsStandardInput(t *testing.T) {
	caddyfile := "example.com {\n" + reviewed("", "redirect_uri {env.TEST_REDIRECT}") + "}\n"
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_REDIRECT", "https://example.com/from/environment/")
	for _, args := range [][]string{{"review", "--config", "-"}, {"review", "--config", "-", "--adapter", "caddyfile"}} {
		in := string(adapted)
		if len(args) > 3 {
			in = caddyfile
		}
		if out, err := sitetest.RunCaddy(t, strings.NewReader(in), io.Discard, args...); err != nil || !strings.Contains(out, "\n    https://example.com/from/environment/\n") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	// With an identifier for Caddy's API, a block is still the same.
	twice := strings.Replace(`{"apps":{"a":[B,I]}}`, "B", `{"handler":"instagram_auth","redirect_uri":["https://a.example/auth/"]}`, 1)
	twice = strings.Replace(twice, "I", `{"@id":"x","handler":"instagram_auth","redirect_uri":["https://a.example/auth/"]}`, 1)
	if out, err := sitetest.RunCaddy(t, strings.NewReader(twice), io.Discard, "review", "--config", "-"); err != nil || strings.Count(out, "Meta's App Review for") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestReviewFindsWhereASignInBegins(t *testing.T) {
	for matcher, want := range map[string]string{
		"/members*":                        "Open https://example.com/members, signed out.",
		"/members/*":                       "Open https://example.com/members/, signed out.",
		"/":                                "Open https://example.com/, signed out.",
		"*":                                "Open https://example.com/, signed out.",
		"":                                 "Open https://example.com/, signed out.",
		"@m":                               "Open https://example.com/b, signed out.",
		"@other":                           "Open https://example.com/instagram_auth/account, signed out.",
		"/members* {\nafter_login handoff": "Open https://example.com/members, signed out.",
	} {
		block := reviewed(matcher, "redirect_uri https://example.com/auth/", "login_page")
		block = strings.Replace(block, "handoff {\n", "handoff\n", 1)
		out, _, err := reviewOf(t, "example.com {\n@m path /a*b /b\n@other header X y\n"+block+"}\n")
		if err != nil || !strings.Contains(flat(out), want) {
			t.Errorf("%q: %v, no %q in\n%s", matcher, err, want, out)
		}
	}
	// A block in handle_path sees other paths than visitors ask for.
	out, _, err := reviewOf(t, "example.com {\nhandle_path /app/* {\n"+reviewed("/x*", "redirect_uri https://example.com/app/cb/", "path_prefix /app/ig", "login_page")+"}\n}\n")
	if err != nil || strings.Contains(out, "https://example.com/x") || !strings.Contains(flat(out), "Open https://example.com/app/ig/account, signed out.") {
		t.Errorf("in handle_path: %v\n%s", err, out)
	}
	out, _, err = reviewOf(t, "example.com {\n"+reviewed("", "redirect_uri https://example.com/auth/", "after_login handoff")+"}\n")
	if err != nil || !strings.Contains(flat(out), "Open [the page of your site with the login button], signed out.") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestReviewSaysWhatIsWrong(t *testing.T) {
	const uri = "redirect_uri https://example.com/auth/"
	for _, c := range []struct{ name, file, says, try string }{
		{"no block", "example.com {\nrespond hello\n}\n", "there is no instagram_auth in", "--config"},
		{"an option", "example.com {\n" + reviewed("", uri, "scope instagram_nothing") + "}\n", "instagram_nothing", ""},
		{"no such variable", "example.com {\n" + reviewed("", "redirect_uri {env.TEST_NOT_SET}") + "}\n", "TEST_NOT_SET", "doctor names the line"},
		{"a value", "example.com {\n" + reviewed("", "redirect_uri {env.TEST_WRONG}") + "}\n", "instagram_auth 1 of 1: redirect_uri: ", "doctor names the line"},
		{"a secret where an address belongs", "example.com {\n" + reviewed("", "redirect_uri {env.TEST_SECRET}") + "}\n", "redirect_uri: ", ""},
		{"a file that is another's", "example.com {\n" + reviewed("", "redirect_uri {file."+secretFile(t)+"}") + "}\n", "redirect_uri: ", ""},
		{"a brace", "example.com {\n", "adapting the configuration", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TEST_WRONG", "ftp://example.com/auth/")
			t.Setenv("TEST_SECRET", sitetest.AppSecret)
			out, talk, err := reviewOf(t, c.file)
			if err == nil || out != "" || !strings.HasPrefix(talk, "Error: ") || !strings.Contains(talk, c.says) || !strings.Contains(talk, c.try) {
				t.Errorf("%v\n%s%s", err, out, talk)
			}
			if strings.Contains(talk, sitetest.AppSecret) || strings.Contains(talk, "hunter") {
				t.Errorf("a secret: %s", talk)
			}
		})
	}
	for _, text := range []string{"null", `"x"`, "{}", `{"apps":null}`} {
		if out, err := sitetest.RunCaddy(t, strings.NewReader(text), io.Discard, "review", "--config", "-"); err == nil || out != "" || !strings.Contains(err.Error(), "no instagram_auth in standard input") {
			t.Errorf("%s: %v\n%s", text, err, out)
		}
	}
	for text, says := range map[string]string{
		`{`: "not valid JSON", `{"handler":"instagram_auth"}`: "redirect_uri: required", `{"handler":"instagram_auth","redirect_uri":7}`: "redirect_uri",
		`{"handler":"instagram_auth","redirect_uri":[null]}`: "redirect_uri",
	} {
		if out, err := sitetest.RunCaddy(t, strings.NewReader(text), io.Discard, "review", "--config", "-"); err == nil || out != "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v\n%s", text, err, out)
		}
	}
}

// secretFile returns a file with a secret that is no hex number.
func secretFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte("hunter two and three"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReviewHidesSecretsOfTheConfiguration(t *testing.T) {
	const passphrase = "A-passphrase-of-thirty-two-letters"
	t.Setenv("TEST_PASSPHRASE", passphrase)
	for name, secrets := range map[string]string{
		"written":            "app_secret " + sitetest.AppSecret + "\nsession {\nsecret " + passphrase + "\n}",
		"in the environment": "app_secret {env.TEST_APP_SECRET}\nsession {\nsecret {env.TEST_PASSPHRASE}\n}",
	} {
		t.Setenv("TEST_APP_SECRET", sitetest.AppSecret)
		out, talk, err := reviewOf(t, "example.com {\ninstagram_auth /"+strings.ToUpper(sitetest.AppSecret)+"* {\napp_id 1\nlogin_page\npath_prefix /my"+strings.ToLower(passphrase)+"site\nredirect_uri https://example.com/"+sitetest.AppSecret+"/ https://"+sitetest.AppSecret+".example.de/auth/\n"+secrets+"\n}\n}\n")
		if err != nil || strings.Contains(strings.ToLower(out+talk), sitetest.AppSecret) || strings.Contains(strings.ToLower(out+talk), strings.ToLower(passphrase)) || !strings.Contains(out, "… stands where") {
			t.Errorf("%s: %v\n%s%s", name, err, out, talk)
		}
	}
}

// The text names the button of the built-in page.
func TestReviewNamesTheButtonOfTheSignInPage(t *testing.T) {
	var words struct {
		SignIn struct {
			Link string `json:"link"`
		} `json:"sign_in"`
	}
	if err := json.Unmarshal([]byte(project.Read(t, "internal/refusal/words/en.json")), &words); err != nil {
		t.Fatal(err)
	}
	out, _, err := reviewOf(t, "example.com {\n"+reviewed("/m*", "redirect_uri https://example.com/auth/", "login_page")+"}\n")
	if err != nil || words.SignIn.Link == "" || !strings.Contains(out, "Press \""+words.SignIn.Link+"\".") {
		t.Errorf("the button says %q: %v\n%s", words.SignIn.Link, err, out)
	}
}
