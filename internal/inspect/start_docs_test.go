package inspect_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestN17_NothingIsSaidOfTheSetUpsInTheDocs: a check that complains about what the pages recommend
// is wrong.
func TestN17_NothingIsSaidOfTheSetUpsInTheDocs(t *testing.T) {
	for name, value := range map[string]string{
		"INSTAGRAM_APP_ID": sitetest.AppID, "INSTAGRAM_APP_SECRET": sitetest.AppSecret, "INSTAGRAM_SESSION_SECRET": sitetest.DoctorSecret,
		"STUDIO_APP_ID": sitetest.AppID + "1", "STUDIO_APP_SECRET": strings.Repeat("57d10a3c", 4),
		"INSTAGRAM_REDIRECT_URI": sitetest.RedirectURI, "SITE": sitetest.Host, "UPSTREAM": "localhost:3000",
	} {
		t.Setenv(name, value)
	}
	folder := filepath.Join(t.TempDir(), "pages")
	if _, err := sitetest.RunCaddy(t, nil, io.Discard, "pages", folder); err != nil {
		t.Fatal(err)
	}
	texts := make(map[string][]string)
	for _, name := range project.Pages(t) {
		if name == "docs/doctor.md" {
			continue // its set-ups are wrong on purpose
		}
		for _, match := range project.Fence.FindAllStringSubmatch(project.Read(t, name), -1) {
			text := strings.NewReplacer("/etc/caddy/pages", folder, "{file./etc/caddy/instagram_app_secret}", sitetest.AppSecret, "{file./etc/caddy/session_secret}", "{env.INSTAGRAM_SESSION_SECRET}").Replace(match[2])
			if strings.Fields(match[1] + " file")[0] != "block" {
				texts[name] = append(texts[name], text)
			}
		}
	}
	examples := project.Glob(t, "example/*Caddyfile")
	if len(examples) == 0 {
		t.Fatal("no example")
	}
	for _, name := range examples {
		texts[name] = append(texts[name], project.Read(t, name))
	}
	found := 0
	for name, all := range texts {
		for _, text := range all {
			file := filepath.Join(t.TempDir(), "Caddyfile")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			said, err := sitetest.CheckRoutes(file)
			if err != nil {
				t.Errorf("%s: %v in\n%s", name, err, text)
			}
			found += len(said.Doctor)
			for _, f := range said.AtStart {
				if f.Status != finding.Fine && !f.Quiet {
					t.Errorf("%s: %s: %s in\n%s", name, f.Status, f.Message, text)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("%d lines are said", found)
	}
}
