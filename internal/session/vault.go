package session

// Vault seals what is kept in a storage that others can read, with keys of its own.
// It is safe for concurrent use. [F3]
type Vault struct{ ring *Keyring }

// NewVault derives the keys. The first secret seals, all of them open.
func NewVault(secrets []string) (*Vault, error) {
	ring, err := NewKeyring(secrets)
	if err != nil {
		return nil, err
	}
	return ring.Vault(), nil
}

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
