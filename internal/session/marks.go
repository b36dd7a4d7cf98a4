package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

const purposeMark purpose = "instagram_auth/v1/mark"

// Marks name what has happened, so that others who know a secret can ask whether it has, and
// nobody else can find out to whom. It is safe for concurrent use. [F4]
type Marks struct{ ring *Keyring }

// NewMarks derives the keys, one from each secret.
func NewMarks(secrets []string) (*Marks, error) {
	ring, err := NewKeyring(secrets)
	if err != nil {
		return nil, err
	}
	return ring.Marks(), nil
}

// Of returns the names of something, one for each secret: the first one is to be written, and
// each of them may be found. Each is 32 hex digits.
func (m *Marks) Of(parts ...string) (names []string) {
	var text []byte
	for _, part := range parts {
		text = appendString(text, part)
	}
	for _, key := range m.ring.set.Load().marks {
		mac := hmac.New(sha256.New, key)
		mac.Write(text)
		names = append(names, hex.EncodeToString(mac.Sum(nil)[:16]))
	}
	return names
}
