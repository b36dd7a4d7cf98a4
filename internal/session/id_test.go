package session

import "testing"

func TestS1_EverySessionHasAnIDOfItsOwn(t *testing.T) {
	seen := map[[IDSize]byte]bool{{}: true}
	for range 10_000 {
		id := NewID()
		if seen[id] {
			t.Fatalf("%x came twice, or is nothing", id)
		}
		seen[id] = true
	}
}
