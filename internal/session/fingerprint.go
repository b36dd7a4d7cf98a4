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

// Random secrets of 32 hex digits or of base64 pass, but for one in a thousand. Passwords, padding
// and keyboard rows often do not. Two nodes cannot be compared by a secret that fails.
const (
	strongLength  = 32 // characters
	strongVariety = 8  // different characters
	longestRepeat = 8  // characters that come twice
)

// weakSecret reports whether a secret looks as if somebody had made it up.
func weakSecret(secret string) bool {
	if len(secret) < strongLength {
		return true
	}
	seen, ordered, turns := make(map[byte]bool), 0, 0
	for i := range len(secret) {
		seen[secret[i]] = true
		if i == 0 {
			continue
		}
		if secret[i]-secret[i-1]+1 <= 2 { // one less, the same or one more
			ordered++
		}
		if kindOf(secret[i]) != kindOf(secret[i-1]) {
			turns++
		}
		if i >= longestRepeat && strings.Contains(secret[:i], secret[i-longestRepeat+1:i+1]) {
			return true
		}
	}
	// Words stay with one kind of character for a while, and hex digits spell few of them.
	least := len(secret) * 2 / 5
	if strings.Trim(secret, "0123456789abcdef") == "" {
		least = len(secret) / 8
	}
	return len(seen) < strongVariety || ordered > len(secret)/2 || turns < least
}

// kindOf tells digits, small letters, capitals and everything else apart.
func kindOf(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return 0
	case 'a' <= c && c <= 'z':
		return 1
	case 'A' <= c && c <= 'Z':
		return 2
	}
	return 3
}
