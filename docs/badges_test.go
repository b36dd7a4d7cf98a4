package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

func TestTheBadgesOfTheReadmeSayWhatTheModuleNeeds(t *testing.T) {
	module, readme := project.Read(t, "go.mod"), project.Read(t, "README.md")
	for name, pattern := range map[string]string{
		"go":    `(?m)^go (\S+)$`,
		"caddy": `(?m)^\tgithub.com/caddyserver/caddy/v2 v(\S+)$`,
	} {
		version := regexp.MustCompile(pattern).FindStringSubmatch(module)
		if version == nil {
			t.Fatalf("go.mod has no version of %s", name)
		}
		file := "docs/badges/" + name + ".svg"
		if badge := project.Read(t, file); strings.Count(badge, version[1]+" or newer") != 2 {
			t.Errorf("%s does not say %s twice, to people and to screen readers", file, version[1])
		}
		if !strings.Contains(strings.ToLower(readme), "[!["+name+" "+version[1]+" or newer]("+file+")") {
			t.Errorf("the README has no badge of %s %s", name, version[1])
		}
	}
	badge := project.Read(t, "docs/badges/licence.svg")
	if !strings.Contains(project.Read(t, "LICENSE"), "Apache License") || !strings.Contains(badge, "Apache-2.0") {
		t.Error("the badge names another licence")
	}
}
