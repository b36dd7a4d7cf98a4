// Package session keeps what the handler must remember in cookies that only the
// server can read: a login under way and a session. Nothing is kept on the server,
// so any node that has the same secret can go on where another one stopped.
//
// It knows neither Caddy nor Instagram and needs the standard library alone.
package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// LoginLifetime is how long a visitor may take at Instagram from start to callback. [A1]
	LoginLifetime = 10 * time.Minute

	// MaxLogins is how many logins a browser may have under way; another replaces the oldest. [S8]
	MaxLogins = 5

	// RoundWindow is how long a finished login counts as "just now" when the
	// browser comes back without its session cookie. [A7]
	RoundWindow = time.Minute

	// MaxRounds is how many logins a browser may finish within RoundWindow and
	// still come back without its session cookie before it is told so. [A7]
	MaxRounds = 2

	// clockSkew is how far the clocks of two nodes may be apart. [S7]
	clockSkew = time.Minute

	maxNameLength = 64
)

// Config is the configuration of one instance's cookies.
type Config struct {
	// Secrets: the first one encrypts, all of them decrypt. Required, or Keys.
	Secrets []string

	// Keys are those to use, where the secrets can change later.
	Keys *Keyring

	// Instance names the app and the block the cookies belong to. It is bound
	// to every cookie: a cookie of another instance does not open. Required.
	Instance string

	// Name is the session cookie's name without prefix. Required.
	Name string

	// InsecureHTTP drops the Secure attribute and the name's prefix, which
	// browsers refuse on plain HTTP. For loopback hosts alone.
	InsecureHTTP bool

	// Lifetime is how long a session lasts, cut to whole seconds. Required.
	Lifetime time.Duration

	// Idle is how long a session lasts without being used, in whole seconds. Default: no limit.
	Idle time.Duration

	// Tokens makes room for an access token in the session cookie, which may then be
	// twice as long. Default: tokens are dropped.
	Tokens bool

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Cookies makes and reads the cookies of one instance: the session, the logins under way and the
// mark that a login has just been finished. It is safe for concurrent use.
type Cookies struct {
	instance string
	lifetime time.Duration
	idle     time.Duration // 0 for none
	tokens   bool
	now      func() time.Time

	ring *Keyring

	// name is the session cookie's name; the names of the others begin with it.
	name, loginPrefix, roundName string
	// attributes follow the value in every Set-Cookie line, Max-Age excepted.
	attributes string
	// sessionAD and roundAD are made once, because opening is on every request's way.
	sessionAD, roundAD []byte
}

// New checks the configuration and derives the keys. Errors contain no secret.
func New(c Config) (*Cookies, error) {
	if c.Instance == "" || c.Lifetime < time.Second {
		return nil, errors.New("instance and a lifetime of at least a second are required")
	}
	if c.Name == "" || len(c.Name) > maxNameLength || !isWord(c.Name) {
		return nil, fmt.Errorf("cookie name %q: write 1 to %d letters, digits, '-' or '_'", c.Name, maxNameLength)
	}
	if c.Idle != 0 && c.Idle < 10*time.Second {
		return nil, errors.New("an idle limit of at least ten seconds is required")
	}
	k := &Cookies{instance: c.Instance, lifetime: c.Lifetime.Truncate(time.Second), idle: c.Idle.Truncate(time.Second), tokens: c.Tokens, now: c.Now}
	if k.now == nil {
		k.now = time.Now
	}
	if k.ring = c.Keys; k.ring == nil {
		var err error
		if k.ring, err = NewKeyring(c.Secrets); err != nil {
			return nil, err
		}
	}
	// Browsers that do not know __Host-Http- yet still see a name that begins
	// with __Host- and ask the same of it, HttpOnly excepted. [S5]
	k.name, k.attributes = "__Host-Http-"+c.Name, "; Path=/; Secure; HttpOnly; SameSite=Lax"
	if c.InsecureHTTP {
		k.name, k.attributes = c.Name, "; Path=/; HttpOnly; SameSite=Lax"
	}
	k.loginPrefix, k.roundName = k.name+"_login_", k.name+"_round"
	k.sessionAD, k.roundAD = k.bind(k.name), k.bind(k.roundName)
	return k, nil
}

// keys returns those in use now.
func (c *Cookies) keys() *keySet { return c.ring.set.Load() }

// Name returns the session cookie's full name.
func (c *Cookies) Name() string { return c.name }

// isWord reports whether s has only letters, digits, '-' and '_', the alphabet of base64url.
func isWord(s string) bool {
	for _, b := range []byte(s) {
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		if !letter && (b < '0' || b > '9') && b != '-' && b != '_' {
			return false
		}
	}
	return true
}

// bind returns the associated data of a cookie: its name, the instance, the
// format version and whatever else it must not be moved away from. Lengths
// stand in front, so that no part can borrow from the next. [S4]
func (c *Cookies) bind(name string, more ...string) []byte {
	ad := appendString([]byte{formatVersion}, name)
	ad = appendString(ad, c.instance)
	for _, s := range more {
		ad = appendString(ad, s)
	}
	return ad
}

// set returns a Set-Cookie line. The line is written by hand because its exact
// bytes are part of what is promised, and net/http drops what it does not like.
func (c *Cookies) set(name, value string, maxAge time.Duration) string {
	return name + "=" + value + "; Max-Age=" + strconv.FormatInt(int64(maxAge/time.Second), 10) + c.attributes
}

// expire returns the Set-Cookie line that deletes a cookie. It repeats every
// attribute: a browser would refuse to touch a prefixed cookie otherwise. [S6]
func (c *Cookies) expire(name string) string {
	return name + "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" + c.attributes
}

// Ours reports whether a cookie of this name is one of this instance's. Names
// are compared with case, as browsers do with the prefix. [S5]
func (c *Cookies) Ours(name string) bool {
	return name == c.name || name == c.roundName || strings.HasPrefix(name, c.loginPrefix)
}

// Overlaps reports whether two instances on one host would take one another's cookies.
func (c *Cookies) Overlaps(other *Cookies) bool {
	return c.takesFrom(other) || other.takesFrom(c)
}

func (c *Cookies) takesFrom(other *Cookies) bool {
	return c.Ours(other.name) || c.Ours(other.roundName) || c.Ours(other.loginPrefix)
}
