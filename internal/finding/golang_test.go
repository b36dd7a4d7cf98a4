package finding

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

func TestBuildKnowsWhichGoIsFixed(t *testing.T) {
	for version, want := range map[string]struct {
		status Status
		words  string
	}{
		"go1.26.8":                        {Look, "Go 1.26.8, and Go 1.26.10 fixes"},
		"go1.26.10":                       {Fine, "Go 1.26.10: no vulnerability"},
		"go1.26.99":                       {Fine, "1.26.99"},
		"go1.26":                          {Look, "Go 1.26.0, and"},
		"go1.26.9 X:nodwarf5":             {Look, "Go 1.26.9, and"},
		"go1.26.10-custom":                {Fine, "1.26.10"},
		"go1.27.2":                        {Look, "Go 1.27.2, and Go 1.27.3 fixes"},
		"go1.27.3":                        {Fine, "1.27.3"},
		"go1.28.0":                        {Fine, "newer than this check knows"},
		"go1.25.13":                       {Look, "no security fixes any more"},
		"go1.27rc1":                       {Look, "no release of Go"},
		"devel go1.28-deadbeef Mon Jan 1": {Look, "no release of Go"},
		"":                                {Look, "no release of Go"},
		"go1.99999999999999999999.1":      {Fine, "newer"},
	} {
		f := Build(version)
		if f.Status != want.status || !strings.Contains(f.Message, want.words) {
			t.Errorf("%q: %+v", version, f)
		}
		if f.Status == Look && !strings.Contains(f.Remedy, "GOTOOLCHAIN=go1.") {
			t.Errorf("%q: %+v", version, f)
		}
	}
}

func TestTheGatesAreNotesWithALink(t *testing.T) {
	var report Report
	report.Add("", "load", OK("x"))
	report.Add("", "meta", Gates("https://docs.example/")...)
	text := report.Text()
	if strings.Count(text, "  · meta: ") != 4 || strings.Count(text, ": see https://docs.example/before-you-start.md#") != 4 || !strings.Contains(text, "\n1 fine, 0 to look at, 0 wrong\n") || !strings.Contains(text, "\nwhat no check can see\n") {
		t.Errorf("\n%s", text)
	}
}

// scripts/vulnerabilities fails until the toolchain line is that of a Go without known
// vulnerabilities. This test then fails until the doctor asks operators for the same one.
func TestTheDoctorAsksForTheGoOfTheToolchainLine(t *testing.T) {
	match := regexp.MustCompile(`(?m)^toolchain go1\.(\d+)\.(\d+)$`).FindStringSubmatch(project.Read(t, "go.mod"))
	if match == nil {
		t.Fatal("go.mod has no toolchain line")
	}
	line, _ := strconv.Atoi(match[1])
	if want := "1." + match[1] + "." + match[2]; FixedGo(line) != want {
		t.Errorf("the toolchain line has Go %s, fixedGo %s: raise fixedGo, for each line of Go, and GoAsOf", want, FixedGo(line))
	}
}
