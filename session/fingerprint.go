package session

import (
	"encoding/hex"
	"strings"
)

const purposeFingerprint purpose = "instagram_auth/v1/fingerprint"

// WeakFingerprint stands in the place of the fingerprint of a secret that could be guessed.
const WeakFingerprint = "weak"

// Fingerprint returns 8 hex digits by which two nodes can see whether they have the same
// secret. A weak secret has none: whoever reads the log could try values until one fits.
func Fingerprint(secret string) string {
	if weakSecret(secret) {
		return WeakFingerprint
	}
	keys, err := deriveKeys(purposeFingerprint, []string{secret})
	if err != nil {
		return WeakFingerprint
	}
	return hex.EncodeToString(keys[0][:4])
}

// Fingerprints returns those of several secrets, in their order.
func Fingerprints(secrets []string) []string {
	prints := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		prints = append(prints, Fingerprint(secret))
	}
	return prints
}

// What random secrets of 32 hex digits have, but for one in many millions, and passwords,
// padding and keyboard rows often lack.
const (
	strongLength   = 32 // characters
	strongVariety  = 8  // different characters
	longestRepeat  = 8  // characters that come twice
	longestSpelled = 20 // letters of one case in a row, as in a sentence without spaces
)

// weakSecret reports whether a secret looks as if somebody had made it up.
func weakSecret(secret string) bool {
	kinds := 0
	for _, kind := range []string{"0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if strings.ContainsAny(secret, kind) {
			kinds++
		}
	}
	if len(secret) < strongLength || kinds < 2 {
		return true
	}
	seen, ordered, spelled := make(map[byte]bool), 0, 0
	for i := range len(secret) {
		seen[secret[i]] = true
		if i > 0 && secret[i]-secret[i-1]+1 <= 2 { // one less, the same or one more
			ordered++
		}
		spelled++
		if letter := secret[i]|0x20 >= 'a' && secret[i]|0x20 <= 'z'; !letter || i > 0 && (secret[i]^secret[i-1])&0x20 != 0 {
			spelled = 0
		}
		repeated := i >= longestRepeat && strings.Contains(secret[:i], secret[i-longestRepeat+1:i+1])
		if repeated || spelled > longestSpelled {
			return true
		}
	}
	return len(seen) < strongVariety || ordered > len(secret)/2
}
