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
			aead, err := k.derive(half(nonce))
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

func TestS2_ADerivedKeySealsABoundedNumberOfTimes(t *testing.T) {
	s := sealerOf(t, purposeSession)
	halves := make(map[half]bool)
	seal := func() {
		t.Helper()
		value, err := s.sealBytes([]byte("text"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		halves[half(value[1:])] = true
		if text, err := s.openBytes(nil, value, []byte("ad")); err != nil || string(text) != "text" {
			t.Errorf("opened %q, %v", text, err)
		}
	}
	seal()
	if s[0].left != sealsPerHalf-1 {
		t.Errorf("%d seals are left", s[0].left)
	}
	for range 3 {
		s[0].left = 2
		for range 3 {
			seal()
		}
	}
	if len(halves) != 4 {
		t.Errorf("%d keys were derived", len(halves))
	}
	// A reload goes on, another start draws anew.
	if again := sealerOf(t, purposeSession); again[0] != s[0] {
		t.Error("a reload draws anew")
	}
	again := startAnew(t, s)
	value, err := again.sealBytes([]byte("text"), []byte("ad"))
	if err != nil || halves[half(value[1:])] {
		t.Errorf("another process seals with the same derived key, %v", err)
	}
}

// startAnew returns what another process has of the secret of sealerOf.
func startAnew(t *testing.T, s sealer) sealer {
	t.Helper()
	derived, err := deriveKeys(purposeSession, []string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKey(derived[0])
	if err != nil || k == s[0] {
		t.Fatalf("the same key, %v", err)
	}
	return sealer{k}
}

func TestD5_DerivedKeysAreKeptInABoundedNumber(t *testing.T) {
	s := sealerOf(t, purposeSession)
	for range maxDerived + 100 {
		s[0].left = 0
		value, err := s.sealBytes([]byte("text"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.openBytes(nil, value, []byte("ad")); err != nil {
				t.Fatal(err)
			}
		}
		forged := bytes.Clone(value)
		forged[5] ^= 1
		if _, err := s.openBytes(nil, forged, []byte("ad")); err == nil {
			t.Fatal("a forged value opens")
		}
	}
	if n := len(*s[0].derived.Load()); n != maxDerived {
		t.Errorf("%d are kept", n)
	}
	if _, kept := (*s[0].derived.Load())[s[0].half]; !kept {
		t.Error("the one that is sealed with is not kept")
	}
}

// Old cookies of many processes, collected and sent again, cost no more than a derivation.
func TestD5_CollectedCookiesPushNothingOut(t *testing.T) {
	s := startAnew(t, sealerOf(t, purposeSession))
	own, err := s.sealBytes([]byte("text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range maxDerived + 100 {
		old, err := startAnew(t, s).sealBytes([]byte("text"), nil)
		if err != nil {
			t.Fatal(err)
		}
		before := s[0].derived.Load()
		if _, err := s.openBytes(nil, old, nil); err != nil {
			t.Fatal(err)
		}
		if len(*before) == maxDerived && s[0].derived.Load() != before {
			t.Fatal("the map was copied though it is full")
		}
	}
	if _, kept := (*s[0].derived.Load())[half(own[1:])]; !kept {
		t.Error("the one that is sealed with was pushed out")
	}
}
