package operator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestL4_TheOperatorsCommandsInThisProcess(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	for _, wrong := range []struct {
		says string
		args []string
	}{
		{"doctor, pages, review, revoke, status", nil},
		{`no command "end"`, []string{"end", "--address", admin}},
		{"caddy instagram-auth status", []string{"statu"}},
		{"caddy instagram-auth doctor", []string{"doktor"}},
		{"caddy instagram-auth revoke", []string{"reovke"}},
		{"there is no configuration adapter", []string{"doctor", "--adapter", "nope", "--config", "command.go"}},
		{"write --address 127.0.0.1:3019", []string{"status", "--address", "http://127.0.0.1:3019/"}},
		{"is not the address of an admin endpoint: write --address as", []string{"status", "--address", "::bad::"}},
		{"is not the address of an admin endpoint: write --address as", []string{"status", "--address", "localhost"}},
		{"a command is missing", []string{"--address", admin}},
		{"exactly one of", []string{"revoke", "--address", admin}},
		{"exactly one of", []string{"revoke", "--all", "--user", "1", "--address", admin}},
		{"by ID, not by username", []string{"revoke", "--user", sitetest.Username, "--address", admin}},
		{"by ID, not by username", []string{"revoke", "--user", "@" + sitetest.Username, "--address", admin}},
		{"the field session", []string{"revoke", "--session", "x", "--address", admin}},
		{"no instagram_auth of app", []string{"revoke", "--all", "--yes", "--app", "7", "--address", admin}},
		{"no instagram_auth of app", []string{"status", "--app", "7", "--address", admin}},
		{"no terminal to ask on: add --yes", []string{"revoke", "--all", "--address", admin}},
		{"no Caddy answers", []string{"status", "--address", sitetest.FreeAddr(t)}},
		{"cannot read the configuration: /nowhere/Caddyfile", []string{"sessions", "--config", "/nowhere/Caddyfile"}},
		{`unexpected "all", write --all`, []string{"revoke", "all", "--address", admin}},
		{`unexpected "x"`, []string{"status", "x", "--address", admin}},
		{"unknown flag", []string{"status", "--all", "--address", admin}},
	} {
		out, talk, err := sitetest.RunCommand(t, wrong.args...)
		if err == nil || !strings.Contains(err.Error(), wrong.says) || out != "" {
			t.Errorf("%q says %q, %v", wrong.args, out, err)
		}
		if lines := strings.Count(talk, "\n"); !strings.HasPrefix(talk, "Error: ") || strings.Count(talk, "Error:") != 1 || strings.Contains(talk, `"level"`) || lines > 2 {
			t.Errorf("%q writes\n%s", wrong.args, talk)
		}
	}
	s.WantAlive(b.CookieHeader(), true)
	out, _, err := sitetest.RunCommand(t, "revoke", "--user", sitetest.UserID, "--address", admin)
	if err != nil || !strings.Contains(out, "app "+sitetest.AppID+": the sessions of user "+sitetest.UserID+" are revoked, if there are any.") || !strings.Contains(out, "within 5s (sync_interval)") {
		t.Errorf("revoke says %q, %v", out, err)
	}
	s.WantAlive(b.CookieHeader(), false)
	table := regexp.MustCompile(`^APP +REVOKED +QUEUED +AGE +STORAGE\n` + sitetest.AppID + ` +1 +0 +\w+ +ok\n\nBLOCK +APP SECRET +SESSION SECRET\n` + regexp.QuoteMeta(sitetest.RedirectURI) + ` +[0-9a-f]{8} +from app_secret\n$`)
	for _, name := range []string{"status", "sessions"} {
		if out, _, err = sitetest.RunCommand(t, name, "--address", admin); err != nil || !table.MatchString(out) {
			t.Errorf("%s says %q, %v", name, out, err)
		}
	}
	mend := s.BreakStorage()
	defer mend()
	if _, _, err = sitetest.RunCommand(t, "revoke", "--all", "--yes", "--address", admin); err == nil || !strings.Contains(err.Error(), "on this node only") || !strings.Contains(err.Error(), "do not stop this Caddy") {
		t.Errorf("revoke without a storage: %v", err)
	}
	sitetest.Eventually(t, "the fault of the storage in the table", func() bool {
		out, _, err = sitetest.RunCommand(t, "status", "--address", admin)
		return err == nil && strings.Contains(out, sitetest.AppID) && !strings.Contains(out, " ok\n")
	})
}

func TestCommandsTellASiteFromTheAdminEndpoint(t *testing.T) {
	for _, answer := range []string{"hello", "{}", `{"apps":[]}`, `{"apps":{}}`, ""} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		out, talk, err := sitetest.RunCommand(t, "revoke", "--all", "--yes", "--address", strings.TrimPrefix(site.URL, "http://"))
		site.Close()
		if err == nil || out != "" || !strings.Contains(talk, "is not Caddy's admin endpoint") {
			t.Errorf("%q: %v\n%s%s", answer, err, out, talk)
		}
	}
	for status, says := range map[int]string{404: "does not have this module", 403: "refuses: no", 500: "refuses: no"} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":"no"}`)
		}))
		_, talk, err := sitetest.RunCommand(t, "status", "--address", strings.TrimPrefix(site.URL, "http://"))
		site.Close()
		if err == nil || !strings.Contains(talk, says) {
			t.Errorf("%d: %v\n%s", status, err, talk)
		}
	}
}

func TestCommandsSpeakJSON(t *testing.T) {
	_, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	for _, args := range [][]string{{"status"}, {"revoke", "--user", sitetest.UserID}, {"revoke", "--all", "--yes"}} {
		out, talk, err := sitetest.RunCommand(t, append(args, "--json", "--address", admin)...)
		var said struct {
			Address string `json:"address"`
			Apps    []struct {
				ID       string `json:"app_id"`
				Interval string `json:"sync_interval"`
			} `json:"apps"`
		}
		if problem := json.Unmarshal([]byte(out), &said); err != nil || problem != nil || talk != "" {
			t.Fatalf("%q: %v, %v, %q:\n%s", args, err, problem, talk, out)
		}
		if said.Address != admin || len(said.Apps) != 1 || said.Apps[0].ID != sitetest.AppID || said.Apps[0].Interval != "5s" {
			t.Errorf("%q says %s", args, out)
		}
	}
	for _, args := range [][]string{{"status", "--address", sitetest.FreeAddr(t)}, {"revoke"}, {"revoke", "--all"}, {"doctor", "--envfile", "/nowhere"}} {
		out, talk, err := sitetest.RunCommand(t, append(args, "--json")...)
		var said struct{ Error, Remedy string }
		if problem := json.Unmarshal([]byte(out), &said); err == nil || problem != nil || said.Error == "" || said.Remedy == "" || talk != "" {
			t.Errorf("%q: %v, %v, %q:\n%s", args, err, problem, talk, out)
		}
	}
}

func TestOneSessionIsRevokedByItsNumber(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	number, _ := s.Logged("signed in")[0]["session"].(string)
	out, talk, err := sitetest.RunCommand(t, "revoke", "--session", number, "--address", admin)
	if err != nil || !strings.Contains(out, "session "+number+" is revoked, if there is such a session") {
		t.Errorf("%v\n%s%s", err, out, talk)
	}
	s.WantAlive(b.CookieHeader(), false)
}

func TestCommandsFindTheConfigurationInTheWorkingFolder(t *testing.T) {
	_, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	caddyfile := "{\n\tadmin " + admin + "\n}\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		args  []string
		using string
	}{
		{"a Caddyfile", map[string]string{"Caddyfile": caddyfile}, nil, "Using Caddyfile: Caddy's admin endpoint is " + admin + "\n"},
		{"JSON", map[string]string{"caddy.json": `{"admin":{"listen":"` + admin + `"}}`}, nil, "Using caddy.json: "},
		{"both", map[string]string{"Caddyfile": caddyfile, "caddy.json": `{"admin":{"disabled":true}}`}, nil, "Using Caddyfile: "},
		{"a file that is named", map[string]string{"other": caddyfile, "Caddyfile": "{\n\tadmin off\n}"}, []string{"--config", "other", "--adapter", "caddyfile"}, ""},
		{"an adapter", map[string]string{"Caddyfile": caddyfile, "caddy.json": "{}"}, []string{"--adapter", "caddyfile"}, "Using Caddyfile: "},
		{"a variable", map[string]string{"Caddyfile": "{\n\tadmin {env.TEST_ADMIN_OF_FILE}\n}", "env": "TEST_ADMIN_OF_FILE=" + admin}, []string{"--envfile", "env"}, "Using Caddyfile: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			sitetest.InFolder(t, c.files)
			t.Cleanup(func() { _ = os.Unsetenv("TEST_ADMIN_OF_FILE") })
			out, talk, err := sitetest.RunCommand(t, append([]string{"status"}, c.args...)...)
			if err != nil || !strings.Contains(out, sitetest.AppID) || !strings.HasPrefix(talk, c.using) || c.using == "" && talk != "" {
				t.Errorf("%v\n%s%s", err, talk, out)
			}
		})
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		args  []string
		says  []string
	}{
		{"nothing for the doctor", nil, []string{"doctor"}, []string{"there is no Caddyfile and no caddy.json in /", "--config"}},
		{"nothing for pages", nil, []string{"pages"}, []string{"no folder is named", "caddy instagram-auth pages <folder>"}},
		{"admin off", map[string]string{"Caddyfile": "{\n\tadmin off\n}"}, []string{"status"}, []string{"Caddyfile turns Caddy's admin endpoint off", "remove admin off"}},
		{"a variable that is not set", map[string]string{"Caddyfile": "{\n\tadmin {env.TEST_NO_SUCH_VARIABLE}\n}"}, []string{"status"}, []string{"TEST_NO_SUCH_VARIABLE", "--envfile"}},
		{"a folder", nil, []string{"status", "--config", "."}, []string{". is a folder", "Caddyfile"}},
		{"no such adapter", map[string]string{"Caddyfile": ""}, []string{"status", "--adapter", "toml"}, []string{`no configuration adapter "toml"`, "caddyfile"}},
		{"a Caddyfile that is wrong", map[string]string{"Caddyfile": "example.test {\n"}, []string{"status"}, []string{"adapting the configuration: ", "Caddyfile:"}},
		{"a line without =", map[string]string{"env": "hunter2"}, []string{"status", "--envfile", "env"}, []string{"env, line 1: there is no ="}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sitetest.InFolder(t, c.files)
			_, talk, err := sitetest.RunCommand(t, c.args...)
			for _, words := range c.says {
				if err == nil || !strings.Contains(talk, words) {
					t.Errorf("%v, %q does not say %q", err, talk, words)
				}
			}
			if strings.Contains(talk, "hunter2") {
				t.Error("a line of the environment file is repeated")
			}
		})
	}
}

func TestPagesTakesTheFolderOfTheConfiguration(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pages")
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	file := env.File("app_id", "pages "+folder+"\napp_id")
	out, talk, err := sitetest.RunCommand(t, "pages", "--config", file)
	if written, _ := os.ReadDir(folder); err != nil || len(written) == 0 || strings.Count(out, "\n") != len(written) {
		t.Errorf("%v, %d files\n%s%s", err, len(written), talk, out)
	}
	if _, talk, err = sitetest.RunCommand(t, "pages", folder); err == nil || !strings.Contains(talk, "no file is replaced") || !strings.Contains(talk, "Try: ") {
		t.Errorf("%v\n%s", err, talk)
	}
	if _, talk, err = sitetest.RunCommand(t, "pages", "--config", env.File()); err == nil || !strings.Contains(talk, "has the option pages") {
		t.Errorf("%v\n%s", err, talk)
	}
	two := env.File("respond hello", "instagram_auth /more* {\napp_id "+sitetest.AppID+"\napp_secret "+sitetest.AppSecret+"\nredirect_uri "+sitetest.RedirectURI+"\npages /b\n}", "app_id", "pages /a\napp_id")
	if _, talk, err = sitetest.RunCommand(t, "pages", "--config", two); err == nil || !strings.Contains(talk, "/a, /b") {
		t.Errorf("%v\n%s", err, talk)
	}
	if _, talk, err = sitetest.RunCommand(t, "pages", filepath.Join(file, "pages")); err == nil || !strings.Contains(talk, "not a directory") {
		t.Errorf("a folder below a file: %v\n%s", err, talk)
	}
	if _, talk, err = sitetest.RunCommand(t, "pages", "--config", folder+"/nothing"); err == nil || !strings.Contains(talk, "cannot read the configuration") {
		t.Errorf("%v\n%s", err, talk)
	}
	t.Chdir(t.TempDir())
	if _, talk, err = sitetest.RunCommand(t, "pages"); err == nil || !strings.Contains(talk, "no folder is named") {
		t.Errorf("a folder without a configuration: %v\n%s", err, talk)
	}
	if _, talk, err = sitetest.RunCommand(t, "pages", "a", "b"); err == nil || !strings.Contains(talk, "pages --help") {
		t.Errorf("%v\n%s", err, talk)
	}
}

func TestAWrongCommandLineIsAnsweredInJSONWhereItAsksForIt(t *testing.T) {
	before := os.Args
	t.Cleanup(func() { os.Args = before })
	for _, args := range [][]string{{"status", "--nope", "--json"}, {"doktor", "--json"}, {"doctor", "--nope", "--json"}, {"pages", "--nope", "--json"}, {"doctor", "--adapter", "nope", "--config", "command.go", "--json"}} {
		os.Args = append([]string{"caddy", "instagram-auth"}, args...)
		out, talk, err := sitetest.RunCommand(t, args...)
		var answer struct{ Error string }
		if json.Unmarshal([]byte(out), &answer) != nil || answer.Error == "" || talk != "" || err == nil {
			t.Errorf("%q: %q, %q, %v", args, out, talk, err)
		}
	}
}

func TestAConfigurationOfAnotherKindIsNamedInPlainWords(t *testing.T) {
	for text, says := range map[string]string{
		`"x"`: "the whole is not an object, but: string", `{"admin":5}`: "admin is not an object, but: number", `{"admin":{"listen":5}}`: "admin.listen is not a text, but: number",
	} {
		_, err := sitetest.RunCaddy(t, strings.NewReader(text), io.Discard, "status", "--config", "-")
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
