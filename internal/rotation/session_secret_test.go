package rotation_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const (
	ownSecret  = "5e551045e551045e551045e551045e551045e55104"
	remedyLine = "set session secret to a value of its own, made with: openssl rand -hex 32"
)

// forgedWith is a session cookie that somebody who knows a secret makes, without Instagram.
func forgedWith(t *testing.T, secret string) string {
	t.Helper()
	return sitetest.SealSession(t, session.Config{Secrets: []string{secret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour}, sitetest.Somebody())
}

func TestN16_TheAppSecretMakesNoSessionWhereASessionSecretIsSet(t *testing.T) {
	for _, c := range []struct {
		options, secret string
		let             bool
	}{
		{"", sitetest.AppSecret, true}, // as the documentation says
		{"session {\n secret " + ownSecret + "\n}", sitetest.AppSecret, false},
		{"session {\n secret " + ownSecret + "\n}", ownSecret, true},
		{"session {\n secret " + ownSecret + " " + sitetest.AppSecret + "\n}", sitetest.AppSecret, true}, // until it is taken out
	} {
		s := sitetest.Start(t, sitetest.Config{Options: c.options})
		request := sitetest.Navigation(t, http.MethodGet, "/page")
		request.Header.Set("Cookie", forgedWith(t, c.secret))
		answer := s.NewBrowser().Do(request)
		if let := answer.StatusCode == http.StatusOK; let != c.let {
			t.Errorf("%q: a session made with %.8s… was answered %s", c.options, c.secret, answer.Status)
		}
	}
}

func TestN16_ABlockWithoutASessionSecretSaysSoOnceAtLoad(t *testing.T) {
	const known, weak = "session keys are derived from the app secret: anyone who knows it can forge sessions", "session keys are derived from an app_secret of fewer than 32 characters"
	short := strings.Replace(sitetest.DefaultBlock(""), sitetest.AppSecret, "short", 1)
	for name, c := range map[string]struct {
		config sitetest.Config
		want   string
	}{
		"none":                         {sitetest.Config{}, known},
		"the app secret":               {sitetest.Config{Options: "session {\n secret " + sitetest.AppSecret + "\n}"}, known},
		"the app secret while changed": {sitetest.Config{Options: "session {\n secret " + ownSecret + " " + sitetest.AppSecret + "\n}"}, known},
		"an app secret that is short":  {sitetest.Config{Block: short}, weak},
		"one of its own":               {sitetest.Config{Options: "session {\n secret " + ownSecret + "\n}"}, ""},
		"no sessions at all":           {sitetest.Config{Options: "after_login handoff"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			for _, message := range []string{known, weak} {
				lines := s.Logged(message)
				want := 0
				if message == c.want {
					want = 1
				}
				if len(lines) != want {
					t.Fatalf("%d lines %q, want %d", len(lines), message, want)
				}
				for _, line := range lines {
					if line["level"] != "warn" || line["remedy"] != remedyLine {
						t.Errorf("line = %v", line)
					}
				}
			}
			for _, secret := range []string{sitetest.AppSecret, ownSecret} {
				for line := range strings.Lines(s.Logs()) {
					if strings.Contains(line, secret) && strings.Contains(line, "http.handlers.instagram_auth") {
						t.Errorf("a secret is in the log: %s", line)
					}
				}
			}
		})
	}
}
