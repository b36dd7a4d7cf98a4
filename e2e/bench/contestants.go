package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// contestant is one row of the table: a server, and a request that is sent to it again
// and again.
type contestant struct {
	name    string
	kin     kin
	site    string // what stands in its site's block
	path    string
	headers []string
	want    int // the status of every answer
	// shows and hides are what the site behind must see, and must not, of a request.
	shows, hides string
	peer         *peer

	target
	server *server
	rounds []round
	allocs allocations
}

// kin says in which colour a contestant is drawn.
type kin int

const (
	ofCaddy kin = iota
	ofOthers
	ofOurs
)

// The two contestants that all others are compared with.
const (
	bareRespond = "respond"
	bareProxy   = "reverse_proxy"
)

// contestants returns those of Caddy and ours.
func (b *bench) contestants(hash string) []*contestant {
	good, bad := "Cookie: "+b.session, "Cookie: "+forge(b.session)
	auth, open := b.instagramAuth("/private*", appID, host), b.proxy()
	const identity = "X-Instagram-Username: " + username
	all := []*contestant{
		{name: bareRespond, site: respondOK, want: 200},
		{name: bareProxy, site: open, want: 200, hides: "X-Instagram-"},
		{name: bareProxy + ", once more", site: open, want: 200, hides: "X-Instagram-"},
		{name: bareProxy + " with two header_up", want: 200, shows: identity, site: fmt.Sprintf(" reverse_proxy %s {\n  header_up X-Instagram-User-Id 17841405793187218\n  header_up X-Instagram-Username %s\n }\n", b.site.address, username)},
		{name: "basic_auth", kin: ofOthers, want: 200, site: " basic_auth {\n  bench " + hash + "\n }\n" + open, headers: []string{"Authorization: Basic YmVuY2g6YmVuY2htYXJr"}},
		{name: "forward_auth to the least authorizer", kin: ofOthers, want: 200, shows: "Remote-User: " + username, site: fmt.Sprintf(" forward_auth %s {\n  uri /verify\n  copy_headers Remote-User\n }\n", b.authorizer.address) + open, headers: []string{good}},
		{name: "basic_auth, respond behind", kin: ofOthers, want: 200, site: " basic_auth {\n  bench " + hash + "\n }\n" + respondOK, headers: []string{"Authorization: Basic YmVuY2g6YmVuY2htYXJr"}},
		{name: "forward_auth, respond behind", kin: ofOthers, want: 200, site: fmt.Sprintf(" forward_auth %s {\n  uri /verify\n  copy_headers Remote-User\n }\n", b.authorizer.address) + respondOK, headers: []string{good}},
		{name: "instagram_auth, anonymous on a public path", kin: ofOurs, path: publicPath, want: 200, site: auth + open, hides: "X-Instagram-"},
		{name: "instagram_auth, signed in", kin: ofOurs, want: 200, site: auth + open, headers: []string{good}, shows: identity, hides: cookie},
		{name: "instagram_auth, signed in, 20 foreign cookies", kin: ofOurs, want: 200, site: auth + open, headers: []string{"Cookie: " + foreignCookies(20) + b.session}, shows: identity, hides: cookie},
		{name: "instagram_auth, forged cookie on a public path", kin: ofOurs, path: publicPath, want: 200, site: auth + open, headers: []string{bad}, hides: "X-Instagram-"},
		{name: "instagram_auth, signed in, respond behind", kin: ofOurs, want: 200, site: auth + respondOK, headers: []string{good}},
		{name: "instagram_auth, unauthenticated API call (401)", kin: ofOurs, want: 401, site: auth + open, headers: byScript},
		{name: "instagram_auth, unauthenticated navigation (302)", kin: ofOurs, want: 302, site: auth + open},
	}
	for _, c := range all {
		if c.path == "" {
			c.path = privatePath
		}
	}
	return all
}

// forge returns a session cookie with one character changed, in the middle, where every
// bit of it counts.
func forge(session string) string {
	forged := []byte(session)
	at := len(forged) - len(forged)/4
	if forged[at]++; !bytes.ContainsAny(forged[at:at+1], "bcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ123456789") {
		forged[at] = 'A'
	}
	return string(forged)
}

// hashPassword has Caddy make the hash for basic_auth, the cheapest there is: with its
// cache on, it is computed once.
func (b *bench) hashPassword() (string, error) {
	out, err := exec.CommandContext(b.ctx, b.binary, "hash-password", "--plaintext", "benchmark", "--algorithm", "bcrypt", "--bcrypt-cost", "4").Output()
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// enter starts the contestants that the options ask for, and those of the peers file.
func (b *bench) enter() error {
	hash, err := b.hashPassword()
	if err != nil {
		return err
	}
	peers, err := readPeers(b.peers)
	if err != nil {
		return err
	}
	all := b.contestants(hash)
	for _, p := range peers {
		c := &contestant{name: p.name, kin: ofOthers, path: p.path, want: p.status, peer: &p}
		if p.cookie != "" {
			c.headers = []string{"Cookie: " + p.cookie}
		}
		all = append(all, c)
	}
	for _, c := range all {
		// All others are compared with these two.
		if base := c.name == bareRespond || c.name == bareProxy; !base && !b.only.MatchString(c.name) {
			continue
		}
		if err := b.open(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		b.entered = append(b.entered, c)
	}
	return nil
}

// open starts a contestant and checks that it does what its name says.
func (b *bench) open(c *contestant) (err error) {
	if c.peer != nil {
		c.server, err = b.startPeer(c.peer)
	} else {
		var address string
		if address, err = freeAddress(); err == nil {
			c.server, err = b.caddy(c.name, b.binary, "http://:"+portOf(address)+" {\n"+c.site+"}\n", address)
		}
	}
	if err != nil {
		return err
	}
	c.target = target{address: c.server.address, request: request(host, c.path, c.headers...), status: c.want}
	return b.check(c)
}

// check sends a contestant its request once, and once more to where the site behind tells
// what has reached it.
func (b *bench) check(c *contestant) error {
	if _, err := askOnce(b.ctx, c.target); err != nil {
		return err
	}
	if c.shows == "" && c.hides == "" {
		return nil
	}
	echo, err := askOnce(b.ctx, target{c.address, request(host, echoPath, c.headers...), 200})
	if err != nil {
		return err
	}
	if c.shows != "" && !bytes.Contains(echo.body, []byte(c.shows)) {
		return fmt.Errorf("the site behind does not get %q", c.shows)
	}
	if c.hides != "" && bytes.Contains(echo.body, []byte(c.hides)) {
		return fmt.Errorf("the site behind gets %q", c.hides)
	}
	return nil
}

// startPeer starts a contestant from the peers file.
func (b *bench) startPeer(p *peer) (*server, error) {
	env := append(b.env(), "UPSTREAM="+b.site.address, "AUTHORIZER="+b.authorizer.address)
	s, err := launch(p.name, env, "sh", "-c", p.command)
	if err != nil {
		return nil, err
	}
	s.address = "127.0.0.1:" + p.port
	b.servers = append(b.servers, s)
	return s, s.ready(b.ctx, s.address)
}
