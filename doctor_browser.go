package instagramauth

import (
	"bufio"
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
)

// A login in a browser, step by step: the window, the way back, the exchange and the user
// node.

// browse takes a person through a login.
func (e *examination) browse(p *patient) doctor.Finding {
	r := p.settings.redirects[0]
	state := newState()
	came, err := e.comeback(r, p.settings.client.AuthorizationURL(instagram.Authorization{RedirectURI: r.uri, State: state}))
	if err != nil {
		return doctor.Fault("no address came back: "+oneLine(err), "run the command again and paste the address that the browser shows")
	}
	query, wrong := readComeback(came, r.uri)
	if wrong != nil {
		return *wrong
	}
	if subtle.ConstantTimeCompare([]byte(query.state), []byte(state)) != 1 {
		return doctor.Fault("the state in the address is not that of this login", "use the address that was printed last, in one browser, and paste where it leads")
	}
	if query.failed {
		return explainDenied(&query)
	}
	ctx, cancel := context.WithTimeout(e.ctx, loginTimeout)
	defer cancel()
	token, err := p.settings.client.Exchange(ctx, r.uri, query.code)
	if err != nil {
		return explain("token endpoint", err)
	}
	user, err := p.settings.client.User(ctx, token)
	if err != nil {
		return explain("user node", err)
	}
	return doctor.OK("signed in as %s, user ID %s", user.Username, user.ID)
}

// comeback prints the address of the window and waits for the one that the browser comes
// back to.
func (e *examination) comeback(r redirect, window string) (string, error) {
	// Before the address is there to be opened: a browser that is signed in already is
	// back at once.
	listener := listenAt(r)
	fmt.Fprintf(e.talk, "Open this address in a browser, sign in and allow:\n\n  %s\n\n", window)
	if listener != nil {
		return e.catch(listener, r)
	}
	fmt.Fprintln(e.talk, "Then copy the whole address that the browser shows, whatever page that is, and paste it here.\nIf the window shows an error instead, paste that.")
	line, err := bufio.NewReader(e.in).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return line, nil
	}
	return "", cmp.Or(err, errEmptyLine)
}

var errEmptyLine = errors.New("the line is empty")

// browserTime is how long a person has for the window.
const browserTime = 10 * time.Minute

// listenAt listens on the redirect URI if that can be done here; nil if not.
func listenAt(r redirect) net.Listener {
	if u, err := url.Parse(r.uri); err == nil && u.Scheme == "http" && isLoopback(u.Hostname()) {
		if listener, err := net.Listen("tcp", r.host); err == nil {
			return listener
		}
	}
	return nil
}

// catch waits on a loopback address for the browser itself. Whatever else asks there gets
// a page that is not found.
func (e *examination) catch(listener net.Listener, r redirect) (string, error) {
	fmt.Fprintf(e.talk, "Waiting for the browser on %s\n", r.uri)
	came := make(chan string, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		if !query.Has("code") && !query.Has("error") {
			http.NotFound(w, request)
			return
		}
		select {
		case came <- "http://" + normalHost(request.Host, false) + request.URL.RequestURI():
		default:
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		fmt.Fprintln(w, "Thank you. The terminal says how it went.")
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

// readComeback reads what came back: an address, or what the window says.
func readComeback(came, want string) (query callbackQuery, wrong *doctor.Finding) {
	say := func(f doctor.Finding) (callbackQuery, *doctor.Finding) { return callbackQuery{}, &f }
	u, err := url.Parse(came)
	if err != nil || u.Host == "" {
		window := &instagram.Error{Kind: instagram.Refused, Message: came}
		if remedy := window.Remedy(); remedy != "" {
			return say(doctor.Fault("the window refused", remedy))
		}
		return say(doctor.Fault("that is no address", "paste the whole address, from https:// to its end"))
	}
	address := *u
	address.RawQuery, address.Fragment, address.RawFragment = "", "", ""
	if how := doctor.Differs(address.String(), want); how != "" {
		return say(doctor.Fault("the address that came back "+how, "register "+want+" with Meta, byte for byte, and paste where the window of this login leads"))
	}
	query, ok := parseCallback(u.RawQuery)
	if !ok {
		return say(doctor.Fault("the address has neither a code nor an error in it, or an odd one", "paste the whole address, and start again if it was used already"))
	}
	return query, nil
}

// explainDenied explains an answer of the window without a code.
func explainDenied(query *callbackQuery) doctor.Finding {
	if query.cancelled() {
		return doctor.Fault("the login was cancelled in the window", "start again and press Allow")
	}
	window := &instagram.Error{Kind: instagram.Refused, Message: strings.ReplaceAll(query.reason, "_", " ") + ": " + query.description}
	return explain("window", window)
}
