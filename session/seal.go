package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"sync"
)

const (
	nonceSize = 24
	tagSize   = 16

	// formatVersion is the first byte of every value that is sealed here and
	// part of its associated data. A value of another version does not open.
	formatVersion = 1

	// overhead is what sealing adds to a plaintext, in bytes before base64.
	overhead = 1 + nonceSize + tagSize

	// maxSealed is the longest value, in characters, that is looked at. A
	// longer one is refused before any work is done on it. [S9]
	maxSealed = 1024
)

// errNotSealed is the one error for every value that does not open, so that
// nobody learns which of the checks refused it. [S2]
var errNotSealed = errors.New("value was not sealed here")

// encoding is strict: without it the unused bits of the last character could be
// changed and the value would still open.
var encoding = base64.RawURLEncoding.Strict()

// A key seals with XAES-256-GCM (C2SP): AES-256-GCM under a key of its own for
// each message, which AES-CMAC derives from the first half of a 192-bit nonce.
// Random 96-bit nonces under one key would be worn out after 2^32 seals, a
// number that a flood of login starts can reach. [S2]
type key struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // the CMAC subkey for whole blocks, SP 800-38B 6.1
}

func newKey(secret []byte) (*key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	k := &key{block: block}
	block.Encrypt(k.k1[:], k.k1[:])
	var msb byte
	for i := len(k.k1) - 1; i >= 0; i-- {
		msb, k.k1[i] = k.k1[i]>>7, k.k1[i]<<1|msb
	}
	// The reduction is chosen by arithmetic and not by a branch, because msb is secret.
	k.k1[len(k.k1)-1] ^= msb * 0x87
	return k, nil
}

// message returns the AEAD for one message. It uses nonce[:12]; nonce[12:] is
// left for the AEAD itself.
func (k *key) message(nonce []byte) (cipher.AEAD, error) {
	var derived [32]byte
	for i := range 2 {
		half := derived[i*aes.BlockSize : (i+1)*aes.BlockSize]
		copy(half, []byte{0, byte(i + 1), 'X', 0})
		copy(half[4:], nonce[:12])
		for j := range half {
			half[j] ^= k.k1[j]
		}
		k.block.Encrypt(half, half)
	}
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// A sealer seals for one purpose: its first key seals, every key opens, so that
// a secret can be changed while old values are still about. [S7]
type sealer []*key

// sealBytes returns version, nonce and ciphertext. ad is bound to the value without
// being part of it.
func (s sealer) sealBytes(plaintext, ad []byte) ([]byte, error) {
	out := make([]byte, 1+nonceSize, overhead+len(plaintext))
	out[0] = formatVersion
	nonce := out[1:]
	rand.Read(nonce) // never fails: crypto/rand ends the program instead. [S1]
	aead, err := s[0].message(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, nonce[12:], plaintext, ad), nil
}

// openBytes appends the plaintext of a sealed value to dst, which must not overlap
// it: a failed attempt would spoil the text for the next key.
func (s sealer) openBytes(dst, value, ad []byte) ([]byte, error) {
	if len(value) < overhead || value[0] != formatVersion {
		return nil, errNotSealed
	}
	nonce, sealed := value[1:1+nonceSize], value[1+nonceSize:]
	for _, k := range s {
		aead, err := k.message(nonce)
		if err != nil {
			return nil, errNotSealed
		}
		plaintext, err := aead.Open(dst, nonce[12:], sealed, ad)
		if err == nil {
			return plaintext, nil
		}
	}
	return nil, errNotSealed
}

// seal returns what sealBytes does as base64url text.
func (s sealer) seal(plaintext, ad []byte) (string, error) {
	out, err := s.sealBytes(plaintext, ad)
	if err != nil {
		return "", err
	}
	return encoding.EncodeToString(out), nil
}

// scratch holds what opening one value needs. It is pooled because the AEAD is
// called through an interface, which would move a stack buffer to the heap.
type scratch struct {
	text [maxSealed]byte
	raw  [maxSealed]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// open returns the plaintext of value as a string: the one copy that leaves the
// pooled buffers, of which the fields of a session are then substrings.
func (s sealer) open(value string, ad []byte) (string, error) {
	// Length before base64, base64 before the cipher. [S9]
	if len(value) > maxSealed || len(value) < encoding.EncodedLen(overhead) {
		return "", errNotSealed
	}
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	n, err := encoding.Decode(buf.raw[:], buf.text[:copy(buf.text[:], value)])
	// base64 passes over line breaks. Without the comparison of n a value with some
	// inside would open, too, and one of nothing else would have no nonce. [S2, C9]
	if err != nil || n != encoding.DecodedLen(len(value)) {
		return "", errNotSealed
	}
	plaintext, err := s.openBytes(buf.text[:0], buf.raw[:n], ad)
	if err != nil {
		return "", errNotSealed
	}
	return string(plaintext), nil
}
