package instagramauth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// startLine is a line of the log.
type startLine struct{ Level, Logger, Msg, Remedy string }

func (l startLine) String() string {
	return fmt.Sprintf("%s: %s (%s)", strings.ToUpper(l.Level), l.Msg, l.Remedy)
}

// startLines returns what Caddy says at start about the blocks of a site, but for what is said of
// its secrets.
func startLines(t *testing.T, c siteConfig) (lines []startLine) {
	t.Helper()
	s := startSite(t, c)
	for text := range strings.Lines(s.logs()) {
		var line startLine
		if err := json.Unmarshal([]byte(text), &line); err == nil && line.Logger == "http.handlers.instagram_auth" && !strings.Contains(line.Msg, "session keys are derived") {
			lines = append(lines, line)
		}
	}
	return lines
}

func protectingBlock(matcher string, more ...string) string {
	return strings.Replace(defaultBlock(strings.Join(more, "\n")), "instagram_auth", "instagram_auth "+matcher, 1)
}

// TestN17_CaddySaysWhatIsOpen: configurations that load, and protect less than they seem to.
func TestN17_CaddySaysWhatIsOpen(t *testing.T) {
	members := protectingBlock("/members*")
	proxy := "reverse_proxy {upstream}\n"
	for name, c := range map[string]struct {
		site siteConfig
		want []string // level and message of each line
	}{
		"another handler first in a route":  {siteConfig{block: "route {\nfile_server /members/*\n" + members + "\n}"}, []string{"ERROR: /members/* is NOT protected: file_server answers first"}},
		"ordered after the proxy":           {siteConfig{global: "order instagram_auth after reverse_proxy", block: members}, []string{"ERROR: x"}},
		"two paths in one pair of quotes":   {siteConfig{block: "@m path \"/members/* /account*\"\n" + protectingBlock("@m")}, []string{"ERROR: nothing is protected"}},
		"a block in handle_errors":          {siteConfig{block: "handle_errors {\n" + members + "\n}"}, []string{"x"}},
		"content in handle_errors":          {siteConfig{block: protectingBlock("/members*", "errors handle") + "\nhandle_errors {\nroot * {upstream}\nfile_server\n}"}, []string{"x"}},
		"no handle_errors":                  {siteConfig{block: protectingBlock("/members*", "errors handle")}, []string{"x"}},
		"a folder of the visitor too early": {siteConfig{block: "root * /srv/{http.auth.user.id}\nrewrite * /{http.auth.user.id}{uri}\n" + members}, []string{"x"}},
		"handle by user":                    {siteConfig{block: "@me vars {http.auth.user.id} 123\nhandle @me {\n" + proxy + "}\nhandle {\n" + members + "\n" + proxy + "}", after: "respond 404"}, []string{"x"}},
		"another site":                      {siteConfig{block: members, extra: "http://admin.test {\n reverse_proxy {upstream}\n}"}, []string{"x"}},
		"another site without headers":      {siteConfig{block: members, extra: "http://admin.test {\n request_header -X-Instagram-*\n reverse_proxy {upstream}\n}"}, []string{"x"}},
		"named":                             {siteConfig{global: "}\n&(site) {\n" + members + "\n", block: "invoke site"}, []string{"x"}},
		"basic_auth first":                  {siteConfig{block: "basic_auth {\n bob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n" + members}, []string{"x"}},
		"redir first":                       {siteConfig{block: "redir /members/* /new\n" + members}, []string{"x"}},
		"try_files =404":                    {siteConfig{block: "try_files {path} =404\n" + members}, []string{"x"}},
		"php_fastcgi":                       {siteConfig{block: members, after: "root * /srv\nphp_fastcgi 127.0.0.1:9999\nfile_server"}, []string{"x"}},
		"php_fastcgi below":                 {siteConfig{block: protectingBlock("/members/*"), after: "root * /srv\nphp_fastcgi 127.0.0.1:9999\nfile_server"}, []string{"x"}},
		"forward_auth":                      {siteConfig{block: "forward_auth 127.0.0.1:9999 {\n uri /auth\n}\n" + members}, []string{"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, line := range startLines(t, c.site) {
				t.Log(line)
			}
		})
	}
}
