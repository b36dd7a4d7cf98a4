package instagramauth_test

import (
	"strings"
	"testing"
)

// startLines returns what Caddy says at start about a site: level, message and remedy.
func startLines(t *testing.T, before, block, after string) (lines []string) {
	t.Helper()
	s := startSite(t, siteConfig{block: before + "\n" + block, after: after})
	for line := range strings.Lines(s.logs()) {
		if strings.Contains(line, "http.handlers.instagram_auth") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestStartProbe(t *testing.T) {
	for name, c := range map[string][3]string{
		"route first":    {"route {\nfile_server /members/*\n" + strings.Replace(defaultBlock(""), "instagram_auth", "instagram_auth /members*", 1) + "\n}", "", ""},
		"good":           {"", strings.Replace(defaultBlock(""), "instagram_auth", "instagram_auth /members*", 1), ""},
		"handle":         {"", "handle /members* {\n" + defaultBlock("") + "\nreverse_proxy {upstream}\n}", "handle {\nreverse_proxy {upstream}\n}"},
		"whole":          {"handle /public* {\nfile_server\n}", "handle {\n" + defaultBlock("") + "\nreverse_proxy {upstream}\n}", "respond 404"},
		"header":         {"@x header X-Pass *\nhandle @x {\nreverse_proxy {upstream}\n}", "handle {\n" + strings.Replace(defaultBlock(""), "instagram_auth", "instagram_auth /members*", 1) + "\nreverse_proxy {upstream}\n}", "respond 404"},
		"php":            {"try_files {path} /index.php", strings.Replace(defaultBlock(""), "instagram_auth", "instagram_auth /members*", 1), ""},
		"quoted matcher": {"", "@m path \"/members* /account*\"\n" + strings.Replace(defaultBlock(""), "instagram_auth", "instagram_auth @m", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, line := range startLines(t, c[0], c[1], c[2]) {
				t.Log(line)
			}
		})
	}
}
