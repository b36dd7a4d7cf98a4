package request_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestA4_TheMatcherForEverythingProtectsEverything(t *testing.T) {
	for _, options := range []string{"", "after_login handoff"} {
		s := sitetest.Start(t, sitetest.Config{Matcher: "*", Options: options})
		for _, path := range []string{"/", "/page", "/a/b?c"} {
			if answer := s.NewBrowser().Get(path); answer.StatusCode != http.StatusFound {
				t.Errorf("%q: %s answered %s", options, path, answer.Status)
			}
		}
		if n := s.Upstream.Count(); n != 0 {
			t.Errorf("%q: the site was asked %d times", options, n)
		}
	}
}

func TestA4_AnEmptyMatcherSetInJSONProtectsEverything(t *testing.T) {
	config, err := sitetest.Adapt("a.test {\n" + strings.Replace(sitetest.MinimalBlock("after_login handoff"), "instagram_auth {", "instagram_auth * {", 1) + "\n}")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(config), `"protect":[{}]`) {
		t.Errorf("adapted to %s", config)
	}
}
