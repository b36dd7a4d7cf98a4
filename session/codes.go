package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// Codes makes and reads the confirmation codes of data deletions.
//
// There is no record behind a code. A server that keeps nothing personal has deleted a
// person's data when it has ended their sessions, and only then gives out a code: the
// code is the proof, says itself what it confirms, and cannot be made up. [K4]
type Codes struct{ keys [][]byte }

// Confirmation is what a code says.
type Confirmation struct {
	// Done says that everything has been deleted; otherwise the site behind has
	// accepted the request and is still at it.
	Done bool
	// Day is the day of the confirmation, in UTC.
	Day time.Time
}

const (
	codeHead   = 1 + 2 // state, day
	codeRandom = 16    // bytes, so that no code is another's neighbour [K4]
	codeTag    = 8     // bytes of HMAC-SHA256
	codeSize   = codeHead + codeRandom + codeTag

	stateDone, stateAccepted = 'd', 'a'

	day = 24 * time.Hour
)

// codeEncoding is for people: without case, and without what looks alike.
var codeEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewCodes derives the keys. The first secret makes codes, all of them read.
func NewCodes(secrets []string) (*Codes, error) {
	keys, err := derive(purposeConfirm, secrets)
	return &Codes{keys}, err
}

// New returns a code that says what was done now.
func (c *Codes) New(done bool, now time.Time) string {
	raw := make([]byte, codeHead+codeRandom, codeSize)
	raw[0] = stateAccepted
	if done {
		raw[0] = stateDone
	}
	// 16 bits of days last until the year 2149.
	binary.BigEndian.PutUint16(raw[1:], uint16(now.Unix()/int64(day/time.Second)))
	rand.Read(raw[codeHead:]) // never fails: crypto/rand ends the program instead
	raw = append(raw, tagOf(c.keys[0], raw)...)
	return strings.ToLower(codeEncoding.EncodeToString(raw))
}

// Read returns what a code says; ok is false if it is none of ours.
func (c *Codes) Read(code string) (confirmed Confirmation, ok bool) {
	if len(code) != codeEncoding.EncodedLen(codeSize) || code != strings.ToLower(code) {
		return confirmed, false
	}
	raw, err := codeEncoding.DecodeString(strings.ToUpper(code))
	// The last character has bits to spare, and a code has one spelling alone.
	if err != nil || len(raw) != codeSize || strings.ToLower(codeEncoding.EncodeToString(raw)) != code {
		return confirmed, false
	}
	body, tag := raw[:codeSize-codeTag], raw[codeSize-codeTag:]
	for _, key := range c.keys {
		if hmac.Equal(tag, tagOf(key, body)) {
			ok = true
		}
	}
	if !ok || body[0] != stateDone && body[0] != stateAccepted {
		return Confirmation{}, false
	}
	seconds := int64(binary.BigEndian.Uint16(body[1:])) * int64(day/time.Second)
	return Confirmation{body[0] == stateDone, time.Unix(seconds, 0).UTC()}, true
}

func tagOf(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)[:codeTag]
}
