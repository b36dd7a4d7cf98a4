package instagramauth

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
)

// catch waits on a loopback address for the browser itself, and for the callback of this login
// alone: browsers ask for icons, and older windows may still be open.
func (e *examination) catch(listener net.Listener, r address.Redirect, state string) (string, error) {
	fmt.Fprintf(e.talk, "Waiting for the browser on %s\n", r.URI)
	came := make(chan string, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		switch kindOfCallback(request, r.Path, state) {
		case callbackOfThisLogin:
			select {
			case came <- "http://" + address.NormalHost(request.Host, false) + request.URL.RequestURI():
			default:
			}
			fmt.Fprintln(w, "Thank you. The terminal says how it went.")
		case callbackOfAnotherLogin:
			http.Error(w, "This page belongs to another login. Open the address that the terminal printed last.", http.StatusBadRequest)
		default:
			http.NotFound(w, request)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	ctx, cancel := context.WithTimeout(e.ctx, browserTime)
	defer cancel()
	defer func() {
		// The page that says thank you may still be on its way.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	}()
	select {
	case address := <-came:
		return address, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

type callbackKind int

const (
	noCallback callbackKind = iota
	callbackOfThisLogin
	callbackOfAnotherLogin
)

// kindOfCallback says whether a request is what the login waits for. The state proves it, also on
// another path: that is a redirect URI which differs, and the report says how. Instagram sometimes
// leaves the state out of a refusal, which counts on the right path alone.
func kindOfCallback(request *http.Request, path, state string) callbackKind {
	query := request.URL.Query()
	failed := slices.ContainsFunc([]string{"error", "error_code", "error_message"}, query.Has)
	if request.Method != http.MethodGet || !failed && !query.Has("code") {
		return noCallback
	}
	switch here := request.URL.Path == path; {
	case sameState(query.Get("state"), state):
		return callbackOfThisLogin
	case here && failed && !query.Has("state"):
		return callbackOfThisLogin
	case here:
		return callbackOfAnotherLogin
	}
	return noCallback
}

// sameState compares a state that came back. Instagram's #_ may be encoded at its end.
func sameState(given, state string) bool {
	return subtle.ConstantTimeCompare([]byte(instagram.TrimFragment(given)), []byte(state)) == 1
}

// fromAnotherLogin reports whether an address that was pasted has another login's state in it:
// the terminal goes on waiting for its own.
func fromAnotherLogin(address, state string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !u.Query().Has("code") {
		return false
	}
	return u.Query().Has("state") && !sameState(u.Query().Get("state"), state)
}
