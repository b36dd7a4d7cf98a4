package docs_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// The page about privacy is what operators copy into their policy and their banner.

const privacyPage = "docs/privacy.md"

func TestTheTimesOfThePrivacyPageAreThoseOfTheCode(t *testing.T) {
	wantNumbersOfTheCode(t, privacyPage, 5)
}

// TestTheCookiesOfAVisitAreThoseOfTheBanner signs in and out and compares all cookies that the
// handler sets with the table.
func TestTheCookiesOfAVisitAreThoseOfTheBanner(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| `(__Host-Http-[a-z_*]+)` \\| [^|]+ \\| (\\d+) (\\w+) \\| strictly necessary \\|$").
		FindAllStringSubmatch(project.Read(t, privacyPage), -1)
	inTable := make(map[string]string) // durations by name
	for _, row := range rows {
		number, _ := strconv.ParseInt(row[2], 10, 64)
		inTable[row[1]] = strconv.FormatInt(number*units[row[3]]/int64(time.Second), 10)
	}
	s := sitetest.Start(t, sitetest.Config{})
	browser := s.NewBrowser()
	seen := make(map[string]bool)
	start := browser.Get("/page")
	for _, answer := range []sitetest.Response{start, browser.Get(browser.Window(start)), browser.Get("/page"), browser.Logout(nil)} {
		for _, line := range answer.Header.Values("Set-Cookie") {
			name, rest, _ := strings.Cut(line, "=")
			if at := strings.Index(name, "_login_"); at >= 0 {
				name = name[:at] + "_login_*"
			}
			seen[name] = true
			age := regexp.MustCompile(`Max-Age=(\d+)`).FindStringSubmatch(rest)[1]
			switch want, ok := inTable[name]; {
			case !ok:
				t.Errorf("%s is not in the table", name)
			case age != "0" && age != want:
				t.Errorf("%s lasts %s seconds, the table says %s", name, age, want)
			}
			if !strings.Contains(line, "; Path=/; Secure; HttpOnly; SameSite=Lax") {
				t.Errorf("%s has other attributes", line)
			}
		}
	}
	if len(seen) != len(inTable) || len(seen) != 3 {
		t.Errorf("the table has %v, the visit %v", inTable, seen)
	}
}
