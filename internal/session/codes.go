package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"time"
)

const (
	codeMAC    = 8          // bytes of HMAC-SHA256
	codeSigned = 1 + 2 + 16 // state, day, random bytes
	codeSize   = codeSigned + codeMAC
	codeLength = 44 // characters

	// The state byte of a code. Another one is of a later version.
	codePending  = 0
	codeByAll    = 1
	codeBySignIn = 2
)

// codeEncoding is base32 in lower case, which survives being read out and typed in.
var codeEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Codes makes and reads the confirmation codes of data deletions. It is safe for concurrent use.
//
// No record of a deletion is kept. Nothing personal is on the server that a later
// look could find there, so a code that was issued here is the proof that the
// deletion was done: it carries its state and its day itself, signed. A record would
// be one more thing that is kept about a person who wants nothing kept, and would
// have to be found on every node. The code says nothing about whose data it was. [K4]
type Codes struct{ ring *Keyring }

// DeletionState is how far the deletion of somebody's data is.
type DeletionState byte

// The states.
const (
	// DeletionPending: it was left to somebody else.
	DeletionPending DeletionState = codePending
	// DeletedByAll: everybody who was asked has deleted the data.
	DeletedByAll DeletionState = codeByAll
	// DeletedBySignIn: the sign-in has, and nobody else was asked.
	DeletedBySignIn DeletionState = codeBySignIn
)

// Confirmation is what a code says about a deletion.
type Confirmation struct {
	// State is how far the deletion was when the code was issued.
	State DeletionState
	// Day is the day of the request, in UTC.
	Day time.Time
}

// New returns a new code: 128 random bits in it tell two requests apart. [K4]
func (c *Codes) New(state DeletionState, now time.Time) string {
	b := make([]byte, 3, codeSize)
	b[0] = byte(state)
	binary.BigEndian.PutUint16(b[1:], uint16(now.Unix()/secondsOfDay)) // lasts until 2149
	b = b[:codeSigned]
	rand.Read(b[3:]) // never fails: crypto/rand ends the program instead. [S1]
	return codeEncoding.EncodeToString(append(b, sign(c.ring.set.Load().confirm[0], b)...))
}

// Read returns what a code says, if it was issued here.
func (c *Codes) Read(code string) (Confirmation, bool) {
	if len(code) != codeLength {
		return Confirmation{}, false
	}
	b, err := codeEncoding.DecodeString(code)
	// base32 passes over line breaks and over the unused bits of the last character.
	// Only the spelling that was issued reads. [S2]
	if err != nil || len(b) != codeSize || codeEncoding.EncodeToString(b) != code {
		return Confirmation{}, false
	}
	signed, sum, valid := b[:codeSigned], b[codeSigned:], false
	for _, key := range c.ring.set.Load().confirm {
		if hmac.Equal(sum, sign(key, signed)) { // [Z1]
			valid = true
		}
	}
	if !valid || b[0] > codeBySignIn {
		return Confirmation{}, false
	}
	day := time.Unix(int64(binary.BigEndian.Uint16(b[1:]))*secondsOfDay, 0).UTC()
	return Confirmation{State: DeletionState(b[0]), Day: day}, true
}

const secondsOfDay = 24 * 60 * 60

// sign returns the shortened HMAC. 64 bits are enough for what has to be guessed over
// the network, and wins nothing but a page that says that something was deleted.
func sign(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)[:codeMAC]
}
