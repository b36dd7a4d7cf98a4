package doctor

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/windowpage"
)

const (
	loginTime   = 20 * time.Second // for all calls to Instagram of one login together
	browserTime = 10 * time.Minute // for the person in the window
)

// browse takes a person through a login.
func (r *run) browse(b *block) finding.Finding {
	redirect := b.Paths().Redirects[0]
	state := newState()
	pasted, err := r.awaitAddress(redirect, state, b.Client.AuthorizationURL(instagram.Authorization{RedirectURI: redirect.URI, State: state}))
	if err != nil {
		return finding.Fault("no address came back: "+option.OneLine(err), "run the command again and paste the address that the browser shows")
	}
	query, wrong := readPasted(pasted, redirect.URI, state)
	if wrong != nil {
		return *wrong
	}
	ctx, cancel := context.WithTimeout(r.ctx, loginTime)
	defer cancel()
	token, err := b.Client.Exchange(ctx, redirect.URI, query.Code)
	if err != nil {
		return explain("token endpoint", err)
	}
	user, err := b.Client.User(ctx, token)
	if err != nil {
		return explain("user node", err)
	}
	return finding.OK("signed in as %s, user ID %s", user.Username, user.ID)
}

// awaitAddress prints the address of the window and waits for the one that the browser comes
// back to.
func (r *run) awaitAddress(redirect address.Redirect, state, window string) (string, error) {
	// Before the address is there to be opened: a browser that is signed in already is
	// back at once.
	listener := listenAt(redirect)
	fmt.Fprintf(r.talk, "Open this address in a browser, sign in and allow:\n\n  %s\n\n", window)
	if listener != nil {
		return r.catch(listener, redirect, state)
	}
	fmt.Fprintln(r.talk, "Then copy the whole address that the browser shows, whatever page that is, and paste it here.\nIf the window shows an error instead, paste that.")
	return r.pastedOf(state)
}

// pastedOf waits for what belongs to this login. Where nothing else comes, the last one counts.
func (r *run) pastedOf(state string) (pasted string, err error) {
	for {
		next, err := r.pasted()
		if err != nil {
			if pasted != "" {
				return pasted, nil
			}
			return "", err
		}
		if pasted = next; !fromAnotherLogin(pasted, state) {
			return pasted, nil
		}
		fmt.Fprintln(r.talk, "That address is from another login: its state differs. Open the address above, and paste the address that it leads to.")
	}
}

var errEmptyLine = errors.New("the line is empty")

const (
	// pasteTime is the longest pause between two lines of one paste.
	pasteTime = 300 * time.Millisecond
	maxPaste  = 1 << 20 // bytes
)

// pasted waits for an address, or for the lines of a page that the person copied.
func (r *run) pasted() (string, error) {
	if r.lines == nil {
		r.lines = linesOf(r.ctx, r.in)
	}
	var text strings.Builder
	var pause <-chan time.Time
	for {
		select {
		case line, open := <-r.lines:
			if address := strings.TrimSpace(line); strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
				return address, nil
			}
			if !open && text.Len() == 0 {
				return "", io.EOF
			}
			text.WriteString(line + "\n")
			if pause = time.After(pasteTime); open && text.Len() <= maxPaste {
				continue
			}
		case <-pause:
		case <-r.ctx.Done():
			return "", r.ctx.Err()
		}
		if all := strings.TrimSpace(text.String()); all != "" {
			return all, nil
		}
		return "", errEmptyLine
	}
}

// linesOf reads lines for the rest of the run: reading from a terminal cannot be interrupted, and
// a second reader would miss what the first one has buffered.
func linesOf(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxPaste)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// listenAt listens on the redirect URI if that can be done here; nil if not.
func listenAt(redirect address.Redirect) net.Listener {
	if u, err := url.Parse(redirect.URI); err == nil && u.Scheme == "http" && address.IsLoopback(u.Hostname()) {
		if listener, err := net.Listen("tcp", redirect.Host); err == nil {
			return listener
		}
	}
	return nil
}

// readPasted reads what the person pasted: the address of the callback, or the window's error.
func readPasted(pasted, want, state string) (query instagram.Callback, wrong *finding.Finding) {
	fail := func(f finding.Finding) (instagram.Callback, *finding.Finding) { return instagram.Callback{}, &f }
	if refused := windowpage.Copied(pasted); refused != nil {
		return fail(explain("window", refused))
	}
	u, err := url.Parse(pasted)
	if err != nil || u.Host == "" {
		said := &instagram.Error{Kind: instagram.Refused, Message: pasted}
		if remedy := said.Remedy(); remedy != "" {
			return fail(finding.Fault("the window refused", remedy))
		}
		return fail(finding.Fault("that is not an address", "paste the whole address, from https:// to its end"))
	}
	address := *u
	address.RawQuery, address.Fragment, address.RawFragment = "", "", ""
	if how := finding.Differs(address.String(), want); how != "" {
		if host := "." + strings.ToLower(u.Hostname()); strings.HasSuffix(host, ".instagram.com") {
			return fail(finding.Fault("the browser is still at Instagram", "sign in, press Allow, and paste the address that the browser shows then"))
		}
		return fail(finding.Fault("the address that came back "+how, "register "+want+" with Meta, byte for byte, and paste the address that the window of this login leads to"))
	}
	query, ok := instagram.ParseCallback(u.RawQuery, session.StateLength)
	if !ok {
		return fail(finding.Fault("the address has no valid code or error in it", "paste the whole address, and start again if it was used already"))
	}
	// Instagram sometimes leaves the state out of a denial.
	if (!query.Failed || query.State != "") && subtle.ConstantTimeCompare([]byte(query.State), []byte(state)) != 1 {
		return fail(finding.Fault("the state in the address is not the one of this login", "use the address that was printed last, in one browser, and paste the address that it leads to"))
	}
	if query.Failed {
		return fail(explainSentBack("window", query, state))
	}
	return query, nil
}

// catch waits on a loopback address for the browser itself, and for the callback of this login
// alone: browsers ask for icons, and older windows may still be open.
func (r *run) catch(listener net.Listener, redirect address.Redirect, state string) (string, error) {
	fmt.Fprintf(r.talk, "Waiting for the browser on %s\n", redirect.URI)
	pasted := make(chan string, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		switch kindOfCallback(request, redirect.Path, state) {
		case callbackOfThisLogin:
			select {
			case pasted <- "http://" + address.NormalHost(request.Host, false) + request.URL.RequestURI():
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
	ctx, cancel := context.WithTimeout(r.ctx, browserTime)
	defer cancel()
	defer func() {
		// The page that says thank you may still be on its way.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	}()
	select {
	case address := <-pasted:
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
