package placement_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// On a server of a thousand sites, an error page would otherwise pass a thousand handlers.
func TestAllBlocksOfAServerShareOneErrorRoute(t *testing.T) {
	block := strings.ReplaceAll(sitetest.DefaultBlock(""), sitetest.Host, "other.test")
	sitetest.Start(t, sitetest.Config{
		Block: "respond /never 404",
		After: "error 404\nhandle_errors {\nrespond \"error page\"\n}",
		Extra: "http://example.test:{port} {\n" + sitetest.DefaultBlock("") + "\n}\nhttp://other.test:{port} {\n" + block + "\n}",
	})
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	for name, server := range app.(*caddyhttp.App).Servers {
		if server.Errors != nil && len(server.Errors.Routes) != 2 {
			t.Errorf("%s has %d error routes, want that of the site and one more", name, len(server.Errors.Routes))
		}
	}
}

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
