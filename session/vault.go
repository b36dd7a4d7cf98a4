package session

// A Vault seals what is kept outside this process and not in cookies, such as in a
// storage that others can read. [F3]
type Vault struct{ keys sealer }

// NewVault derives the keys of a vault. The first secret seals, all of them open.
func NewVault(secrets []string) (*Vault, error) {
	keys, err := newSealer(purposeStorage, secrets)
	return &Vault{keys}, err
}

// Seal seals a value and binds it to ad, such as the place where it will stand.
func (v *Vault) Seal(plaintext, ad []byte) ([]byte, error) { return v.keys.sealRaw(plaintext, ad) }

// Open returns what Seal was given. Whatever is wrong is one and the same error.
func (v *Vault) Open(sealed, ad []byte) ([]byte, error) { return v.keys.openRaw(nil, sealed, ad) }
