package instagramauth_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// inBlock returns a Caddyfile with a line in a block. What else the block needs follows.
func inBlock(line string) string {
	for _, option := range []string{"app_id 1", "app_secret {env.TEST_SECRET}", "redirect_uri https://a.test/cb"} {
		if name, _, _ := strings.Cut(option, " "); !strings.HasPrefix(strings.TrimSpace(line), name) {
			line += "\n" + option
		}
	}
	return "a.test {\ninstagram_auth {\n" + line + "\n}\n}"
}

// adaptFile adapts a Caddyfile that is a file.
func adaptFile(t *testing.T, caddyfile string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": file})
	return err
}

func TestAMistakeInFrontOfTheBlockIsExplained(t *testing.T) {
	for arguments, says := range map[string]string{
		"members*":            "a path begins with a slash; write /members*",
		"members/":            "a path begins with a slash; write /members/",
		"/members* /account*": `unexpected "/account*": only one path can go here; write several as a named matcher, such as: @members path /members* /account*`,
		"@a @b":               `unexpected "@b": only one matcher can go here`,
		"app_id 1":            `unexpected "app_id": options go in a block, each on its own line`,
		"/members* app_id 1":  `unexpected "app_id": options go in a block`,
		"on":                  `unexpected "on": a matcher begins with / or @`,
	} {
		err := adaptFile(t, "a.test {\n@a path /a\n@b path /b\ninstagram_auth "+arguments+" {\n}\n}")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s:\n%v\nshould say %s", arguments, err, says)
		}
	}
}

func TestAMistakeIsShownInItsLine(t *testing.T) {
	for line, want := range map[string]string{
		"\tapp_ip 1":                    "\n\tapp_ip 1\n\t^",
		"  scope instagram_bussiness":   "\n\tscope instagram_bussiness\n\t^",
		"\ttimeout 7 lightyears # soon": "\n\ttimeout 7 lightyears # soon\n\t",
		"\tapp_secret a1 a1":            "\n\tapp_secret … …\n\t^",
		"\tapp_secret a1 {env.X} a1":    "\n\tapp_secret … {env.X} …\n\t^",
	} {
		err := adaptFile(t, inBlock(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nshould have\n%s", line, err, want)
		}
	}
}

func TestAllMissingVariablesAreToldAtOnce(t *testing.T) {
	err := sitetest.Validate("http://a.test:"+sitetest.Port(sitetest.FreeAddr(t))+" {\ninstagram_auth {\napp_id {env.NOBODY_SET_A}\napp_secret {env.NOBODY_SET_B}\nredirect_uri https://a.test/cb\nsession {\nsecret {file./nobody/has/this}\n}\n}\n}", nil)
	const want = "app_id: {env.NOBODY_SET_A} (app_id), {env.NOBODY_SET_B} (app_secret) and {file./nobody/has/this} (session secret) have no value; set the variable or the file that each of them names; a reload does not change the variables of a running Caddy: restart it, or use {file./absolute/path}"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}
