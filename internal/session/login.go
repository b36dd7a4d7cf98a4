package session

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"strings"
	"time"
)

const (
	nonceLength = 32
	// tagLength is how many characters of the state stand in the name of its
	// cookie, so that logins in several tabs do not overwrite one another.
	tagLength = 8

	// maxLoginCookie is the longest login cookie, name and value together: it holds any
	// return address of up to 2 KB. Browsers keep 4 KB.
	maxLoginCookie = 3 << 10

	// roomForLogins is how long all login cookies of a browser may be together. With a
	// session and a mark they stay below 5 KB; beside a session with a token there is less
	// room. A long login gives up older ones. [S8]
	roomForLogins            = 4400
	roomForLoginsBesideToken = 3900

	// nonceText is how many characters of a state are its nonce: base64url puts six bits into each.
	nonceText = (nonceLength*8 + 5) / 6
	// originSize is the plaintext behind the nonce: when, in which app, and a path of any length up
	// to maxOriginPath. All states are equally long, so that none tells how long its path is.
	originSize    = 8 + 1 + 1 + maxOriginPath
	maxOriginPath = 96

	// StateLength is the length of a state, in characters. It is a constant, so that nobody can
	// change what is accepted.
	StateLength = nonceText + ((overhead+originSize)*8+5)/6

	// EarlierStateLength is the length of states that are a nonce alone, as earlier versions made
	// them. No login belongs to them.
	EarlierStateLength = nonceText
)

// Login is a login under way.
type Login struct {
	// RedirectURI is where the visitor comes back to. It is bound to the cookie,
	// so that a login belongs to one host and one callback. [C3]
	RedirectURI string
	// ReturnTo is the path that the visitor asked for, checked by the caller. Up to 2048 bytes are
	// kept whole. What is too long for a cookie loses its query, then its path.
	ReturnTo string
	// Rounds is how many logins this browser has just finished without keeping its session cookie.
	Rounds int
	// App is a number of the caller's for the app in whose browser the login began, 0 for none. The
	// state keeps it, and the cookie does not: Resume leaves it out, and Origin returns it.
	App uint8
	// Reauthenticate says that the login asks Instagram to let the person sign in again.
	Reauthenticate bool
	// Account is the key of the one account that the login is for, 0 for any account. It is that of
	// Keys.User. [A9]
	Account uint64
	// Nonce makes the login usable once. Start fills it in.
	Nonce [nonceLength]byte
}

// The byte with the rounds has two bits more. Earlier versions take them for more rounds, and the
// account for the beginning of a path, which is none: they finish such a login on the front page.
const (
	bitReauthenticate = 0x80
	bitAccount        = 0x40
	maskRounds        = 0x3f
)

// appendRounds writes what readRounds reads.
func appendRounds(b []byte, l *Login) []byte {
	rounds := byte(min(l.Rounds, MaxRounds))
	if l.Reauthenticate {
		rounds |= bitReauthenticate
	}
	if l.Account == 0 {
		return append(b, rounds)
	}
	return binary.BigEndian.AppendUint64(append(b, rounds|bitAccount), l.Account)
}

func readRounds(r *reader, l *Login) {
	rounds := r.number(1)
	l.Rounds, l.Reauthenticate = int(rounds&maskRounds), rounds&bitReauthenticate != 0
	if rounds&bitAccount != 0 {
		l.Account = r.number(8)
	}
}

// Start begins a login. It returns the state for the authorization window and
// the Set-Cookie lines that bind the login to this browser and give up its
// oldest logins where there are too many. Nothing is kept here. [A1, D1]
func (c *Cookies) Start(l Login, f *Found) (state string, setCookies []string, err error) {
	rand.Read(l.Nonce[:])
	if state, err = c.makeState(&l); err != nil {
		return "", nil, err
	}
	name := c.loginPrefix + state[:tagLength]

	plaintext := append(make([]byte, 0, 128+len(l.ReturnTo)), l.Nonce[:]...)
	plaintext = appendTime(plaintext, c.now())
	plaintext = appendRounds(plaintext, &l)
	room := encoding.DecodedLen(maxLoginCookie-len(name)-len("=")) - overhead - len(plaintext)
	plaintext = append(plaintext, shorten(l.ReturnTo, room)...)

	value, err := c.keys().login.seal(plaintext, c.bind(name, l.RedirectURI))
	if err != nil {
		return "", nil, err
	}
	for _, old := range f.logins[:c.surplus(f.logins, len(name)+len("=")+len(value))] {
		setCookies = append(setCookies, c.expire(c.loginPrefix+old.tag))
	}
	return state, append(setCookies, c.set(name, value, LoginLifetime)), nil
}

// makeState returns the state of a login: its nonce, and behind it, encrypted, what a browser
// without the login cookie can be told.
func (c *Cookies) makeState(l *Login) (string, error) {
	origin := append(appendTime(make([]byte, 0, originSize), c.now()), l.App)
	path := shorten(l.ReturnTo, maxOriginPath)
	origin = append(append(origin, byte(len(path))), path...)
	sealed, err := c.keys().login.seal(origin[:originSize], c.bindOrigin(l.Nonce[:], l.RedirectURI))
	return encoding.EncodeToString(l.Nonce[:]) + sealed, err
}

// bindOrigin returns the associated data of the second part of a state. No cookie has it.
func (c *Cookies) bindOrigin(nonce []byte, redirectURI string) []byte {
	return c.bind(c.loginPrefix, "origin", string(nonce), redirectURI)
}

// Origin returns the login that a state was made for, without its cookie: which nonce, when and in
// which app it began, and where it leads, as far as the state has room for that. It proves that
// this block has made the state for the same redirect URI, not longer than LoginLifetime ago. It
// does not prove that this browser began the login: anybody can begin one and hand on its state. So
// nobody is signed in on the strength of it. [A1, C1]
func (c *Cookies) Origin(state, redirectURI string) (Login, bool) {
	if len(state) != StateLength {
		return Login{}, false
	}
	l := Login{RedirectURI: redirectURI}
	if n, err := encoding.Decode(l.Nonce[:], []byte(state[:nonceText])); err != nil || n != nonceLength {
		return Login{}, false
	}
	plaintext, err := c.keys().login.open(state[nonceText:], c.bindOrigin(l.Nonce[:], redirectURI))
	if err != nil {
		return Login{}, false
	}
	r := reader{rest: plaintext}
	began := r.time()
	l.App = uint8(r.number(1))
	l.ReturnTo = r.take(int(r.number(1)))
	r.take(maxOriginPath - len(l.ReturnTo))
	return l, r.done() && c.recent(began, LoginLifetime)
}

// surplus returns how many of the oldest logins must make room for a new cookie of this length.
func (c *Cookies) surplus(logins []login, length int) (oldest int) {
	room := roomForLogins
	if c.tokens {
		room = roomForLoginsBesideToken
	}
	room -= length
	for i := len(logins) - 1; i >= 0; i-- {
		room -= len(c.loginPrefix) + tagLength + len("=") + len(logins[i].value)
		if room < 0 || len(logins)-i >= MaxLogins {
			return i + 1
		}
	}
	return 0
}

// shorten returns what of a path fits: all of it, or the path without its query,
// or the root. Nothing is ever cut in the middle. [S8, R3]
func shorten(path string, room int) string {
	if len(path) <= room {
		return path
	}
	if end := strings.IndexAny(path, "?#"); end > 0 && end <= room {
		return path[:end]
	}
	return "/"
}

// Resume returns the login that a state belongs to, if this browser started it
// for the same redirect URI, not longer than LoginLifetime ago. [C1]
func (c *Cookies) Resume(f *Found, state, redirectURI string) (Login, bool) {
	if len(state) != StateLength {
		return Login{}, false
	}
	for i, tried := len(f.logins)-1, 0; i >= 0 && tried < MaxTried; i-- {
		if f.logins[i].tag != state[:tagLength] {
			continue
		}
		tried++
		if l, ok := c.openLogin(f.logins[i], state, redirectURI); ok {
			return l, true
		}
	}
	return Login{}, false
}

func (c *Cookies) openLogin(cookie login, state, redirectURI string) (Login, bool) {
	plaintext, err := c.keys().login.openLong(cookie.value, c.bind(c.loginPrefix+cookie.tag, redirectURI))
	if err != nil {
		return Login{}, false
	}
	r := reader{rest: plaintext}
	l := Login{RedirectURI: redirectURI}
	copy(l.Nonce[:], r.take(nonceLength))
	started := r.time()
	readRounds(&r, &l)
	l.ReturnTo = r.take(len(r.rest))
	expected := encoding.EncodeToString(l.Nonce[:])
	if !r.done() || subtle.ConstantTimeCompare([]byte(expected), []byte(state[:nonceText])) != 1 {
		return Login{}, false
	}
	_, whole := c.Origin(state, redirectURI) // a state counts as a whole
	return l, whole && c.recent(started, LoginLifetime)
}

// recent reports whether t lies within the last d, by clocks that may differ.
func (c *Cookies) recent(t time.Time, d time.Duration) bool {
	now := c.now()
	return !now.After(t.Add(d)) && !t.After(now.Add(clockSkew))
}

// Finish returns the Set-Cookie line that deletes the login cookie of a state, which must be one
// that Start returned or Resume accepted: a part of it becomes a part of the line.
func (c *Cookies) Finish(state string) string {
	return c.expire(c.loginPrefix + state[:tagLength])
}

// Mark returns the Set-Cookie line that notes a finished login. Where the
// browser keeps this cookie and not the session's, Rounds tells. [A7]
func (c *Cookies) Mark(l Login) (string, error) {
	plaintext := append(appendTime(nil, c.now()), byte(min(l.Rounds+1, MaxRounds)))
	value, err := c.keys().login.seal(plaintext, c.roundAD)
	if err != nil {
		return "", err
	}
	return c.set(c.roundName, value, RoundWindow), nil
}

// Rounds returns how many logins the browser has just finished, 0 if it carries no mark of it.
func (c *Cookies) Rounds(f *Found) int {
	if f.round == "" {
		return 0
	}
	plaintext, err := c.keys().login.open(f.round, c.roundAD)
	if err != nil {
		return 0
	}
	r := reader{rest: plaintext}
	at, rounds := r.time(), int(r.number(1))
	if !r.done() || !c.recent(at, RoundWindow) {
		return 0
	}
	return rounds
}

// Marked reports whether the browser carries the mark of a finished login, valid or not.
func (f *Found) Marked() bool { return f.round != "" }

// Unmark returns the Set-Cookie line that deletes the mark.
func (c *Cookies) Unmark() string { return c.expire(c.roundName) }
