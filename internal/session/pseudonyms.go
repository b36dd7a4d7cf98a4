package session

import "encoding/hex"

// Pseudonyms stand for personal data where it must not be shown, as in a log: the same
// value has the same pseudonym on every node and after a restart, and nobody without the
// secret can find out which value that is. It is safe for concurrent use.
type Pseudonyms struct{ ring *Keyring }

// NewPseudonyms derives the key from the first secret: with another one in front,
// everybody gets another pseudonym.
func NewPseudonyms(secrets []string) (*Pseudonyms, error) {
	ring, err := NewKeyring(secrets)
	if err != nil {
		return nil, err
	}
	return ring.Pseudonyms(), nil
}

// Of returns the pseudonym of a value, 16 hex digits. Equal values of two kinds have
// different ones.
func (p *Pseudonyms) Of(kind, value string) string {
	return hex.EncodeToString(sign(p.ring.set.Load().pseudonym, []byte(kind+"\x00"+value)))
}
