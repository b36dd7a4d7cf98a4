package instagramauth_test

import (
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestL4_TheOperatorsCommandsInThisProcess(t *testing.T) {
	s, admin := adminSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	for _, wrong := range []struct {
		says string
		args []string
	}{
		{"revoke, sessions, doctor", nil},
		{"revoke, sessions, doctor", []string{"end", "--address", admin}},
		{"revoke, sessions, doctor", []string{"--address", admin}},
		{"exactly one of", []string{"revoke", "--address", admin}},
		{"exactly one of", []string{"revoke", "--all", "--user", "1", "--address", admin}},
		{"numeric", []string{"revoke", "--user", username, "--address", admin}},
		{"no instagram_auth of app", []string{"revoke", "--all", "--app", "7", "--address", admin}},
		{"no instagram_auth of app", []string{"sessions", "--app", "7", "--address", admin}},
		{"is it running there", []string{"sessions", "--address", freeAddr(t)}},
		{"finding Caddy's admin endpoint", []string{"sessions", "--config", "/nowhere/Caddyfile"}},
		{`unexpected "all"`, []string{"revoke", "all", "--address", admin}},
		{"unknown flag", []string{"sessions", "--all", "--address", admin}},
	} {
		if out, err := caddyCommand(t, nil, io.Discard, wrong.args...); err == nil || !strings.Contains(err.Error(), wrong.says) {
			t.Errorf("%q says %q, %v", wrong.args, out, err)
		}
	}
	s.wantAlive(b.cookieHeader(), true)
	out, err := caddyCommand(t, nil, io.Discard, "revoke", "--user", userID, "--address", admin)
	if err != nil || !strings.Contains(out, "app "+appID+": ended") {
		t.Errorf("revoke says %q, %v", out, err)
	}
	s.wantAlive(b.cookieHeader(), false)
	table := regexp.MustCompile(`APP +ENDED +TO WRITE +AGE +STORAGE\n` + appID + ` +1 +0 +\w+ +ok`)
	if out, err = caddyCommand(t, nil, io.Discard, "sessions", "--address", admin); err != nil || !table.MatchString(out) {
		t.Errorf("sessions says %q, %v", out, err)
	}
	mend := s.breakStorage()
	defer mend()
	if _, err = caddyCommand(t, nil, io.Discard, "revoke", "--all", "--address", admin); err == nil || !strings.Contains(err.Error(), "on this node alone") {
		t.Errorf("revoke without a storage: %v", err)
	}
	eventually(t, "the fault of the storage in the table", func() bool {
		out, err = caddyCommand(t, nil, io.Discard, "sessions", "--address", admin)
		return err == nil && strings.Contains(out, appID) && !strings.Contains(out, " ok\n")
	})
}
