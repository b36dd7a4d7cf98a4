package stream

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// frame returns a frame of a websocket with a payload of n bytes.
func frame(opcode byte, n int, masked bool) []byte {
	b := []byte{0x80 | opcode, 0}
	switch {
	case n < 126:
		b[1] = byte(n)
	case n <= 0xffff:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if masked {
		b[1] |= 0x80
		n += 4
	}
	return append(b, bytes.Repeat([]byte{0xa5}, n)...)
}

// FuzzL5_ACloseFrameStandsBetweenTwoFrames sends frames in pieces of any size, and says goodbye in
// between: what the client gets are whole frames, and then the close frame.
func FuzzL5_ACloseFrameStandsBetweenTwoFrames(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint16(20))
	f.Add(uint64(7), uint8(9), uint16(0))
	f.Add(uint64(99), uint8(1), uint16(65535))
	f.Fuzz(func(t *testing.T, seed uint64, count uint8, after uint16) {
		rng := rand.New(rand.NewPCG(seed, 1))
		sizes := []int{0, 1, 5, 125, 126, 127, 300, 65535, 65536, 70000}
		var sent []byte
		ends := []int{0}
		for range count%8 + 1 {
			opcodes := []byte{0, 1, 2, 9, 10}
			opcode, size := opcodes[rng.IntN(len(opcodes))], sizes[rng.IntN(len(sizes))]
			sent = append(sent, frame(opcode, size, rng.IntN(4) == 0)...)
			ends = append(ends, len(sent))
		}
		goodbye := farewellFor(Revoked)
		var got bytes.Buffer
		s := &Socket{under: &got, started: true}
		said := -1
		for at := 0; at < len(sent); {
			if said < 0 && at >= int(after) {
				said = at
				s.sayGoodbye(goodbye)
			}
			piece := sent[at:min(len(sent), at+1+rng.IntN(1<<rng.IntN(18)))]
			if n, err := s.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("wrote %d of %d, %v", n, len(piece), err)
			}
			at += len(piece)
		}
		if said < 0 {
			if !bytes.Equal(got.Bytes(), sent) {
				t.Fatal("the bytes were changed")
			}
			return
		}
		end := ends[slices.IndexFunc(ends, func(end int) bool { return end >= said })]
		if want := append(slices.Clone(sent[:end]), goodbye.frame()...); !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("said at %d, frames end at %v: got %d bytes, want %d", said, ends, got.Len(), len(want))
		}
	})
}

func TestL5_ASocketThatTheSiteHasClosedGetsNoSecondCloseFrame(t *testing.T) {
	var got bytes.Buffer
	s := &Socket{under: &got, started: true}
	_, _ = s.Write(frame(opClose, 2, false))
	s.sayGoodbye(farewellFor(Revoked))
	if !bytes.Equal(got.Bytes(), frame(opClose, 2, false)) {
		t.Errorf("sent %x", got.Bytes())
	}
}

func TestL5_BeforeTheHandshakeNoFrameIsSent(t *testing.T) {
	var got bytes.Buffer
	s := &Socket{under: &got}
	s.sayGoodbye(farewellFor(Revoked))
	if got.Len() != 0 {
		t.Errorf("sent %x", got.Bytes())
	}
}

// No frame that begins after the session has ended reaches the client.
func TestL5_ACloseFrameThatIsDueComesBeforeTheFirstFrame(t *testing.T) {
	for name, begin := range map[string]func(*Socket){
		"after the handshake":       (*Socket).start,
		"with the handshake itself": func(*Socket) {},
	} {
		var got bytes.Buffer
		s := &Socket{under: &got}
		s.sayGoodbye(farewellFor(Revoked))
		begin(s)
		if _, err := s.Write(frame(1, 5, false)); err != nil {
			t.Error(err)
		}
		if want := farewellFor(Revoked).frame(); !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: sent %x, want %x", name, got.Bytes(), want)
		}
	}
}

// A client tells an ended session from a sign-in that is too old for the page, and both from a
// server that is about to come back.
func TestL5_TheCloseFrameSaysWhetherTheSessionHasEnded(t *testing.T) {
	for _, reason := range Reasons() {
		frame := farewellFor(reason).frame()
		code, text := binary.BigEndian.Uint16(frame[2:]), string(frame[4:])
		want, wantText := uint16(1008), "session_ended"
		switch reason {
		case TooOld:
			wantText = "too_old"
		case Removed:
			want, wantText = 1001, ""
		case Unknown:
			want, wantText = 1013, ""
		}
		if code != want || text != wantText || int(frame[1]) != len(frame)-2 || frame[0] != 0x88 {
			t.Errorf("%s closes with %d %q: %x", reason, code, text, frame)
		}
	}
}
