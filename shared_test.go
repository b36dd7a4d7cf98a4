package instagramauth_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// What handlers behind and around this one do to an answer stays with that answer.

// Caddy's header directive changes values in place, here on an error page.
func TestH7_AnErrorPageChangesNoOtherAnswer(t *testing.T) {
	s := startSite(t, siteConfig{
		before: "handle_errors {\nheader Vary Cookie Accept\nheader Cache-Control private \"public, max-age=60\"\nrespond \"sorry\"\n}\n@broken path /broken",
		after:  "error @broken 418\nrespond ok",
	})
	b := s.newBrowser()
	b.signIn("/page")
	if page := b.get("/broken"); page.Header.Get("Vary") != "Accept" {
		t.Fatalf("the error page varies by %q", page.Header.Get("Vary"))
	}
	page := b.get("/page")
	if page.Header.Get("Vary") != "Cookie" || page.Header.Get("Cache-Control") != "private" {
		t.Errorf("the next page varies by %q and says %q to caches", page.Header.Get("Vary"), page.Header.Get("Cache-Control"))
	}
}

// latecomer is a handler that answers after its request has been given up, as one does
// that runs what is behind it beside the request.
type latecomer struct {
	answer  chan struct{} // the late answer is due
	over    chan any      // it was given; what it panicked with
	arrived chan struct{} // the other visitor is here
	leave   chan struct{}
}

var late = latecomer{make(chan struct{}), make(chan any), make(chan struct{}), make(chan struct{})}

func (latecomer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.latecomer", New: func() caddy.Module { return new(latecomer) }}
}

func (latecomer) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	user := r.Header.Get("X-Instagram-Username")
	if r.URL.Path == "/late" {
		go func() {
			<-late.answer
			defer func() { late.over <- recover() }()
			w.Header().Set("X-Late", user)
			_, _ = io.WriteString(w, "too late for "+user)
		}()
		return nil
	}
	late.arrived <- struct{}{}
	<-late.leave
	_, err := io.WriteString(w, "page of "+user)
	return err
}

func init() {
	caddy.RegisterModule(latecomer{})
	httpcaddyfile.RegisterHandlerDirective("latecomer", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) { return latecomer{}, nil })
	httpcaddyfile.RegisterDirectiveOrder("latecomer", httpcaddyfile.Before, "respond")
}

func TestH7_WhoAnswersTooLateReachesNobody(t *testing.T) {
	s := startSite(t, siteConfig{after: "@slow path /late /other\nlatecomer @slow\nrespond ok"})
	b := s.newBrowser()
	b.signIn("/page")
	for range 10 {
		b.get("/late")
		var other response
		var asked sync.WaitGroup
		asked.Go(func() { other = b.get("/other") })
		<-late.arrived
		late.answer <- struct{}{}
		if cause := <-late.over; cause != nil {
			t.Errorf("the late answer panics: %v", cause)
		}
		late.leave <- struct{}{}
		asked.Wait()
		if other.Header.Get("X-Late") != "" || strings.Contains(other.body, "too late") {
			t.Fatalf("somebody else's answer: %v %q", other.Header, other.body)
		}
	}
}

// An operator can print a request's variables, and the token must not be among them.
func TestP1_TheVariableOfAnIdentityPrintsNothing(t *testing.T) {
	s := startSite(t, siteConfig{
		options: "token {\nforward_as X-Instagram-Access-Token\n}",
		after:   "respond \"<{http.vars.instagram_auth.identity}> {http.auth.user.username}\"",
	})
	b := s.newBrowser()
	b.signIn("/page")
	if page := b.get("/page"); page.body != "<> "+username {
		t.Errorf("the page says %q", page.body)
	}
}
