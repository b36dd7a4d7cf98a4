package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
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

	// maxSealedLong is the same for what openLong opens.
	maxSealedLong = maxLoginCookie
)

// errNotSealed is the one error for every value that does not open, so that
// nobody learns which of the checks refused it. [S2]
var errNotSealed = errors.New("value was not sealed here")

// encoding is strict: without it the unused bits of the last character could be
// changed and the value would still open.
var encoding = base64.RawURLEncoding.Strict()

// A key seals with XAES-256-GCM (C2SP): AES-256-GCM under a key that AES-CMAC derives
// from the first half of a 192-bit nonce. Random 96-bit nonces under one key would be
// worn out after 2^32 seals, a number that a flood of login starts can reach. [S2]
//
// The first half is drawn anew at each start of the process and for every 2^30 seals, and not for
// each seal: deriving a key costs more than opening with it, so derived keys are kept. For values
// of another origin none is derived: a half says whose it is.
type key struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // the CMAC subkey for whole blocks, SP 800-38B 6.1

	derived atomic.Pointer[map[half]cipher.AEAD] // replaced as a whole
	spare   cipher.AEAD                          // opens nothing

	mu      sync.Mutex // of what follows, and of replacing derived
	half    half
	sealing cipher.AEAD
	left    int // seals
}

// half is the first half of a nonce: random bytes, and a MAC of them.
type half [12]byte

const (
	randomOfHalf = 8

	sealsPerHalf = 1 << 30

	// maxDerived is how many derived keys are kept, of about a KB: one for each sealing process.
	maxDerived = 256
)

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
	k.derived.Store(&map[half]cipher.AEAD{})
	k.spare, err = k.derive(half{})
	return k, err
}

// cmac returns the AES-CMAC of one block, which label tells from those of other purposes.
func (k *key) cmac(label [4]byte, text []byte) (mac [aes.BlockSize]byte) {
	copy(mac[:], label[:])
	copy(mac[4:], text)
	for i := range mac {
		mac[i] ^= k.k1[i]
	}
	k.block.Encrypt(mac[:], mac[:])
	return mac
}

// sign writes the MAC of a half's random bytes behind them.
func (k *key) sign(h *half) {
	mac := k.cmac([4]byte{0, 0, 'H', 0}, h[:randomOfHalf])
	copy(h[randomOfHalf:], mac[:])
}

// signed reports whether a half was drawn under this key.
func (k *key) signed(h half) bool {
	own := h
	k.sign(&own)
	return subtle.ConstantTimeCompare(own[:], h[:]) == 1
}

// forSealing returns the AEAD for one seal, and the first half of its nonce.
func (k *key) forSealing() (half, cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 {
		rand.Read(k.half[:randomOfHalf]) // never fails: crypto/rand ends the program instead. [S1]
		k.sign(&k.half)
		aead, err := k.derive(k.half)
		if err != nil {
			return half{}, nil, err
		}
		k.keep(k.half, aead)
		k.sealing, k.left = aead, sealsPerHalf
	}
	k.left--
	return k.half, k.sealing, nil
}

// keep keeps a derived key in the place of some other, if there is no room.
func (k *key) keep(h half, aead cipher.AEAD) {
	derived := maps.Clone(*k.derived.Load())
	for some := range derived {
		if len(derived) < maxDerived {
			break
		}
		delete(derived, some)
	}
	derived[h] = aead
	k.derived.Store(&derived)
}

// keepIfRoom keeps a derived key of another process if there is room. Halves cannot be made
// up, but be collected: who sends old ones must not push out the one that is sealed with,
// nor have the map copied again and again.
func (k *key) keepIfRoom(h half, aead cipher.AEAD) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(*k.derived.Load()) < maxDerived {
		k.keep(h, aead)
	}
}

// derive returns the AEAD for the messages whose nonces begin with h.
func (k *key) derive(h half) (cipher.AEAD, error) {
	first, second := k.cmac([4]byte{0, 1, 'X', 0}, h[:]), k.cmac([4]byte{0, 2, 'X', 0}, h[:])
	block, err := aes.NewCipher(append(first[:], second[:]...))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// A sealer seals for one purpose: its first key seals, every key opens, so that
// a secret can be changed while old values are still about. [S7]
type sealer []*key

// sealBytes returns version, nonce and ciphertext. ad is authenticated and not included.
func (s sealer) sealBytes(plaintext, ad []byte) ([]byte, error) {
	out := make([]byte, 1+nonceSize, overhead+len(plaintext))
	out[0] = formatVersion
	first, aead, err := s[0].forSealing()
	if err != nil {
		return nil, err
	}
	nonce := out[1:]
	copy(nonce, first[:])
	rand.Read(nonce[12:]) // never fails, see there
	return aead.Seal(out, nonce[12:], plaintext, ad), nil
}

// openBytes appends the plaintext of a sealed value to dst, which must not overlap
// it: a failed attempt would spoil the text for the next key.
func (s sealer) openBytes(dst, value, ad []byte) ([]byte, error) {
	if len(value) < overhead || value[0] != formatVersion {
		return nil, errNotSealed
	}
	nonce, sealed := value[1:1+nonceSize], value[1+nonceSize:]
	first := half(nonce)
	aead := s.aeadOf(first)
	if aead == nil {
		// Not encrypted here. Refusing it takes as long as refusing a cookie of this handler. [Z1]
		_, _ = s[0].spare.Open(dst, nonce[12:], sealed, ad)
		return nil, errNotSealed
	}
	plaintext, err := aead.Open(dst, nonce[12:], sealed, ad)
	if err != nil {
		return nil, errNotSealed
	}
	return plaintext, nil
}

// aeadOf returns the AEAD for nonces that begin with h, nil if none of the keys made h.
func (s sealer) aeadOf(h half) cipher.AEAD {
	for _, k := range s {
		if aead, kept := (*k.derived.Load())[h]; kept {
			return aead
		}
	}
	for _, k := range s {
		if !k.signed(h) {
			continue
		}
		if aead, err := k.derive(h); err == nil {
			k.keepIfRoom(h, aead)
			return aead
		}
	}
	return nil
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

// open returns the plaintext of a value as a string.
func (s sealer) open(value string, ad []byte) (string, error) {
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	plaintext, err := s.openInto(buf, value, ad)
	return string(plaintext), err
}

// openLong is open for values that may be longer, and are too rare to keep buffers for.
func (s sealer) openLong(value string, ad []byte) (string, error) {
	if len(value) > maxSealedLong || len(value) < encoding.EncodedLen(overhead) {
		return "", errNotSealed
	}
	raw := make([]byte, encoding.DecodedLen(len(value)))
	if n, err := encoding.Decode(raw, []byte(value)); err != nil || n != len(raw) {
		return "", errNotSealed // see openInto
	}
	plaintext, err := s.openBytes(nil, raw, ad)
	return string(plaintext), err
}

// mayBeSealed reports whether a value has a length that sealed ones can have.
func mayBeSealed(value string) bool {
	return len(value) <= maxSealed && len(value) >= encoding.EncodedLen(overhead)
}

// openInto returns the plaintext of a value, which stands in buf.
func (s sealer) openInto(buf *scratch, value string, ad []byte) ([]byte, error) {
	// Length before base64, base64 before the cipher. [S9]
	if !mayBeSealed(value) {
		return nil, errNotSealed
	}
	n, err := encoding.Decode(buf.raw[:], buf.text[:copy(buf.text[:], value)])
	// base64 passes over line breaks. Without the comparison of n a value with some
	// inside would open, too, and one of nothing else would have no nonce. [S2, C9]
	if err != nil || n != encoding.DecodedLen(len(value)) {
		return nil, errNotSealed
	}
	return s.openBytes(buf.text[:0], buf.raw[:n], ad)
}
