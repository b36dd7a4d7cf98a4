package telemetry_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// expectedFields is what a line must have beside its time and where it comes from.
type expectedFields struct{ request, person, instance bool }

// expected are the lines that everythingHappens leads to.
var expected = map[string]expectedFields{
	"signed in":                        {true, true, true},
	"sign-in refused":                  {true, false, true},
	"signed out":                       {true, true, true},
	"sessions revoked by Instagram":    {true, true, true},
	"callback refused":                 {true, false, true},
	"access refused":                   {true, true, true},
	"sessions revoked by the operator": {false, true, false},
	"secrets are being rotated: older secrets are still accepted":                                    {false, false, true},
	"reading revoked sessions from the storage failed; the last known list stays in use":             {false, false, false},
	"reading revoked sessions from the storage works again":                                          {false, false, false},
	"breaker opened: calls to Instagram have failed in a row; logins are refused until one succeeds": {true, false, true},
}

// everythingHappens runs a site on which everything happens that has a log line, and
// returns this module's log lines.
func everythingHappens(t *testing.T, options string) (lines []map[string]any) {
	t.Helper()
	c := sitetest.Config{Global: "metrics"}
	c.Block = strings.Replace(sitetest.DefaultBlock("sync_interval 1s\n"+options), "app_secret "+sitetest.AppSecret, "app_secret "+sitetest.AppSecret+" older-secret-0123456789", 1)
	s, admin := sitetest.StartWithAdmin(t, c)
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Logout(nil)
	s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest(sitetest.Username))
	s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username))
	s.FromMeta(sitetest.DataDeletionPath, "forged.e30")
	sitetest.AskAdmin(t, http.MethodPost, admin+"/instagram_auth/revoke", `{"user_id":"`+sitetest.UserID+`"}`)
	b.SignIn("/page")
	c.Admin = admin
	c.Block = strings.Replace(c.Block, "sync_interval", "deny "+sitetest.UserID+"\nsync_interval", 1)
	s.Load(c)
	b.Get("/page")
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range 5 {
		other := s.NewBrowser()
		other.Get(other.Window(other.Get("/page")))
	}
	mend := s.BreakStorage()
	sitetest.Eventually(t, "a warning about the storage", func() bool {
		return len(s.Logged("reading revoked sessions from the storage failed; the last known list stays in use")) > 0
	})
	mend()
	sitetest.Eventually(t, "word that the storage works again", func() bool {
		return len(s.Logged("reading revoked sessions from the storage works again")) > 0
	})
	for line := range strings.Lines(s.Logs()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s is no JSON", line)
		}
		if logger, _ := entry["logger"].(string); logger == "http.handlers.instagram_auth" || logger == "admin.api.instagram_auth" || logger == "events" && entry["msg"] == "event" && strings.Contains(line, "instagram_auth") {
			lines = append(lines, entry)
		}
	}
	return lines
}

func TestP2_WhatHappensIsOneStructuredLine(t *testing.T) {
	lines := everythingHappens(t, "")
	for message, want := range expected {
		found := slices.DeleteFunc(slices.Clone(lines), func(line map[string]any) bool { return line["msg"] != message })
		if len(found) == 0 {
			t.Errorf("nothing says %q", message)
		}
		for _, line := range found {
			id, _ := line["user_id"].(string)
			requestID, _ := line["request_id"].(string)
			for what, wrong := range map[string]bool{
				"time":       line["ts"] == nil,
				"level":      line["level"] == nil,
				"request":    (want.request || message == "sessions revoked by the operator") != (line["client_ip"] == "127.0.0.1"),
				"request ID": want.request != (len(requestID) == 36),
				"person":     want.person && id != sitetest.UserID && id != sitetest.AppScopedID,
				"instance":   want.instance && line["instance"] != sitetest.AppID+" /instagram_auth" || !want.instance && line["app_id"] != sitetest.AppID,
			} {
				if wrong {
					t.Errorf("%q: the %s is wrong in %v", message, what, line)
				}
			}
		}
	}
	for _, line := range lines {
		if text := text(t, line); strings.Contains(text, sitetest.Username) {
			t.Errorf("the username is in %s", text)
		}
	}
}

// text returns a log line as it was written.
func text(t *testing.T, line map[string]any) string {
	t.Helper()
	content, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestP2_TheLogHidesPeopleWhereTheOperatorWantsThat(t *testing.T) {
	personal := regexp.MustCompile(sitetest.UserID + "|" + sitetest.AppScopedID + `|127\.0\.0\.1"|` + sitetest.Username)
	for _, c := range []struct {
		name, options string
		hashed        bool
	}{
		{"as pseudonyms", "log {\n client_ip hash\n user_id hash\n}", true},
		{"not at all", "log {\n client_ip off\n user_id off\n username off\n}", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pseudonyms := make(map[string]map[string]bool)
			for _, line := range everythingHappens(t, c.options) {
				if found := personal.FindString(text(t, line)); found != "" {
					t.Errorf("%s is in %v", found, line)
				}
				want, known := expected[line["msg"].(string)]
				if !known {
					continue
				}
				for field, wanted := range map[string]bool{"client_ip_hash": want.request, "user_id_hash": want.person} {
					value, _ := line[field].(string)
					if wanted && c.hashed && len(value) != 16 {
						t.Errorf("%s is %q in %v", field, value, line)
					}
					if pseudonyms[field] == nil {
						pseudonyms[field] = make(map[string]bool)
					}
					if value != "" {
						pseudonyms[field][value] = true
					}
				}
			}
			// One address, and one person with two IDs.
			if addresses, ids := len(pseudonyms["client_ip_hash"]), len(pseudonyms["user_id_hash"]); c.hashed && (addresses != 1 || ids != 2) || !c.hashed && addresses+ids != 0 {
				t.Errorf("pseudonyms = %v", pseudonyms)
			}
		})
	}
}

func TestP2_TheUsernameIsLoggedWhereTheOperatorWantsThat(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "log {\n username on\n}"})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Logout(nil)
	for _, message := range []string{"signed in", "signed out"} {
		if lines := s.Logged(message); len(lines) != 1 || lines[0]["username"] != sitetest.Username {
			t.Errorf("%s: %v", message, lines)
		}
	}
}
