package placement_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// Caddy provisions the routes of handle_errors while a block there takes its place.
func TestABlockInHandleErrorsLeavesTheErrorPagesAsTheyAre(t *testing.T) {
	block := strings.Replace(sitetest.DefaultBlock(""), "instagram_auth", "instagram_auth /missing/members*", 1)
	s := sitetest.Start(t, sitetest.Config{
		Block: "handle_errors {\n" + block + "\nrespond \"error page {err.status_code}\"\n}",
		After: "error /missing* 404\nrespond \"front\"",
	})
	if answer := s.NewBrowser().Get("/missing/page"); answer.StatusCode != http.StatusNotFound || answer.Body != "error page 404" {
		t.Errorf("the error page is %s %q", answer.Status, answer.Body)
	}
	if answer := s.NewBrowser().Get("/missing/members"); answer.StatusCode != http.StatusFound {
		t.Errorf("a protected error page is answered %s %q, want the way to Instagram", answer.Status, answer.Body)
	}
}
