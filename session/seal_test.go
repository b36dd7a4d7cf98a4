package session

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The vectors are those of the XAES-256-GCM specification (C2SP).
func TestS2_SealingIsXAES256GCM(t *testing.T) {
	for _, v := range []struct {
		name       string
		key        byte
		ad, sealed string
	}{
		{"subkey without reduction", 1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{"subkey with reduction", 3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		t.Run(v.name, func(t *testing.T) {
			k, err := newKey(bytes.Repeat([]byte{v.key}, 32))
			if err != nil {
				t.Fatal(err)
			}
			nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
			aead, err := k.message(nonce)
			if err != nil {
				t.Fatal(err)
			}
			got := hex.EncodeToString(aead.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(v.ad)))
			if got != v.sealed {
				t.Errorf("sealed = %s, want %s", got, v.sealed)
			}
		})
	}
}
