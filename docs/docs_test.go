package docs_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// The documentation says what the code does: its options, refusals, remedies and
// messages, and that each Caddyfile in it is one that Caddy loads.

func TestEachCaddyfileOfThePagesIsOneThatCaddyLoads(t *testing.T) {
	t.Setenv("INSTAGRAM_APP_ID", sitetest.AppID)
	t.Setenv("INSTAGRAM_APP_SECRET", sitetest.AppSecret)
	t.Setenv("INSTAGRAM_SESSION_SECRET", strings.Repeat("5e55104", 6))
	t.Setenv("STUDIO_APP_ID", sitetest.AppID+"1")
	t.Setenv("STUDIO_APP_SECRET", strings.Repeat("57d10", 7))
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	folder := filepath.Join(t.TempDir(), "pages")
	if _, err := sitetest.RunCaddy(t, nil, io.Discard, "pages", folder); err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	for name, secret := range map[string]string{"instagram_app_secret": sitetest.AppSecret, "session_secret": strings.Repeat("5e55104", 6)} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	for _, name := range project.Pages(t) {
		for _, match := range project.Fence.FindAllStringSubmatch(project.Read(t, name), -1) {
			found++
			text := strings.NewReplacer("/etc/caddy/pages", folder, "{file./etc/caddy/", "{file."+secrets+"/").Replace(match[2])
			if strings.Fields(match[1] + " file")[0] == "block" {
				text = sitetest.BlockOpening + text + "}\n}\n"
			}
			if err := sitetest.ValidateFile(text); err != nil {
				t.Errorf("%s: %v in\n%s", name, err, text)
			}
		}
	}
	if found < 6 {
		t.Errorf("found %d Caddyfiles", found)
	}
}

func TestEveryRefusalIsInTheTable(t *testing.T) {
	text := project.Read(t, "docs/troubleshooting.md")
	codes := regexp.MustCompile(`Code = "([a-z_]+)"`).FindAllStringSubmatch(project.Read(t, "internal/refusal/table.go"), -1)
	if len(codes) < 15 {
		t.Fatalf("found %d codes", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(text, "| `"+code[1]+"` |") {
			t.Errorf("%s is not in the table of refusals", code[1])
		}
	}
}
