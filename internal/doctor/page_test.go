package doctor_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestTheExamplesOfTheDoctorsPageAreWhatItSays runs the doctor on the Caddyfiles of the page, on
// the first one with another app secret than Instagram's, and finds each line of the examples in
// what it says.
func TestTheExamplesOfTheDoctorsPageAreWhatItSays(t *testing.T) {
	text := project.Read(t, "docs/doctor.md")
	examples := regexp.MustCompile("(?ms)^```caddyfile doctor\n(.*?)^```$").FindAllStringSubmatch(text, -1)
	blocks := regexp.MustCompile("(?ms)^```text\n(.*?)^```$").FindAllStringSubmatch(text, -1)
	if len(examples) < 2 || len(blocks) <= len(examples) {
		t.Fatalf("%d examples, %d reports", len(examples), len(blocks))
	}
	t.Setenv("INSTAGRAM_APP_ID", sitetest.AppID)
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{"https://example.com/auth", "https://example.com/auth/"}})
	report := examine(t, env, examples[0][1], strings.Repeat("f", 32)) + examine(t, env, mended(examples[0][1]), sitetest.AppSecret)
	for _, example := range examples[1:] {
		report += examine(t, env, example[1], sitetest.AppSecret)
	}
	var marks []string
	for _, block := range blocks {
		rest := report
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if line == "" || line == "…" {
				continue
			}
			_, after, found := strings.Cut(rest, line+"\n")
			if !found {
				t.Errorf("the report has no line, or none there:\n%s\n\n%s", line, report)
				break
			}
			rest = after
			marks = append(marks, string([]rune(line)[:1]))
		}
	}
	for _, mark := range []string{"✓", "!", "✗"} {
		if !slices.Contains(marks, mark) {
			t.Errorf("no example has a line with %s", mark)
		}
	}
}

// mended is the first example as its second report shows it.
func mended(text string) string {
	return strings.NewReplacer("/members {", "/members* {", "https://example.com/auth\n", "https://example.com/auth/\n").Replace(text)
}

// examine returns the report of the doctor on a Caddyfile, as if Instagram were asked.
func examine(t *testing.T, env *sitetest.DoctorEnv, text, secret string) string {
	t.Helper()
	t.Setenv("INSTAGRAM_APP_SECRET", secret)
	name := filepath.Join(t.TempDir(), "Caddyfile")
	text = "{\nadmin " + sitetest.FreeAddr(t) + "\nstorage file_system " + env.Storage + "\n}\n" + strings.Replace(text, "redirect_uri", "endpoints "+env.Endpoints+"\nredirect_uri", 1)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", name)
	return strings.NewReplacer(filepath.Dir(name)+"/", "", env.Endpoints+"/oauth/authorize", "https://www.instagram.com/oauth/authorize", env.Endpoints+"/oauth/access_token", "https://api.instagram.com/oauth/access_token", env.Endpoints+"/", "https://graph.instagram.com/", "Caddyfile:7)", "Caddyfile:3)").Replace(out)
}
