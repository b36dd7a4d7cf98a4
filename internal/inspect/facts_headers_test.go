package inspect_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestCaddySaysWhatHeaderDirectivesDoToTheLoginCookie compares what is said at start with the
// cookie that a browser gets from the running Caddy. The snippets are of a kind that people
// publish.
func TestCaddySaysWhatHeaderDirectivesDoToTheLoginCookie(t *testing.T) {
	for snippet, says := range map[string]string{
		`header >Set-Cookie (.*) "$1; SameSite=Strict"`:                                      "SameSite=Strict",
		"header {\n defer\n Set-Cookie (.*) \"$1; Secure; SameSite=Strict\"\n}":              "SameSite=Strict",
		`header >Set-Cookie SameSite=Lax SameSite=Strict`:                                    "SameSite=Strict",
		`header >Set-Cookie (.*) "$1; SameSite=None; Secure"`:                                "SameSite=None",
		`header >Set-Cookie "(?i)(.*)" "$1; Domain=.example.test"`:                           "Domain",
		`header >Set-Cookie "; Secure" ""`:                                                   "removes Secure",
		`header >Set-Cookie Path=/ Path=/members`:                                            "Path",
		`header -Set-Cookie`:                                                                 "removes Set-Cookie",
		`header -Set-*`:                                                                      "removes Set-Cookie",
		"header {\n -Server\n -Set-Cookie\n}":                                                "removes Set-Cookie",
		`header >Set-Cookie "a=b; Path=/"`:                                                   "removes Set-Cookie",
		"header {\n match status 3xx\n Set-Cookie (.*) \"$1; SameSite=Strict\"\n}":           "SameSite=Strict",
		"handle /other* {\n header >Set-Cookie (.*) \"$1; SameSite=Strict\"\n}":              "",
		`header Set-Cookie (.*) "$1; SameSite=Strict"`:                                       "", // at once, before there is a cookie
		`header Set-Cookie "theme=dark; Path=/"`:                                             "",
		`header +Set-Cookie "theme=dark; Path=/"`:                                            "",
		`header /members/* >Set-Cookie (.*) "$1; SameSite=Strict"`:                           "",
		"header {\n match status 2xx\n Set-Cookie (.*) \"$1; SameSite=Strict\"\n}":           "",
		`header >Set-Cookie "(shop=[^;]+)(.*)" "$1$2; Domain=.example.test"`:                 "",
		`header X-Frame-Options DENY`:                                                        "",
		`header >Set-Cookie "(?i)(__Host-Http-instagram_auth.*)" "$1; SameSite=Strict"`:      "SameSite=Strict",
		"header >Set-Cookie (.*) \"$1; SameSite=Strict\"\nheader >Set-Cookie Strict Lax":     "SameSite=Strict", // the first one changes last
		"@login path /instagram_auth/login\nheader @login >Set-Cookie (.*) \"$1; Path=/x\"":  "Path",
		"@secret header X-Secret 1\nheader @secret >Set-Cookie (.*) \"$1; SameSite=Strict\"": "SameSite=Strict",
	} {
		t.Run(snippet, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Before: snippet, Options: "session {\n secret " + sitetest.DoctorSecret + "\n}"})
			said := ""
			for _, message := range logMessages(s) {
				if strings.HasPrefix(message, "header ") {
					said += message + "\n"
				}
			}
			request, err := http.NewRequest(http.MethodGet, sitetest.Origin+"/instagram_auth/login", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Secret", "1")
			response := s.NewBrowser().Do(request)
			line := ""
			for _, cookie := range response.Header["Set-Cookie"] {
				if strings.HasPrefix(cookie, "__Host-Http-instagram_auth") {
					line = cookie
				}
			}
			if (says == "") != (said == "") || !strings.Contains(said, says) {
				t.Errorf("said %q, want %q; the cookie is %q", said, says, line)
			}
			_, attributes, _ := strings.Cut(line, ";")
			attributes = strings.Join(strings.Fields(strings.ReplaceAll(attributes, ";", " ")), " ")
			if usual := attributes == "Max-Age=600 Path=/ Secure HttpOnly SameSite=Lax"; usual != (says == "") {
				t.Errorf("said %q of the cookie %q", said, line)
			}
		})
	}
}

// logMessages returns the messages of a site's log.
func logMessages(s *sitetest.Site) (messages []string) {
	for _, level := range []string{"warn", "error"} {
		for line := range strings.Lines(s.Logs()) {
			if strings.Contains(line, `"level":"`+level+`"`) {
				_, rest, _ := strings.Cut(line, `"msg":"`)
				message, _, _ := strings.Cut(rest, `","`)
				messages = append(messages, message)
			}
		}
	}
	return messages
}
