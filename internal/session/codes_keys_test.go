package session

import (
	"testing"
	"time"
)

func TestS4_ACodeIsSignedForThisPurposeAlone(t *testing.T) {
	for _, p := range []purpose{purposeLogin, purposeSession, purposeStorage, purposeConfirm, purposePseudonym} {
		keys, err := deriveKeys(p, []string{"secret"})
		if err != nil {
			t.Fatal(err)
		}
		ring, err := NewKeyring([]string{"secret"})
		if err != nil {
			t.Fatal(err)
		}
		codes := ring.Codes()
		code := ringOf(keys).Codes().New(DeletedByAll, time.Unix(1_800_000_000, 0))
		if _, ok := codes.Read(code); ok != (p == purposeConfirm) {
			t.Errorf("signed for %s: reads %v", p, ok)
		}
	}
	// Nor is the secret itself the key.
	ring, err := NewKeyring([]string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	codes := ring.Codes()
	if _, ok := codes.Read(ringOf([][]byte{[]byte("secret")}).Codes().New(DeletedByAll, time.Unix(1_800_000_000, 0))); ok {
		t.Error("a code that is signed with the secret itself reads")
	}
}

// ringOf is a ring whose codes are signed with other keys than its own.
func ringOf(confirm [][]byte) *Keyring {
	r := new(Keyring)
	r.set.Store(&keySet{confirm: confirm})
	return r
}

func TestK4_ACodeOfAStateThatIsNotKnownIsNone(t *testing.T) {
	ring, err := NewKeyring([]string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	codes := ring.Codes()
	for state := range 256 {
		text := make([]byte, codeSigned)
		text[0] = byte(state)
		code := codeEncoding.EncodeToString(append(text, sign(codes.ring.set.Load().confirm[0], text)...))
		if got, ok := codes.Read(code); ok != (state <= codeBySignIn) || ok && int(got.State) != state {
			t.Errorf("state %d: %+v, %v", state, got, ok)
		}
	}
}
