package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// sampleEnd begins the first section that the sample of the page leaves out.
const sampleEnd = "\n4. SCRIPT FOR THE SCREENCAST\n"

// With WRITE_REFERENCE=1 the test writes the sample.
func TestTheSampleOfTheReviewPageIsWhatTheCommandPrints(t *testing.T) {
	const name = "docs/app-review.md"
	page := project.Read(t, name)
	block := regexp.MustCompile("(?ms)^```caddyfile review\n(.*?)^```$").FindStringSubmatch(page)
	sample := regexp.MustCompile("(?ms)^```text\n(.*?)…\n```$").FindStringSubmatchIndex(page)
	if block == nil || sample == nil {
		t.Fatal("the page has no block, or no sample")
	}
	printed := func() string {
		sitetest.InFolder(t, map[string]string{"Caddyfile": block[1]})
		out, talk, err := sitetest.RunCommand(t, "review")
		begin, _, found := strings.Cut(out, sampleEnd)
		if err != nil || talk != "" || !found {
			t.Fatalf("%v\n%s%s", err, out, talk)
		}
		if n := strings.Count(out, "\n"); n < 180 || n > 260 {
			t.Errorf("the page says about 200 lines, and there are %d", n)
		}
		return begin + "\n"
	}()
	want := page[:sample[2]] + printed + page[sample[3]:]
	if os.Getenv("WRITE_REFERENCE") != "" {
		if err := os.WriteFile(project.Path(name), []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Errorf("the sample is not what the command prints: run WRITE_REFERENCE=1 go test ./docs -run %s\n%s", t.Name(), printed)
	}
}
