package session

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sync"
	"weak"
)

// A purpose is the HKDF label of the keys for one kind of value. A value that
// was sealed for one purpose never opens for another. [S4]
type purpose string

const (
	purposeLogin     purpose = "instagram_auth/v1/login"
	purposeSession   purpose = "instagram_auth/v1/session"
	purposeStorage   purpose = "instagram_auth/v1/storage"
	purposeConfirm   purpose = "instagram_auth/v1/confirm"
	purposeVaultID   purpose = "instagram_auth/v1/storage-id"
	purposeMark      purpose = "instagram_auth/v1/mark"
	purposePseudonym purpose = "instagram_auth/v1/pseudonym"
)

var errNoSecret = errors.New("no secret to derive keys from")

// deriveKeys derives one key from each secret with HKDF-SHA256 (RFC 5869).
func deriveKeys(p purpose, secrets []string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	keys := make([][]byte, 0, len(secrets))
	for i, secret := range secrets {
		if secret == "" {
			return nil, fmt.Errorf("secret %d: %w", i+1, errNoSecret)
		}
		derived, err := hkdf.Key(sha256.New, []byte(secret), nil, string(p), 32)
		if err != nil {
			return nil, fmt.Errorf("deriving key %d: %w", i+1, err)
		}
		keys = append(keys, derived)
	}
	return keys, nil
}

// newSealer makes a sealer with one key from each secret.
func newSealer(p purpose, secrets []string) (sealer, error) {
	derived, err := deriveKeys(p, secrets)
	if err != nil {
		return nil, err
	}
	keys := make(sealer, 0, len(derived))
	for i, d := range derived {
		k, err := keyOf(d)
		if err != nil {
			return nil, fmt.Errorf("making key %d: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// keys are those in use by any configuration. A reload goes on with the key that it finds,
// so that what sealed before goes on sealing: each new start costs all nodes a derivation.
var keys = struct {
	mu    sync.Mutex
	known map[[32]byte]weak.Pointer[key]
}{known: make(map[[32]byte]weak.Pointer[key])}

// keyOf returns the key of a derived secret, the same one for the same secret.
func keyOf(derived []byte) (*key, error) {
	keys.mu.Lock()
	defer keys.mu.Unlock()
	if k := keys.known[[32]byte(derived)].Value(); k != nil {
		return k, nil
	}
	k, err := newKey(derived)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(keys.known, func(_ [32]byte, unused weak.Pointer[key]) bool { return unused.Value() == nil })
	keys.known[[32]byte(derived)] = weak.Make(k)
	return k, nil
}
