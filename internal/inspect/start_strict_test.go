package inspect_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestN17_StrictConfigKeepsCaddyFromStarting: an open path fails the start and a reload, which
// leaves the former configuration in place. `caddy validate` starts nothing.
func TestN17_StrictConfigKeepsCaddyFromStarting(t *testing.T) {
	right := sitetest.Config{Block: protectingBlock("/members*", "strict_config")}
	open := sitetest.Config{Block: "route {\nfile_server /members/*\n" + protectingBlock("/members*", "strict_config") + "\n}"}
	doubtful := sitetest.Config{Block: protectingBlock("/members/*", "strict_config")}
	const want = "strict_config: /members/* is NOT protected: file_server answers first; move instagram_auth above file_server"
	s := sitetest.Start(t, right)
	load := func(c sitetest.Config) error {
		t.Helper()
		config, err := sitetest.Adapt(s.Caddyfile(c))
		if err != nil {
			t.Fatal(err)
		}
		return caddy.Load(config, true)
	}
	if err := load(open); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("reload: %v", err)
	}
	if answer := s.NewBrowser().Fetch("/members/"); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("after a reload that failed: %s", answer.Status)
	}
	if err := sitetest.ValidateFile(s.Caddyfile(open)); err != nil {
		t.Errorf("validate: %v", err)
	}
	if err := load(doubtful); err != nil {
		t.Errorf("a warning: %v", err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := load(open); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("start: %v", err)
	}
	if err := load(sitetest.Config{Block: strings.Replace(open.Block, "strict_config", "", 1)}); err != nil {
		t.Errorf("start without the option: %v", err)
	}
}
