package instagramauth_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// mistaken are lines that people write, in a block, and what they are told. Line 1 of the file is
// the site's address, line 2 `instagram_auth {`, and the lines stand from line 3 on.
var mistaken = []struct{ line, says string }{
	{"app_ip 1", `unrecognized option "app_ip"; did you mean "app_id"?`},
	{"redirect_url https://a.test/cb", `unrecognized option "redirect_url"; did you mean "redirect_uri"?`},
	{"redirct_uri https://a.test/cb", `did you mean "redirect_uri"?`},
	{"redirecturi https://a.test/cb", `did you mean "redirect_uri"?`},
	{"secret x", `unrecognized option "secret"; it stands in a block: session { secret … }`},
	{"lifetime 7d", "it stands in a block: session { lifetime … }"},
	{"long_lived", "it stands in a block: token { long_lived … }"},
	{"client_id 1", `unrecognized option "client_id"`},
	{"app_id = 1", `app_id: leave out "=": a space is all that stands between an option and its values`},
	{"app_id : 1", `app_id: leave out ":"`},
	{"app_id=1", "app_id: write a space between an option and its value, and neither = nor :"},
	{"app_id: 1", "app_id: write a space between an option and its value, and neither = nor :"},
	{"app_secret=a1b2c3d4e5f60718293a4b5c6d7e8f90", "app_secret: write a space between an option and its value, and neither = nor :"},
	{"app_id 1 2", "app_id: takes exactly one value, and has two"},
	{"app_id", "app_id: takes exactly one value, and has none"},
	{`app_id ""`, "app_id: has an empty value"},
	{"app_id “1”", `app_id: value 1 has typographic quotes; write " instead`},
	{"scope instagram_business_basic, instagram_business_manage_comments", "scope: write spaces between values, without commas"},
	{"scope instagram_business_basic,instagram_business_manage_comments", "scope: write spaces between values, without commas"},
	{"scope instagram_business_basics", `scope: "instagram_business_basics" is not offered; did you mean "instagram_business_basic"?`},
	{"fields followers_cout", `did you mean "followers_count"?`},
	{"allow 17841405793187218, 17841405793187219", "allow: write spaces between values, without commas"},
	{"redirect_uri https://a.test/cb, https://b.test/cb", "redirect_uri: write spaces between values, without commas"},
	{"redirect_uri https://*.a.test/cb", "has a *: Meta takes no wildcards; list the address of each host"},
	{"session {\nlifetime 7 days\n}", `session lifetime: "7 days" is not a duration; write 7d`},
	{"session {\nlifetime 7days\n}", "write 7d"},
	{"session {\nlifetime 2 weeks\n}", "write 14d"},
	{"session {\nlifetime 1 Month\n}", "write 30d"},
	{"session {\nlifetime 3600\n}", "write 3600s, 3600m, 3600h or 3600d: the unit is missing"},
	{"session {\nidle 30 min\n}", "write 30m"},
	{"session {\nlifetme 7d\n}", `unrecognized option "session lifetme"; did you mean "session lifetime"?`},
	{"session {\napp_id 1\n}", `it stands outside of session: is a "}" missing before it?`},
	{"session lifetime 7d", `session: unexpected "lifetime"; its options stand in a block`},
	{"reverse_proxy localhost:9000", `"reverse_proxy" is not an option of instagram_auth: is a "}" missing before it?`},
	{"file_server", `is a "}" missing before it?`},
	{"respond \"hello\"", `is a "}" missing before it?`},
	{"handle /x {\n}", `is a "}" missing before it?`},
	{"example.com {\n}", `is a "}" missing before it?`},
	{"/members*", `"/members*" is not an option: a matcher stands behind instagram_auth`},
	{"@members", `"@members" is not an option: a matcher stands behind instagram_auth`},
	{"path /members*", `"path" is not an option: a matcher stands behind instagram_auth`},
	{"app_id 1 {\n}", "only headers, token, session, log and endpoints have one"},
	{"login_page on", `login_page: unexpected "on"; the option takes no value, and is off where it does not stand`},
	{"path_prefix instagram", "path_prefix"},
	{"app_secret a1b2c3d4e5f60718293a4b5c6d7e8f90 a1b2c3d4e5f60718293a4b5c6d7e8f90", "app_secret: value 2 is listed twice"},
	{"app_secret INSTAGRAM_APP_SECRET", "app_secret: is the name of a variable, and not its value; write {env.NAME}"},
	{"app_secret env.INSTAGRAM_APP_SECRET", "app_secret: is the name of a variable, and not its value; write {env.NAME}"},
	{"app_secret $INSTAGRAM_APP_SECRET", "app_secret: is the name of a variable, and not its value; write {env.NAME}"},
	{"app_secret ${INSTAGRAM_APP_SECRET}", "app_secret: is the name of a variable, and not its value; write {env.NAME}"},
	{"app_secret {INSTAGRAM_APP_SECRET}", "app_secret: is the name of a variable, and not its value; write {env.NAME}"},
	{"app_id {$NOBODY_HAS_SET_THIS}", "app_id: the variable NOBODY_HAS_SET_THIS is not set where this Caddyfile is read"},
	{"app_secret {$NOBODY_HAS_SET_THIS}", "app_secret: the variable NOBODY_HAS_SET_THIS is not set where this Caddyfile is read"},
	{"app_id a1b2c3d4e5f60718293a4b5c6d7e8f90", "app_id"},
	{"scope a1b2c3d4e5f60718293a4b5c6d7e8f90", `scope: "…" is not offered`},
	{"timeout a1b2c3d4e5f60718293a4b5c6d7e8f90", `timeout: "…" is not a duration`},
	{"a1b2c3d4e5f60718293a4b5c6d7e8f90", `unrecognized option "…"`},
	{"language a1b2c3d4e5f60718293a4b5c6d7e8f90", "language"},
}

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

func TestAMistakeIsExplained(t *testing.T) {
	for _, c := range mistaken {
		err := adaptFile(t, inBlock(c.line))
		if err == nil {
			t.Errorf("%s: adapted", c.line)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "Caddyfile:") {
			t.Errorf("%s:\n%v\nshould say %s", c.line, err, c.says)
		}
		if strings.Contains(err.Error(), appSecret) {
			t.Errorf("%s: the message repeats a secret:\n%v", c.line, err)
		}
		t.Log(err)
	}
}

func TestAMistakeInFrontOfTheBlockIsExplained(t *testing.T) {
	for arguments, says := range map[string]string{
		"members*":            "a path begins with a slash; write /members*",
		"members/":            "a path begins with a slash; write /members/",
		"/members* /account*": `unexpected "/account*": one path can stand here; write several as a named matcher, such as: @members path /members* /account*`,
		"@a @b":               `unexpected "@b": one matcher can stand here`,
		"app_id 1":            `unexpected "app_id": options stand in a block, each in a line of its own`,
		"/members* app_id 1":  `unexpected "app_id": options stand in a block`,
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
	err := validate("http://a.test:"+port(freeAddr(t))+" {\ninstagram_auth {\napp_id {env.NOBODY_SET_A}\napp_secret {env.NOBODY_SET_B}\nredirect_uri https://a.test/cb\nsession {\nsecret {file./nobody/has/this}\n}\n}\n}", nil)
	const want = "app_id: {env.NOBODY_SET_A} (app_id), {env.NOBODY_SET_B} (app_secret) and {file./nobody/has/this} (session secret) have no value; set the variable or the file that each of them names; a reload does not change the variables of a running Caddy: restart it, or use {file./absolute/path}"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}
