package identity_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// What handlers behind and around this one do to an answer stays with that answer.

// Caddy's header directive changes values in place, here on an error page.
func TestH7_AnErrorPageChangesNoOtherAnswer(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Before: "handle_errors {\nheader Vary Cookie Accept\nheader Cache-Control private \"public, max-age=60\"\nrespond \"sorry\"\n}\n@broken path /broken",
		After:  "error @broken 418\nrespond ok",
	})
	b := s.NewBrowser()
	b.SignIn("/page")
	if page := b.Get("/broken"); page.Header.Get("Vary") != "Accept" {
		t.Fatalf("the error page varies by %q", page.Header.Get("Vary"))
	}
	page := b.Get("/page")
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
	s := sitetest.Start(t, sitetest.Config{After: "@slow path /late /other\nlatecomer @slow\nrespond ok"})
	b := s.NewBrowser()
	b.SignIn("/page")
	for range 10 {
		b.Get("/late")
		var other sitetest.Response
		var asked sync.WaitGroup
		asked.Go(func() { other = b.Get("/other") })
		<-late.arrived
		late.answer <- struct{}{}
		if cause := <-late.over; cause != nil {
			t.Errorf("the late answer panics: %v", cause)
		}
		late.leave <- struct{}{}
		asked.Wait()
		if other.Header.Get("X-Late") != "" || strings.Contains(other.Body, "too late") {
			t.Fatalf("somebody else's answer: %v %q", other.Header, other.Body)
		}
	}
}

// An operator can print a request's variables, and the token must not be among them.
func TestP1_TheVariableOfAnIdentityPrintsNothing(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "token {\nforward_as X-Instagram-Access-Token\n}",
		After:   "respond \"<{http.vars.instagram_auth.identity}> {http.auth.user.username}\"",
	})
	b := s.NewBrowser()
	b.SignIn("/page")
	if page := b.Get("/page"); page.Body != "<> "+sitetest.Username {
		t.Errorf("the page says %q", page.Body)
	}
}
