package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// visitor signs in as a browser does: three requests to the site and one to Instagram's
// window, which allows at once.
type visitor struct {
	site, window *client
	instagram    string // the simulator's address
}

func (b *bench) visitor(site string) (v *visitor, err error) {
	v = &visitor{instagram: b.instagram.address}
	if v.site, err = dial(b.ctx, site); err != nil {
		return nil, err
	}
	if v.window, err = dial(b.ctx, v.instagram); err != nil {
		v.site.close()
		return nil, err
	}
	return v, nil
}

func (v *visitor) close() {
	v.site.close()
	v.window.close()
}

// signIn makes one complete login, from a protected page to that page, and returns the
// session cookie. from is the address that the visitor has, for a site behind a proxy.
func (v *visitor) signIn(host, from string) (session string, err error) {
	headers := []string{"X-Forwarded-For: " + from}
	begun, err := v.site.get(request(host, privatePath, headers...), 302)
	if err != nil {
		return "", fmt.Errorf("starting a login: %w", err)
	}
	uri, found := strings.CutPrefix(begun.location, "http://"+v.instagram)
	if !found {
		return "", fmt.Errorf("a login leads to %.200q", begun.location)
	}
	allowed, err := v.window.get(request(v.instagram, uri), 302)
	if err != nil {
		return "", fmt.Errorf("at the window: %w", err)
	}
	back, err := url.Parse(allowed.location)
	if err != nil || back.Host != host {
		return "", fmt.Errorf("the window leads to %.200q", allowed.location)
	}
	ended, err := v.site.get(request(host, back.RequestURI(), append(headers, "Cookie: "+pairs(begun.cookies))...), 303)
	if err != nil {
		return "", fmt.Errorf("coming back from the window: %w", err)
	}
	if _, err = v.site.get(request(host, privatePath, append(headers, "Cookie: "+pairs(ended.cookies))...), 200); err != nil {
		return "", fmt.Errorf("the page after a login: %w", err)
	}
	for _, line := range ended.cookies {
		if strings.HasPrefix(line, cookie+"=") {
			session, _, _ = strings.Cut(line, ";")
		}
	}
	if session == "" {
		return "", errors.New("a login made no session")
	}
	return session, nil
}

// pairs are the cookies that Set-Cookie lines set, without those that they delete.
func pairs(lines []string) string {
	var kept []string
	for _, line := range lines {
		if pair, attributes, _ := strings.Cut(line, ";"); !strings.Contains(attributes, "Max-Age=0") {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "; ")
}

// signIn makes the session that the contestants need.
func (b *bench) signIn(site, host string) (session string, err error) {
	v, err := b.visitor(site)
	if err != nil {
		return "", err
	}
	defer v.close()
	return v.signIn(host, "10.0.0.1")
}

// logins is what was measured of complete logins, a value for each round.
type logins struct {
	perSecond, p50, p99 []float64 // the latter in milliseconds
	site, simulator     []float64 // CPU time of a login, in microseconds
	server              *server
	profile             string // of the site's CPU, where the goal was missed
}

// loginGoal is how many complete logins a second there should be, on two cores and with
// the simulator on the same machine.
const loginGoal = 500

// startLogins starts the site for logins. It stands behind a proxy as far as it knows:
// each login comes from another address, because one client may not sign in that often.
func (b *bench) startLogins() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	b.logins.server, err = b.caddy("login", b.binary, "http://:"+portOf(address)+" {\n"+b.instagramAuth("/private*", appID, host)+b.proxy()+"}\n", address,
		" servers {\n  trusted_proxies static 127.0.0.1/32\n }")
	return err
}

// visits counts the addresses that visitors come from.
var visits atomic.Uint32

// signAllIn lets a number of visitors sign in again and again until the time is over.
func (b *bench) signAllIn(slice time.Duration) (*work, error) {
	ctx, cancel := context.WithCancelCause(b.ctx)
	defer cancel(nil)
	visitors := make([]*visitor, b.connections)
	parts := make([]histogram, b.connections)
	for i := range visitors {
		var err error
		if visitors[i], err = b.visitor(b.logins.server.address); err != nil {
			return nil, err
		}
		defer visitors[i].close()
	}
	var all sync.WaitGroup
	began := time.Now()
	for i, v := range visitors {
		all.Go(func() {
			for now := time.Now(); now.Sub(began) < slice && ctx.Err() == nil; {
				n := visits.Add(1)
				if _, err := v.signIn(host, fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)); err != nil {
					cancel(err)
					return
				}
				then := now
				now = time.Now()
				parts[i].add(now.Sub(then))
			}
		})
	}
	all.Wait()
	done := &work{took: time.Since(began)}
	for i := range parts {
		done.latencies.merge(&parts[i])
	}
	return done, context.Cause(ctx)
}

// measureLogins measures one round of logins.
func (b *bench) measureLogins(slice time.Duration) error {
	l := &b.logins
	site, err := l.server.cpu()
	if err != nil {
		return err
	}
	simulator, err := b.instagram.cpu()
	if err != nil {
		return err
	}
	done, err := b.signAllIn(slice)
	if err != nil {
		return fmt.Errorf("logins: %w", err)
	}
	siteAfter, err := l.server.cpu()
	if err != nil {
		return err
	}
	simulatorAfter, err := b.instagram.cpu()
	if err != nil {
		return err
	}
	n := float64(done.latencies.total)
	l.perSecond = append(l.perSecond, n/done.took.Seconds())
	l.p50 = append(l.p50, milliseconds(done.latencies.quantile(0.5)))
	l.p99 = append(l.p99, milliseconds(done.latencies.quantile(0.99)))
	l.site = append(l.site, microseconds(siteAfter-site)/n)
	l.simulator = append(l.simulator, microseconds(simulatorAfter-simulator)/n)
	return nil
}
