package session

import "sync/atomic"

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

// Vault seals with the keys of this ring.
func (r *Keyring) Vault() *Vault { return &Vault{r} }

// Codes signs with the keys of this ring.
func (r *Keyring) Codes() *Codes { return &Codes{r} }

// Marks names with the keys of this ring.
func (r *Keyring) Marks() *Marks { return &Marks{r} }

// Pseudonyms hides with the key of this ring.
func (r *Keyring) Pseudonyms() *Pseudonyms { return &Pseudonyms{r} }
