package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"
)

// Keyring derives the keys of all purposes from secrets that can change while requests are
// answered. A reader loads one pointer. It is safe for concurrent use.
type Keyring struct{ set atomic.Pointer[keySet] }

// keySet is never changed, but replaced as a whole. Of several keys the first one seals.
type keySet struct {
	session, login, storage sealer
	confirm, marks          [][]byte
	pseudonym               []byte
	vaultID                 string
}

// NewKeyring derives the keys. The first secret seals, all of them open.
func NewKeyring(secrets []string) (*Keyring, error) {
	r := new(Keyring)
	return r, r.Change(secrets)
}

// Change puts other secrets in the place of those in use. With an error, nothing changes.
func (r *Keyring) Change(secrets []string) (err error) {
	set := new(keySet)
	for p, to := range map[purpose]*sealer{purposeSession: &set.session, purposeLogin: &set.login, purposeStorage: &set.storage} {
		if *to, err = newSealer(p, secrets); err != nil {
			return err
		}
	}
	var ids, pseudonyms [][]byte
	for p, to := range map[purpose]*[][]byte{purposeConfirm: &set.confirm, purposeMark: &set.marks} {
		if *to, err = deriveKeys(p, secrets); err != nil {
			return err
		}
	}
	for p, to := range map[purpose]*[][]byte{purposeVaultID: &ids, purposePseudonym: &pseudonyms} {
		if *to, err = deriveKeys(p, secrets[:1]); err != nil {
			return err
		}
	}
	set.vaultID, set.pseudonym = string(ids[0]), pseudonyms[0]
	r.set.Store(set)
	return nil
}

// Vault returns a vault with the keys of this ring: the first secret seals, all of them open.
func (r *Keyring) Vault() *Vault { return &Vault{r} }

// Codes returns the codes of this ring: the first secret signs, all of them read.
func (r *Keyring) Codes() *Codes { return &Codes{r} }

// Marks returns the marks of this ring, one name for each secret.
func (r *Keyring) Marks() *Marks { return &Marks{r} }

// Pseudonyms returns those of the first secret: with another one in front, everybody gets another.
func (r *Keyring) Pseudonyms() *Pseudonyms { return &Pseudonyms{r} }

// Vault encrypts for Caddy's storage with keys of its own. It is safe for concurrent use. [F3]
type Vault struct{ ring *Keyring }

// ID tells two vaults apart that seal with different secrets.
func (v *Vault) ID() string { return v.ring.set.Load().vaultID }

// Seal returns plaintext sealed. ad names the place it belongs to: the value does not
// open at another one. Equal plaintexts give different values.
func (v *Vault) Seal(plaintext, ad []byte) ([]byte, error) {
	return v.ring.set.Load().storage.sealBytes(plaintext, versioned(ad))
}

// Open returns the plaintext of a value that Seal made for the same place. Whatever is
// wrong with a value is one and the same error. [S2]
func (v *Vault) Open(sealed, ad []byte) ([]byte, error) {
	return v.ring.set.Load().storage.openBytes(nil, sealed, versioned(ad))
}

// versioned puts the format version in front, so that nobody can change it.
func versioned(ad []byte) []byte { return append([]byte{formatVersion}, ad...) }

// Marks name what has happened, so that others who know a secret can ask whether it has, and
// nobody else can find out to whom. It is safe for concurrent use. [F4]
type Marks struct{ ring *Keyring }

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

// Pseudonyms stand for personal data where it must not be shown, as in a log: the same
// value has the same pseudonym on every node and after a restart, and nobody without the
// secret can find out which value that is. It is safe for concurrent use.
type Pseudonyms struct{ ring *Keyring }

// Of returns the pseudonym of a value, 16 hex digits. It differs from kind to kind.
func (p *Pseudonyms) Of(kind, value string) string {
	return hex.EncodeToString(sign(p.ring.set.Load().pseudonym, []byte(kind+"\x00"+value)))
}
