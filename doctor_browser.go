package instagramauth

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/windowpage"
)

// A login in a browser, step by step: the window, the way back, the exchange and the user
// node.

// browse takes a person through a login.
func (e *examination) browse(p *patient) finding.Finding {
	r := p.settings.paths.Redirects[0]
	state := newState()
	came, err := e.comeback(r, state, p.settings.client.AuthorizationURL(instagram.Authorization{RedirectURI: r.URI, State: state}))
	if err != nil {
		return finding.Fault("no address came back: "+option.OneLine(err), "run the command again and paste the address that the browser shows")
	}
	query, wrong := readComeback(came, r.URI, state)
	if wrong != nil {
		return *wrong
	}
	ctx, cancel := context.WithTimeout(e.ctx, loginTimeout)
	defer cancel()
	token, err := p.settings.client.Exchange(ctx, r.URI, query.code)
	if err != nil {
		return explain("token endpoint", err)
	}
	user, err := p.settings.client.User(ctx, token)
	if err != nil {
		return explain("user node", err)
	}
	return finding.OK("signed in as %s, user ID %s", user.Username, user.ID)
}

// comeback prints the address of the window and waits for the one that the browser comes
// back to.
func (e *examination) comeback(r address.Redirect, state, window string) (string, error) {
	// Before the address is there to be opened: a browser that is signed in already is
	// back at once.
	listener := listenAt(r)
	fmt.Fprintf(e.talk, "Open this address in a browser, sign in and allow:\n\n  %s\n\n", window)
	if listener != nil {
		return e.catch(listener, r, state)
	}
	fmt.Fprintln(e.talk, "Then copy the whole address that the browser shows, whatever page that is, and paste it here.\nIf the window shows an error instead, paste that.")
	return e.pastedOf(state)
}

// pastedOf waits for what belongs to this login. Where nothing else comes, what came last counts.
func (e *examination) pastedOf(state string) (came string, err error) {
	for {
		next, err := e.pasted()
		if err != nil {
			if came != "" {
				return came, nil
			}
			return "", err
		}
		if came = next; !fromAnotherLogin(came, state) {
			return came, nil
		}
		fmt.Fprintln(e.talk, "That address is from another login: its state differs. Paste where the address above leads.")
	}
}

var errEmptyLine = errors.New("the line is empty")

const (
	// pasteTime is the longest pause between two lines of one paste.
	pasteTime = 300 * time.Millisecond
	maxPaste  = 1 << 20 // bytes
)

// pasted waits for an address, or for the lines of a page that the person copied.
func (e *examination) pasted() (string, error) {
	if e.lines == nil {
		e.lines = linesOf(e.ctx, e.in)
	}
	var text strings.Builder
	var pause <-chan time.Time
	for {
		select {
		case line, open := <-e.lines:
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
		case <-e.ctx.Done():
			return "", e.ctx.Err()
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

// browserTime is how long a person has for the window.
const browserTime = 10 * time.Minute

// listenAt listens on the redirect URI if that can be done here; nil if not.
func listenAt(r address.Redirect) net.Listener {
	if u, err := url.Parse(r.URI); err == nil && u.Scheme == "http" && address.IsLoopback(u.Hostname()) {
		if listener, err := net.Listen("tcp", r.Host); err == nil {
			return listener
		}
	}
	return nil
}

// readComeback reads what the person pasted: the address of the callback, or the window's error.
func readComeback(came, want, state string) (query callbackQuery, wrong *finding.Finding) {
	say := func(f finding.Finding) (callbackQuery, *finding.Finding) { return callbackQuery{}, &f }
	if refused := windowpage.Copied(came); refused != nil {
		return say(explain("window", refused))
	}
	u, err := url.Parse(came)
	if err != nil || u.Host == "" {
		said := &instagram.Error{Kind: instagram.Refused, Message: came}
		if remedy := said.Remedy(); remedy != "" {
			return say(finding.Fault("the window refused", remedy))
		}
		return say(finding.Fault("that is not an address", "paste the whole address, from https:// to its end"))
	}
	address := *u
	address.RawQuery, address.Fragment, address.RawFragment = "", "", ""
	if how := finding.Differs(address.String(), want); how != "" {
		if host := "." + strings.ToLower(u.Hostname()); strings.HasSuffix(host, ".instagram.com") {
			return say(finding.Fault("the browser is still at Instagram", "sign in, press Allow, and paste the address that the browser shows then"))
		}
		return say(finding.Fault("the address that came back "+how, "register "+want+" with Meta, byte for byte, and paste where the window of this login leads"))
	}
	query, ok := parseCallback(u.RawQuery)
	if !ok {
		return say(finding.Fault("the address has neither a code nor an error in it, or an odd one", "paste the whole address, and start again if it was used already"))
	}
	// Instagram sometimes leaves the state out of a denial.
	if (!query.failed || query.state != "") && subtle.ConstantTimeCompare([]byte(query.state), []byte(state)) != 1 {
		return say(finding.Fault("the state in the address is not that of this login", "use the address that was printed last, in one browser, and paste where it leads"))
	}
	if query.failed {
		return say(explainSentBack("window", query, state))
	}
	return query, nil
}
