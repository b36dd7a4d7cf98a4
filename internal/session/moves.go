package session

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

const (
	// MoveWindow is how long a move to another host counts as "just now".
	MoveWindow = 10 * time.Second

	// MaxMoves is how often a browser may be sent to another host for one page within
	// MoveWindow before it is told that something sends it back. It stays well below the
	// 20 redirects after which browsers give up.
	MaxMoves = 4

	moveHash = 8 // bytes of SHA-256
)

// MarkMove returns the Set-Cookie line that notes that the browser was sent to another host
// for a page, for the so manieth time. It takes the place of the mark of a login, which no
// host has that sends its visitors to another one.
func (c *Cookies) MarkMove(page string, times int) (string, error) {
	plaintext := append(appendTime(nil, c.now()), byte(min(times, MaxMoves)))
	hash := sha256.Sum256([]byte(page))
	value, err := c.keys().login.seal(append(plaintext, hash[:moveHash]...), c.bind(c.roundName, "move"))
	if err != nil {
		return "", err
	}
	return c.set(c.roundName, value, MoveWindow), nil
}

// Moves returns how often the browser has just been sent to another host for a page.
func (c *Cookies) Moves(f *Found, page string) int {
	if f.round == "" {
		return 0
	}
	plaintext, err := c.keys().login.open(f.round, c.bind(c.roundName, "move"))
	if err != nil {
		return 0
	}
	r := reader{rest: plaintext}
	at, times, same := r.time(), int(r.number(1)), r.take(moveHash)
	hash := sha256.Sum256([]byte(page))
	if !r.done() || !c.recent(at, MoveWindow) || subtle.ConstantTimeCompare([]byte(same), hash[:moveHash]) != 1 {
		return 0
	}
	return times
}
